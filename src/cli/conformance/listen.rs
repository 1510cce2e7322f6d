//! The address that services connect to, and what answers there. It can fail as networks and servers do.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use socketioxide::{SocketIo, TransportType};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tower::Service;

use super::peer::{Door, Welcome};

/// What the server takes as one event, twice over, as the server itself does.
const MESSAGE_BYTES_MAX: usize = 32 << 20;
/// Events that wait for a service that does not read: its whole window of tasks, and the answers to its reports.
const EVENTS_WAITING_MAX: usize = 32_768;
/// After a failed accept, which descriptors that are used up bring about: time for some to be closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The path that clients of the protocol know.
const NAMESPACE: &str = "/cluster";

/// Takes connections until it is dropped.
#[derive(Debug)]
pub(super) struct Listening<W> {
    pub url: String,
    door: Door<W>,
    /// What answers now.
    router: Arc<Mutex<Router>>,
    weather: watch::Sender<Weather>,
    accepting: AbortHandle,
}

impl<W> Drop for Listening<W> {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Every connection ends, and no new one is taken.
    Outage,
}

/// Listens, and welcomes whoever joins the namespace.
pub(super) async fn listen<W: Welcome>(at: &str, welcome: W) -> anyhow::Result<Listening<W>> {
    let listener = TcpListener::bind(at).await.with_context(|| {
        format!("cannot listen on {at}: choose another --listen, or end the program that uses it")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    let door = Door::new(welcome);
    let router = Arc::new(Mutex::new(socket_io(&door)));
    let (weather, seen) = watch::channel(Weather::Fair);
    let current = Arc::clone(&router);
    let app = Router::new().fallback(move |request: Request| {
        let mut router = lock(&current).clone();
        async move { router.call(request).await }
    });
    let serving = tokio::spawn(async move {
        if let Err(reason) = axum::serve(Gate { listener, weather: seen }, app).await {
            tracing::error!(%reason, "the listener failed");
        }
    });
    Ok(Listening { url, door, router, weather, accepting: serving.abort_handle() })
}

impl<W: Welcome> Listening<W> {
    /// Ends every connection without a word, as a killed server does, and takes none until [`Self::recover`].
    pub fn fail(&self) {
        self.weather.send_replace(Weather::Outage);
    }

    /// Takes connections again, and knows none of the earlier ones: a client that polls has to begin anew as well.
    pub fn recover(&self) {
        *lock(&self.router) = socket_io(&self.door);
        self.weather.send_replace(Weather::Fair);
    }
}

fn socket_io<W: Welcome>(door: &Door<W>) -> Router {
    let (layer, io) = SocketIo::builder()
        .req_path("/socket.io")
        .transports([TransportType::Polling, TransportType::Websocket])
        .max_payload(MESSAGE_BYTES_MAX as u64)
        .ws_max_message_size(MESSAGE_BYTES_MAX)
        .ws_max_frame_size(MESSAGE_BYTES_MAX)
        .max_buffer_size(EVENTS_WAITING_MAX)
        .build_layer();
    io.ns(NAMESPACE, door.clone());
    Router::new().layer(layer)
}

/// A router is replaced as a whole, so a panic elsewhere does not spoil it.
fn lock(router: &Mutex<Router>) -> MutexGuard<'_, Router> {
    router.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections while the weather is fair.
struct Gate {
    listener: TcpListener,
    weather: watch::Receiver<Weather>,
}

impl axum::serve::Listener for Gate {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) if *self.weather.borrow() == Weather::Fair => {
                    if let Err(reason) = stream.set_nodelay(true) {
                        tracing::warn!(%reason, "a connection could not be configured");
                    }
                    return (Wire::new(stream, self.weather.clone()), address);
                }
                // Closed at once: whoever tries again finds that nobody is there.
                Ok(_) => {}
                Err(reason) => {
                    tracing::warn!(%reason, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends with the fair weather.
struct Wire {
    stream: TcpStream,
    weather: watch::Receiver<Weather>,
    outage: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
    cut: bool,
}

impl Wire {
    fn new(stream: TcpStream, weather: watch::Receiver<Weather>) -> Self {
        let mut seen = weather.clone();
        let outage = Box::pin(async move {
            // The end of the listener is one as well.
            let _ = seen.wait_for(|weather| *weather == Weather::Outage).await;
        });
        Self { stream, weather, outage, cut: false }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cut = self.cut || self.outage.as_mut().poll(context).is_ready();
        if self.cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // Only looked at: the one who waits for the outage is the reader, which may be another task.
        if self.cut || *self.weather.borrow() == Weather::Outage {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
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
