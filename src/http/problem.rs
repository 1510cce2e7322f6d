//! Rejections as answers.

use axum::Json;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::current_request;
use crate::core::errors;
use crate::core::ids::WorkflowId;
use crate::core::rejection::Rejection;
use crate::protocol::rest::Problem;

/// The error type of every handler.
#[derive(Debug)]
pub struct Failed(pub Rejection);

impl From<Rejection> for Failed {
    fn from(rejection: Rejection) -> Self {
        Self(rejection)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let mut problem = Problem::from(&self.0);
        problem.request_id = current_request().map(|id| id.to_string());
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = problem.retry_after_ms.map(|ms| ms.div_ceil(1_000));
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The answer where no route fits.
pub async fn nothing_here(method: Method, uri: Uri) -> Failed {
    let path = uri.path();
    Rejection::new(errors::METHOD_OR_PATH_UNKNOWN, format!("nothing answers to {method} {path}")).into()
}

/// The answer where a route fits, but not with this method. The router adds with which ones it does.
pub async fn not_so(method: Method, uri: Uri) -> Failed {
    let path = uri.path();
    Rejection::new(errors::METHOD_NOT_ALLOWED, format!("{path} does not answer to {method}")).into()
}

/// A rejection in the words of whoever asked: an id that is no UUID is a number to the engine.
pub fn called(id: &str) -> impl Fn(Rejection) -> Rejection {
    move |rejection| {
        let message = rejection.message.replace(&WorkflowId::from_text(id).to_string(), id);
        Rejection { message, ..rejection }
    }
}

/// A bad value in the path or the query.
pub fn invalid(message: impl Into<String>) -> Failed {
    Rejection::new(errors::INVALID_ARGUMENT, message).into()
}
