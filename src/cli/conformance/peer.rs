//! One connection of a service, as socketioxide hands it over. Events are handled in its read loop, in order.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{ConnectHandler, DisconnectHandler, FromMessageParts, MessageHandler, Value};
use socketioxide::socket::{DisconnectReason, Socket};

use crate::protocol::socket::{Connected, event_name, payload_of};

/// Meets new connections.
pub(super) trait Welcome: fmt::Debug + Send + Sync + 'static {
    type Ear: Ear;

    /// A new connection, before its first event.
    fn welcome(&self, peer: Peer) -> Self::Ear;
}

/// Hears one connection. It neither waits nor panics: either would hold the connection up.
pub(super) trait Ear: fmt::Debug + Send + Sync + 'static {
    fn hear(&self, heard: Heard<'_>);

    fn gone(&self);
}

/// What came in.
#[derive(Debug)]
pub(super) enum Heard<'a> {
    Event {
        name: Cow<'a, str>,
        /// The arguments as they were written; one as a rule.
        arguments: &'a str,
        ack_id: Option<i64>,
    },
    /// Binary, or an event without a name.
    Unreadable,
}

/// The way to one connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub number: u64,
    socket: Arc<Socket>,
}

impl Peer {
    /// Queues an event; whether there was room and a connection. Never waits.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, data: &T) -> bool {
        self.socket.emit(event, data).is_ok()
    }

    /// Answers an event, where an answer was asked for.
    pub fn acknowledge<T: Serialize + ?Sized>(&self, ack_id: Option<i64>, answer: &T) {
        if ack_id.is_none() {
            return;
        }
        // The extractor is the one way to an acknowledgement; it does not look at the value.
        let mut unused = Value::Str("".into(), None);
        let sender: Result<AckSender<LocalAdapter>, Infallible> =
            AckSender::from_message_parts(&self.socket, &mut unused, &ack_id);
        let Ok(sender) = sender;
        // Whoever is gone does not miss the answer.
        let _ = sender.send(answer);
    }
}

/// Marks handlers that run in the read loop of their socket.
#[derive(Debug)]
pub(super) enum InReadLoop {}

/// The entrance of the namespace.
#[derive(Debug)]
pub(super) struct Door<W> {
    welcome: Arc<W>,
    joined: Arc<AtomicU64>,
}

impl<W> Door<W> {
    pub fn new(welcome: W) -> Self {
        Self { welcome: Arc::new(welcome), joined: Arc::default() }
    }
}

impl<W> Clone for Door<W> {
    fn clone(&self) -> Self {
        Self { welcome: Arc::clone(&self.welcome), joined: Arc::clone(&self.joined) }
    }
}

type Refusal = Box<dyn fmt::Display + Send>;

impl<W: Welcome> ConnectHandler<LocalAdapter, InReadLoop> for Door<W> {
    /// Before the client is told that it is connected: its first event finds its handler.
    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket>,
        _auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>> {
        let number = self.joined.fetch_add(1, Ordering::Relaxed) + 1;
        let ear = Arc::new(self.welcome.welcome(Peer { number, socket: Arc::clone(&socket) }));
        socket.on_fallback(Listener(Arc::clone(&ear)));
        socket.on_disconnect(Listener(ear));
        Box::pin(ready(Ok(())))
    }

    fn call(&self, socket: Arc<Socket>, _auth: Option<Value>) {
        let sid = socket.id.to_string();
        let greeting = Connected { message: "Gleitzeit conformance", sid: &sid };
        // Whoever is gone by now need not be greeted.
        let _ = socket.emit(Connected::EVENT, &greeting);
    }
}

#[derive(Debug)]
struct Listener<E>(Arc<E>);

impl<E> Clone for Listener<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<E: Ear> MessageHandler<LocalAdapter, InReadLoop> for Listener<E> {
    fn call(&self, _socket: Arc<Socket>, value: Value, ack_id: Option<i64>) {
        let Value::Str(text, None) = &value else { return self.0.hear(Heard::Unreadable) };
        match event_name(text) {
            Some(name) => {
                let arguments = payload_of(text).unwrap_or("null");
                self.0.hear(Heard::Event { name, arguments, ack_id });
            }
            None => self.0.hear(Heard::Unreadable),
        }
    }
}

impl<E: Ear> DisconnectHandler<LocalAdapter, InReadLoop> for Listener<E> {
    fn call_with_defer(&self, socket: Arc<Socket>, _reason: DisconnectReason, defer: fn(Arc<Socket>)) {
        self.0.gone();
        defer(socket);
    }
}
