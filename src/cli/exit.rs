//! Exit codes, and how a failure is told.

use std::process::ExitCode;

use anyhow::Error;

use crate::core::rejection::Rejection;

/// How a verb ended. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok = 0,
    Error = 1,
    WorkflowFailed = 3,
    WorkflowCancelled = 4,
    WaitTimedOut = 5,
    Unreachable = 6,
    Denied = 7,
    NotFound = 8,
    Conflict = 9,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure with an exit code of its own.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

/// Prints what went wrong, and what to do, to stderr.
pub(super) fn code(outcome: anyhow::Result<Exit>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            tell(&error);
            error.downcast_ref::<Failure>().map_or(Exit::Error, |failure| failure.exit).into()
        }
    }
}

fn tell(error: &Error) {
    if let Some(rejection) = error.downcast_ref::<Rejection>() {
        let entry = rejection.code.entry();
        eprintln!("error[{}]: {}\n  fix: {}", entry.code, rejection.message, entry.fix);
        return;
    }
    eprintln!("error: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  cause: {cause}");
    }
}
