//! What clients send, as they send it.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::super::*;
use crate::core::command::WorkerFacts;
use crate::core::limits::Limits;

fn registered(payload: &str, expected: &Expect) {
    let facts = read::<RegisterPayload<'_>>(payload).and_then(|register| {
        let WorkerFacts { worker, name, kind, task_types, functions, capabilities, capacity, .. } =
            register.facts()?;
        let rest = register.facts()?;
        Ok(format!(
            "{worker} `{name}` {kind:?} {task_types:?} {functions:?} {capabilities:?} x{capacity}\n\
             cpu {} memory {} gpu {} {} models {:?} tags {:?} every {} ms fences {} aware {}\nactive {:?}",
            rest.cpu_cores,
            rest.memory_mb,
            rest.gpu_memory_mb,
            rest.has_gpu,
            rest.models,
            rest.tags,
            rest.heartbeat_ms.map_or("?".to_owned(), |ms| ms.to_string()),
            rest.fences,
            rest.restart_aware,
            register.active()
        ))
    });
    expected.assert_eq(&facts.unwrap_or_else(|rejection| rejection.to_string()));
}

#[test]
fn registrations() {
    registered(
        r#"{"node_id": "s-1", "name": "ML", "node_type": "external_service", "capabilities": {"task_types":
            ["external_ml", "ml_training", "external_ml", "ml_inference"], "max_concurrent_tasks": 7.0, "external_service": true,
            "service_capabilities": ["ml_training", "ml_inference"]}}"#,
        &expect![[r#"
            s-1 `ML` Service {"external_ml", "ml_inference", "ml_training"} None ["ml_training", "ml_inference"] x7
            cpu 0 memory 0 gpu 0 false models {} tags {} every ? ms fences false aware false
            active None"#]],
    );
    registered(
        r#"{"node_id": "n", "name": "N", "capabilities": {"task_types": ["text_prompt", "own"], "models": ["m"], "has_gpu": true,
            "cpu_cores": 2.5, "memory_gb": 1.5}, "metadata": {"x": 1}, "active": [{"task_id": "0192f0c0-0000-7000-8000-000000000001.3",
            "attempt": 2}, {"task_id": "own", "workflow_id": "0192f0c0-0000-7000-8000-000000000001"}], "restart_aware": true}"#,
        &expect![[r#"
            n `N` Executor {"own", "text"} None [] x10
            cpu 2 memory 1536 gpu 0 true models {"m"} tags {} every ? ms fences true aware true
            active Some([Held { task: Id(0192f0c0-0000-7000-8000-000000000001.3), attempt: Some(AttemptNo(2)) }, Held { task: Own { id: "own", workflow: Some(0192f0c0-0000-7000-8000-000000000001) }, attempt: None }])"#]],
    );
    registered(
        r#"{"node_id": "n", "heartbeat_ms": 5, "capabilities": {"service_capabilities": ["api_integration", "mine"],
            "external_service": true, "functions": ["f"], "cpu_cores": null}}"#,
        &expect![[r#"
            n `n` Service {"api_integration", "external_api", "external_custom", "mine"} Some({"f"}) ["api_integration", "mine"] x10
            cpu 0 memory 0 gpu 0 false models {} tags {} every 1000 ms fences false aware false
            active None"#]],
    );
    registered(
        r#"{"node_id": "n", "capabilities": {"max_concurrent_tasks": "many"}}"#,
        &expect![[
            r#"GZ7001: invalid type: string "many", expected a whole number from 0 to 4294967295 (at `capabilities.max_concurrent_tasks`, line 1, column 64)"#
        ]],
    );
    registered(
        r#"{"node_id": "n", "capabilities": {"max_concurrent_tasks": 0}}"#,
        &expect!["GZ7001: `max_concurrent_tasks` is 0; a worker that takes no tasks has the status draining"],
    );
    registered(
        r#"{"node_id": "", "capabilities": {}}"#,
        &expect!["GZ7001: `node_id` is empty or holds a control character"],
    );
    registered(
        r#"{"node_id": 7, "capabilities": {}}"#,
        &expect!["GZ7001: invalid type: integer `7`, expected text (at `node_id`, line 1, column 13)"],
    );
    registered(r#"{"name": "n"}"#, &expect!["GZ7006: `node_id` is missing (line 1, column 13)"]);
    registered("\"text\"", &expect![[r#"GZ7001: the payload must be an object, not `"text"`"#]]);
    registered("[1, 2]", &expect!["GZ7001: the payload must be an object, not `[1, 2]`"]);
    registered("null", &expect!["GZ7001: the payload must be an object, not `null`"]);
    registered(
        &format!(r#"{{"node_id": "{}"}}"#, "n".repeat(300)),
        &expect![
            "GZ7001: `node_id` begins with `nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn` and has 300 bytes; the limit is 256"
        ],
    );
    registered(
        &format!(r#"{{"node_id": "n", "capabilities": {{"models": [{}"m"]}}}}"#, "\"m\",".repeat(300)),
        &expect!["GZ7001: `models` has 301 entries; the limit is 256"],
    );
}

#[test]
fn heartbeats() {
    let check = |payload: &str, expected: &Expect| {
        let beat = read::<HeartbeatPayload<'_>>(payload).map(|beat| format!("{:?}", beat.heartbeat()));
        expected.assert_eq(&beat.unwrap_or_else(|rejection| rejection.to_string()));
    };
    check(
        r#"{"node_id": "s", "service_name": "S", "status": "ready", "node_type": "external_service", "active_tasks": 2,
            "max_tasks": 10, "tasks_completed": 5.0, "tasks_failed": null, "uptime_seconds": 12.5, "capabilities": [], "timestamp": "x"}"#,
        &expect![
            "Heartbeat { status: Some(Healthy), active: None, active_count: Some(2), reported: Reported { cpu_usage: 0.0, memory_usage: 0.0, tasks_completed: 5, tasks_failed: 0, uptime_seconds: 12.5 } }"
        ],
    );
    check(
        r#"{"node_id": "n", "status": "no such", "cpu_usage": 12, "memory_usage": "?", "current_tasks": ["a", "b"], "active": []}"#,
        &expect![
            "Heartbeat { status: None, active: Some([]), active_count: Some(2), reported: Reported { cpu_usage: 12.0, memory_usage: 0.0, tasks_completed: 0, tasks_failed: 0, uptime_seconds: 0.0 } }"
        ],
    );
    check(
        r#"{"active": [{"attempt": 1}]}"#,
        &expect!["GZ7006: `task_id` is missing (at `active[0]`, line 1, column 26)"],
    );
    let status = read::<StatusPayload<'_>>(r#"{"node_id": "n", "status": "asleep"}"#).unwrap().status();
    expect!["GZ7001: `asleep` is no status of a node (known: starting, healthy, ready, busy, overloaded, unhealthy, offline, draining)"].assert_eq(&status.unwrap_err().to_string());
}

#[test]
fn completions() {
    let limits = Limits { result_bytes_max: 20, ..Limits::default() };
    let completed = |payload: &str, expected: &Expect| {
        let report = read::<CompletedPayload<'_>>(payload).and_then(|report| {
            let result = report.result(&limits)?;
            Ok(format!("{:?} {:?} {}", report.task(), report.attempt(), result.as_str()))
        });
        expected.assert_eq(&report.unwrap_or_else(|rejection| rejection.to_string()));
    };
    completed(
        r#"{"task_id": "a", "workflow_id": "w", "result": { "x" : null }, "node_id": "n", "attempt": 2.0}"#,
        &expect![[
            r#"Own { id: "a", workflow: Some(50e721e4-9c01-8f00-862c-f59f2163542a) } Some(AttemptNo(2)) {"x":null}"#
        ]],
    );
    completed(
        r#"{"task_id": "0192f0c0-0000-7000-8000-000000000001.3", "workflow_id": null, "result": null}"#,
        &expect!["Id(0192f0c0-0000-7000-8000-000000000001.3) None null"],
    );
    completed(r#"{"task_id": "a"}"#, &expect![[r#"Own { id: "a", workflow: None } None null"#]]);
    completed(
        r#"{"task_id": "a", "result": "a text that is too long"}"#,
        &expect![
            "GZ7002: the result of task `a` has 25 bytes; the limit is 20 bytes: store it elsewhere and return a reference"
        ],
    );
    completed(
        r#"{"task_id": 5}"#,
        &expect!["GZ7001: invalid type: integer `5`, expected text (at `task_id`, line 1, column 13)"],
    );
    completed(r#"{"result": 1}"#, &expect!["GZ7006: `task_id` is missing (line 1, column 13)"]);
    completed("null", &expect!["GZ7001: the payload must be an object, not `null`"]);
    completed("[]", &expect!["GZ7001: the payload must be an object, not `[]`"]);
    let deep = format!(r#"{{"task_id": "a", "result": {}{}}}"#, "[".repeat(500), "]".repeat(500));
    let deep = read::<CompletedPayload<'_>>(&deep).unwrap().result(&Limits::default()).unwrap_err();
    expect!["GZ7001: the result of task `a` is nested more than 128 deep"].assert_eq(&deep.to_string());
}

#[test]
fn progress_and_failures() {
    let progress = |payload: &str, expected: &Expect| {
        let report = read::<ProgressPayload<'_>>(payload).and_then(|report| report.progress());
        expected.assert_eq(
            &report.map_or_else(|rejection| rejection.to_string(), |progress| format!("{progress:?}")),
        );
    };
    progress(
        r#"{"task_id": "a", "progress": 45.7, "message": "half"}"#,
        &expect![[r#"Progress { percent: 45, message: "half", data: None }"#]],
    );
    progress(
        r#"{"task_id": "a", "progress": 400, "message": null, "data": {"t": 1}}"#,
        &expect![[r#"Progress { percent: 100, message: "", data: Some(Payload(7 bytes)) }"#]],
    );
    progress(
        &format!(r#"{{"task_id": "a", "data": "{}"}}"#, "x".repeat(70_000)),
        &expect!["GZ7002: `data` has 70002 bytes; the limit is 65536: send it in pieces"],
    );

    let failed = |payload: &str, expected: &Expect| {
        let report = read::<FailedPayload<'_>>(payload).map(|report| format!("{:?}", report.report()));
        expected.assert_eq(&report.unwrap_or_else(|rejection| rejection.to_string()));
    };
    failed(
        r#"{"task_id": "a", "workflow_id": "w", "error": "Task cancelled"}"#,
        &expect![[
            r#"FailureReport { error: "Task cancelled", code: None, retryable: None, retry_after_ms: None, details: None }"#
        ]],
    );
    failed(
        r#"{"task_id": "a", "error": {"why": "x"}, "code": "E1", "retryable": false, "retry_after_ms": 5.5, "details": [1]}"#,
        &expect![[
            r#"FailureReport { error: "{\"why\": \"x\"}", code: Some("E1"), retryable: Some(false), retry_after_ms: Some(5), details: Some(Payload(3 bytes)) }"#
        ]],
    );
    failed(
        &format!(r#"{{"task_id": "a", "details": "{}"}}"#, "x".repeat(70_000)),
        &expect![[
            r#"FailureReport { error: "the worker gave no reason (details of 70002 bytes were left out)", code: None, retryable: None, retry_after_ms: None, details: None }"#
        ]],
    );
}

#[test]
fn requests() {
    let authenticate: AuthenticatePayload<'_> =
        read(r#"{"token": 5, "client_type": "x", "more": 1}"#).unwrap();
    assert_eq!(authenticate.token.0, None);
    assert!(read_optional::<StatsPayload<'_>>(None).unwrap().request_id.is_none());
    assert_eq!(
        read::<StatsPayload<'_>>(r#"{"request_id": "r"}"#).unwrap().request_id.unwrap().get(),
        "\"r\""
    );
    let kinds = |payload| read_optional::<SubscribePayload<'_>>(payload).unwrap().kinds();
    assert_eq!(kinds(Some("null")).unwrap(), MetricKind::ALL.into());
    let some = kinds(Some(r#"{"types": ["node_metrics", "cluster_metrics"]}"#)).unwrap();
    assert_eq!(some, [MetricKind::Node, MetricKind::Cluster].into());
    expect!["GZ7001: `node_metric` is no kind of metrics; did you mean `node_metrics`? (known: all, node_metrics, task_metrics, workflow_metrics, cluster_metrics)"].assert_eq(&kinds(Some(r#"{"types": ["node_metric"]}"#)).unwrap_err().to_string());
    let metrics: GetMetricsPayload<'_> = read(r#"{"type": "all", "history_minutes": 5}"#).unwrap();
    assert_eq!((metrics.kinds().unwrap(), metrics.history_minutes()), (MetricKind::ALL.as_slice(), 5));
    let workflow: WorkflowPayload<'_> = read(r#"{"workflow_id": "nightly"}"#).unwrap();
    let watch: WatchPayload<'_> = read(r#"{"workflow_id": "nightly", "since": 3}"#).unwrap();
    assert_eq!((watch.workflow(), watch.since), (Some(workflow.workflow()), Some(3)));
    expect!["GZ7006: `workflow_id` is missing (line 1, column 2)"]
        .assert_eq(&read::<WorkflowPayload<'_>>("{}").unwrap_err().to_string());
}

proptest! {
    #[test]
    fn no_payload_brings_it_down(payload in r#"([\[\]{}:,"0-9.eE\-]|null|task_id|node_id|"capabilities":|"active":){0,30}"#) {
        let _ = read::<RegisterPayload<'_>>(&payload).map(|payload| payload.facts());
        let _ = read::<HeartbeatPayload<'_>>(&payload).map(|payload| payload.heartbeat());
        let _ = read::<FailedPayload<'_>>(&payload).map(|payload| payload.report());
        let _ = read_optional::<SubscribePayload<'_>>(Some(&payload)).map(|payload| payload.kinds());
    }
}
