//! Requests of one connection, one after the other: a cancel that follows a large submission finds it.
//!
//! Reading a submission of megabytes takes longer than the socket's read loop may wait, and queries are answered
//! by the engine. Both happen here, in a task of the connection that exists from its first request on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use socketioxide::handler::Value;
use tokio::sync::mpsc;

use super::Server;
use super::caller::Caller;
use super::inbound::{self, Request};
use crate::core::errors::OVERLOADED;
use crate::core::rejection::Rejection;

/// Requests of one connection that may wait. Nobody has more questions at once; beyond it the answer is to wait.
const WAITING_MAX: usize = 256;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Queued {
    pub caller: Caller,
    pub request: Request,
    /// The event as it arrived.
    pub value: Value,
}

/// The way to a connection's task.
#[derive(Debug, Default)]
pub(super) struct Lane {
    sender: Mutex<Option<mpsc::Sender<Queued>>>,
    /// Of the events that wait or are being handled.
    bytes: AtomicUsize,
}

impl Lane {
    /// Queues a request; the first one starts the task, which ends with the session.
    ///
    /// # Errors
    /// When too many requests of this connection wait, or too large ones.
    pub(super) fn enqueue(&self, server: &Arc<Server>, queued: Queued) -> Result<(), Rejection> {
        let bytes = size(&queued.value);
        // Two of the largest messages: one that is being handled, and the one after it.
        let limit = 2 * server.config.message_bytes_max;
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > limit.max(bytes) {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(busy(&format!("{limit} bytes of requests")));
        }
        let sender = {
            let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            sender.get_or_insert_with(|| start(server)).clone()
        };
        sender.try_send(queued).map_err(|_| {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            busy(&format!("{WAITING_MAX} requests"))
        })
    }
}

fn start(server: &Arc<Server>) -> mpsc::Sender<Queued> {
    let (sender, mut receiver) = mpsc::channel::<Queued>(WAITING_MAX);
    let server = Arc::clone(server);
    tokio::spawn(async move {
        while let Some(Queued { caller, request, value }) = receiver.recv().await {
            let bytes = size(&value);
            if let Err(rejection) = inbound::perform(&server, &caller, request, value).await {
                caller.refuse(&rejection);
            }
            let session = &caller.connection.session;
            session.lane.bytes.fetch_sub(bytes, Ordering::Relaxed);
            // A client that is gone by now may have joined after it was taken out of everything.
            if server.sessions.get(session.id).is_none() {
                server.leave_everything(session.id);
            }
        }
    });
    sender
}

fn size(value: &Value) -> usize {
    value.as_str().map_or(0, |text| text.len())
}

fn busy(what: &str) -> Rejection {
    Rejection::new(OVERLOADED, format!("{what} of this connection are waiting already")).retry_after(1_000)
}
