//! A connection driven by two tasks of its own: emit from anywhere, receive from one place.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::connection::{Connection, Opened, Reader, Writer};
use super::decode::Packet;
use super::encode;
use super::error::{DecodeError, WireError};
use super::options::ConnectOptions;
use super::pending::{Pending, PendingAck};

/// Frames that wait for the writer. Beyond it `emit` waits, which slows down whoever produces them.
const OUTGOING_FRAMES: usize = 1_024;

/// Events that wait for the program. Beyond it the connection is not read, so that the server slows down.
const INCOMING_EVENTS: usize = 1_024;

/// A clean end waits this long for the last frames; a server that does not read must not hold us.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A handle to send with; clones share the connection.
///
/// ```no_run
/// use std::time::Duration;
/// use gleitzeit::client::wire::{ConnectOptions, Socket};
///
/// # async fn example() -> Result<(), gleitzeit::client::wire::WireError> {
/// let (socket, mut events) = Socket::connect(&ConnectOptions::new("http://127.0.0.1:8000")).await?;
/// let stats = socket.emit_with_ack("cluster:stats", &serde_json::json!({}), Duration::from_secs(5)).await?;
/// println!("{}", stats.as_str());
/// while let Some(event) = events.next().await {
///     println!("{}: {}", event.name, event.data);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Socket {
    shared: Arc<Shared>,
    outgoing: mpsc::Sender<Utf8Bytes>,
}

#[derive(Debug)]
struct Shared {
    opened: Opened,
    namespace: Box<str>,
    pending: Arc<Pending>,
    closing: Notify,
    ended: watch::Sender<bool>,
}

/// An event from the server. It owns its data, unlike [`super::Event`].
#[derive(Debug)]
pub struct SocketEvent {
    pub name: String,
    /// The first argument; `null` when there was none.
    pub data: Box<RawValue>,
    /// With an id the server waits for [`Socket::acknowledge`].
    pub ack_id: Option<u64>,
}

impl SocketEvent {
    /// The data as a type of the caller.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        serde_json::from_str(self.data.get())
            .map_err(|error| DecodeError::Json { what: "event", message: error.to_string() })
    }
}

/// What the server acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckData(pub(super) Box<str>);

impl AckData {
    /// The arguments as the server wrote them, separated by commas.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first argument as a type of the caller.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        super::args::RawArgs::new(&self.0).first()
    }
}

/// The events of a connection, in the order of the server. Ends when the connection ends, and dropping it ends
/// the connection. It must be read all the time: while it is full, pings are not answered either.
#[derive(Debug)]
pub struct Events {
    incoming: mpsc::Receiver<SocketEvent>,
    reader: Option<JoinHandle<WireError>>,
    reason: Option<WireError>,
}

impl Events {
    /// The next event, or `None` once the connection has ended. Safe to drop and call again.
    pub async fn next(&mut self) -> Option<SocketEvent> {
        self.incoming.recv().await
    }

    /// Why the connection ended; waits for the end.
    pub async fn end(&mut self) -> &WireError {
        if let Some(reader) = self.reader.take() {
            self.incoming.close();
            let reason = reader.await.unwrap_or_else(|error| WireError::Closed(error.to_string()));
            self.reason = Some(reason);
        }
        self.reason.get_or_insert_with(|| WireError::Closed("the connection has ended".to_owned()))
    }
}

impl Socket {
    /// Opens a connection and starts its tasks; they end with the connection.
    pub async fn connect(options: &ConnectOptions) -> Result<(Self, Events), WireError> {
        let connection = Connection::open(options).await?;
        let shared = Arc::new(Shared {
            opened: connection.opened().clone(),
            namespace: options.namespace.as_str().into(),
            pending: Arc::default(),
            closing: Notify::new(),
            ended: watch::Sender::new(false),
        });
        let (outgoing, queue) = mpsc::channel(OUTGOING_FRAMES);
        let (deliver, incoming) = mpsc::channel(INCOMING_EVENTS);
        let pongs = Arc::new(Notify::new());
        let (reader, writer) = connection.split();
        tokio::spawn(write(writer, queue, Arc::clone(&pongs), Arc::clone(&shared)));
        let reader = tokio::spawn(read(reader, deliver, pongs, Arc::clone(&shared)));
        let events = Events { incoming, reader: Some(reader), reason: None };
        Ok((Self { shared, outgoing }, events))
    }

