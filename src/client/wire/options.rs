//! Where to connect and within which limits.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;

use super::error::WireError;
use crate::client::Tls;

/// Long enough for a busy server on the other side of the world, short enough that a service notices an
/// address that swallows packets.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the server accepts at most as one socket message, so that nothing it can send is refused here.
const DEFAULT_MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

/// Holds some sixty small events, so that one system call reads a burst, and costs little on a connection
/// that idles: the buffer lives as long as the connection.
const DEFAULT_READ_BUFFER_BYTES: usize = 16 * 1024;

/// Frames are handed to the kernel in pieces of this size when nobody flushes before.
const DEFAULT_WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// How to open a connection; the address is the only thing that has no default.
///
/// ```
/// use gleitzeit::client::wire::ConnectOptions;
///
/// let options = ConnectOptions::new("http://127.0.0.1:8000").namespace("/cluster");
/// # let _ = options;
/// ```
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    pub(super) url: String,
    pub(super) namespace: String,
    pub(super) auth: Option<Value>,
    pub(super) tls: Tls,
    pub(super) connect_timeout: Duration,
    pub(super) max_message_bytes: usize,
    pub(super) read_buffer_bytes: usize,
    pub(super) write_buffer_bytes: usize,
}

impl ConnectOptions {
    /// `url` is `http://`, `https://`, `ws://` or `wss://`; a path in it is the prefix of `/socket.io/`.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            namespace: "/cluster".to_owned(),
            auth: None,
            tls: Tls::default(),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            read_buffer_bytes: DEFAULT_READ_BUFFER_BYTES,
            write_buffer_bytes: DEFAULT_WRITE_BUFFER_BYTES,
        }
    }

    /// The namespace to join; `/cluster` by default.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// The payload of the namespace's connect packet.
    #[must_use]
    pub fn auth(mut self, auth: Value) -> Self {
        self.auth = Some(auth);
        self
    }

    /// Whom to trust on an encrypted connection.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// How long the whole opening may take: TCP, TLS, websocket and namespace.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The largest message to accept from the server; a larger one ends the connection with an error.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// The size of the read buffer; larger reads bursts in fewer system calls.
    #[must_use]
    pub fn read_buffer_bytes(mut self, bytes: usize) -> Self {
        self.read_buffer_bytes = bytes;
        self
    }

    /// How many bytes of frames gather before they are written without a flush.
    #[must_use]
    pub fn write_buffer_bytes(mut self, bytes: usize) -> Self {
        self.write_buffer_bytes = bytes;
        self
    }

    /// Whether the address can be used at all; says so before the first attempt to connect.
    pub fn check(&self) -> Result<(), WireError> {
        self.target().map(drop)
    }

    /// The address of the websocket, from the address that the user wrote.
    pub(super) fn target(&self) -> Result<Target, WireError> {
        let refuse = |reason: &str| WireError::Url { url: self.url.clone(), reason: reason.to_owned() };
        let url = Url::parse(&self.url).map_err(|error| refuse(&error.to_string()))?;
        let scheme = match url.scheme() {
            "http" | "ws" => "ws",
            "https" | "wss" => "wss",
            _ => return Err(refuse("only http, https, ws and wss are spoken")),
        };
        let host = url.host_str().ok_or_else(|| refuse("it names no host"))?;
        let port = url.port_or_known_default().ok_or_else(|| refuse("it names no port"))?;
        let prefix = url.path().trim_end_matches('/');
        Ok(Target {
            websocket: format!("{scheme}://{host}:{port}{prefix}/socket.io/?EIO=4&transport=websocket"),
            // An address of version 6 stands in brackets in a URL, and without them everywhere else.
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
        })
    }
}

pub(super) struct Target {
    pub(super) websocket: String,
    pub(super) host: String,
    pub(super) port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let cases = [
            ("http://h:1", "ws://h:1/socket.io/?EIO=4&transport=websocket", "h"),
            ("https://h", "wss://h:443/socket.io/?EIO=4&transport=websocket", "h"),
            ("ws://[::1]:9/x/", "ws://[::1]:9/x/socket.io/?EIO=4&transport=websocket", "::1"),
        ];
        for (url, websocket, host) in cases {
            let target = ConnectOptions::new(url).target().unwrap();
            assert_eq!((target.websocket.as_str(), target.host.as_str()), (websocket, host));
        }
        for bad in ["127.0.0.1:8000", "ftp://h", "nonsense", "http://"] {
            assert!(ConnectOptions::new(bad).target().is_err(), "{bad}");
        }
    }
}
