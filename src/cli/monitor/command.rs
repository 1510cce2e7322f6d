//! What is typed behind a colon.

use super::ask::{self, Action, Ask, Kind, Target, Verb};
use super::model::Model;
use super::rows::Tab;
use crate::client::WorkflowStatus;

/// What a command leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Go(Tab),
    Help,
    Ask(Ask),
    /// It changes something, so it asks first.
    Confirm(Action),
}

/// Reads a command; the names of ids come from what is listed.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse(typed: &str, model: &Model) -> Result<Command, String> {
    let mut words = typed.split_whitespace();
    let (word, id) = (words.next().unwrap_or_default(), words.next());
    if let Some(extra) = words.next() {
        return Err(format!("`{extra}` is one word too many; ids have no spaces"));
    }
    match (word, id) {
        ("overview" | "o", None) => Ok(Command::Go(Tab::Overview)),
        ("workflows" | "wf", None) => Ok(Command::Go(Tab::Workflows)),
        ("tasks" | "t", None) => Ok(Command::Go(Tab::Tasks)),
        ("services" | "s", None) => Ok(Command::Go(Tab::Services)),
        ("events" | "e", None) => Ok(Command::Go(Tab::Events)),
        ("errors", None) => Ok(Command::Go(Tab::Errors)),
        ("help" | "h", None) => Ok(Command::Help),
        ("quit" | "q", None) => Ok(Command::Ask(Ask::Quit)),
        ("tasks" | "t", Some(id)) => Ok(Command::Ask(Ask::TasksOf(id.to_owned()))),
        ("status", Some(status)) => status_of(status).map(|status| Command::Ask(Ask::Only(status))),
        ("why", Some(id)) => Ok(Command::Ask(Ask::Why(task_or_workflow(model, id)))),
        ("show", Some(id)) => Ok(Command::Ask(Ask::Detail(task_or_workflow(model, id)))),
        ("retry", Some(id)) => act(Verb::Retry, task_or_workflow(model, id)),
        ("cancel", Some(id)) => act(Verb::Cancel, task_or_workflow(model, id)),
        ("pause", Some(id)) => act(Verb::Pause, ask::workflow(model, id)),
        ("resume", Some(id)) => act(Verb::Resume, ask::workflow(model, id)),
        ("drain", Some(id)) => act(Verb::Drain, ask::service(model, id)),
        ("work", Some(id)) => act(Verb::TakeWork, ask::service(model, id)),
        ("why" | "show" | "retry" | "cancel" | "pause" | "resume" | "drain" | "work", None) => {
            Err(format!("`{word}` of what? An id belongs behind it"))
        }
        ("status", None) => Err(format!("which status? {STATUSES}")),
        _ => Err(format!("`{typed}` is no command; ? lists them")),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends arms that may refuse")]
fn act(verb: Verb, target: Target) -> Result<Command, String> {
    Ok(Command::Confirm(Action { verb, target }))
}

const STATUSES: &str = "pending, running, paused, completed, failed, cancelled or all";

fn status_of(word: &str) -> Result<Option<WorkflowStatus>, String> {
    match word {
        "all" => Ok(None),
        "pending" => Ok(Some(WorkflowStatus::Pending)),
        "running" => Ok(Some(WorkflowStatus::Running)),
        "paused" => Ok(Some(WorkflowStatus::Paused)),
        "completed" => Ok(Some(WorkflowStatus::Completed)),
        "failed" => Ok(Some(WorkflowStatus::Failed)),
        "cancelled" => Ok(Some(WorkflowStatus::Cancelled)),
        _ => Err(format!("`{word}` is no status; known are {STATUSES}")),
    }
}

/// Generated ids of tasks are that of their workflow, a dot and a place; a submitter's own are found where they are
/// listed.
fn task_or_workflow(model: &Model, id: &str) -> Target {
    let listed = model.tasks.iter().flat_map(|tasks| &tasks.items).chain(&model.letters);
    if let Some(task) = listed.into_iter().find(|task| task.id == id) {
        let (name, status) = (task.name.clone(), task.status.clone());
        return Target { kind: Kind::Task, id: id.to_owned(), name, status };
    }
    let is_place = |place: &str| !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit());
    let is_listed = model.workflows.iter().any(|workflow| workflow.id == id);
    if !is_listed && id.rsplit_once('.').is_some_and(|(_, place)| is_place(place)) {
        return Target { kind: Kind::Task, id: id.to_owned(), name: String::new(), status: String::new() };
    }
    ask::workflow(model, id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_or_refused_with_a_reason() {
        let model = Model::default();
        let said = |typed: &str| match parse(typed, &model) {
            Ok(Command::Confirm(action)) => action.question(),
            Ok(command) => format!("{command:?}"),
            Err(why) => why,
        };
        assert_eq!(said("cancel a.3"), "[y/n] Cancel task a.3?");
        assert_eq!(said(" retry  w "), "[y/n] Retry workflow w?");
        assert_eq!(said("work s"), "[y/n] Resume service s?");
        assert_eq!(said("tasks w"), "Ask(TasksOf(\"w\"))");
        assert_eq!(said("status failed"), "Ask(Only(Some(Failed)))");
        assert_eq!(said("events"), "Go(Events)");
        for (wrong, why) in [
            ("", "`` is no command; ? lists them"),
            ("cancel", "`cancel` of what? An id belongs behind it"),
            ("status asleep", "`asleep` is no status; known are pending, running"),
            ("cancel a b", "`b` is one word too many; ids have no spaces"),
        ] {
            assert!(said(wrong).starts_with(why), "{wrong}: {}", said(wrong));
        }
    }
}