    /// What the server said when the connection was opened.
    pub fn opened(&self) -> &Opened {
        &self.shared.opened
    }

    /// Sends an event. Returns when it is queued; order is kept.
    pub async fn emit<T: Serialize + ?Sized>(&self, name: &str, data: &T) -> Result<(), WireError> {
        self.send(self.encode(name, None, data)?).await
    }

    /// Sends an event and returns at once with the promise of its acknowledgement, so that several can be
    /// under way and their order is that of the calls.
    pub async fn emit_acked<T: Serialize + ?Sized>(
        &self,
        name: &str,
        data: &T,
    ) -> Result<PendingAck, WireError> {
        let promise = Pending::register(&self.shared.pending)?;
        self.send(self.encode(name, Some(promise.id()), data)?).await?;
        Ok(promise)
    }

    /// Sends an event without ever waiting; an error when the queue is full.
    pub fn try_emit<T: Serialize + ?Sized>(&self, name: &str, data: &T) -> Result<(), WireError> {
        self.try_send(self.encode(name, None, data)?)
    }

    /// Like [`emit_acked`](Self::emit_acked) without ever waiting; an error when the queue is full.
    pub fn try_emit_acked<T: Serialize + ?Sized>(
        &self,
        name: &str,
        data: &T,
    ) -> Result<PendingAck, WireError> {
        let promise = Pending::register(&self.shared.pending)?;
        self.try_send(self.encode(name, Some(promise.id()), data)?)?;
        Ok(promise)
    }

    /// Sends an event and waits for its acknowledgement.
    pub async fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        name: &str,
        data: &T,
        limit: Duration,
    ) -> Result<AckData, WireError> {
        let late = WireError::Timeout { what: "an acknowledgement", after: limit };
        let answered = async { self.emit_acked(name, data).await?.answer().await };
        timeout(limit, answered).await.unwrap_or(Err(late))
    }

    /// Answers an event of the server that carried an acknowledgement id.
    pub async fn acknowledge<T: Serialize + ?Sized>(&self, id: u64, data: &T) -> Result<(), WireError> {
        let mut buffer = Vec::new();
        encode::ack(&mut buffer, &self.shared.namespace, id, data)
            .map_err(|source| WireError::Encode { event: format!("acknowledgement {id}"), source })?;
        self.send(text(buffer)).await
    }

    /// Sends what is queued, leaves the namespace, closes, and waits for the end (at most two seconds).
    pub async fn close(&self) {
        self.shared.closing.notify_one();
        if timeout(CLOSE_TIMEOUT, self.shared.has_ended()).await.is_err() {
            tracing::debug!("the connection did not end in time and is abandoned");
        }
    }

    fn encode<T: Serialize + ?Sized>(
        &self,
        name: &str,
        ack_id: Option<u64>,
        data: &T,
    ) -> Result<Utf8Bytes, WireError> {
        let mut buffer = Vec::new();
        encode::event(&mut buffer, &self.shared.namespace, ack_id, name, data)
            .map_err(|source| WireError::Encode { event: name.to_owned(), source })?;
        Ok(text(buffer))
    }

    async fn send(&self, frame: Utf8Bytes) -> Result<(), WireError> {
        self.outgoing.send(frame).await.map_err(|_| not_sent())
    }

    fn try_send(&self, frame: Utf8Bytes) -> Result<(), WireError> {
        self.outgoing.try_send(frame).map_err(|error| match error {
            TrySendError::Full(_) => WireError::QueueFull(OUTGOING_FRAMES),
            TrySendError::Closed(_) => not_sent(),
        })
    }
}

fn not_sent() -> WireError {
    WireError::Closed("the event was not sent".to_owned())
}

