//! An id for each request, by which its answer, its lines in the log and what others noted of it are found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

use super::{App, timing};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// What proxies and traces make fits; more would only fill the log.
const BYTES_MAX: usize = 128;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// Makes ids: a beginning of the process, and a number.
#[derive(Debug)]
pub struct RequestIds {
    process: u64,
    made: AtomicU64,
}

impl RequestIds {
    /// Processes with another seed make other ids.
    pub const fn new(seed: u64) -> Self {
        Self { process: seed & 0xffff_ffff, made: AtomicU64::new(0) }
    }

    fn next(&self) -> Arc<str> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Arc::from(format!("{:08x}-{number:x}", self.process))
    }
}

/// The request that is being answered, if this is a part of its answer.
pub fn current_request() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Takes the id that a request brings, or makes one, and sends it back.
pub async fn carry(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let given = request.headers().get(&HEADER).and_then(sane);
    let id = given.map_or_else(|| app.request_ids.next(), Arc::from);
    let header = HeaderValue::from_str(&id);
    let mut response = CURRENT.scope(id, timing::measure(&app, request, next)).await;
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}

/// An id that can stand in a header and in a line of the log as it is.
fn sane(value: &HeaderValue) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/=+@~".contains(&byte);
    let text = value.to_str().ok()?;
    (1..=BYTES_MAX).contains(&text.len()).then_some(text).filter(|text| text.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_others_are_kept_where_they_are_harmless() {
        let kept = |text: &str| HeaderValue::from_str(text).is_ok_and(|value| sane(&value).is_some());
        assert!(
            kept("6f1d2c1e-8f5b-4a51-9f0e-0f3f5b0c9a11") && kept("Root=1-67891233-abcdef012345678912345678")
        );
        assert!(!kept("") && !kept("two words") && !kept("a\"b") && !kept("a,b") && !kept(&"x".repeat(129)));
    }

    #[test]
    fn ids_that_are_made_differ() {
        let ids = RequestIds::new(7);
        assert_eq!((&*ids.next(), &*ids.next()), ("00000007-0", "00000007-1"));
    }
}
