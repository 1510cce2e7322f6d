//! The Rust SDK: Engine.IO and Socket.IO over websocket, REST, workflow builder, service node.

pub mod node;
mod tls;
pub mod wire;

pub use tls::Tls;
#[cfg(feature = "demo")]
pub(crate) use tls::install_crypto_provider;
