//! What a person asks for, and how it is said before it is done.

use super::model::Model;
use super::rows::Tab;
use crate::cli::output::text;
use crate::client::WorkflowStatus;

/// A thing that something is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub kind: Kind,
    pub id: String,
    pub name: String,
    /// The word for how it is now.
    pub status: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Workflow,
    Task,
    Service,
}

/// What changes something on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Retry,
    Cancel,
    Pause,
    Resume,
    Drain,
    /// Gives a drained service work again.
    TakeWork,
}

impl Verb {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retry => "Retry",
            Self::Cancel => "Cancel",
            Self::Pause => "Pause",
            Self::Resume | Self::TakeWork => "Resume",
            Self::Drain => "Drain",
        }
    }

    /// The verb that its key means for this thing; where the thing cannot have it, why.
    pub fn fitting(self, target: &Target) -> Result<Self, String> {
        let verb = match self {
            Self::Pause if target.status == "paused" => Self::Resume,
            Self::Drain if target.status == "draining" => Self::TakeWork,
            Self::Retry | Self::Cancel | Self::Pause | Self::Resume | Self::Drain | Self::TakeWork => self,
        };
        match (verb, target.kind) {
            (Self::Retry | Self::Cancel, Kind::Workflow | Kind::Task)
            | (Self::Pause | Self::Resume, Kind::Workflow)
            | (Self::Drain | Self::TakeWork, Kind::Service) => Ok(verb),
            (Self::Retry | Self::Cancel, Kind::Service) => {
                Err("a service is drained with `d`; workflows and tasks are retried and cancelled".to_owned())
            }
            (Self::Pause | Self::Resume, Kind::Task | Kind::Service) => {
                Err("only workflows can be paused".to_owned())
            }
            (Self::Drain | Self::TakeWork, Kind::Workflow | Kind::Task) => {
                Err("only services can be drained".to_owned())
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    pub verb: Verb,
    pub target: Target,
}

impl Action {
    /// The question before it is done.
    pub fn question(&self) -> String {
        let Target { kind, name, id, status } = &self.target;
        let kind = match kind {
            Kind::Workflow => "workflow",
            Kind::Task => "task",
            Kind::Service => "service",
        };
        let named = if name.is_empty() || name == id { id.clone() } else { format!("{name} ({id})") };
        let status = if status.is_empty() { String::new() } else { format!(", which is {status}") };
        // The answers come first, so that no terminal is too narrow for them.
        format!("[y/n] {} {kind} {named}{status}?", self.verb.word())
    }
}

/// What the connection is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Act(Action),
    /// What a task or the tasks of a workflow wait for.
    Why(Target),
    /// Everything that is known of it.
    Detail(Target),
    /// The tasks of this workflow from now on.
    TasksOf(String),
    /// Only workflows of this status from now on; all of them without one.
    Only(Option<WorkflowStatus>),
    Quit,
}

/// The thing in the row with this key.
pub fn target(model: &Model, tab: Tab, key: &str) -> Option<Target> {
    match tab {
        Tab::Overview | Tab::Workflows => Some(workflow(model, key)),
        Tab::Tasks => {
            let task = model.tasks.as_ref()?.items.iter().find(|task| task.id == key)?;
            Some(Target {
                kind: Kind::Task,
                id: task.id.clone(),
                name: task.name.clone(),
                status: task.status.clone(),
            })
        }
        // Of those that are gone there is nothing more to tell.
        Tab::Services => model.services.iter().any(|known| known.id == key).then(|| service(model, key)),
        Tab::Events => {
            let event = model.events.iter().find(|event| event.seq.to_string() == key)?;
            match (&event.task_id, &event.workflow_id) {
                (Some(task), _) => Some(Target {
                    kind: Kind::Task,
                    id: task.clone(),
                    name: text(&event.facts, "task_name"),
                    status: String::new(),
                }),
                (None, Some(id)) => Some(workflow(model, id)),
                (None, None) => None,
            }
        }
        Tab::Errors => {
            let task = model.letters.iter().find(|task| task.id == key)?;
            Some(Target {
                kind: Kind::Task,
                id: task.id.clone(),
                name: task.name.clone(),
                status: task.status.clone(),
            })
        }
    }
}

/// A workflow by its id, whether or not it is in the list.
pub fn workflow(model: &Model, id: &str) -> Target {
    let found = model.workflows.iter().find(|workflow| workflow.id == id);
    let (name, status) =
        found.map(|found| (found.name.clone(), found.status.name().to_owned())).unwrap_or_default();
    Target { kind: Kind::Workflow, id: id.to_owned(), name, status }
}

/// A service by its id.
pub fn service(model: &Model, id: &str) -> Target {
    let found = model.services.iter().find(|service| service.id == id);
    let (name, status) =
        found.map(|found| (found.name.clone(), super::rows::state_of(found).to_owned())).unwrap_or_default();
    Target { kind: Kind::Service, id: id.to_owned(), name, status }
}
