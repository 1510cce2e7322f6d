//! Measures every request, up to the head of its response: what streams, or waits for a workflow, is not held against it
//! beyond that.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use crate::clock;

/// What counts as route where there is none.
const NO_ROUTE: &str = "none";

pub async fn measure(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = clock::instant();
    let method = word(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let figures = app.engine.figures();
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    figures.requests.of([method, route]).record_shared(clock::micros_since(began));
    figures.responses.of([class(response.status())]).count_shared();
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
