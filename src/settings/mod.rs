//! Configuration files, and which of them wins: the project's over the user's over the system's.
//!
//! This module finds and reads them; what the keys mean is the business of whoever asks. The verbs that talk to
//! a server ask for [`Access`].

mod access;
mod hidden;
mod keyring;
mod layers;

pub use access::{Access, ClientFile};
pub use hidden::{plain_reason, without_user_info};
pub use keyring::Keyring;
pub use layers::{Layer, Layers, Owner, SettingsError};
