//! What can go wrong with a backup, in words for the person who has to do something about it.

use std::io;
use std::path::Path;

use thiserror::Error;

use super::tar::TarError;
use crate::core::errors::{self, Code};
use crate::log::LogError;
use crate::store::{DataDirError, StoreError};

#[derive(Debug, Error)]
pub enum BackupError {
    #[error("{path} is no whole backup: {reason}")]
    NotWhole { path: String, reason: String },
    #[error(
        "{path} was written by a newer version in backup format {found}, and this program knows formats up to {known}; \
         use that version or a later one"
    )]
    TooNew { path: String, found: u32, known: u32 },
    #[error(
        "{path} is not empty: it holds `{entry}`; a backup is only restored into an empty directory or a new one"
    )]
    Occupied { path: String, entry: String },
    #[error("{wanted} is not in the backup, which can be restored to {possible}")]
    NoSuchMoment { wanted: String, possible: String },
    #[error("what was restored breaks an invariant: {0}")]
    Broken(String),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("{doing} {path} failed: {source}")]
    Io { doing: &'static str, path: String, source: io::Error },
}

impl BackupError {
    /// The code of the catalogue under which a person reads of it.
    pub fn code(&self) -> Code {
        match self {
            Self::NotWhole { .. } => errors::BACKUP_NOT_WHOLE,
            Self::TooNew { .. } => errors::FORMAT_TOO_NEW,
            Self::Occupied { .. } => errors::DATA_DIR_NOT_EMPTY,
            Self::NoSuchMoment { .. } => errors::MOMENT_NOT_IN_BACKUP,
            Self::Broken(_) => errors::DATA_CORRUPTION,
            Self::Log(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::DataDir(error) => error.code(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => errors::DISK_SPACE_FULL,
            Self::Io { .. } => errors::STORAGE_FAILED,
        }
    }
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.display().to_string();
    move |source| BackupError::Io { doing, path, source }
}

pub(super) fn unreadable(path: &Path) -> impl Fn(TarError) -> BackupError + use<> {
    let path = path.display().to_string();
    move |error| match error {
        TarError::Io(source) => BackupError::Io { doing: "reading", path: path.clone(), source },
        TarError::Truncated | TarError::Foreign => {
            BackupError::NotWhole { path: path.clone(), reason: error.to_string() }
        }
    }
}
