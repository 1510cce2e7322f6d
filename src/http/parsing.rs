//! Reads workflows that are submitted. A large one takes a while, and nobody else waits for it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::App;
use crate::core::errors;
use crate::core::rejection::Rejection;
use crate::protocol::submit::{ContentType, Submission, parse_with_files};

/// Read in about a millisecond, even as YAML with a mistake at its end.
const SMALL_BYTES: usize = 64 << 10;
/// Large workflows that are read at once: the others wait, and the processor stays free for what runs.
static LARGE: Semaphore = Semaphore::const_new(1);

/// # Errors
/// What is wrong with the workflow, and where.
pub async fn parse(app: &Arc<App>, content_type: ContentType, body: Bytes) -> Result<Submission, Rejection> {
    let held = Arc::clone(app);
    aside(body, move |body| parse_with_files(body, content_type, &held.limits, &held.files.0)).await
}

/// Reads a body where it disturbs nobody.
///
/// # Errors
/// What is wrong with it.
pub async fn aside<T: Send + 'static>(
    body: Bytes,
    read: impl FnOnce(&[u8]) -> Result<T, Rejection> + Send + 'static,
) -> Result<T, Rejection> {
    if body.len() <= SMALL_BYTES {
        return read(&body);
    }
    let turn = LARGE.acquire().await.expect("it is never closed");
    let reading = tokio::task::spawn_blocking(move || {
        let found = read(&body);
        drop(turn);
        found
    });
    let broken = |error| Rejection::new(errors::INTERNAL_ERROR, format!("the body cannot be read: {error}"));
    reading.await.map_err(broken)?
}
