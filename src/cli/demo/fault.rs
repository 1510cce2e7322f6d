//! Why a service of the demo could not do its task.

use std::fmt;

use crate::client::node::TaskError;

#[derive(Debug)]
pub struct Fault {
    pub message: String,
    /// Whether the same task may succeed at another time.
    pub retryable: bool,
}

impl Fault {
    /// The task asks for something that cannot be done; asking again does not help.
    pub fn refuse(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), retryable: false }
    }

    /// The task was right, and the world was not ready for it.
    pub fn fail(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), retryable: true }
    }
}

impl From<Fault> for TaskError {
    fn from(fault: Fault) -> Self {
        let error = Self::new(fault.message);
        if fault.retryable { error.transient() } else { error.permanent() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
