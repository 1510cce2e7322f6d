//! The only types that outsiders see, in REST and over Socket.IO, and their conversion into core types. What
//! comes through here is checked; nothing behind it checks again.

pub mod fields;
pub mod rest;
pub mod time;

#[cfg(feature = "server")]
pub mod submit;
