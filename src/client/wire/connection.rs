//! One connection, in two halves that know nothing of tasks or reconnection.
//!
//! The reader never writes, so that a caller who batches keeps control over every flush: it hands out
//! [`Packet::Ping`] and the caller answers with [`Writer::pong`].

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, Stream, StreamExt};
use serde::Serialize;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::decode::{Packet, decode};
use super::encode;
use super::error::{DecodeError, WireError};
use super::options::ConnectOptions;
use crate::crypto;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Frames are cut from blocks of this size; a larger frame gets a block of its own.
const FRAME_BLOCK_BYTES: usize = 8 * 1024;

/// What is kept of the encoding buffer after a large frame.
const KEPT_BUFFER_BYTES: usize = 64 * 1024;

/// Events that a server may send before it confirms the namespace; python-socketio does so with everything
/// that is emitted while it decides about the connection.
const EARLY_EVENTS: usize = 64;

/// Silence is counted in this many parts of the time that the server allows, so that no clock is read for
/// each packet.
const SILENCE_PARTS: u32 = 8;

/// What the server said when the connection was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The id of this connection in the namespace.
    pub sid: String,
    /// Between two pings of the server.
    pub ping_interval: Duration,
    /// How long the server waits for the answer to a ping.
    pub ping_timeout: Duration,
    /// The largest payload the server says it takes.
    pub max_payload: Option<u64>,
}

/// An open connection that has joined its namespace.
///
/// ```no_run
/// use gleitzeit::client::wire::{ConnectOptions, Connection, Packet};
///
/// # async fn example() -> Result<(), gleitzeit::client::wire::WireError> {
/// let connection = Connection::open(&ConnectOptions::new("http://127.0.0.1:8000")).await?;
/// let (mut reader, mut writer) = connection.split();
/// writer.feed_event("node:status", None, &serde_json::json!({"node_id": "n", "status": "ready"})).await?;
/// writer.flush().await?;
/// loop {
///     match reader.next().await? {
///         Packet::Ping => writer.pong().await?,
///         Packet::Event(event) => println!("{} {:?}", event.name, event.args),
///         other => println!("{other:?}"),
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Connection {
    opened: Opened,
    reader: Reader,
    writer: Writer,
}

impl Connection {
    /// Connects, upgrades, and joins the namespace, all within the connect timeout.
    pub async fn open(options: &ConnectOptions) -> Result<Self, WireError> {
        let limit = options.connect_timeout;
        let late = WireError::Timeout { what: "opening the connection", after: limit };
        timeout(limit, Self::open_without_limit(options)).await.unwrap_or(Err(late))
    }

    async fn open_without_limit(options: &ConnectOptions) -> Result<Self, WireError> {
        let websocket = open_websocket(options).await?;
        let (sink, stream) = websocket.split();
        let mut writer = Writer {
            sink,
            encoded: Vec::new(),
            frames: BytesMut::new(),
            namespace: options.namespace.as_str().into(),
        };
        let (current, early) = (Utf8Bytes::default(), VecDeque::new());
        let mut reader = Reader { stream, current, early, silence: None };

        let Packet::Open(open) = reader.next().await? else {
            let reason = "its first packet did not open the connection; is it a Socket.IO server?";
            return Err(WireError::Closed(reason.to_owned()));
        };
        let ping_interval = Duration::from_millis(open.ping_interval);
        let ping_timeout = Duration::from_millis(open.ping_timeout);
        let max_payload = open.max_payload;
        writer.join(options).await?;
        let sid = reader.joined(&options.namespace, &mut writer).await?;
        reader.silence = Some(Silence::new(ping_interval.saturating_add(ping_timeout)));
        Ok(Self { opened: Opened { sid, ping_interval, ping_timeout, max_payload }, reader, writer })
    }

    /// What the server said when the connection was opened.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The two halves; they may live in one task or in two.
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }
}

