//! The lists of the tabs as rows of cells, whatever they are drawn on.

use serde_json::Value;

use super::look::{self, Tone};
use super::model::Model;
use super::words::{ago, line, time};
use crate::cli::output::text;
use crate::client::{FeedEvent, GoneService, Service, TaskInfo, WorkflowInfo};
use crate::core::ids::Timestamp;

/// One screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tab {
    Overview,
    Workflows,
    Tasks,
    Services,
    Events,
    Errors,
}

impl Tab {
    pub const ALL: [Self; 6] =
        [Self::Overview, Self::Workflows, Self::Tasks, Self::Services, Self::Events, Self::Errors];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Workflows => "Workflows",
            Self::Tasks => "Tasks",
            Self::Services => "Services",
            Self::Events => "Events",
            Self::Errors => "Errors",
        }
    }
}

/// How wide a column is.
#[derive(Debug, Clone, Copy)]
pub enum Width {
    /// As wide as this, to the left.
    Left(u16),
    /// As wide as this, numbers to the right.
    Right(u16),
    /// An equal share of what the others leave, and at least this.
    Share(u16),
}

/// A column. Where there is no room for all, those with the highest rank go first.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub title: &'static str,
    pub width: Width,
    pub rank: u8,
}

const fn column(title: &'static str, width: Width, rank: u8) -> Column {
    Column { title, width, rank }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

/// A row, by the key that stays while the list changes around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    pub cells: Vec<Cell>,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub columns: &'static [Column],
    pub rows: Vec<Row>,
}

impl Table {
    /// The rows of a tab in which the words of the filter occur, without regard to case.
    pub fn of(model: &Model, tab: Tab, filter: &str, now: Timestamp) -> Self {
        let mut table = match tab {
            // What is under way is what one acts upon there.
            Tab::Overview => Self::under_way(model, now),
            Tab::Workflows => workflows(model.workflows.iter(), now),
            Tab::Tasks => {
                let tasks = model.tasks.iter().flat_map(|tasks| &tasks.items);
                Self { columns: TASKS, rows: tasks.map(|task| of_task(task, now)).collect() }
            }
            Tab::Services => Self { columns: SERVICES, rows: services(model, now) },
            Tab::Events => Self {
                columns: EVENTS,
                rows: model.events.iter().map(|event| of_event(event, model)).collect(),
            },
            Tab::Errors => Self {
                columns: ERRORS,
                rows: model.letters.iter().map(|task| of_letter(task, now)).collect(),
            },
        };
        let wanted: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
        if !wanted.is_empty() {
            table.rows.retain(|row| {
                let text = row
                    .cells
                    .iter()
                    .fold(row.key.to_lowercase(), |text, cell| text + " " + &cell.text.to_lowercase());
                wanted.iter().all(|word| text.contains(word))
            });
        }
        table
    }

    /// The workflows that have not ended.
    fn under_way(model: &Model, now: Timestamp) -> Self {
        workflows(model.workflows.iter().filter(|workflow| !workflow.status.has_ended()), now)
    }
}

fn workflows<'w>(workflows: impl Iterator<Item = &'w WorkflowInfo>, now: Timestamp) -> Table {
    Table { columns: WORKFLOWS, rows: workflows.map(|workflow| of_workflow(workflow, now)).collect() }
}

const WORKFLOWS: &[Column] = &[
    column("STATUS", Width::Left(11), 0),
    column("NAME", Width::Share(12), 0),
    column("PROGRESS", Width::Left(10), 3),
    column("DONE", Width::Right(15), 1),
    column("FAILED", Width::Right(6), 2),
    column("AGE", Width::Right(7), 2),
    column("WORKFLOW", Width::Left(36), 4),
];

const TASKS: &[Column] = &[
    column("STATUS", Width::Left(12), 0),
    column("NAME", Width::Share(12), 0),
    column("TRY", Width::Right(4), 2),
    column("WORKER", Width::Share(10), 3),
    column("TOOK", Width::Right(7), 2),
    column("ERROR", Width::Share(14), 1),
];

