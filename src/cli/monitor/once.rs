//! One look as text, for pipes, mails and terminals that cannot be drawn on.

use serde::Serialize;

use super::figures::Figures;
use super::look;
use super::model::Model;
use super::rows::{Tab, Table};
use super::words::{bytes, duration, line};
use crate::cli::output::{self, Output};
use crate::client::{Client, ClientError, GoneService, Health, Service, TaskInfo, WorkflowInfo};
use crate::clock;
use crate::core::ids::Timestamp;

/// Rows of each list; whoever wants all of them asks for that list.
const ROWS: usize = 20;

/// The same for programs.
#[derive(Serialize)]
struct Snapshot<'m> {
    url: &'m str,
    health: Option<&'m Health>,
    figures: Option<&'m Figures>,
    /// What needs a person.
    needs: Vec<String>,
    /// Those that have not ended.
    workflows: Vec<&'m WorkflowInfo>,
    services: &'m [Service],
    /// Those that were here.
    gone: &'m [GoneService],
    /// The latest tasks that failed for good.
    errors: &'m [TaskInfo],
}

/// Looks once and prints what there is.
pub async fn print(client: &Client, url: &str, output: &Output) -> anyhow::Result<()> {
    let model: Model = looked(client).await?;
    let open: Vec<&WorkflowInfo> =
        model.workflows.iter().filter(|workflow| !workflow.status.has_ended()).collect();
    let names: Vec<String> = open.iter().map(|workflow| workflow.id.clone()).collect();
    let snapshot = Snapshot {
        url,
        health: model.health.as_ref(),
        figures: model.figures.as_ref(),
        needs: model.needs(),
        workflows: open,
        services: &model.services,
        gone: &model.gone,
        errors: &model.letters,
    };
    output.print(&snapshot, None::<&[Snapshot<'_>]>, names, || described(&model, url, clock::wall()))
}

async fn looked(client: &Client) -> Result<Model, ClientError> {
    super::link::once(client).await
}

fn described(model: &Model, url: &str, now: Timestamp) -> String {
    let mut text = head(model, url);
    text += &output::lines(model.needs().iter().map(|need| format!("! {}", line(need))));
    for (title, tab) in
        [("under way", Tab::Overview), ("services", Tab::Services), ("failed for good", Tab::Errors)]
    {
        text.push_str(&section(title, &Table::of(model, tab, "", now)));
    }
    text
}

fn head(model: &Model, url: &str) -> String {
    let health = model.health.as_ref().map(|health| look::said(&health.status)).unwrap_or_default();
    let Some(figures) = &model.figures else { return String::new() };
    let counted = |counts: &std::collections::BTreeMap<String, u64>| {
        let given = counts.iter().filter(|(_, count)| **count > 0);
        given.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
    };
    let disk = if figures.read_only { "FULL: new work is refused" } else { "ok" };
    output::pairs(&[
        ("server", format!("{} gleitzeit {}", line(url), line(&figures.version))),
        ("health", health),
        ("uptime", duration(super::draw::seconds_ms(figures.uptime_seconds))),
        ("seq", figures.seq.to_string()),
        ("disk", disk.to_owned()),
        ("memory", bytes(figures.rss_bytes)),
        ("workflows", counted(&figures.workflows)),
        ("running", format!("{} tasks", figures.tasks_running)),
        ("queued", counted(&figures.queued)),
        ("services", figures.connected_services.to_string()),
        ("failures", super::draw::by_code(model)),
    ])
}

/// A list with its title; nothing where it is empty.
fn section(title: &str, table: &Table) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let head: Vec<&str> = table.columns.iter().map(|column| column.title).collect();
    let cells = |row: &super::rows::Row| row.cells.iter().map(|cell| cell.text.clone()).collect();
    let rows = output::table(&head, table.rows.iter().take(ROWS).map(cells));
    let more = match table.rows.len().saturating_sub(ROWS) {
        0 => String::new(),
        left => format!("and {left} more\n"),
    };
    format!("\n{title}\n{rows}{more}")
}
