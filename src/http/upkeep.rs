//! Looking after the data of a server that runs: backups and checks. One at a time, on a thread of its own.

use std::io::{self, Write};
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tracing::warn;

use super::App;
use super::problem::Failed;
use crate::core::errors;
use crate::core::rejection::Rejection;
use crate::protocol::rest::StoreReport;

/// A backup is sent in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that may wait for a slow client: 2 MiB, and then the reading waits as well.
const PIECES_WAITING: usize = 8;

/// Whoever knows the files, which nobody here does.
pub struct Upkeep {
    backup: Box<Backup>,
    verify: Box<Verify>,
    /// Reading a whole log twice at once would only take longer.
    turn: Arc<Semaphore>,
}

type Backup = dyn Fn(&mut dyn Write) -> Result<(), Rejection> + Send + Sync;
type Verify = dyn Fn() -> Result<StoreReport, Rejection> + Send + Sync;

impl std::fmt::Debug for Upkeep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Upkeep")
    }
}

impl Upkeep {
    pub fn new(backup: Box<Backup>, verify: Box<Verify>) -> Self {
        Self { backup, verify, turn: Arc::new(Semaphore::new(1)) }
    }

    fn turn(&self) -> Result<OwnedSemaphorePermit, Rejection> {
        Arc::clone(&self.turn).try_acquire_owned().map_err(|_| {
            Rejection::new(errors::OVERLOADED, "a backup or a check is under way already").retry_after(10_000)
        })
    }
}

/// Streams a backup. What is wrong with the first segment is told as a problem; later the stream breaks off, and what has
/// arrived is no backup, because its list of files comes last.
pub async fn backup(State(app): State<Arc<App>>) -> Result<Response, Failed> {
    let turn = app.upkeep.turn()?;
    let (sender, mut pieces) = mpsc::channel(PIECES_WAITING);
    thread("backup", move || {
        let mut out = Pieces { sender, buffer: BytesMut::new() };
        let written = (app.upkeep.backup)(&mut out).and_then(|()| out.send().map_err(|error| gone(&error)));
        // Before the stream ends: whoever has seen its end may ask for the next one.
        drop(turn);
        if let Err(rejection) = written {
            warn!(%rejection, "a backup broke off");
            // Whoever asked may be the one who broke off.
            let _ = out.sender.blocking_send(Err(rejection));
        }
    })?;
    let first =
        pieces.recv().await.unwrap_or_else(|| Err(Rejection::new(errors::SHUTTING_DOWN, "it broke off")))?;
    let rest =
        ReceiverStream::new(pieces).map(|piece| piece.map_err(|broken| io::Error::other(broken.message)));
    let stream = futures_util::stream::once(async { Ok(first) }).chain(rest);
    let headers = [
        (CONTENT_TYPE, "application/x-tar"),
        (CONTENT_DISPOSITION, "attachment; filename=\"gleitzeit-backup.tar\""),
    ];
    Ok((headers, Body::from_stream(stream)).into_response())
}

/// Reads the whole log, every archived workflow and every payload.
pub async fn verify(State(app): State<Arc<App>>) -> Result<Json<StoreReport>, Failed> {
    let turn = app.upkeep.turn()?;
    let (sender, report) = oneshot::channel();
    thread("verify", move || {
        let report = (app.upkeep.verify)();
        drop(turn);
        let _ = sender.send(report);
    })?;
    let report =
        report.await.unwrap_or_else(|_| Err(Rejection::new(errors::INTERNAL_ERROR, "the check broke off")));
    Ok(Json(report?))
}

/// Not a task of the runtime: the end of the process need not wait for a client that reads slowly.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Rejection> {
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    started
        .map(drop)
        .map_err(|error| Rejection::new(errors::OVERLOADED, format!("no thread for it: {error}")))
}

fn gone(error: &io::Error) -> Rejection {
    Rejection::new(errors::SHUTTING_DOWN, error.to_string())
}

/// Collects small writes.
struct Pieces {
    sender: mpsc::Sender<Result<Bytes, Rejection>>,
    buffer: BytesMut,
}

impl Pieces {
    fn send(&mut self) -> io::Result<()> {
        let piece = self.buffer.split().freeze();
        if piece.is_empty() {
            return Ok(());
        }
        let sent = self.sender.blocking_send(Ok(piece));
        sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has gone"))
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}
