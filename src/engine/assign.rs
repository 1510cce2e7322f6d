//! An attempt on its way to a worker: what the core knows of it, and the finished message.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::core::ids::{AttemptNo, Seq, SessionId, TaskId, Timestamp, WorkerId};
use crate::core::payload::{Payload, Stored};
use crate::core::rejection::Rejection;
use crate::core::spec::{Priority, Route, WorkflowSpec};
use crate::core::state::Workflow;
use crate::core::template::{self, Resolved};
use crate::core::trace::{self, TraceContext};

/// An offer as decided: the parameters may still hold templates.
#[derive(Debug, Clone)]
pub struct Assignment {
    pub session: SessionId,
    pub worker: WorkerId,
    pub task: TaskId,
    pub attempt: AttemptNo,
    pub at: Timestamp,
    /// Uptime at the beginning of the turn that decided it.
    pub decided: Duration,
    spec: Arc<WorkflowSpec>,
    /// Parameters in place of the submitted ones.
    edited: Option<Stored>,
    /// Results that the templates may name, by index; of none where there are no templates. `None` stands for
    /// null.
    results: Vec<(u32, Option<Stored>)>,
}

/// Whether attempts have spans of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traces {
    Off,
    On,
}

/// An offer as it is sent.
#[derive(Debug, Clone)]
pub struct Assigned {
    pub worker: WorkerId,
    pub task: TaskId,
    pub attempt: AttemptNo,
    pub at: Timestamp,
    /// Whether spans are kept of attempts.
    pub(super) traces: Traces,
    spec: Arc<WorkflowSpec>,
    /// A JSON object without templates.
    pub parameters: Payload,
}

impl Assignment {
    pub fn new(
        workflow: &Workflow,
        task: TaskId,
        attempt: AttemptNo,
        (session, worker): (SessionId, WorkerId),
        (at, decided): (Timestamp, Duration),
    ) -> Self {
        let spec = workflow.spec.task(task.index);
        let edited = workflow.task(task.index).edited();
        let needed = match edited {
            Some(edited) => edited.references.as_slice(),
            None if spec.has_templates => spec.dependencies.as_slice(),
            None => &[],
        };
        // Null where a tolerated dependency did not succeed.
        let result = |index: &u32| (*index, workflow.task(*index).status.result().cloned());
        let results = needed.iter().map(result).collect();
        let edited = edited.map(|edited| edited.parameters.clone());
        let spec = Arc::clone(&workflow.spec);
        Self { session, worker, task, attempt, at, decided, spec, edited, results }
    }

    /// Fills the templates. `load` reads what is not at hand.
    ///
    /// # Errors
    /// When a reference leads nowhere, or a result cannot be read.
    pub fn fill(self, load: impl Fn(Seq, u32) -> Result<Payload, Rejection>) -> Result<Assigned, Rejection> {
        let text = |stored: &Stored| match stored {
            Stored::Inline(payload) => Ok(payload.clone()),
            Stored::Logged { seq, part, .. } => load(*seq, *part),
            Stored::Own(own) => Ok(own.text.clone().expect("what memory holds refers to its record")),
        };
        let spec = self.spec.task(self.task.index);
        let mut parameters = text(self.edited.as_ref().unwrap_or(&spec.parameters))?;
        if !self.results.is_empty() {
            let named = self.named_in(&parameters)?;
            let results = self
                .results
                .iter()
                .filter(|(index, _)| named.binary_search(index).is_ok())
                .map(|(index, stored)| Ok((*index, stored.as_ref().map(text).transpose()?)))
                .collect::<Result<BTreeMap<u32, Option<Payload>>, Rejection>>()?;
            parameters = Payload::new(self.fill_templates(&parameters, &results)?);
        }
        Ok(Assigned {
            worker: self.worker,
            task: self.task,
            attempt: self.attempt,
            at: self.at,
            traces: Traces::Off,
            spec: self.spec,
            parameters,
        })
    }
}

impl Assignment {
    /// The dependencies whose results the templates name, ascending: a task that waits for many and names one
    /// needs the result of one.
    fn named_in(&self, parameters: &Payload) -> Result<Vec<u32>, Rejection> {
        let names = self.names();
        template::references(parameters.as_str(), &|name| names.get(name).copied())
            .map_err(|bad| bad.rejection(self.task_name(), []))
    }

    fn names(&self) -> BTreeMap<&str, u32> {
        template::names_of(&self.spec, self.results.iter().map(|(index, _)| *index))
    }

    fn task_name(&self) -> &str {
        let task = self.spec.task(self.task.index);
        task.name.as_deref().or(task.key.as_deref()).or(task.own_id.as_deref()).unwrap_or("")
    }

    fn fill_templates(
        &self,
        parameters: &Payload,
        results: &BTreeMap<u32, Option<Payload>>,
    ) -> Result<String, Rejection> {
        let names = self.names();
        let lookup = |name: &str| {
            let result = results.get(names.get(name)?)?;
            Some(Resolved { result: result.as_ref().map(Payload::as_str) })
        };
        template::fill(parameters.as_str(), self.task_name(), &lookup)
    }
}

impl Assigned {
    pub fn priority(&self) -> Priority {
        self.spec.policy_of(self.task.index).priority
    }

    pub fn route(&self) -> &Route {
        self.spec.route_of(self.task.index)
    }

    pub fn run_timeout_ms(&self) -> u64 {
        self.spec.policy_of(self.task.index).run_timeout_ms
    }

    pub fn max_retries(&self) -> u32 {
        self.spec.policy_of(self.task.index).retry.max_attempts.saturating_sub(1)
    }

    /// Where work on behalf of this attempt belongs in a trace: below the attempt's own span where there is one, else
    /// below what the submitter said.
    pub fn traceparent(&self) -> Option<Cow<'_, str>> {
        let given = self.spec.traceparent.as_deref();
        match self.traces {
            Traces::Off => given.map(Cow::Borrowed),
            Traces::On => {
                let span = trace::attempt_span(self.task, self.attempt);
                Some(Cow::Owned(TraceContext::of(self.task.workflow, given).traceparent(span)))
            }
        }
    }

    /// The task's name, or what stands for it.
    pub fn name(&self) -> Arc<str> {
        let task = self.spec.task(self.task.index);
        [&task.name, &task.key, &task.own_id]
            .into_iter()
            .flatten()
            .next()
            .map_or_else(|| Arc::from(""), Arc::clone)
    }

    /// The id by which the worker knows the task.
    pub fn wire_id(&self) -> Arc<str> {
        let own = self.spec.task(self.task.index).own_id.as_ref();
        own.map_or_else(|| Arc::from(self.task.to_string()), Arc::clone)
    }

    /// The id by which the submitter knows the workflow.
    pub fn workflow_label(&self) -> Arc<str> {
        let label = self.spec.label.as_ref();
        label.map_or_else(|| Arc::from(self.task.workflow.to_string()), Arc::clone)
    }
}
