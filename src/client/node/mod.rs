//! A service that takes tasks: registration, handlers, progress, cancellation, and results that arrive.
//!
//! [`ExternalServiceNode`] is built with its handlers and started; [`NodeHandle`] watches and stops it. The
//! node keeps its `node_id` over reconnects and names its running attempts, so that the server neither loses
//! nor doubles them. A result stays in the outbox until the server acknowledges it, which it does after the
//! commit. Every report carries the attempt's number, so sending one twice is harmless.

mod actor;
mod attempt;
mod backoff;
mod builder;
mod capability;
mod error;
mod handle;
mod handler;
mod heartbeat;
mod ledger;
mod outbox;
mod report;
mod session;
mod task;

pub use builder::ExternalServiceNode;
pub use capability::{Capability, Facts};
pub use error::{NodeError, TaskError};
pub use handle::{NodeHandle, NodeStatus};
pub use ledger::Phase;
pub use task::{Cancellation, TaskContext};
