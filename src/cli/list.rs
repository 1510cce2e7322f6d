//! `gleitzeit list`: the workflows, newest first.

use clap::Args;

use super::Exit;
use super::conditions::Conditions;
use super::output::{Output, table, text};
use super::remote::Remote;
use crate::client::{PageRequest, WorkflowInfo};

/// List workflows, newest first.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    conditions: Conditions,
    /// How many at most; the server gives up to 1000 at once.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Go on where an earlier list ended: its `next_cursor`.
    #[arg(long)]
    cursor: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let page = PageRequest { cursor: self.cursor, limit: Some(self.limit) };
        let filter = self.conditions.listed(page);
        self.remote.run(async |client| {
            let page = client.workflows(&filter).await?;
            let names = page.items.iter().map(|workflow| workflow.id.clone());
            let wide = self.output.is_wide();
            self.output.print(&page, Some(&page.items), names, || {
                let mut head = vec!["WORKFLOW", "NAME", "STATUS", "TASKS", "COMPLETED", "FAILED", "CREATED"];
                head.extend(if wide { ["STARTED", "ENDED"].as_slice() } else { &[] });
                let cells = |workflow: &WorkflowInfo| {
                    let mut cells = row(workflow);
                    if wide {
                        cells.extend(["started_at", "ended_at"].map(|name| text(&workflow.more, name)));
                    }
                    cells
                };
                table(&head, page.items.iter().map(cells))
            })?;
            if let Some(cursor) = &page.next_cursor {
                eprintln!("there are more: --cursor {cursor}");
            }
            Ok(Exit::Ok)
        })
    }
}

fn row(workflow: &WorkflowInfo) -> Vec<String> {
    vec![
        workflow.id.clone(),
        workflow.name.clone(),
        workflow.status.to_string(),
        workflow.total_tasks.to_string(),
        workflow.completed_tasks.to_string(),
        workflow.failed_tasks.to_string(),
        text(&workflow.more, "created_at"),
    ]
}
