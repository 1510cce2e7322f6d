//! Engine.IO 4 and Socket.IO 5 over websocket, JSON only.
//!
//! Three layers, each usable alone: pure functions between text and packets ([`decode()`], [`encode`]), a
//! [`Connection`] of two halves for those who batch by themselves (the load generator), and a [`Socket`]
//! with tasks of its own. There is no reconnection here and no knowledge of tasks; see [`super::node`].
//! Long polling and binary payloads are deliberately absent.

mod args;
mod connection;
mod decode;
pub mod encode;
mod error;
mod options;
mod pending;
mod socket;

pub use args::RawArgs;
pub use connection::{Connection, Opened, Reader, Writer};
pub use decode::{Ack, Event, Open, Packet, ROOT_NAMESPACE, decode};
pub use error::{DecodeError, WireError};
pub use options::ConnectOptions;
pub use pending::PendingAck;
pub use socket::{AckData, Events, Socket, SocketEvent};

#[cfg(test)]
mod tests;
