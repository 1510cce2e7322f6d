//! Keyed hashes: the tokens of callbacks, the signatures of what the server sends out, and the seals of secrets that the
//! log keeps. No secret of these types can be printed.

mod callback;
mod seal;
mod webhook;

pub use callback::CallbackKey;
pub use seal::SealKey;
pub use webhook::{MalformedSecret, WebhookSecret};
