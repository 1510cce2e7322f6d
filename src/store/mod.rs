//! Views in sled: what can be queried. Knows bytes, not rules.
//!
//! The log is the truth and this is a fold of it: workflows that have ended, indexes to find them by, and the
//! latest checkpoint of those that have not. Payloads and specifications stay in the log; the store refers to
//! them. [`Store`] is the way in; whatever it loses is made again.

mod archive;
pub mod backup;
mod bytes;
mod check;
mod checkpoint;
mod compact;
mod data_dir;
mod digest;
mod dump;
mod error;
mod fetch;
mod find;
mod job;
mod keys;
pub mod kv;
mod marker;
mod migrations;
mod open;
mod pages;
pub mod record;
mod replay;
mod retention;
mod secret;
mod stored;
#[cfg(test)]
mod tests;
mod thread;
mod totals;
mod verify;
mod views;

pub use compact::{CompactReport, compact};
pub use data_dir::{DataDir, DataDirError};
pub use digest::digest;
pub use dump::dump_log;
pub use error::{StoreError, StoreHealth};
pub use fetch::payload;
pub use job::{CheckpointInput, StoreJob, StoreStatus};
pub use open::{Opened, discard};
pub use retention::Holding;
pub use thread::Archiver;
pub use totals::Totals;
pub use verify::{Scope, ViewsReport};
pub use views::{Store, StoreOptions};
