//! Measures every request, up to the head of its response, and notes it: what streams, or waits for a workflow, is not held
//! against it beyond that.

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{debug, warn};

use super::App;
use crate::clock;

/// What counts as route where there is none.
const NO_ROUTE: &str = "none";

/// The path is told as the route has it: what varies in it may be a permission.
pub async fn measure(app: &App, request: Request, next: Next) -> Response {
    let began = clock::instant();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let figures = app.engine.figures();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let (micros, status) = (clock::micros_since(began), response.status());
    figures.requests.of([method, route]).record_shared(micros);
    figures.responses.of([class(status)]).count_shared();
    debug!(method, route, status = status.as_u16(), micros, "answered");
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        warn!(method, route, "a request was answered with an error of the server's own");
    }
    response
}

/// Anybody can make up methods.
fn word(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        0..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500.. => "5xx",
    }
}
