//! The dashboard's files: inside the binary, compressed when it was built, or in a folder on the disk while somebody
//! works on them.
//!
//! A page names its modules by a folder that changes with any of them (`/static/<version>/app.js`). What lies there
//! never changes, so a browser asks once.

use std::io::Read;
use std::path::{Component, Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;

use super::App;
use super::encoding::takes_gzip;
use super::problem::Failed;
use crate::core::errors::METHOD_OR_PATH_UNKNOWN;
use crate::core::rejection::Rejection;

/// Nothing but our own files, and no inline code: a task's name is never a program. Pictures may be `data:`, which
/// cannot run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const PAGE: &str = "text/html; charset=utf-8";
/// Its name among the files that the build has compressed.
const DESCRIPTION: &str = "openapi.json";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
/// The version of files on the disk, which change under it.
const ON_DISK: &str = "disk";
/// Where the page says which version it belongs to; the build writes it into the page inside the binary.
const VERSION_MARK: &str = "@version@";

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

#[derive(Debug)]
struct Embedded {
    name: &'static str,
    digest: &'static str,
    gzip: &'static [u8],
}

/// Where the dashboard's files come from.
#[derive(Debug, Clone)]
pub enum Assets {
    Embedded,
    OnDisk(PathBuf),
}

pub async fn index(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Failed> {
    app.assets.answer("index.html", ASK_AGAIN, &headers)
}

/// The page that shows the description of the interface.
pub async fn reference(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Failed> {
    app.assets.answer("reference.html", ASK_AGAIN, &headers)
}

/// The description of the interface. A test holds it to the code.
pub async fn openapi(headers: HeaderMap) -> Result<Response, Failed> {
    Assets::Embedded.answer(DESCRIPTION, ASK_AGAIN, &headers)
}

pub async fn asset(
    State(app): State<Arc<App>>,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    // A page that was open before an update still finds its modules, and must not keep them under the old name.
    let caching = if version == VERSION { FOR_EVER } else { ASK_AGAIN };
    app.assets.answer(&name, caching, &headers)
}

impl Assets {
    fn answer(&self, name: &str, caching: &'static str, headers: &HeaderMap) -> Result<Response, Failed> {
        let found = match self {
            Self::Embedded => embedded(name, caching, headers),
            Self::OnDisk(folder) => on_disk(folder, name),
        };
        let mut response = found.ok_or_else(|| {
            Failed(Rejection::new(METHOD_OR_PATH_UNKNOWN, format!("the dashboard has no file {name}")))
        })?;
        let fixed = [
            (header::CONTENT_TYPE, kind_of(name)),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::VARY, "accept-encoding"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        for (name, value) in fixed {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }
}

fn embedded(name: &str, caching: &'static str, headers: &HeaderMap) -> Option<Response> {
    let file = FILES.iter().find(|file| file.name == name)?;
    let gzip = takes_gzip(headers);
    // The two forms are different bytes, so a strong tag tells them apart.
    let tag = if gzip { format!("\"{}-gzip\"", file.digest) } else { format!("\"{}\"", file.digest) };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
    let fresh = [(header::CACHE_CONTROL, caching.to_owned()), (header::ETAG, tag.clone())];
    if known.is_some_and(|known| known.split(',').any(|known| known.trim() == tag)) {
        return Some((StatusCode::NOT_MODIFIED, fresh).into_response());
    }
    if gzip {
        return Some((fresh, [(header::CONTENT_ENCODING, "gzip")], file.gzip).into_response());
    }
    let mut plain = Vec::new();
    GzDecoder::new(file.gzip).read_to_end(&mut plain).expect("what the build compressed is whole");
    Some((fresh, plain).into_response())
}

fn on_disk(folder: &FilePath, name: &str) -> Option<Response> {
    let inside = FilePath::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    let bytes = std::fs::read(folder.join(name)).ok().filter(|_| inside)?;
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if kind_of(name) == PAGE => text.replace(VERSION_MARK, ON_DISK).into_bytes(),
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    Some(([(header::CACHE_CONTROL, "no-store")], bytes).into_response())
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => PAGE,
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some(_) | None => "application/octet-stream",
    }
}
