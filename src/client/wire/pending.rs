//! The acknowledgements that are asked for and have not come.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use super::error::WireError;
use super::socket::AckData;

/// A caller waits behind each of them, so this bounds a program that never reads its answers, at about
/// 100 bytes each.
const MAX_PENDING_ACKS: usize = 65_536;

#[derive(Debug)]
pub(super) struct Pending {
    next_id: AtomicU64,
    /// `None` once the connection has ended.
    waiting: Mutex<Option<FxHashMap<u64, oneshot::Sender<AckData>>>>,
}

impl Default for Pending {
    fn default() -> Self {
        Self { next_id: AtomicU64::new(0), waiting: Mutex::new(Some(FxHashMap::default())) }
    }
}

/// An acknowledgement that is under way; dropping it gives up waiting.
#[derive(Debug)]
pub struct PendingAck {
    id: u64,
    answer: oneshot::Receiver<AckData>,
    pending: Arc<Pending>,
}

impl PendingAck {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Waits until the server answers or the connection ends.
    pub async fn answer(mut self) -> Result<AckData, WireError> {
        let ended = || WireError::Closed("it ended before the acknowledgement came".to_owned());
        (&mut self.answer).await.map_err(|_| ended())
    }
}

impl Drop for PendingAck {
    fn drop(&mut self) {
        if let Some(waiting) = self.pending.lock().as_mut() {
            waiting.remove(&self.id);
        }
    }
}

impl Pending {
    pub(super) fn register(pending: &Arc<Self>) -> Result<PendingAck, WireError> {
        let id = pending.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let mut guard = pending.lock();
        let waiting = guard.as_mut().ok_or_else(|| WireError::Closed("the event was not sent".to_owned()))?;
        if waiting.len() >= MAX_PENDING_ACKS {
            return Err(WireError::TooManyAcks(MAX_PENDING_ACKS));
        }
        waiting.insert(id, sender);
        drop(guard);
        Ok(PendingAck { id, answer, pending: Arc::clone(pending) })
    }

    /// An answer that nobody waits for any more is dropped.
    pub(super) fn resolve(&self, id: u64, args: &str) {
        let sender = self.lock().as_mut().and_then(|waiting| waiting.remove(&id));
        if let Some(sender) = sender {
            // The waiting side may have given up in this moment.
            let _unclaimed = sender.send(AckData(args.into()));
        }
    }

    /// Fails everybody who waits, now and later.
    pub(super) fn close(&self) {
        drop(self.lock().take());
    }

    /// The map is consistent after every statement, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Option<FxHashMap<u64, oneshot::Sender<AckData>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
