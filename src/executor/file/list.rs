//! What lies in a folder.

use std::collections::BTreeMap;

use cap_std::fs::{DirEntry, FileType};
use jiff::Timestamp;
use serde::Serialize;

use super::error::FileError;
use super::path::{RelativePath, is_temporary};
use super::root::Root;

/// The first ones in the order of their names are listed. At about 100 bytes each this is an eighth of a result.
pub(super) const ENTRIES_MAX: usize = 10_000;
/// Folders with more are not looked through to their end.
const SCAN_MAX: usize = 1_000_000;

#[derive(Debug, Serialize)]
pub(super) struct Listing {
    entries: Vec<Entry>,
    /// All of them, listed or not.
    count: usize,
    truncated: bool,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    /// In bytes; of plain files only.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<String>,
}

pub(super) fn list(root: &Root, path: &RelativePath) -> Result<Listing, FileError> {
    let failed = |reason| FileError::system(path, "listed", reason);
    let found = root.dir.metadata(path.as_path()).map_err(failed)?;
    if !found.is_dir() {
        return Err(FileError::Invalid(format!("`{path}` is not a folder")));
    }
    let mut count = 0;
    let mut first = BTreeMap::new();
    for entry in root.dir.read_dir(path.as_path()).map_err(failed)?.take(SCAN_MAX) {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_temporary(&name) {
            continue;
        }
        count += 1;
        first.insert(name, entry);
        if first.len() > ENTRIES_MAX {
            first.pop_last();
        }
    }
    let truncated = count > first.len();
    let entries = first.into_iter().map(|(name, entry)| describe(name, &entry)).collect();
    Ok(Listing { entries, count, truncated })
}

/// A file that is gone since it was found is listed without its size.
fn describe(name: String, entry: &DirEntry) -> Entry {
    let metadata = entry.metadata().ok();
    let found = metadata.as_ref().map(cap_std::fs::Metadata::file_type);
    let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    let modified = modified.and_then(|time| Timestamp::try_from(time.into_std()).ok());
    Entry {
        name,
        kind: found.map_or("other", kind_of),
        size: metadata.filter(cap_std::fs::Metadata::is_file).map(|metadata| metadata.len()),
        modified: modified.map(|time| format!("{time:.3}")),
    }
}

fn kind_of(found: FileType) -> &'static str {
    match (found.is_file(), found.is_dir(), found.is_symlink()) {
        (true, _, _) => "file",
        (_, true, _) => "folder",
        (_, _, true) => "link",
        (_, _, _) => "other",
    }
}
