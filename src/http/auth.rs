//! Lets requests in that carry the token, and come from no foreign page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use super::problem::Failed;
use crate::core::errors;
use crate::core::rejection::Rejection;

/// Lets a request pass that carries the token, where there is one.
pub async fn require_token(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Failed> {
    if let Some(token) = &app.token {
        let given = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given =
            given.and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")));
        if !given.is_some_and(|given| token.matches(given.trim())) {
            let what = if given.is_some() {
                "the token is not the server's"
            } else {
                "the request carries no token"
            };
            return Err(Rejection::new(errors::AUTHENTICATION_REQUIRED, what).into());
        }
    }
    Ok(next.run(request).await)
}

/// Keeps out what a browser sends in the name of somebody else's page.
pub async fn refuse_foreign_pages(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Failed> {
    let (origin, host) = (text(request.headers(), ORIGIN), text(request.headers(), HOST));
    let host = host.or_else(|| request.uri().authority().map(Authority::as_str));
    let checked = app.origins.check(origin, host);
    checked.map_err(|foreign| Rejection::new(errors::ORIGIN_NOT_ALLOWED, foreign.to_string()))?;
    Ok(next.run(request).await)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"))
}
