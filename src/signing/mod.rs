//! Secrets and keyed hashes: the keys of users, the tokens of callbacks, the signatures of what the server sends out, and the
//! seals of secrets that the log keeps. No secret of these types can be printed.

mod access_key;
mod callback;
mod seal;
mod webhook;

pub use access_key::AccessKey;
pub use callback::CallbackKey;
pub use seal::SealKey;
pub use webhook::{MalformedSecret, WebhookSecret};
