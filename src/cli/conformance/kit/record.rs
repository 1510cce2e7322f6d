//! What a service has said so far, put in order. Nothing in here judges.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::conformance::peer::Peer;
use crate::core::command::WorkerFacts;

/// A connection and what came over it.
#[derive(Debug)]
pub(super) struct Connection {
    pub peer: Peer,
    pub hello: Option<Hello>,
    /// Whether the token was right, where one is asked for.
    pub admitted: bool,
    pub registration: Option<Registration>,
    /// Of what came before the token, where one is asked for.
    pub premature: Vec<String>,
    pub beats: Vec<Beat>,
    pub statuses: Vec<String>,
    pub gone: bool,
}

/// `authenticate`.
#[derive(Debug)]
pub(super) struct Hello {
    pub payload: Value,
    pub after_registration: bool,
}

/// `node:register`.
#[derive(Debug)]
pub(super) struct Registration {
    pub payload: Value,
    /// What the server would make of it, or why it would refuse it.
    pub facts: Result<WorkerFacts, String>,
    pub asked_for_answer: bool,
}

/// `node:heartbeat`.
#[derive(Debug)]
pub(super) struct Beat {
    pub payload: Value,
}

/// What is done with the reports of an attempt's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answering {
    /// They are acknowledged.
    Take,
    /// The first so many are not answered at all.
    Withhold(u32),
    /// The first one is refused, and may be sent again.
    RefuseOnce,
    /// They are refused for good.
    Refuse,
}

/// One task and everything that was said about it.
#[derive(Debug)]
pub(super) struct Task {
    pub answering: Answering,
    /// The attempts that were assigned, in order. The last one counts.
    pub attempts: Vec<u32>,
    pub reports: Vec<Report>,
    /// The check that assigned it is over.
    pub given_up: bool,
    /// How often it was sent, the same attempt included.
    pub assignments: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Accepted,
    Progress,
    Completed,
    Failed,
}

/// One report of a task.
#[derive(Debug)]
pub(super) struct Report {
    pub kind: Kind,
    pub payload: Value,
    /// The connection it came over.
    pub from: u64,
    pub asked_for_answer: bool,
    /// It was acknowledged, or refused for good.
    pub settled: bool,
    /// Its place among all reports of all tasks.
    pub place: usize,
}

impl Connection {
    pub fn new(peer: Peer, admitted: bool) -> Self {
        Self {
            peer,
            hello: None,
            admitted,
            registration: None,
            premature: Vec::new(),
            beats: Vec::new(),
            statuses: Vec::new(),
            gone: false,
        }
    }
}

impl Report {
    pub fn attempt(&self) -> Option<u64> {
        self.payload.get("attempt").and_then(Value::as_u64)
    }

    pub fn is_end(&self) -> bool {
        match self.kind {
            Kind::Completed | Kind::Failed => true,
            Kind::Accepted | Kind::Progress => false,
        }
    }

    pub fn error(&self) -> &str {
        self.payload.get("error").and_then(Value::as_str).unwrap_or_default()
    }

    /// A result that was left out is null.
    pub fn result(&self) -> &Value {
        self.payload.get("result").unwrap_or(&Value::Null)
    }

    /// For people.
    pub fn told(&self) -> String {
        match self.kind {
            Kind::Accepted => "task:accepted".to_owned(),
            Kind::Progress => "task:progress".to_owned(),
            Kind::Completed => format!("task:completed with {}", shown(self.result())),
            Kind::Failed => format!("task:failed with the error `{}`", clipped(self.error())),
        }
    }
}

impl Task {
    pub fn new(answering: Answering) -> Self {
        Self { answering, attempts: Vec::new(), reports: Vec::new(), given_up: false, assignments: 0 }
    }

    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(move |report| report.kind == kind)
    }

    pub fn accepted(&self) -> Option<&Report> {
        self.of(Kind::Accepted).next()
    }

    pub fn ends(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| report.is_end())
    }

    /// The first end of the attempt that counts. A report without a number is one of it.
    pub fn end(&self) -> Option<&Report> {
        let attempt = self.attempts.last().copied().map(u64::from);
        self.ends().find(|report| report.attempt().is_none_or(|number| Some(number) == attempt))
    }

    pub fn has_ended(&self) -> bool {
        self.end().is_some()
    }
}

/// All tasks, by their ids.
pub(super) type Tasks = BTreeMap<String, Task>;

/// A value, short enough for a line.
pub(super) fn shown(value: &Value) -> String {
    clipped(&value.to_string())
}

/// A text, short enough for a line.
pub(super) fn clipped(text: &str) -> String {
    const SHOWN_BYTES_MAX: usize = 80;
    if text.len() <= SHOWN_BYTES_MAX {
        return text.to_owned();
    }
    let kept = text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default();
    format!("{kept}... ({} bytes)", text.len())
}
