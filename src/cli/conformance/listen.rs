//! The address that services connect to, and what answers there.

use anyhow::Context;
use axum::serve::ListenerExt;
use socketioxide::{SocketIo, TransportType};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::peer::{Door, Welcome};

/// What the server takes as one event, twice over, as the server itself does.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Events that wait for a service that does not read: its whole window of tasks, and the answers to its reports.
const EVENTS_WAITING_MAX: usize = 32_768;

/// The path that clients of the protocol know.
const NAMESPACE: &str = "/cluster";

/// Takes connections until it is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    pub url: String,
    accepting: AbortHandle,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Listens, and welcomes whoever joins the namespace.
pub(super) async fn listen<W: Welcome>(at: &str, welcome: W) -> anyhow::Result<Listening> {
    let listener = TcpListener::bind(at).await.with_context(|| {
        format!("cannot listen on {at}: choose another --listen, or end the program that uses it")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    let (layer, io) = SocketIo::builder()
        .req_path("/socket.io")
        .transports([TransportType::Polling, TransportType::Websocket])
        .max_payload(MESSAGE_BYTES_MAX as u64)
        .ws_max_message_size(MESSAGE_BYTES_MAX)
        .ws_max_frame_size(MESSAGE_BYTES_MAX)
        .max_buffer_size(EVENTS_WAITING_MAX)
        .build_layer();
    io.ns(NAMESPACE, Door::new(welcome));
    let router = axum::Router::new().layer(layer);
    let listener = listener.tap_io(|stream| {
        if let Err(reason) = stream.set_nodelay(true) {
            tracing::warn!(%reason, "a connection could not be configured");
        }
    });
    let serving = tokio::spawn(async move {
        if let Err(reason) = axum::serve(listener, router).await {
            tracing::error!(%reason, "the listener failed");
        }
    });
    Ok(Listening { url, accepting: serving.abort_handle() })
}

/// `HOST:PORT`, where a missing host is this machine.
pub(super) fn address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').ok_or("it has no port; write HOST:PORT, or :PORT")?;
    let port: u16 = port.parse().map_err(|_| format!("`{port}` is no port; it is a number up to 65535"))?;
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    Ok(format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_has_a_port_and_may_have_a_host() {
        assert_eq!(address(":8123").as_deref(), Ok("127.0.0.1:8123"));
        assert_eq!(address("0.0.0.0:0").as_deref(), Ok("0.0.0.0:0"));
        assert_eq!(address("[::1]:80").as_deref(), Ok("[::1]:80"));
        for wrong in ["8123", "host", "host:", ":x", ":70000"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
