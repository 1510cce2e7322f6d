//! `gleitzeit services`: who runs tasks.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::output::{Output, pairs, table, text};
use super::remote::Remote;
use super::{Exit, receipt, usage};
use crate::client::{Client, ClientError, GoneService, PageRequest, Service, ServicePage};

/// List the services that the server knows, show one, or have one take no further tasks.
#[derive(Debug, Args)]
pub(super) struct Services {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Show this one: its id, or its name when no other has it.
    service: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all of them, and below those that are gone.
    List,
    /// Show one.
    Show {
        /// The id of the service, or its name when no other has it.
        service: String,
    },
    /// Give it no further task; what it runs goes on.
    Drain {
        /// The id of the service.
        service: String,
    },
    /// Give it tasks again.
    Resume {
        /// The id of the service.
        service: String,
    },
}

impl Services {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let verb = match (self.verb, self.service) {
            (Some(_), Some(word)) => return Err(usage(format!("`{word}` means nothing before a verb"))),
            (Some(verb), None) => verb,
            (None, Some(service)) => Verb::Show { service },
            (None, None) => Verb::List,
        };
        self.remote.run(async |client| {
            match &verb {
                Verb::List => list(&self.output, &all(&client).await?)?,
                Verb::Show { service } => {
                    let service = client.service(service).await?;
                    self.output.one(&service, &service.id, || described(&service))?;
                }
                Verb::Drain { service } => {
                    receipt::print(&self.output, &client.drain_service(service).await?)?;
                }
                Verb::Resume { service } => {
                    receipt::print(&self.output, &client.resume_service(service).await?)?;
                }
            }
            Ok(Exit::Ok)
        })
    }
}

async fn all(client: &Client) -> Result<ServicePage, ClientError> {
    let mut all = client.services(&PageRequest::default()).await?;
    while let Some(cursor) = all.next_cursor.take() {
        let page = client.services(&PageRequest { cursor: Some(cursor), limit: None }).await?;
        all.items.extend(page.items);
        all.next_cursor = page.next_cursor;
    }
    Ok(all)
}

fn list(output: &Output, page: &ServicePage) -> anyhow::Result<()> {
    let mut head =
        vec!["SERVICE", "NAME", "STATUS", "ACTIVE", "CAPACITY", "COMPLETED", "FAILED", "TASK TYPES"];
    if output.is_wide() {
        head.extend(["TYPE", "AVERAGE MS", "BREAKER", "LAST SEEN"]);
    }
    let cells = |service: &Service| {
        let mut cells = row(service);
        if output.is_wide() {
            cells.push(service.node_type.clone());
            cells.extend(["average_run_ms", "breaker", "last_seen_at"].map(|name| text(&service.more, name)));
        }
        cells
    };
    let names = page.items.iter().map(|service| service.id.clone());
    let listed = || table(&head, page.items.iter().map(cells)) + &gone(&page.gone);
    output.print(page, Some(&page.items), names, listed)
}

/// Those that were here, apart from those that are.
pub(super) fn gone(services: &[GoneService]) -> String {
    if services.is_empty() {
        return String::new();
    }
    let row = |service: &GoneService| {
        let left = service.left.clone().unwrap_or_else(|| "unknown".to_owned());
        let cells = [service.name.clone(), left, text(&service.more, "last_seen_at")];
        let counts = ["tasks_completed", "tasks_failed"].map(|name| text(&service.more, name));
        cells.into_iter().chain(counts).chain([service.task_types.join(" ")]).collect()
    };
    let head = ["GONE", "LEFT", "LAST SEEN", "COMPLETED", "FAILED", "TASK TYPES"];
    format!("\n{}", table(&head, services.iter().map(row)))
}

fn row(service: &Service) -> Vec<String> {
    let more = &service.more;
    vec![
        service.id.clone(),
        service.name.clone(),
        service.status.clone(),
        service.active_tasks.to_string(),
        service.capacity.to_string(),
        text(more, "tasks_completed"),
        text(more, "tasks_failed"),
        service.task_types.join(" "),
    ]
}

/// Everything that is known of a service, in words.
pub(super) fn described(service: &Service) -> String {
    let more = &service.more;
    pairs(&[
        ("service", service.id.clone()),
        ("name", service.name.clone()),
        ("type", service.node_type.clone()),
        ("status", service.status.clone()),
        ("connected", service.connected.to_string()),
        ("draining", service.draining.to_string()),
        ("task types", service.task_types.join(" ")),
        ("capabilities", words(more, "capabilities")),
        ("active", format!("{} of {}", service.active_tasks, service.capacity)),
        ("tasks", words(more, "task_ids")),
        ("completed", text(more, "tasks_completed")),
        ("failed", text(more, "tasks_failed")),
        ("average ms", text(more, "average_run_ms")),
        ("breaker", text(more, "breaker")),
        ("last seen", text(more, "last_seen_at")),
    ])
}

fn words(members: &Map<String, Value>, name: &str) -> String {
    let words = members.get(name).and_then(Value::as_array).into_iter().flatten();
    words.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}
