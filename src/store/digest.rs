//! One number for everything that a data directory says: two of them that have it in common are in the same state.

use std::fmt::Write as _;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::error::StoreError;
use super::job::CheckpointInput;
use super::stored::{frame, items};
use super::views::Store;
use crate::core::state::State;

/// SHA-256 of the state of what is live and of every archived workflow, as hexadecimal text. It does not depend on how the
/// state came about: from a checkpoint, or from the whole log.
///
/// # Errors
/// When the store or the log cannot be read.
pub fn digest(state: &State, store: &Store) -> Result<String, StoreError> {
    let mut digest = Hashing(Sha256::new());
    let mut bytes = Vec::new();
    for item in items(&CheckpointInput::of(state)) {
        bytes.clear();
        frame(&item, &mut bytes);
        digest.0.update(&bytes);
    }
    store.dump(&mut digest)?;
    Ok(hex(digest.0))
}

pub(super) fn hex(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes any text");
        text
    })
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
