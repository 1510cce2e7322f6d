//! Lets requests in that carry the token.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
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
