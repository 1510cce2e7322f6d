//! What browsers are told that ask whether a page of another origin may speak to the server.

use std::time::Duration;

use axum::Router;
use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH, LOCATION, RETRY_AFTER,
};
use axum::http::{HeaderValue, Method};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// A browser asks again after this time, so that a page that may no longer speak learns it soon.
const KEPT: Duration = Duration::from_mins(10);

/// Has the answers say that the pages of `allowed` may read them. They may not bring cookies, of which there are none; a page that
/// is not among them is told nothing, and what it sends is refused.
pub fn for_pages(router: Router, allowed: &[String]) -> Router {
    let origins: Vec<HeaderValue> = allowed.iter().filter_map(|origin| origin.parse().ok()).collect();
    if origins.is_empty() {
        return router;
    }
    let named = HeaderName::from_static;
    let asked = [
        AUTHORIZATION,
        CONTENT_TYPE,
        IF_MATCH,
        IF_NONE_MATCH,
        named("idempotency-key"),
        named("last-event-id"),
        named("prefer"),
        named("traceparent"),
        named("x-request-id"),
    ];
    let told = [ETAG, LOCATION, RETRY_AFTER, named("x-request-id")];
    router.layer(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
            .allow_headers(asked)
            .expose_headers(told)
            .max_age(KEPT),
    )
}
