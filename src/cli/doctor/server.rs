//! What a server says of itself: never parameters, results, or the words of a failure.

use std::collections::BTreeMap;

use reqwest::Url;

use super::Report;
use crate::cli::output::{lines, pairs, table, text};
use crate::cli::{services, stats, webhooks};
use crate::client::{
    Client, ClientError, DeadLetterFilter, PageRequest, TaskInfo, Webhook, WorkflowFilter, WorkflowInfo,
    WorkflowStatus,
};
use crate::core::errors::{self, Code};

/// Open workflows that are looked into, the latest first.
const WORKFLOWS_MAX: u32 = 10;
/// Tasks of one workflow that are looked at, and those of them that are asked for their reasons.
const TASKS_MAX: u32 = 200;
const REASONS_MAX: usize = 3;
/// Reasons that do not go by themselves, and what they mean.
const STUCK: [(&str, &str); 5] = [
    ("no_worker", "for a worker that is not connected"),
    ("no_handler", "for a worker that has a handler"),
    ("unheard", "for a worker that has fallen silent"),
    ("breaker_open", "for a service that fails again and again"),
    ("same_id", "for a task with the same id to end elsewhere"),
];
const SERVICES_MAX: u32 = 100;
const ERRORS_MAX: u32 = 20;

pub(super) async fn tell(report: &mut Report, client: &Client) -> Result<(), ClientError> {
    let health = client.health().await?;
    let head = pairs(&[("status", health.status.clone()), ("version", health.version.clone())]);
    let said = health.problems.iter().chain(&health.warnings).map(|problem| format!("! {problem}"));
    report.section("Server", &(head + &lines(said)));
    for problem in health.problems.iter().chain(&health.warnings) {
        report.finding(format!("server: {problem}"));
    }
    if health.version != env!("CARGO_PKG_VERSION") {
        report.finding(format!("the server has version {}, and this program another", health.version));
    }
    report.section("Figures", &stats::described(&client.stats().await?));
    services(report, client).await?;
    webhooks(report, client).await?;
    workflows(report, client).await?;
    failures(report, client).await
}

async fn services(report: &mut Report, client: &Client) -> Result<(), ClientError> {
    let page = client.services(&PageRequest { cursor: None, limit: Some(SERVICES_MAX) }).await?;
    let rows = page.items.iter().map(|service| {
        let more = &service.more;
        vec![
            service.id.clone(),
            service.node_type.clone(),
            service.status.clone(),
            format!("{}/{}", service.active_tasks, service.capacity),
            text(more, "tasks_completed"),
            text(more, "tasks_failed"),
            text(more, "breaker"),
            text(more, "last_seen_at"),
        ]
    });
    let head = ["SERVICE", "TYPE", "STATUS", "BUSY", "COMPLETED", "FAILED", "BREAKER", "LAST SEEN"];
    let table = table(&head, rows);
    report.section("Services", &(table + &services::gone(&page.gone)));
    let open = page.items.iter().filter(|service| text(&service.more, "breaker") == "open");
    for service in open {
        report.finding(format!("service {} fails so often that it gets no work for now", service.name));
    }
    Ok(())
}

