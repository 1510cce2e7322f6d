//! Values as bytes: bincode 1.3 with variable-length integers.
//!
//! What is stored are plain types of the store's own. New variants go last; a field is never added to a type
//! that exists, nor taken away: the bytes have no names. Golden tests hold the bytes.

use std::fmt;

use bincode::Options;
use serde::{Deserialize, Serialize};

/// The store holds bytes that it never wrote.
#[derive(Debug, thiserror::Error)]
#[error("{what} in the store cannot be decoded: {reason}")]
pub struct Undecodable {
    pub what: &'static str,
    pub reason: String,
}

impl Undecodable {
    pub fn new(what: &'static str, reason: impl fmt::Display) -> Self {
        Self { what, reason: reason.to_string() }
    }
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_varint_encoding()
}

pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    options().serialize(value).expect("plain types in memory always encode")
}

/// # Errors
/// When the bytes are not exactly one value of this type.
pub fn decode<'a, T: Deserialize<'a>>(what: &'static str, bytes: &'a [u8]) -> Result<T, Undecodable> {
    options().deserialize(bytes).map_err(|error| Undecodable::new(what, error))
}
