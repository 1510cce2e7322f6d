//! Gleitzeit: durable workflow orchestration in one binary.
//!
//! Floors, from the ground up; a module imports only what lies below it: `core` (pure rules), `protocol`
//! (wire types), `figures` (what is measured), `log` and `store` (disk), `engine` (the single writer), `executor`, `socket` and `http`
//! (shells), `client` (the SDK), `cli` (the composition root).

pub mod clock;
pub mod core;
pub mod protocol;

#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod engine;
#[cfg(feature = "server")]
pub mod executor;
#[cfg(feature = "server")]
pub mod figures;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod listener;
#[cfg(feature = "server")]
pub mod log;
#[cfg(feature = "server")]
pub mod process;
#[cfg(feature = "server")]
pub mod signing;
#[cfg(feature = "server")]
pub mod socket;
#[cfg(feature = "server")]
pub mod store;

#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "client", feature = "server"))]
pub mod crypto;
#[cfg(any(feature = "client", feature = "server"))]
pub mod settings;

pub mod cli;
