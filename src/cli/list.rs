//! `gleitzeit list`: the workflows, newest first.

use clap::{Args, ValueEnum};

use super::Exit;
use super::output::{Output, table, text};
use super::remote::Remote;
use crate::client::{PageRequest, WorkflowFilter, WorkflowInfo, WorkflowStatus};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Status {
    Pending,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

/// List workflows, newest first.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only those with this status.
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Only those whose name contains this text.
    #[arg(long)]
    name: Option<String>,
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
        let filter = WorkflowFilter {
            statuses: self.status.map(WorkflowStatus::from).into_iter().collect(),
            name: self.name,
            page: PageRequest { cursor: self.cursor, limit: Some(self.limit) },
            ..WorkflowFilter::default()
        };
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

impl From<Status> for WorkflowStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Running => Self::Running,
            Status::Paused => Self::Paused,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}
