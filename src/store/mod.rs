//! Views in sled: what can be queried. Knows bytes, not rules.

mod job;
pub mod record;

pub use job::{CheckpointInput, StoreJob, StoreStatus};
