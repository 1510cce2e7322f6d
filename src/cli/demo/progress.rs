//! How the workflow is getting on, task by task, on stderr: bars on a terminal, a line for each change elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::Value;
use tokio::time::sleep;

use crate::client::{Client, ClientError, PageRequest, TaskInfo, WorkflowStatus};

/// Often enough for an eye, and no work for the server.
const PAUSE: Duration = Duration::from_millis(80);
/// Where tasks run that name no service.
const BUILT_IN: &str = "built-in";

/// Shows a workflow until it has ended.
pub async fn follow(client: &Client, id: &str) -> Result<WorkflowStatus, ClientError> {
    let mut board = Board::new();
    loop {
        // Asked for before the tasks: when it has ended, what is read of them afterwards is final.
        let status = client.workflow(id).await?.status;
        for task in client.tasks(id, &PageRequest::default()).await?.items {
            let progress = match task.status.as_str() {
                "processing" => client.task(&task.id).await?.more.remove("progress"),
                _ => None,
            };
            board.show(&task, &progress.unwrap_or_default());
        }
        if status.has_ended() {
            return Ok(status);
        }
        sleep(PAUSE).await;
    }
}

enum Board {
    Bars {
        together: MultiProgress,
        by_task: BTreeMap<String, ProgressBar>,
    },
    /// What was last said of each task.
    Lines(BTreeMap<String, String>),
}

impl Board {
    fn new() -> Self {
        if stderr().is_terminal() {
            Self::Bars { together: MultiProgress::new(), by_task: BTreeMap::new() }
        } else {
            Self::Lines(BTreeMap::new())
        }
    }

    fn show(&mut self, task: &TaskInfo, progress: &Value) {
        let percent = match task.status.as_str() {
            "completed" => 100,
            _ => progress.get("percent").and_then(Value::as_u64).unwrap_or(0),
        };
        let said = said(task, progress);
        match self {
            Self::Bars { together, by_task } => {
                let bar = by_task.entry(task.id.clone()).or_insert_with(|| {
                    together.add(ProgressBar::new(100).with_style(style()).with_prefix(task.name.clone()))
                });
                bar.set_position(percent);
                bar.set_message(said);
                if percent == 100 {
                    bar.abandon();
                }
            }
            Self::Lines(last) => {
                let line = format!("{:<18}  {percent:>3}%  {said}", task.name);
                if task.status != "pending" && last.get(&task.id) != Some(&line) {
                    eprintln!("{line}");
                    last.insert(task.id.clone(), line);
                }
            }
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:18}  {bar:20}  {pos:>3}%  {wide_msg}")
        .expect("the template names what indicatif knows")
}

/// `processing  ML Service        3 of 10 repeats`; what went wrong takes the place of the words.
fn said(task: &TaskInfo, progress: &Value) -> String {
    let service = task.more.get("service_name").and_then(Value::as_str).unwrap_or(BUILT_IN);
    let words = match &task.error {
        Some(error) => format!("{} {}", error.code, error.message),
        None => progress.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
    };
    format!("{:<10}  {service:<16}  {words}", task.status).trim_end().to_owned()
}