async fn open_websocket(options: &ConnectOptions) -> Result<WebSocket, WireError> {
    let target = options.target()?;
    let address = format!("{}:{}", target.host, target.port);
    let tcp = TcpStream::connect((target.host.as_str(), target.port))
        .await
        .map_err(|source| WireError::Unreachable { address: address.clone(), source })?;
    // Frames are batched here already; a delay of the kernel on top would only add latency.
    tcp.set_nodelay(true).map_err(|source| WireError::Unreachable { address: address.clone(), source })?;
    let config = WebSocketConfig::default()
        .read_buffer_size(options.read_buffer_bytes)
        .write_buffer_size(options.write_buffer_bytes)
        .max_message_size(Some(options.max_message_bytes))
        .max_frame_size(Some(options.max_message_bytes));
    crypto::install_crypto_provider();
    let connector = options.tls.config().map(Connector::Rustls);
    let handshake = client_async_tls_with_config(target.websocket.as_str(), tcp, Some(config), connector);
    let (websocket, _response) = handshake.await.map_err(|error| WireError::of_handshake(address, error))?;
    Ok(websocket)
}

/// The receiving half. It owns the frame that the last packet borrows from.
pub struct Reader {
    stream: SplitStream<WebSocket>,
    current: Utf8Bytes,
    /// Events from before the namespace was joined, still to be handed out.
    early: VecDeque<Utf8Bytes>,
    silence: Option<Silence>,
}

