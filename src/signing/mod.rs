//! Keyed hashes: the tokens of callbacks, and the signatures of what the server sends out. No secret of these types
//! can be printed.

mod callback;
mod webhook;

pub use callback::CallbackKey;
pub use webhook::{MalformedSecret, WebhookSecret};
