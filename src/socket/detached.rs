//! Opening requests that hold nothing but themselves.
//!
//! The transport keeps the request with which a connection was opened for as long as the connection lasts. Its headers and its
//! address are slices of the buffer of 8 KiB into which it was read, and would keep all of that: with ten thousand idle
//! services 80 MB.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

/// Gives a request that opens a websocket headers and an address of its own; leaves all others as they are.
pub(super) fn detached(mut request: Request) -> Request {
    if request.headers().contains_key(header::UPGRADE) {
        *request.headers_mut() = copied(request.headers());
        if let Ok(uri) = request.uri().to_string().parse::<Uri>() {
            *request.uri_mut() = uri;
        }
    }
    request
}

/// Cloning would only count one more owner of the buffer.
fn copied(headers: &HeaderMap) -> HeaderMap {
    headers.iter().filter_map(|(name, value)| Some((own_name(name)?, own_value(value)?))).collect()
}

fn own_name(name: &HeaderName) -> Option<HeaderName> {
    HeaderName::from_bytes(name.as_str().as_bytes()).ok()
}

fn own_value(value: &HeaderValue) -> Option<HeaderValue> {
    let mut own = HeaderValue::from_bytes(value.as_bytes()).ok()?;
    own.set_sensitive(value.is_sensitive());
    Some(own)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};

    use super::*;

    #[test]
    fn a_copy_says_the_same_and_lets_go_of_the_buffer() {
        let buffer = Bytes::from(vec![b'a'; 8192]);
        let value = HeaderValue::from_maybe_shared(buffer.slice(..20)).unwrap();
        let request = Request::get("/socket.io/?EIO=4&transport=websocket")
            .header("upgrade", "websocket")
            .header("x-forwarded-for", value.clone())
            .header("x-forwarded-for", "second")
            .body(Body::empty())
            .unwrap();
        drop(value);
        assert!(!buffer.is_unique());
        let (headers, uri) = (request.headers().clone(), request.uri().clone());
        let own = detached(request);
        assert_eq!((own.headers(), own.uri()), (&headers, &uri));
        drop(headers);
        assert!(buffer.is_unique());
    }
}
