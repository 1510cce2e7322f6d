//! Views in sled: what can be queried. Knows bytes, not rules.

mod job;

pub use job::{CheckpointInput, StoreJob, StoreStatus};
