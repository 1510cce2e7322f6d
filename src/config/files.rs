//! `[files]`: the folder that file tasks may use, and how much of it at once.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::file::{ConfigError, set_size};

/// Half of a result: text grows when it is written as JSON, and bytes grow by a third as base64.
const READ_BYTES: usize = 4 << 20;
/// A task that goes wrong fills this much of the disk and no more.
const FILE_BYTES: usize = 1 << 30;

/// The section as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFiles {
    /// Tasks see this folder and nothing beside it. Without it there are no file tasks in the server.
    root: Option<PathBuf>,
    /// The most that one task may read into its result.
    read_bytes: Option<String>,
    /// The largest file that a task may leave.
    file_bytes: Option<String>,
}

/// What the program runs with, where file tasks are on.
#[derive(Debug, Clone)]
pub struct FilesConfig {
    pub root: PathBuf,
    pub read_bytes_max: usize,
    pub file_bytes_max: usize,
}

impl FilesConfig {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), read_bytes_max: READ_BYTES, file_bytes_max: FILE_BYTES }
    }
}

impl FileFiles {
    /// # Errors
    /// Which value is wrong.
    pub(super) fn resolve(&self, root: Option<&Path>) -> Result<Option<FilesConfig>, ConfigError> {
        let Some(root) = root.or(self.root.as_deref()) else { return Ok(None) };
        let mut config = FilesConfig::new(root);
        set_size(&mut config.read_bytes_max, "files.read_bytes", self.read_bytes.as_deref())?;
        set_size(&mut config.file_bytes_max, "files.file_bytes", self.file_bytes.as_deref())?;
        Ok(Some(config))
    }
}
