//! The load itself: services on real websockets, and a REST caller on bare connections.
//!
//! Nothing here is the SDK's own node or client: a generator that costs more than the server measures itself.
//! What a service sends and awaits is the same, though: `task:accepted`, then `task:completed` with the
//! attempt's number, acknowledged by the server after its commit.

pub mod fleet;
pub mod http;
pub mod processes;
pub mod rest;
mod service;
pub mod tally;
pub mod work;
