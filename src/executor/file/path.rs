//! Paths as tasks write them: relative to the root, and down from there only.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use super::error::FileError;

/// The longest path that Linux takes.
const PATH_BYTES_MAX: usize = 4_096;
/// Each part costs an open of its own when folders are made and synced.
const PARTS_MAX: usize = 64;

/// Files that are being written are called so until they are whole.
const TEMPORARY_PREFIX: &str = ".gleitzeit-";

/// A path without `..`, without a root, and possibly empty: then it is the folder itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RelativePath(PathBuf);

impl RelativePath {
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let refused = |why: &str| {
            let shown: String = text.chars().take(200).flat_map(char::escape_debug).collect();
            Err(FileError::Invalid(format!("the path `{shown}` {why}")))
        };
        if text.is_empty() {
            return refused("is empty; `.` is the folder of the file tasks itself");
        }
        if text.len() > PATH_BYTES_MAX || text.contains('\0') {
            return refused("is longer than 4096 bytes, or holds a zero byte");
        }
        let mut kept = PathBuf::new();
        for part in Path::new(text).components() {
            match part {
                Component::Normal(part) if is_temporary(&part.to_string_lossy()) => {
                    return refused("has a name that is kept for files in the making");
                }
                Component::Normal(part) => kept.push(part),
                Component::CurDir => {}
                Component::ParentDir => return refused("holds `..`; write paths down from the folder"),
                Component::RootDir | Component::Prefix(_) => {
                    return refused("is absolute; write it relative to the folder of the file tasks");
                }
            }
        }
        if kept.components().count() > PARTS_MAX {
            return refused("has more than 64 parts");
        }
        Ok(Self(kept))
    }

    /// What the library found where a link leads.
    pub fn canonical(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn is_root(&self) -> bool {
        self.0.as_os_str().is_empty()
    }

    /// As the library wants it.
    pub fn as_path(&self) -> &Path {
        if self.is_root() { Path::new(".") } else { &self.0 }
    }

    pub fn parent(&self) -> Self {
        Self(self.0.parent().map(Path::to_path_buf).unwrap_or_default())
    }

    /// The last part, where there is one.
    pub fn name(&self) -> Option<&Path> {
        self.0.file_name().map(Path::new)
    }

    /// From the root down to the path itself.
    pub fn with_parents(&self) -> Vec<Self> {
        let mut all: Vec<_> = self.0.ancestors().map(|path| Self(path.to_path_buf())).collect();
        all.reverse();
        all
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_path().display().fmt(f)
    }
}

/// The name of a file in the making. It is the same for the same attempt, so that a later attempt can clear away
/// what an earlier one left when the server died.
pub(super) fn temporary_name(task: &str, attempt: u32) -> PathBuf {
    PathBuf::from(format!("{TEMPORARY_PREFIX}{task}-{attempt}"))
}

pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX)
}