const SERVICES: &[Column] = &[
    column("STATUS", Width::Left(11), 0),
    column("NAME", Width::Share(12), 0),
    column("SLOTS", Width::Right(9), 1),
    column("DONE", Width::Right(9), 2),
    column("FAILED", Width::Right(7), 2),
    column("OK", Width::Right(5), 3),
    column("RUN P95", Width::Right(8), 3),
    column("BREAKER", Width::Left(11), 1),
    column("SEEN", Width::Right(7), 4),
    column("TASK TYPES", Width::Share(12), 5),
];

const EVENTS: &[Column] = &[
    column("SEQ", Width::Right(9), 2),
    column("TIME", Width::Left(12), 1),
    column("EVENT", Width::Left(20), 0),
    column("WHERE", Width::Share(14), 0),
    column("FACTS", Width::Share(16), 3),
];

const ERRORS: &[Column] = &[
    column("CODE", Width::Left(6), 0),
    column("TASK", Width::Share(12), 0),
    column("WORKFLOW", Width::Share(12), 2),
    column("AGO", Width::Right(7), 1),
    column("MESSAGE", Width::Share(20), 1),
];

fn cell(text: impl AsRef<str>) -> Cell {
    toned(text, Tone::Plain)
}

fn muted(text: impl AsRef<str>) -> Cell {
    toned(text, Tone::Muted)
}

fn toned(text: impl AsRef<str>, tone: Tone) -> Cell {
    Cell { text: line(text.as_ref()), tone }
}

fn status(status: &str) -> Cell {
    toned(look::said(status), look::of_status(status).1)
}

fn of_workflow(workflow: &WorkflowInfo, now: Timestamp) -> Row {
    let WorkflowInfo { total_tasks: total, completed_tasks: completed, failed_tasks: failed, .. } = *workflow;
    let failures = if failed == 0 { muted("0") } else { toned(failed.to_string(), Tone::Bad) };
    let cells = vec![
        status(workflow.status.name()),
        cell(&workflow.name),
        toned(bar(completed + failed, total), look::of_status(workflow.status.name()).1),
        cell(format!("{completed}/{total}")),
        failures,
        muted(ago(&workflow.more, "created_at", now)),
        muted(&workflow.id),
    ];
    Row { key: workflow.id.clone(), cells }
}

/// Ten characters that fill as the part grows to the whole.
fn bar(part: u64, whole: u64) -> String {
    const CELLS: u64 = 10;
    let full = usize::try_from((part.min(whole) * CELLS).checked_div(whole).unwrap_or(0)).unwrap_or(0);
    "█".repeat(full) + &"░".repeat(10_usize.saturating_sub(full))
}

fn of_task(task: &TaskInfo, now: Timestamp) -> Row {
    let began = time(&task.more, "started_at");
    let took = began.map(|began| time(&task.more, "ended_at").unwrap_or(now).since(began));
    let cells = vec![
        status(&task.status),
        cell(&task.name),
        muted(task.attempt.to_string()),
        cell(task.worker.as_deref().unwrap_or_default()),
        muted(took.map(super::words::duration).unwrap_or_default()),
        toned(error(task), Tone::Bad),
    ];
    Row { key: task.id.clone(), cells }
}

/// `GZ2002 it took too long`.
fn error(task: &TaskInfo) -> String {
    task.error.as_ref().map(|error| format!("{} {}", error.code, error.message)).unwrap_or_default()
}

/// The word for how a service is: being drained and being away are more than what it says of itself.
pub fn state_of(service: &Service) -> &str {
    if !service.connected {
        "offline"
    } else if service.draining {
        "draining"
    } else {
        &service.status
    }
}

/// Those that are here, and below those that were.
fn services(model: &Model, now: Timestamp) -> Vec<Row> {
    let here = model.services.iter().map(|one| of_service(one, now));
    here.chain(model.gone.iter().map(|one| of_gone(one, now))).collect()
}