impl Reader {
    /// The next packet; an error is final. Safe to drop and call again (for `select!`).
    pub async fn next(&mut self) -> Result<Packet<'_>, WireError> {
        self.current = match self.early.pop_front() {
            Some(early) => early,
            None => std::future::poll_fn(|context| self.poll_text(context)).await?,
        };
        Ok(decode(self.current.as_str())?)
    }

    /// A packet that has arrived already, without waiting: to handle a whole burst before one flush.
    pub fn try_next(&mut self) -> Option<Result<Packet<'_>, WireError>> {
        self.next().now_or_never()
    }

    fn poll_text(&mut self, context: &mut Context<'_>) -> Poll<Result<Utf8Bytes, WireError>> {
        loop {
            let message = match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Ready(Some(message)) => message.map_err(|error| WireError::from_stream(&error))?,
                Poll::Ready(None) => {
                    return Poll::Ready(Err(WireError::Closed("the server closed the websocket".to_owned())));
                }
                Poll::Pending => match &mut self.silence {
                    Some(silence) => return silence.poll(context).map(Err),
                    None => return Poll::Pending,
                },
            };
            if let Some(silence) = &mut self.silence {
                silence.quiet_parts = 0;
            }
            match message {
                Message::Text(text) => return Poll::Ready(Ok(text)),
                Message::Binary(_) => return Poll::Ready(Err(DecodeError::Binary.into())),
                Message::Close(frame) => {
                    let reason = frame.map_or_else(String::new, |frame| format!(" ({frame})"));
                    let reason = format!("the server closed the websocket{reason}");
                    return Poll::Ready(Err(WireError::Closed(reason)));
                }
                // The websocket library answers its own pings; `Frame` is never received.
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Waits for the answer to the request to join the namespace.
    async fn joined(&mut self, namespace: &str, writer: &mut Writer) -> Result<String, WireError> {
        let mut early = VecDeque::new();
        loop {
            match self.next().await? {
                Packet::Connect { namespace: joined, data } if joined == namespace => {
                    #[derive(serde::Deserialize)]
                    struct Joined {
                        sid: String,
                    }
                    let joined = data.and_then(|data| serde_json::from_str::<Joined>(data.get()).ok());
                    self.early = early;
                    return Ok(joined.map(|joined| joined.sid).unwrap_or_default());
                }
                Packet::ConnectError { data, .. } => {
                    let message = data.map_or("no reason was given", |data| data.get()).to_owned();
                    return Err(WireError::Refused { namespace: namespace.to_owned(), message });
                }
                Packet::Event(_) if early.len() < EARLY_EVENTS => early.push_back(self.current.clone()),
                Packet::Event(_) => {
                    let reason = format!("it sent {EARLY_EVENTS} events and did not confirm {namespace}");
                    return Err(WireError::Closed(reason));
                }
                Packet::Ping => writer.pong().await?,
                Packet::Close => {
                    return Err(WireError::Closed("the server closed the connection".to_owned()));
                }
                Packet::Open(_)
                | Packet::Pong
                | Packet::Noop
                | Packet::Connect { .. }
                | Packet::Disconnect { .. }
                | Packet::Ack(_) => {}
            }
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("current", &self.current.as_str()).finish_non_exhaustive()
    }
}

/// The sending half: frames gather until [`flush`](Self::flush), or until the write buffer is full.
pub struct Writer {
    sink: SplitSink<WebSocket, Message>,
    /// The frame that is being encoded.
    encoded: Vec<u8>,
    /// The block that frames are cut from, used again once the frames are written.
    frames: BytesMut,
    namespace: Box<str>,
}

impl Writer {
    /// Encodes an event and queues its frame; with an `ack_id` the server is asked for an acknowledgement.
    pub async fn feed_event<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        ack_id: Option<u64>,
        data: &T,
    ) -> Result<(), WireError> {
        encode::event(&mut self.encoded, &self.namespace, ack_id, name, data)
            .map_err(|source| WireError::Encode { event: name.to_owned(), source })?;
        self.feed_frame().await
    }

    /// Answers an event that the server sent with this id.
    pub async fn feed_ack<T: Serialize + ?Sized>(&mut self, id: u64, data: &T) -> Result<(), WireError> {
        encode::ack(&mut self.encoded, &self.namespace, id, data)
            .map_err(|source| WireError::Encode { event: format!("acknowledgement {id}"), source })?;
        self.feed_frame().await
    }

    /// Queues a frame that was encoded elsewhere, see [`encode`](super::encode).
    pub async fn feed_encoded(&mut self, frame: Utf8Bytes) -> Result<(), WireError> {
        self.sink.feed(Message::Text(frame)).await.map_err(|error| WireError::from_stream(&error))
    }

    /// Answers a ping at once.
    pub async fn pong(&mut self) -> Result<(), WireError> {
        self.feed_encoded(Utf8Bytes::from_static("3")).await?;
        self.flush().await
    }

    /// Hands every queued frame to the kernel.
    pub async fn flush(&mut self) -> Result<(), WireError> {
        self.sink.flush().await.map_err(|error| WireError::from_stream(&error))
    }

    /// Leaves the namespace and closes the websocket.
    pub async fn close(mut self) -> Result<(), WireError> {
        encode::disconnect(&mut self.encoded, &self.namespace);
        self.feed_frame().await?;
        self.sink.close().await.map_err(|error| WireError::from_stream(&error))
    }

    async fn join(&mut self, options: &ConnectOptions) -> Result<(), WireError> {
        encode::connect(&mut self.encoded, &self.namespace, options.auth.as_ref())
            .map_err(|source| WireError::Encode { event: "connect".to_owned(), source })?;
        self.feed_frame().await?;
        self.flush().await
    }

    async fn feed_frame(&mut self) -> Result<(), WireError> {
        if self.frames.capacity() < self.encoded.len() {
            self.frames.reserve(self.encoded.len().max(FRAME_BLOCK_BYTES));
        }
        self.frames.extend_from_slice(&self.encoded);
        self.encoded.clear();
        self.encoded.shrink_to(KEPT_BUFFER_BYTES);
        let frame = self.frames.split().freeze();
        let frame = Utf8Bytes::try_from(frame).expect("the encoder writes JSON, which is UTF-8");
        self.feed_encoded(frame).await
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

/// Notices a server that has gone without a word: it must ping, so silence has a known longest length.
struct Silence {
    allowed: Duration,
    quiet_parts: u32,
    part: Pin<Box<Sleep>>,
}

impl Silence {
    fn new(allowed: Duration) -> Self {
        Self { allowed, quiet_parts: 0, part: Box::pin(tokio::time::sleep(allowed / SILENCE_PARTS)) }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<WireError> {
        while self.part.as_mut().poll(context).is_ready() {
            // The first part after a packet may have been half over when the packet came.
            if self.quiet_parts > SILENCE_PARTS {
                return Poll::Ready(WireError::Silent(self.allowed));
            }
            self.quiet_parts += 1;
            // From now on, not from the old deadline: a caller that did not ask for a while is not silence.
            self.part.as_mut().reset(Instant::now() + self.allowed / SILENCE_PARTS);
        }
        Poll::Pending
    }
}