fn text(buffer: Vec<u8>) -> Utf8Bytes {
    Utf8Bytes::try_from(Bytes::from(buffer)).expect("the encoder writes JSON, which is UTF-8")
}

/// Runs the writing half until the connection ends, or until this side has said all it has to say.
async fn write(
    mut writer: Writer,
    queue: mpsc::Receiver<Utf8Bytes>,
    pongs: Arc<Notify>,
    shared: Arc<Shared>,
) {
    let written = tokio::select! {
        biased;
        () = shared.has_ended() => return,
        written = write_until_closed(&mut writer, queue, &pongs, &shared.closing) => written,
    };
    let closed = match written {
        Ok(()) => {
            let late = WireError::Timeout { what: "closing the connection", after: CLOSE_TIMEOUT };
            timeout(CLOSE_TIMEOUT, writer.close()).await.unwrap_or(Err(late))
        }
        Err(error) => Err(error),
    };
    if let Err(error) = closed {
        tracing::debug!(%error, "the connection did not end cleanly");
    }
    shared.end();
}

/// Writes what is queued in batches: whatever has gathered while one flush ran goes out with the next.
async fn write_until_closed(
    writer: &mut Writer,
    mut queue: mpsc::Receiver<Utf8Bytes>,
    pongs: &Notify,
    closing: &Notify,
) -> Result<(), WireError> {
    let mut batch = Vec::with_capacity(OUTGOING_FRAMES);
    loop {
        tokio::select! {
            biased;
            () = pongs.notified() => writer.pong().await?,
            () = closing.notified() => queue.close(),
            count = queue.recv_many(&mut batch, OUTGOING_FRAMES) => {
                if count == 0 {
                    return Ok(());
                }
                write_batch(writer, &mut batch).await?;
            }
        }
    }
}

async fn write_batch(writer: &mut Writer, batch: &mut Vec<Utf8Bytes>) -> Result<(), WireError> {
    for frame in batch.drain(..) {
        writer.feed_encoded(frame).await?;
    }
    writer.flush().await
}

async fn read(
    mut reader: Reader,
    deliver: mpsc::Sender<SocketEvent>,
    pongs: Arc<Notify>,
    shared: Arc<Shared>,
) -> WireError {
    let reason = tokio::select! {
        reason = read_until_end(&mut reader, &deliver, &pongs, &shared.pending) => reason,
        () = shared.has_ended() => WireError::Closed("this side closed it".to_owned()),
    };
    shared.end();
    reason
}

async fn read_until_end(
    reader: &mut Reader,
    deliver: &mpsc::Sender<SocketEvent>,
    pongs: &Notify,
    pending: &Pending,
) -> WireError {
    loop {
        let event = match reader.next().await {
            Ok(Packet::Event(event)) => match event.args.first::<&RawValue>() {
                Ok(data) => {
                    SocketEvent { name: event.name.into_owned(), data: data.to_owned(), ack_id: event.id }
                }
                Err(error) => return error.into(),
            },
            Ok(Packet::Ack(ack)) => {
                pending.resolve(ack.id, ack.args.as_str());
                continue;
            }
            Ok(Packet::Ping) => {
                pongs.notify_one();
                continue;
            }
            Ok(Packet::Close) => return WireError::Closed("the server closed the connection".to_owned()),
            Ok(Packet::Disconnect { namespace }) => {
                return WireError::Closed(format!("the server closed the namespace {namespace}"));
            }
            Ok(
                Packet::Open(_)
                | Packet::Pong
                | Packet::Noop
                | Packet::Connect { .. }
                | Packet::ConnectError { .. },
            ) => continue,
            Err(error) => return error,
        };
        if deliver.send(event).await.is_err() {
            return WireError::Closed("the program stopped listening".to_owned());
        }
    }
}

impl Shared {
    /// Wakes both tasks and everybody who waits for an acknowledgement.
    fn end(&self) {
        self.ended.send_replace(true);
        self.pending.close();
    }

    async fn has_ended(&self) {
        let waited = self.ended.subscribe().wait_for(|ended| *ended).await.map(drop);
        debug_assert!(waited.is_ok(), "the sender lives as long as `self`");
    }
}
