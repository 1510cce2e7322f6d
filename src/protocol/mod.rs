//! The only types that outsiders see, in REST and over Socket.IO, and their conversion into core types. What
//! comes through here is checked; nothing behind it checks again.

pub mod batch;
#[cfg(feature = "server")]
mod callback;
#[cfg(feature = "server")]
mod fault;
pub mod fields;
#[cfg(feature = "server")]
mod import;
#[cfg(feature = "server")]
mod outcome;
#[cfg(feature = "server")]
pub mod rest;
#[cfg(feature = "server")]
pub mod socket;
#[cfg(feature = "server")]
pub mod submit;
#[cfg(feature = "server")]
pub mod task_parameters;
#[cfg(feature = "server")]
pub mod task_types;
pub mod time;

#[cfg(feature = "server")]
pub use callback::{CallbackTaken, parse_callback};
#[cfg(feature = "server")]
pub use import::parse_import;

/// The format of an exported run that this program writes, and up to which it reads.
pub const EXPORT_FORMAT: u32 = 1;
