//! What watchers see of an answer while it comes. Never logged.

use std::sync::Arc;

use serde_json::json;
use tracing::debug;

use crate::core::command::{Command, Progress, TaskRef};
use crate::core::ids::{AttemptNo, SessionId, TaskId};
use crate::core::payload::Payload;
use crate::engine::EngineHandle;

/// The line from one attempt to those who watch it.
#[derive(Debug)]
pub struct Live {
    pub engine: EngineHandle,
    pub session: SessionId,
    pub task: TaskId,
    pub attempt: AttemptNo,
}

impl Live {
    /// The next piece of the answer. `offset` is the number of characters before it; 0 begins the answer anew.
    pub fn piece(&self, offset: u64, text: &str) {
        let data = Payload::new(json!({"offset": offset, "text": text}).to_string());
        self.report(Arc::from(""), Some(data));
    }

    /// Something else that takes a while.
    pub fn note(&self, message: &str) {
        self.report(Arc::from(message), None);
    }

    fn report(&self, message: Arc<str>, data: Option<Payload>) {
        let command = Command::ReportProgress {
            session: self.session,
            task: TaskRef::Id(self.task),
            attempt: Some(self.attempt),
            // Nobody knows how long an answer will be.
            progress: Progress { percent: 0, message, data },
        };
        // Onlookers of an overloaded or stopping engine miss a piece; the result has all of it.
        if let Err(rejection) = self.engine.report(command, None) {
            debug!(task = %self.task, %rejection, "a piece of an answer was not told");
        }
    }
}
