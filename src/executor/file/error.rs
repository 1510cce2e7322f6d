//! Why an operation on a file did not succeed.

use std::io;

use super::path::RelativePath;
use crate::core::errors::{
    Code, FILE_ACCESS_DENIED, FILE_NOT_FOUND, FILE_OPERATION_FAILED, INTERNAL_ERROR, INVALID_ARGUMENT,
    PAYLOAD_TOO_LARGE, TASK_CANCELLED,
};

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A parameter, or what lies at the path, does not fit the operation.
    #[error("{0}")]
    Invalid(String),
    #[error("there is no `{0}` in the folder of the file tasks")]
    NotFound(String),
    /// A link that leads out, or what the server's user may not do.
    #[error("`{path}` {why}")]
    Denied { path: String, why: &'static str },
    #[error("`{path}` is larger than the limit of {limit} bytes; `{setting}` under `[files]` sets it")]
    TooLarge { path: String, limit: usize, setting: &'static str },
    /// The operating system's refusal. Another time it may succeed: a full disk, a network file system.
    #[error("`{path}` could not be {done}: {reason}")]
    System { path: String, done: &'static str, reason: io::Error },
    /// A defect of the program.
    #[error("the operation broke: {0}")]
    Broken(String),
    #[error("the task was stopped before it changed `{0}`")]
    Stopped(String),
}

impl FileError {
    pub const fn code(&self) -> Code {
        match self {
            Self::Invalid(_) => INVALID_ARGUMENT,
            Self::NotFound(_) => FILE_NOT_FOUND,
            Self::Denied { .. } => FILE_ACCESS_DENIED,
            Self::TooLarge { .. } => PAYLOAD_TOO_LARGE,
            Self::System { .. } => FILE_OPERATION_FAILED,
            Self::Broken(_) => INTERNAL_ERROR,
            Self::Stopped(_) => TASK_CANCELLED,
        }
    }

    /// `done` is what should have been done with the file: "read", "written".
    pub(super) fn system(path: &RelativePath, done: &'static str, reason: io::Error) -> Self {
        let denied = |why| Self::Denied { path: path.to_string(), why };
        let kind = reason.kind();
        if kind == io::ErrorKind::NotFound {
            Self::NotFound(path.to_string())
        } else if kind == io::ErrorKind::PermissionDenied && reason.raw_os_error().is_none() {
            // The library that keeps paths inside the folder makes this error itself, without a number.
            denied("leads out of the folder of the file tasks")
        } else if kind == io::ErrorKind::PermissionDenied {
            denied("is closed to the user that the server runs as")
        } else if kind == io::ErrorKind::ReadOnlyFilesystem {
            denied("is on a file system that can only be read")
        } else {
            Self::System { path: path.to_string(), done, reason }
        }
    }
}