/// Their receivers by host: a path may be a secret. Findings are among the warnings of the server.
async fn webhooks(report: &mut Report, client: &Client) -> Result<(), ClientError> {
    let page = match client.webhooks().await {
        Ok(page) => page,
        Err(error) if error.code() == Some(&errors::RBAC_PERMISSION_DENIED.to_string()) => {
            report.section("Webhooks", "not told to this key: they are for operators\n");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let row = |webhook: &Webhook| {
        let receiver = Url::parse(&webhook.url).map(|url| url.origin().ascii_serialization());
        let mut cells = vec![webhook.id.clone(), webhooks::standing(webhook), receiver.unwrap_or_default()];
        cells.extend(webhooks::failing(webhook));
        cells
    };
    let head = ["WEBHOOK", "STATUS", "RECEIVER", "FAILING SINCE", "NEXT TRY", "LAST ERROR"];
    let said =
        if page.items.is_empty() { "none\n".to_owned() } else { table(&head, page.items.iter().map(row)) };
    report.section("Webhooks", &said);
    Ok(())
}

async fn workflows(report: &mut Report, client: &Client) -> Result<(), ClientError> {
    let filter = WorkflowFilter {
        statuses: vec![WorkflowStatus::Pending, WorkflowStatus::Running, WorkflowStatus::Paused],
        page: PageRequest { cursor: None, limit: Some(WORKFLOWS_MAX) },
        ..WorkflowFilter::default()
    };
    let page = client.workflows(&filter).await?;
    let mut said = if page.items.is_empty() { "none\n".to_owned() } else { String::new() };
    let mut stuck: BTreeMap<&'static str, usize> = BTreeMap::new();
    for workflow in &page.items {
        let (text, reasons) = open_workflow(client, workflow).await?;
        said += &text;
        let found = STUCK.iter().filter(|(kind, _)| reasons.iter().any(|reason| reason == kind));
        for (_, what) in found.take(1) {
            *stuck.entry(what).or_default() += 1;
        }
    }
    let more = if page.next_cursor.is_some() { " (of the latest ten that are open)" } else { "" };
    if page.next_cursor.is_some() {
        said += "and more\n";
    }
    report.section("Open workflows", &said);
    for (what, count) in stuck {
        report.finding(format!("{} {what}{more}; see Open workflows below", counted(count)));
    }
    Ok(())
}

fn counted(workflows: usize) -> String {
    if workflows == 1 { "1 workflow waits".to_owned() } else { format!("{workflows} workflows wait") }
}

/// A workflow in words, and the kinds of the reasons for which its first tasks wait.
async fn open_workflow(
    client: &Client,
    workflow: &WorkflowInfo,
) -> Result<(String, Vec<String>), ClientError> {
    let page = client.tasks(&workflow.id, &PageRequest { cursor: None, limit: Some(TASKS_MAX) }).await?;
    let mut statuses: BTreeMap<&str, usize> = BTreeMap::new();
    for task in &page.items {
        *statuses.entry(task.status.as_str()).or_default() += 1;
    }
    let counts: Vec<String> = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
    let created = text(&workflow.more, "created_at");
    let mut said = format!("{} {}, since {created}: {}\n", workflow.id, workflow.status, counts.join(", "));
    let waits = |task: &&TaskInfo| matches!(task.status.as_str(), "queued" | "retrying" | "assigned");
    let mut kinds = Vec::new();
    for task in page.items.iter().filter(waits).take(REASONS_MAX) {
        let why = client.why(&task.id).await?;
        for reason in why.reasons {
            let line = [&task.name, &task.status, &reason.kind, &reason.message].map(String::as_str);
            said += &lines([format!("  {}", line.join(": "))]);
            kinds.push(reason.kind);
        }
    }
    Ok((said, kinds))
}

/// By their codes: what a service said of a failure may hold anything.
async fn failures(report: &mut Report, client: &Client) -> Result<(), ClientError> {
    let page = PageRequest { cursor: None, limit: Some(ERRORS_MAX) };
    let letters = client.dead_letters(&DeadLetterFilter { conditions: Vec::new(), page }).await?;
    let row = |task: &TaskInfo| {
        let code = task.error.as_ref().map(|error| error.code.clone()).unwrap_or_default();
        let what = Code::parse(&code).map(|code| code.entry().what).unwrap_or_default();
        let (id, at) = (text(&task.more, "workflow_id"), text(&task.more, "ended_at"));
        vec![at, code, task.name.clone(), id, what.to_owned()]
    };
    let rows: Vec<Vec<String>> = letters.items.iter().map(row).collect();
    let said = if rows.is_empty() {
        "none\n".to_owned()
    } else {
        table(&["ENDED", "CODE", "TASK", "WORKFLOW", "WHAT HAPPENED"], rows)
    };
    report.section("Latest errors", &said);
    Ok(())
}
