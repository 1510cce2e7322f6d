//! What a callback is compared with when its attempt has ended: the outcome that won, as far as it is known. It
//! follows from the task alone, so that it is the same from memory, from the store and after a restart.

use super::command::Callback;
use super::errors::{self, Code};
use super::event::Failure;
use super::ids::{AttemptNo, WorkerId};
use super::payload::Stored;
use super::state::{AttemptNote, Task, TaskStatus};

/// How an attempt ended that had been handed on to a receiver.
#[derive(Debug, PartialEq, Eq)]
pub enum Earlier<'a> {
    Completed(&'a Stored),
    Failed { code: Code, message: &'a str },
}

/// How a callback relates to the outcome that won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It says the same again.
    Same,
    /// The receiver has said something else before.
    Other,
    /// The attempt did not end by a callback.
    Over,
}

/// Whether the stored result is that of the callback. The text may have to be read from the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameResult {
    Yes,
    No,
}

/// Failures that the server itself finds: the receiver has not spoken.
const OWN_FINDINGS: [Code; 7] = [
    errors::TASK_TIMEOUT,
    errors::TASK_NOT_HELD,
    errors::PARAMETER_SUBSTITUTION_FAILED,
    errors::DELIVERY_REFUSED,
    errors::DELIVERY_IMPOSSIBLE,
    errors::TASK_RETRY_EXHAUSTED,
    errors::NODE_HEARTBEAT_TIMEOUT,
];

/// The end of one attempt of a task; nothing where it has not ended, or where nobody remembers.
pub fn earlier(task: &Task, attempt: AttemptNo) -> Option<Earlier<'_>> {
    if let TaskStatus::Completed { result, worker, .. } = &task.status
        && task.attempt == attempt
    {
        let by_receiver = worker.as_ref().is_some_and(|worker| &*worker.0 == WorkerId::WEBHOOKS);
        return by_receiver.then_some(Earlier::Completed(result));
    }
    let of_webhook = |note: &&AttemptNote| {
        let worker = note.worker.as_ref();
        note.attempt == attempt && worker.is_some_and(|worker| &*worker.0 == WorkerId::WEBHOOKS)
    };
    let note = task.trouble.as_ref()?.history.iter().rev().find(of_webhook)?;
    Some(Earlier::Failed { code: note.code, message: &note.message })
}

/// `same_result` says whether two results, where there are two, are the same.
pub fn compare(earlier: &Earlier<'_>, callback: &Callback, same_result: SameResult) -> Verdict {
    match (earlier, callback) {
        (Earlier::Completed(_), Callback::Completed(_)) if same_result == SameResult::Yes => Verdict::Same,
        (Earlier::Completed(_), Callback::Completed(_) | Callback::Failed(_)) => Verdict::Other,
        (Earlier::Failed { code, message }, Callback::Failed(report)) => {
            let failure = Failure::of(report);
            if failure.code == *code && *failure.message == **message {
                Verdict::Same
            } else {
                after_failure(*code)
            }
        }
        (Earlier::Failed { code, .. }, Callback::Completed(_)) => after_failure(*code),
        // Progress of what has ended is no outcome.
        (Earlier::Completed(_) | Earlier::Failed { .. }, Callback::Progress(_)) => Verdict::Over,
    }
}

fn after_failure(code: Code) -> Verdict {
    if OWN_FINDINGS.contains(&code) { Verdict::Over } else { Verdict::Other }
}
