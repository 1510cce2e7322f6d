//! Events in words.

use serde_json::{Map, Value};

use super::super::feed::time_of;
use super::super::output::{lines, text};
use crate::client::FeedEvent;

/// `12:00:00.123  Train Model               attempt 1 failed: GZ2002 it took too long; again at 12:00:02`
pub(super) fn line(event: &FeedEvent, task: &str) -> String {
    let subject = if task.is_empty() { "workflow" } else { task };
    format!("{}  {subject:<24}  {}\n", time_of(event), said(event))
}

/// Whether the event may be the last one of a task or of a workflow.
pub(super) fn may_end(kind: &str) -> bool {
    matches!(
        kind,
        "workflow_ended"
            | "workflow_cancelled"
            | "task_completed"
            | "task_failed"
            | "task_cancelled"
            | "task_skipped"
            | "attempt_lost"
    ) || kind.ends_with("_by_hand")
}

/// A line for what a running task says of itself.
pub(super) fn progress(progress: &Value, task: &str) -> String {
    let empty = Map::new();
    let members = progress.as_object().unwrap_or(&empty);
    let (at, percent, message) = (text(members, "at"), text(members, "percent"), text(members, "message"));
    let time = at.get(11..23).unwrap_or(&at);
    let said = format!("{percent} %  {message}");
    lines(said.lines().map(|line| format!("{time}  {task:<24}  {}", line.trim_end())))
}

fn said(event: &FeedEvent) -> String {
    let fact = |name: &str| text(&event.facts, name);
    let attempt = || format!("attempt {}", fact("attempt"));
    match event.kind.as_str() {
        "workflow_submitted" => format!("submitted: {}, tasks: {}", fact("name"), fact("total_tasks")),
        "workflow_paused" => "paused: no further task starts".to_owned(),
        "workflow_resumed" => "goes on".to_owned(),
        "workflow_cancelled" | "task_cancelled" => "cancelled".to_owned(),
        "workflow_round_started" => "what failed gets another round".to_owned(),
        "workflow_ended" => format!("ended: {}", fact("status")),
        "tasks_retried" => format!("retried on request{}", note(event)),
        "task_assigned" => format!("{} goes to {}", attempt(), fact("worker")),
        "task_accepted" => format!("{} runs", attempt()),
        "task_completed" => format!("{} completed, its result has {} bytes", attempt(), fact("result_bytes")),
        "task_failed" => failed(event, &attempt()),
        "attempt_lost" => format!("{} was lost: {}", attempt(), fact("reason").replace('_', " ")),
        "attempt_refused" => {
            format!("{} was not taken: {}", attempt(), fact("reason").replace('_', " "))
        }
        "task_completed_by_hand" => format!("completed by hand{}", note(event)),
        "task_failed_by_hand" => {
            format!("failed by hand: {} {}{}", fact("code"), fact("message").replace('\n', " "), note(event))
        }
        "task_skipped_by_hand" => format!("skipped by hand{}", note(event)),
        "parameters_edited" => format!("gets other parameters{}", note(event)),
        "task_requeued" => "waits for a worker again".to_owned(),
        "task_skipped" => "skipped, because a task that it depends on did not succeed".to_owned(),
        "grant_released" => format!("{} has let go of {}", fact("worker"), attempt()),
        "late_report_seen" => {
            format!(
                "{} reported {} as {}; too late, nothing changes",
                fact("worker"),
                attempt(),
                fact("outcome")
            )
        }
        // A newer server may tell more than this version has words for.
        other => {
            let given = event.facts.keys().map(|key| format!(" {key}={}", fact(key)));
            format!("{}{}", other.replace('_', " "), given.collect::<String>())
        }
    }
}

/// Who asked for it, and why, where somebody said so.
fn note(event: &FeedEvent) -> String {
    let given = [("by", " by "), ("reason", ": ")];
    let part = |(name, before): (&str, &str)| {
        Some(text(&event.facts, name)).filter(|text| !text.is_empty()).map(|text| format!("{before}{text}"))
    };
    given.into_iter().filter_map(part).collect()
}

fn failed(event: &FeedEvent, attempt: &str) -> String {
    let fact = |name: &str| text(&event.facts, name);
    let message = fact("message").replace('\n', " ");
    let next = fact("retry_at");
    let again = match next.get(11..23) {
        Some(time) => format!("; again at {time}"),
        None => "; that was the last attempt".to_owned(),
    };
    format!("{attempt} failed: {} {message}{again}", fact("code"))
}
