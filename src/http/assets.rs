//! The dashboard's files, inside the binary.

use axum::extract::Path;
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse, Response};

use super::problem::{Failed, invalid};

const INDEX: &str = include_str!("../../static/index.html");
const SCRIPT: &str = include_str!("../../static/app.js");
const STYLE: &str = include_str!("../../static/style.css");

/// Nothing but our own files, and no inline code: a task's name is never a program.
const POLICY: (HeaderName, &str) = (
    header::CONTENT_SECURITY_POLICY,
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
);

pub async fn index() -> impl IntoResponse {
    ([POLICY], Html(INDEX))
}

pub async fn asset(Path(name): Path<String>) -> Result<Response, Failed> {
    let (kind, text) = match name.as_str() {
        "app.js" => ("text/javascript; charset=utf-8", SCRIPT),
        "style.css" => ("text/css; charset=utf-8", STYLE),
        _ => return Err(invalid(format!("the dashboard has no file {name}"))),
    };
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
