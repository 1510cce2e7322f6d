//! `gleitzeit services`: who runs tasks.

use clap::Args;
use serde_json::{Map, Value};

use super::Exit;
use super::output::{Output, pairs, table};
use super::remote::Remote;
use super::status::text;
use crate::client::{PageRequest, Service};

/// List the services that the server knows, or show one.
#[derive(Debug, Args)]
pub(super) struct Services {
    /// The id of a service, or its name when no other has it.
    service: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Services {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            if let Some(id) = &self.service {
                let service = client.service(id).await?;
                self.output.one(&service, &service.id, || described(&service))?;
                return Ok(Exit::Ok);
            }
            let page = client.services(&PageRequest::default()).await?;
            let names = page.items.iter().map(|service| service.id.clone());
            self.output.print(&page, Some(&page.items), names, || {
                table(
                    &["SERVICE", "NAME", "STATUS", "ACTIVE", "CAPACITY", "COMPLETED", "FAILED", "TASK TYPES"],
                    page.items.iter().map(row),
                )
            })?;
            Ok(Exit::Ok)
        })
    }
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

fn described(service: &Service) -> String {
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
