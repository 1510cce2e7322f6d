//! Exit codes, and how a failure is told.

use std::process::ExitCode;

use anyhow::Error;

#[cfg(feature = "client")]
use super::remote;
#[cfg(feature = "client")]
use crate::client::ClientError;
use crate::core::errors::Code;
use crate::core::rejection::Rejection;

/// How a verb ended. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    Error = 1,
    /// A mistake on the command line.
    Usage = 2,
    WorkflowFailed = 3,
    WorkflowCancelled = 4,
    WaitTimedOut = 5,
    Unreachable = 6,
    Denied = 7,
    NotFound = 8,
    Conflict = 9,
    Interrupted = 130,
}

impl Exit {
    /// Of `health` alone, where 2 is the word that probes know for it.
    #[cfg(feature = "client")]
    pub const UNHEALTHY: Self = Self::Usage;
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A mistake on the command line that only shows when its words are looked at together.
#[derive(Debug, thiserror::Error)]
#[error("{0}; see --help")]
pub(super) struct Usage(String);

pub(super) fn usage(message: impl Into<String>) -> Error {
    Usage(message.into()).into()
}

/// Prints what went wrong, and what to do, to stderr.
pub(super) fn code(outcome: anyhow::Result<Exit>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => tell(&error).into(),
    }
}

fn tell(error: &Error) -> Exit {
    #[cfg(feature = "client")]
    if let Some(failed) = error.downcast_ref::<ClientError>() {
        eprintln!("{}", remote::told(failed));
        return remote::exit_after(failed);
    }
    if let Some(rejection) = error.downcast_ref::<Rejection>() {
        eprintln!("{}", catalogued(rejection.code, &rejection.message));
        return if rejection.code.entry().http_status == 404 { Exit::NotFound } else { Exit::Error };
    }
    #[cfg(feature = "server")]
    if let Some((code, exit)) = stored(error) {
        eprintln!("{}", catalogued(code, &format!("{error:#}")));
        return exit;
    }
    eprintln!("error: {error}");
    if error.downcast_ref::<Usage>().is_some() {
        return Exit::Usage;
    }
    for cause in error.chain().skip(1) {
        eprintln!("  cause: {cause}");
    }
    Exit::Error
}

/// The code and the exit of what the data directory, the log or the store refuse.
#[cfg(feature = "server")]
fn stored(error: &Error) -> Option<(Code, Exit)> {
    use crate::core::errors::DATA_DIR_IN_USE;
    use crate::log::LogError;
    use crate::store::backup::BackupError;
    use crate::store::{DataDirError, StoreError};

    let of_directory = error.downcast_ref::<DataDirError>().map(DataDirError::code);
    let of_store = || error.downcast_ref::<StoreError>().map(StoreError::code);
    let of_log = || error.downcast_ref::<LogError>().map(LogError::code);
    let of_backup = || error.downcast_ref::<BackupError>().map(BackupError::code);
    let code = of_directory.or_else(of_store).or_else(of_log).or_else(of_backup)?;
    Some((code, if code == DATA_DIR_IN_USE { Exit::Conflict } else { Exit::Error }))
}

/// An error of the catalogue, with its cause this time.
pub(super) fn catalogued(code: Code, cause: &str) -> String {
    catalogued_with(code, cause, code.entry().fix)
}

/// The same where something else than usual helps.
pub(super) fn catalogued_with(code: Code, cause: &str, fix: &str) -> String {
    let what = code.entry().what.trim_end_matches('.');
    format!("error[{code}]: {what}\n  cause: {cause}\n  fix: {fix}")
}
