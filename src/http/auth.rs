//! The one static token, until keys and roles exist.

use std::fmt;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};

use super::App;
use super::problem::Failed;
use crate::core::errors;
use crate::core::rejection::Rejection;

/// A token, kept as its digest: it cannot be printed, and comparing digests tells nothing about it by its time.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    pub fn matches(&self, text: &str) -> bool {
        let other: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        self.0.iter().zip(other).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

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
