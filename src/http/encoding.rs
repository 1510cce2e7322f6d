//! Large answers, compressed for those who take it.

use std::io::Write;

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

/// Smaller answers fit into the first packets anyway.
const WORTHWHILE_BYTES: usize = 4_096;

/// Whether whoever asks can read gzip.
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        parts.next() == Some("gzip") && !parts.any(|part| part == "q=0")
    })
}

/// An answer in JSON. The fastest level takes a tenth of the bytes of a column of numbers.
pub fn json<T: Serialize>(headers: &HeaderMap, answer: &T) -> Response {
    let plain = serde_json::to_vec(answer).expect("plain types in memory always become JSON");
    let kind = [(header::CONTENT_TYPE, "application/json"), (header::VARY, "accept-encoding")];
    if plain.len() < WORTHWHILE_BYTES || !takes_gzip(headers) {
        return (kind, plain).into_response();
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), Compression::fast());
    let written = encoder.write_all(&plain).and_then(|()| encoder.finish());
    let compressed = written.expect("a vector in memory takes what is written");
    (kind, [(header::CONTENT_ENCODING, "gzip")], compressed).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_say_so() {
        let takes = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, header::HeaderValue::from_static(text));
            takes_gzip(&headers)
        };
        assert!(takes("gzip") && takes("br, gzip;q=0.5") && takes("deflate,gzip"));
        assert!(!takes("br") && !takes("gzip;q=0, br") && !takes_gzip(&HeaderMap::new()));
    }
}
