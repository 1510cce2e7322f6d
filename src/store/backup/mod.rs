//! Backups: the log of a data directory as of one moment, in one file with its checksums, and the way back.
//!
//! The log is the truth, so a backup needs nothing of the store of ended workflows: a restore makes it anew, and proves by it
//! that everything is there. The list of files comes last, with a checksum of its own: whatever was cut off has none.

mod error;
mod restore;
mod tar;
#[cfg(test)]
mod tests;
mod write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::digest::hex;
pub use error::BackupError;
pub use restore::{Moment, Restored, check, restore};
pub use write::BackupSource;

/// What this program writes and reads.
const BACKUP_FORMAT: u32 = 1;
const MANIFEST: &str = "manifest.json";
/// In the form of `sha256sum`.
const MANIFEST_SUM: &str = "manifest.json.sha256";
const FORMAT: &str = "FORMAT";
const SECRET: &str = "SECRET";
const LOG: &str = "log/";

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the backup itself.
    pub backup: u32,
    /// The version of the program that wrote it.
    pub version: String,
    /// The format of the data directory.
    pub format: u32,
    pub instance: String,
    /// The first and the last event.
    pub first_seq: u64,
    pub seq: u64,
    /// When it was taken, as RFC 3339 in UTC.
    pub taken_at: String,
    pub files: Vec<FileEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub name: String,
    pub bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The first words of every version: whatever else a newer one says, this it says.
    fn format_of(text: &[u8]) -> Option<u32> {
        #[derive(Deserialize)]
        struct Head {
            backup: u32,
        }
        serde_json::from_slice::<Head>(text).ok().map(|head| head.backup)
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

fn sum_line(manifest: &[u8]) -> String {
    format!("{}  {MANIFEST}\n", hex(Sha256::new_with_prefix(manifest)))
}
