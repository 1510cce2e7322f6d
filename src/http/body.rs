//! Extractors that answer with a problem, never with plain text.

use std::error::Error;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use tower_http::timeout::TimeoutError;

use super::problem::{Failed, invalid};
use crate::core::errors;
use crate::core::rejection::Rejection;

/// A whole request body within the limit.
#[derive(Debug)]
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let message =
                    "the body is larger than this server takes; see limits.body_bytes in its configuration";
                return Rejection::new(errors::PAYLOAD_TOO_LARGE, message).into();
            }
            if stood_still(&rejection) {
                let message = "the rest of the body did not come; see connections.body_timeout_seconds in the \
                               configuration of the server";
                return Rejection::new(errors::REQUEST_TIMEOUT, message).into();
            }
            invalid(format!("the body could not be read: {rejection}"))
        })
    }
}

/// Whether the client said nothing for longer than bodies may stand still.
fn stood_still(rejection: &BytesRejection) -> bool {
    let mut cause = rejection.source();
    while let Some(error) = cause {
        if error.is::<TimeoutError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// What varies in the path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(varies)| Self(varies))
            .map_err(|rejection| invalid(rejection.body_text()))
    }
}

/// The parameters of the query string.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(params)| Self(params)).map_err(|rejection| invalid(rejection.body_text()))
    }
}
