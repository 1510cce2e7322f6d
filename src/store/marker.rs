//! A small file beside sled's: in what state the store was left.
//!
//! It exists while the store is open. After a start of the machine what was written but not synced may be gone,
//! and sled reuses the space of pages that it has moved: then the store proves that it is whole, or goes. A
//! process that was merely killed leaves everything it wrote to the system.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::warn;

const FILE: &str = "OPEN";
/// The kernel's name for this run of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// How the store was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// It was closed, or has never been open, or only its process ended.
    Whole,
    /// The machine was started anew while it was open.
    Suspect,
    /// Its files had failed.
    Frozen { why: String },
}

#[derive(Debug)]
pub struct Marker {
    /// Nothing for a store in memory.
    path: Option<PathBuf>,
}

impl Marker {
    pub fn none() -> Self {
        Self { path: None }
    }

    pub fn in_directory(store: &Path) -> Self {
        Self { path: Some(store.join(FILE)) }
    }

    /// The path for messages.
    pub fn path(&self) -> String {
        self.path.as_ref().map_or_else(|| "a store in memory".to_owned(), |path| path.display().to_string())
    }

    pub fn left(&self) -> io::Result<Left> {
        let Some(path) = &self.path else { return Ok(Left::Whole) };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Left::Whole),
            Err(error) => return Err(error),
        };
        if let Some(why) = text.strip_prefix("frozen: ") {
            return Ok(Left::Frozen { why: why.to_owned() });
        }
        Ok(if text == opened_now() { Left::Whole } else { Left::Suspect })
    }

    /// Durable before the first write to the store.
    pub fn opened(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        write_durably(path, &opened_now())
    }

    /// Best effort: the disk may be full or gone. Without it the next start finds the damage by itself.
    pub fn frozen(&self, why: &str) {
        let Some(path) = &self.path else { return };
        if let Err(error) = write_durably(path, &format!("frozen: {why}")) {
            warn!(path = %path.display(), %error, "cannot note that the store is frozen");
        }
    }

    /// After the last sync.
    pub fn closed(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        fs::remove_file(path)
    }
}

fn opened_now() -> String {
    let boot = fs::read_to_string(BOOT_ID);
    format!("open: {}", boot.as_deref().map_or("an unknown run of the machine", str::trim))
}

fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_tells_a_killed_process_from_a_restarted_machine() {
        let directory = tempfile::tempdir().unwrap();
        let marker = Marker::in_directory(directory.path());
        assert_eq!(marker.left().unwrap(), Left::Whole);
        marker.opened().unwrap();
        assert_eq!(marker.left().unwrap(), Left::Whole);
        fs::write(directory.path().join(FILE), "open: another run").unwrap();
        assert_eq!(marker.left().unwrap(), Left::Suspect);
        marker.frozen("it is full");
        assert_eq!(marker.left().unwrap(), Left::Frozen { why: "it is full".into() });
        marker.closed().unwrap();
        assert_eq!(marker.left().unwrap(), Left::Whole);
    }
}