fn of_gone(service: &GoneService, now: Timestamp) -> Row {
    let left = service.left.as_deref().unwrap_or("unknown");
    let more = &service.more;
    let cells = [
        look::said("gone"),
        service.name.clone(),
        left.to_owned(),
        text(more, "tasks_completed"),
        text(more, "tasks_failed"),
        String::new(),
        String::new(),
        String::new(),
        ago(more, "last_seen_at", now),
        service.task_types.join(" "),
    ];
    Row { key: format!("gone {}", service.name), cells: cells.map(muted).into() }
}

fn of_service(service: &Service, now: Timestamp) -> Row {
    let more = &service.more;
    let failed = text(more, "tasks_failed");
    // Of the last minutes; nothing where it did nothing.
    let recent = more.get("recent").unwrap_or(&Value::Null);
    let of = |path| recent.pointer(path).and_then(Value::as_f64);
    let (rate, p95) = (of("/success_rate"), of("/run/p95_ms"));
    let cells = vec![
        status(state_of(service)),
        cell(&service.name),
        cell(format!("{}/{}", service.active_tasks, service.capacity)),
        cell(text(more, "tasks_completed")),
        if failed == "0" { muted(failed) } else { toned(failed, Tone::Bad) },
        cell(rate.map(|rate| format!("{:.0} %", rate * 100.0)).unwrap_or_default()),
        muted(p95.map(super::words::millis).unwrap_or_default()),
        status(&text(more, "breaker")),
        muted(ago(more, "last_seen_at", now)),
        muted(service.task_types.join(" ")),
    ];
    Row { key: service.id.clone(), cells }
}

fn of_event(event: &FeedEvent, model: &Model) -> Row {
    let given = event.facts.iter().filter(|(_, value)| !value.is_null());
    let facts: Vec<String> = given.map(|(name, _)| format!("{name}={}", text(&event.facts, name))).collect();
    let cells = vec![
        muted(event.seq.to_string()),
        muted(event.at.get(11..23).unwrap_or(&event.at)),
        toned(event.kind.replace('_', " "), look::of_event(&event.kind)),
        cell(place(event, model)),
        muted(facts.join(" ")),
    ];
    Row { key: event.seq.to_string(), cells }
}

/// The task or the workflow by name, as far as some list knows it, and by id otherwise.
fn place(event: &FeedEvent, model: &Model) -> String {
    let id = event.workflow_id.as_deref().unwrap_or_default();
    let known = model.workflows.iter().find(|workflow| workflow.id == id);
    let workflow = known.map_or(id, |workflow| &workflow.name);
    let Some(task) = event.task_id.as_deref() else { return workflow.to_owned() };
    let listed = model.tasks.iter().flat_map(|tasks| &tasks.items).chain(&model.letters);
    match (listed.into_iter().find(|listed| listed.id == task), task.rsplit_once('.')) {
        (Some(listed), _) => format!("{} ({workflow})", listed.name),
        (None, Some((_, place))) => format!("task {place} ({workflow})"),
        (None, None) => format!("{task} ({workflow})"),
    }
}

fn of_letter(task: &TaskInfo, now: Timestamp) -> Row {
    let (code, message) =
        task.error.as_ref().map(|error| (error.code.as_str(), error.message.as_str())).unwrap_or_default();
    let cells = vec![
        toned(code, Tone::Bad),
        cell(&task.name),
        cell(text(&task.more, "workflow_name")),
        muted(ago(&task.more, "ended_at", now)),
        cell(message),
    ];
    Row { key: task.id.clone(), cells }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill() {
        assert_eq!(
            [(0, 0), (0, 3), (1, 2), (3, 3)].map(|(part, whole)| bar(part, whole)),
            ["░░░░░░░░░░", "░░░░░░░░░░", "█████░░░░░", "██████████"]
        );
    }
}
