//! One workflow and what belongs to it, as every example shows it.

use serde_json::{Value, json};

pub const WORKFLOW: &str = "019ac000-5f2e-7c1a-9d3b-2e6f8a4b1c70";
pub const TASK: &str = "019ac000-5f2e-7c1a-9d3b-2e6f8a4b1c70.1";
pub const WEBHOOK: &str = "019ac000-7a10-7b44-8c55-90d1e2f3a4b5";
pub(super) const BEGAN: &str = "2026-11-26T12:00:00.000Z";
pub(super) const ENDED: &str = "2026-11-26T12:00:00.120Z";

/// A workflow that can be submitted.
pub fn submission() -> Value {
    json!({"name": "Dice", "tasks": [
        {"name": "Numbers", "function": "random_data",
         "kwargs": {"data_type": "numbers", "count": 100, "min": 1, "max": 6}},
        {"name": "Statistics", "function": "analyze_numbers", "args": ["{{Numbers.result}}"]},
    ]})
}

pub const SUBMISSION_YAML: &str = "\
name: Dice
tasks:
  - name: Numbers
    function: random_data
    kwargs: {data_type: numbers, count: 100, min: 1, max: 6}
  - name: Statistics
    function: analyze_numbers
    args: [\"{{Numbers.result}}\"]
";

pub fn submitted() -> Value {
    json!({"id": WORKFLOW, "name": "Dice", "status": "pending", "total_tasks": 2, "seq": 17})
}

/// The answer to a verb.
pub fn done(id: &str, status: &str) -> Value {
    json!({"id": id, "status": status, "seq": 42})
}

pub fn workflow() -> Value {
    json!({
        "id": WORKFLOW, "name": "Dice", "status": "completed", "total_tasks": 2, "completed_tasks": 2,
        "failed_tasks": 0, "created_at": BEGAN, "started_at": BEGAN, "ended_at": ENDED,
    })
}

pub fn workflow_in_full() -> Value {
    with(
        workflow(),
        json!({
            "description": null, "error_strategy": "continue", "max_parallel_tasks": null, "timeout_seconds": null,
            "tags": ["demo"], "metadata": {"team": "billing"}, "progress_percentage": 100.0,
            "task_counts": {
                "pending": 0, "queued": 0, "assigned": 0, "processing": 0, "retrying": 0, "completed": 2,
                "failed": 0, "cancelled": 0, "skipped": 0,
            },
            "imported": {"at": ENDED, "status": "completed", "version": env!("CARGO_PKG_VERSION")},
        }),
    )
}

/// What does not change while a workflow runs.
pub fn shape() -> Value {
    let route = |function| json!({"task_type": "function", "external_task_type": null, "service_name": null, "function": function});
    json!({
        "names": ["Numbers", "Statistics"], "routes": [route("random_data"), route("analyze_numbers")],
        "route": [0, 1], "dependency_counts": [0, 1], "dependencies": [0],
    })
}

pub fn graph() -> Value {
    let columns = json!({
        "seq": 42, "now_ms": 1_795_694_460_000_u64, "created_ms": 1_795_694_400_000_u64,
        "generated_id": WORKFLOW, "own_ids": {},
        "statuses": [
            "pending", "queued", "assigned", "processing", "retrying", "completed", "failed", "cancelled", "skipped",
        ],
        "task_status": [5, 5], "attempt": [1, 1], "started": [2, 61], "ended": [60, 120],
        "workers": ["built-in"], "worker": [0, 0], "retry_at": {}, "errors": {},
    });
    with(with(workflow_in_full(), columns), shape())
}

pub fn task() -> Value {
    json!({
        "id": TASK, "key": null, "name": "Statistics", "workflow_id": WORKFLOW, "task_type": "function",
        "external_task_type": null, "service_name": null, "status": "completed", "priority": "normal", "attempt": 1,
        "failures": 0, "max_attempts": 4, "timeout_seconds": 300.0, "dependencies": ["Numbers"],
        "worker": "built-in", "started_at": BEGAN, "ended_at": ENDED, "retry_at": null, "error": null,
        "usage": null,
    })
}

pub fn task_in_full() -> Value {
    with(
        task(),
        json!({
            "parameters": {"function_name": "analyze_numbers", "args": ["{{Numbers.result}}"]},
            "parameters_edited": false, "result": {"count": 100, "mean": 3.48}, "progress": null, "releasing": [],
            "attempts": [], "tags": [], "metadata": null,
        }),
    )
}

pub fn letter() -> Value {
    let failure = json!({
        "status": "failed", "attempt": 4, "failures": 4, "worker": null,
        "error": {
            "code": "GZ2001", "name": "TASK_EXECUTION_FAILED", "message": "the list is empty",
        },
        "workflow_name": "Dice", "workflow_status": "failed",
    });
    with(task(), failure)
}

pub fn event() -> Value {
    json!({
        "seq": 21, "at": ENDED, "type": "task_completed", "workflow_id": WORKFLOW, "task_id": TASK, "attempt": 1,
        "result_bytes": 214, "usage": null,
    })
}

pub fn webhook() -> Value {
    json!({
        "id": WEBHOOK, "url": "https://shop.example/hooks/gleitzeit", "description": "tells the shop",
        "events": ["workflow.completed", "workflow.failed"], "filter": {"tag": ["paid"]}, "enabled": true,
        "status": "enabled", "reason": null, "created_at": BEGAN, "changed_at": BEGAN, "cursor": 43,
        "given_up_in_a_row": 0, "missed": null, "failing": null,
    })
}

pub fn webhook_made() -> Value {
    with(webhook(), json!({"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "seq": 42}))
}

pub fn delivery() -> Value {
    json!({
        "id": "41", "webhook_id": "evt_019ac0007a107b448c5590d1e2f3a4b5_41", "type": "workflow.completed", "seq": 41,
        "workflow_id": WORKFLOW, "task_id": null, "status": "delivered", "tries": 1, "response_status": 204,
        "error": null, "first_at": ENDED, "last_at": ENDED, "next_at": null,
    })
}

pub fn services() -> Value {
    json!({
        "items": [service()], "next_cursor": null,
        "gone": [{
            "name": "Archive", "last_seen_at": BEGAN, "left": "lost", "id": "archive-1",
            "node_type": "external_service", "task_types": ["external_processing"],
            "capabilities": ["data_processing"], "tasks_completed": 17, "tasks_failed": 1,
        }],
    })
}

pub fn service() -> Value {
    json!({
        "id": "ml-1", "name": "Churn model", "node_type": "external_service", "connected": true, "status": "healthy",
        "draining": false, "task_types": ["external_ml", "ml_inference", "ml_training"],
        "capabilities": ["ml_training"], "capacity": 4, "active_tasks": 1, "task_ids": [TASK],
        "tasks_completed": 1_024, "tasks_failed": 3, "average_run_ms": 812, "breaker": "closed",
        "breaker_open_until": null,
        "recent": {
            "window_seconds": 312.5, "completed": 99, "failed": 1, "success_rate": 0.99, "run": spread(),
            "round_trip": spread(),
        }, "connected_at": BEGAN, "last_seen_at": ENDED, "last_heartbeat_at": ENDED,
        "reported": {
            "cpu_usage": 12.5, "memory_usage": 40.0, "tasks_completed": 1_024, "tasks_failed": 3,
            "uptime_seconds": 86_400.0,
        },
    })
}

pub fn stats() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"), "pid": 4_242, "uptime_seconds": 86_400.5, "rss_bytes": 23_068_672,
        "cpu_seconds": 12.25, "seq": 42,
        "disk": {"log_bytes": 67_108_864, "store_bytes": 524_288, "free_bytes": 68_719_476_736_u64},
        "latency": {"window_seconds": 312.5, "dispatch": spread(), "sync": spread(), "queue_wait": spread()},
        "log": {"first_seq": 1, "durable_seq": 42, "appended_bytes": 9_120, "batches": 11, "read_only": false,
                "check": {"checked_bytes": 0, "rounds": 0, "damaged_segments": 0}},
        "workflows": {"running": 1}, "live_workflows": 1,
        "tasks": {"running": 1, "leases": 1, "queued": {"urgent": 0, "high": 0, "normal": 3, "low": 0}},
        "connected_services": 1, "archive_backlog": 0,
    })
}

fn spread() -> Value {
    json!({"count": 1_024, "p50_ms": 0.25, "p95_ms": 0.75, "p99_ms": 1.5})
}

/// The members of both objects.
pub fn with(mut object: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (object.as_object_mut(), more) {
        members.extend(more);
    }
    object
}
