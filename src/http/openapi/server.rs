//! The server itself.

use serde_json::json;
use utoipa::openapi::Required;

use super::conditions;
use super::document::{Document, Tag, text_object};
use super::examples;
use crate::core::errors::EVENTS_RELEASED;
use crate::http::system::ShutdownRequest;
use crate::protocol::rest::{EventView, Health, HistoryView, MetricsView, Stats, Stopping, StoreReport};

const OPEN_METRICS: &str = "application/openmetrics-text";

pub fn events() -> Document {
    let event = examples::event();
    let stream = format!("id: 21\nevent: task_completed\ndata: {event}\n\n");
    Document::new(Tag::Server, "follow_events", "Follow everything that happens")
        .describe(
            "Server-sent events, whose `data` is an event as JSON. With `Accept: application/json` one page of them, whose \
             `next_cursor` is the next `since`; it is null where there is no more yet. Without `since` the page is empty, and \
             its `next_cursor` is the position of what happens next.",
        )
        .query("since", conditions::number(0), "The first position that is wanted; without it, what happens from now on.")
        .query("workflow", text_object(), "The events of this workflow alone.")
        .query("about", text_object().enum_values(Some(["access"])), "`access`: what was done to users and keys, and with the rights of an operator.")
        .query("limit", conditions::number(0), "Of a page: its items at most, 1,000 unless given.")
        .header("Last-Event-ID", "The position that was seen last; the stream goes on behind it.", "20")
        .lists::<EventView>("The stream, or a page.", &event)
        .answers_stream::<EventView>("The stream, or a page.", "text/event-stream", &stream)
        .refuses([EVENTS_RELEASED])
}

pub fn stats() -> Document {
    Document::new(Tag::Server, "get_stats", "Read figures of the process, the log, workflows and tasks")
        .answers::<Stats>(200, "The figures.", examples::stats())
}

pub fn history() -> Document {
    let queued = json!({"urgent": [0, 0], "high": [0, 0], "normal": [3, 0], "low": [0, 0]});
    let history = json!({
        "interval_ms": 5_000, "until_ms": 1_795_694_405_000_u64, "at_ms": [1_795_694_400_000_u64, 1_795_694_405_000_u64],
        "started": [4, 0], "completed": [3, 1], "failed": [0, 0], "workflows_ended": [1, 1], "queued": queued,
        "running": [1, 0], "live_workflows": [1, 0], "dispatch_p50_ms": [0.3, null], "dispatch_p95_ms": [0.6, null],
        "sync_p99_ms": [0.4, null],
    });
    Document::new(Tag::Server, "get_history", "Read how the last hour went")
        .describe("Columns, the oldest sample first. It is kept in memory, so it begins with the process.")
        .query("since", conditions::number(0), "The samples after this time alone; milliseconds since 1970.")
        .answers::<HistoryView>(200, "The samples.", history)
}

pub fn metrics() -> Document {
    let text = "# TYPE gleitzeit_tasks_running gauge\n# HELP gleitzeit_tasks_running Attempts that workers hold.\n\
                gleitzeit_tasks_running 1\n# EOF\n";
    let running = json!({
        "type": "gauge", "unit": null, "help": "Attempts that workers hold.", "samples": [{"labels": {}, "value": 1}],
    });
    let metrics = json!({"metrics": {"gleitzeit_tasks_running": running}});
    Document::new(Tag::Server, "get_metrics", "Collect figures")
        .describe(
            "In the text format of OpenMetrics; with `Accept: application/json` by name, beside the figures of \
             `GET /api/v1/stats`.",
        )
        .answers_text(200, "The figures.", OPEN_METRICS, text)
        .answers::<MetricsView>(200, "The figures.", examples::with(examples::stats(), metrics))
}

pub fn backup() -> Document {
    Document::new(Tag::Server, "back_up", "Take a backup of everything that is durable now")
        .describe(
            "One tar archive, which is read in while the engine goes on. A stream that breaks off is no backup. One \
             backup or check runs at a time.",
        )
        .answers_text(200, "The archive.", "application/x-tar", "(bytes)")
        .answer_header(200, "Content-Disposition", "A name for the file.")
}

pub fn verify() -> Document {
    let report = json!({
        "whole": true, "first_seq": 1, "seq": 42, "segments": 1, "log_bytes": 9_120, "records": 42,
        "archived_workflows": 1, "archived_tasks": 2, "payloads": 4, "problems": [], "more_problems": 0,
    });
    Document::new(Tag::Server, "verify_store", "Check all data while the server runs")
        .describe("Reads the whole log, every archived workflow and every payload. One backup or check runs at a time.")
        .answers::<StoreReport>(200, "What was found.", report)
}

pub fn health() -> Document {
    let well = json!({
        "status": "healthy", "version": env!("CARGO_PKG_VERSION"), "read_only": false, "problems": [],
        "warnings": [],
    });
    Document::new(Tag::Server, "get_health", "Ask whether the server is well").answers::<Health>(
        200,
        "It answers; `problems` says what is wrong, and what to do.",
        well,
    )
}

pub fn livez() -> Document {
    Document::new(Tag::Server, "get_livez", "Ask whether the process lives")
        .answers_text(200, "It does.", "text/plain", "ok")
        .without_engine()
}

pub fn readyz() -> Document {
    Document::new(Tag::Server, "get_readyz", "Ask whether the server takes requests").answers_text(
        200,
        "It does.",
        "text/plain",
        "ok",
    )
}

pub fn openapi() -> Document {
    Document::new(Tag::Server, "get_openapi", "Read this description")
        .answers::<serde_json::Value>(200, "OpenAPI 3.1.", json!({"openapi": "3.1.0"}))
        .without_engine()
}

pub fn shutdown() -> Document {
    Document::new(Tag::Server, "shut_down", "Stop the server after the answer")
        .describe("Services come back by themselves, unless `services` tells them to end too.")
        .takes::<ShutdownRequest>(
            Required::False,
            &[("alone", "The server alone", json!({"services": false}))],
        )
        .answers::<Stopping>(202, "It stops.", json!({"status": "stopping"}))
        .without_engine()
}
