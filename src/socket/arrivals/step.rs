//! What a request is to a socket.

use axum::extract::Request;
use axum::http::Method;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// None of ours.
    Other,
    Begin,
    BeginAsWebsocket,
    MoveToWebsocket(String),
    Send(String),
    Poll(String),
    /// Nothing that a client does.
    Odd,
}

impl Step {
    pub(super) fn of(request: &Request) -> Self {
        if !request.uri().path().starts_with("/socket.io") {
            return Self::Other;
        }
        // Read as engineioxide reads it: whatever it takes for a websocket must be one here.
        let query = request.uri().query().unwrap_or_default();
        let sid = query.split('&').find_map(|pair| pair.strip_prefix("sid=")).map(str::to_owned);
        let transport = query.split('&').find(|pair| pair.starts_with("transport="));
        let is_websocket = transport.and_then(|pair| pair.split('=').nth(1)) == Some("websocket");
        match (sid, request.method()) {
            (None, &Method::GET) if is_websocket => Self::BeginAsWebsocket,
            (None, &Method::GET) => Self::Begin,
            (Some(sid), &Method::GET) if is_websocket => Self::MoveToWebsocket(sid),
            (Some(sid), &Method::POST) => Self::Send(sid),
            (Some(sid), &Method::GET) => Self::Poll(sid),
            _ => Self::Odd,
        }
    }

    /// The connection that it belongs to.
    pub(super) fn sid(&self) -> Option<&str> {
        match self {
            Self::MoveToWebsocket(sid) | Self::Send(sid) | Self::Poll(sid) => Some(sid),
            Self::Other | Self::Begin | Self::BeginAsWebsocket | Self::Odd => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let step = |method: Method, uri: &str| {
            Step::of(&Request::builder().method(method).uri(uri).body(Body::empty()).unwrap())
        };
        let begin = "/socket.io/?EIO=4&transport=polling";
        let with_sid = |query: &str| format!("/socket.io/?EIO=4&sid=abc&{query}");
        assert_eq!(step(Method::GET, begin), Step::Begin);
        assert_eq!(step(Method::GET, "/socket.io/?EIO=4&transport=websocket"), Step::BeginAsWebsocket);
        let sid = || "abc".to_owned();
        assert_eq!(step(Method::GET, &with_sid("transport=websocket")), Step::MoveToWebsocket(sid()));
        assert_eq!(step(Method::POST, &with_sid("transport=polling")), Step::Send(sid()));
        assert_eq!(step(Method::GET, &with_sid("transport=polling")), Step::Poll(sid()));
        assert_eq!(step(Method::POST, begin), Step::Odd);
        assert_eq!(step(Method::GET, "/api/v1/workflows?transport=websocket"), Step::Other);
        // The first `transport` counts, up to a second `=`.
        let odd = "/socket.io/?EIO=4&transport=websocket=x";
        assert_eq!(step(Method::GET, odd), Step::BeginAsWebsocket);
        let two = "/socket.io/?EIO=4&transport=polling&transport=websocket";
        assert_eq!(step(Method::GET, two), Step::Begin);
        assert_eq!(step(Method::GET, &with_sid("transport=websocket=x")), Step::MoveToWebsocket(sid()));
    }
}
