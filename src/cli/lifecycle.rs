//! The lives of workflows and tasks as lines of the log, for whoever asks for them: one for each step, at DEBUG, because
//! there may be a hundred thousand in a second. They are told behind the commit, like everything that leaves.

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tracing::{Level, debug, enabled};

use crate::core::event::Record;
use crate::core::ids::Seq;
use crate::engine::{EngineHandle, FeedItem};
use crate::protocol::rest::EventView;

/// Follows the log, where `--log` asks for `gleitzeit::lifecycle=debug`.
pub(super) fn tell(engine: &EngineHandle) {
    if enabled!(target: "gleitzeit::lifecycle", Level::DEBUG) {
        tokio::spawn(follow(engine.feed().follow()));
    }
}

async fn follow(mut feed: Receiver<FeedItem>) {
    loop {
        match feed.recv().await {
            Ok(FeedItem::Records(published)) => {
                for (seq, record) in (published.first.0..).map(Seq).zip(published.records.iter()) {
                    step(seq, record);
                }
            }
            Ok(FeedItem::Announcement(_)) => {}
            Err(RecvError::Lagged(batches)) => {
                debug!(target: "gleitzeit::lifecycle", batches, "too fast for the log: steps are left out");
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn step(seq: Seq, record: &Record) {
    let EventView { kind, workflow_id, task_id, facts, .. } = EventView::of(seq, record);
    let (workflow, task) = (workflow_id.as_deref(), task_id.as_deref());
    debug!(target: "gleitzeit::lifecycle", seq = seq.0, workflow, task, %facts, "{kind}");
}
