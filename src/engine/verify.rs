//! Checking the data of an engine that runs.

use super::handle::EngineHandle;
use crate::core::rejection::Rejection;
use crate::log::{LogError, Snapshots};
use crate::store::{Scope, Store, ViewsReport};

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    pub first_seq: u64,
    pub seq: u64,
    pub segments: u64,
    pub log_bytes: u64,
    pub records: u64,
    /// Of the log.
    pub damage: Vec<LogError>,
    pub views: ViewsReport,
}

/// Reads all of the log that was durable at the beginning, every archived workflow, and every payload. The engine is asked
/// one question; nothing that is read is deleted meanwhile.
///
/// # Errors
/// That the engine is overloaded or stopping.
pub fn verify(engine: &EngineHandle, store: &Store, log: &Snapshots) -> Result<Checked, Rejection> {
    let snapshot = log.take();
    let released = engine.query_blocking(|view| view.state.released)?;
    let mut checked =
        Checked { first_seq: snapshot.first().0, seq: snapshot.end().0 - 1, ..Checked::default() };
    for segment in snapshot.segments() {
        checked.segments += 1;
        match segment {
            Ok(segment) => {
                checked.log_bytes += segment.len_bytes();
                checked.records += segment.records;
            }
            Err(damage) => checked.damage.push(damage),
        }
    }
    checked.views = store.verify(released, Scope::InUse);
    Ok(checked)
}
