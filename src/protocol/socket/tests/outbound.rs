//! What clients are sent.

use expect_test::{Expect, expect};
use serde::Serialize;
use serde_json::value::RawValue;

use super::super::*;
use crate::core::command::{Reported, WorkerFacts, WorkerKind, WorkerStatus};
use crate::core::errors;
use crate::core::ids::{Seq, Timestamp, WorkerId};
use crate::protocol::fields::Seconds;
use crate::protocol::time::NaiveUtc;

const NOW: Timestamp = Timestamp(1_769_903_999_999);

fn sent(payload: &impl Serialize, expected: &Expect) {
    expected.assert_eq(&serde_json::to_string(payload).unwrap());
}

fn raw(json: &str) -> &RawValue {
    serde_json::from_str(json).unwrap()
}

#[test]
fn assignments() {
    let parameters = raw(r#"{"service_name":"S","external_parameters":{"a":1},"external_timeout":30}"#);
    let mut assign = Assign {
        task_id: "t",
        workflow_id: "w",
        attempt: 2,
        task_type: "external_ml",
        task_name: "Train",
        parameters,
        priority: "high",
        max_retries: 3,
        timeout: Seconds { ms: 30_000 },
        assigned_at: NaiveUtc(NOW),
        traceparent: None,
        external: Some(External::new(parameters, Some("ml_training"), Some("S"), Seconds { ms: 1_500 })),
    };
    sent(
        &assign,
        &expect![[
            r#"{"task_id":"t","workflow_id":"w","attempt":2,"task_type":"external_ml","task_name":"Train","parameters":{"service_name":"S","external_parameters":{"a":1},"external_timeout":30},"priority":"high","max_retries":3,"timeout":30,"assigned_at":"2026-01-31T23:59:59.999000","external_task_type":"ml_training","service_name":"S","external_parameters":{"a":1},"external_timeout":1.5}"#
        ]],
    );
    assign.external = None;
    assign.traceparent = Some("00-1-2-01");
    sent(
        &assign,
        &expect![[
            r#"{"task_id":"t","workflow_id":"w","attempt":2,"task_type":"external_ml","task_name":"Train","parameters":{"service_name":"S","external_parameters":{"a":1},"external_timeout":30},"priority":"high","max_retries":3,"timeout":30,"assigned_at":"2026-01-31T23:59:59.999000","traceparent":"00-1-2-01"}"#
        ]],
    );
}

fn facts(kind: WorkerKind) -> WorkerFacts {
    let service = read::<RegisterPayload<'_>>(
        r#"{"node_id": "n-1", "name": "N", "capabilities": {"task_types": ["text"], "service_capabilities": ["ml_training"], "memory_gb": 4}}"#,
    );
    WorkerFacts { kind, ..service.unwrap().facts().unwrap() }
}

#[test]
fn broadcasts() {
    let (service, node) = (facts(WorkerKind::Service), facts(WorkerKind::Executor));
    sent(
        &ServiceRegistration::new(&service, NOW),
        &expect![[
            r#"{"service_id":"n-1","service_name":"N","node_type":"external_service","capabilities":["ml_training"],"task_types":["text"],"max_concurrent_tasks":10,"timestamp":"2026-01-31T23:59:59.999000"}"#
        ]],
    );
    sent(
        &ServiceDeparture::new(&service, NOW),
        &expect![[
            r#"{"service_id":"n-1","service_name":"N","node_type":"external_service","capabilities":["ml_training"],"timestamp":"2026-01-31T23:59:59.999000"}"#
        ]],
    );
    sent(
        &NodeRegistration::new(&node, NOW),
        &expect![[
            r#"{"node_id":"n-1","name":"N","node_type":"executor","capabilities":{"task_types":["text"],"available_models":[],"max_concurrent_tasks":10,"has_gpu":false,"cpu_cores":0,"memory_gb":4.0},"timestamp":"2026-01-31T23:59:59.999000"}"#
        ]],
    );
    sent(
        &NodeDeparture::new(&node, NOW),
        &expect![[
            r#"{"node_id":"n-1","name":"N","node_type":"executor","timestamp":"2026-01-31T23:59:59.999000"}"#
        ]],
    );
    let worker = WorkerId::new("n-1");
    sent(
        &StatusChange::new(&worker, WorkerStatus::Healthy, WorkerStatus::Draining, NOW),
        &expect![[
            r#"{"node_id":"n-1","old_status":"healthy","new_status":"draining","timestamp":"2026-01-31T23:59:59.999000"}"#
        ]],
    );
}

#[test]
fn answers() {
    sent(&Acknowledged::at(Seq(7)), &expect![[r#"{"ok":true,"seq":7}"#]]);
    sent(
        &Refused::from(&Rejection::new(errors::STALE_ATTEMPT, "too late")),
        &expect![[r#"{"ok":false,"code":"GZ2008","message":"too late","retryable":false}"#]],
    );
    sent(
        &Refused::from(&Rejection::new(errors::OVERLOADED, "wait").retry_after(500)),
        &expect![[r#"{"ok":false,"code":"GZ1030","message":"wait","retryable":true,"retry_after_ms":500}"#]],
    );
    sent(
        &RegisteredNode::new(Seq(7), "n", 3, (60_000, 30_000), vec!["t".to_owned()]),
        &expect![[
            r#"{"ok":true,"seq":7,"node_id":"n","session":3,"lease_ms":60000,"heartbeat_ms":30000,"held":["t"]}"#
        ]],
    );
    sent(
        &WorkflowProgress::new("w", (3, 2), (1, 1), NOW),
        &expect![[
            r#"{"workflow_id":"w","progress_percentage":66,"total_tasks":3,"completed_tasks":1,"failed_tasks":1,"timestamp":"2026-01-31T23:59:59.999000"}"#
        ]],
    );
}

#[test]
fn metrics_are_numbers() {
    let (service, node) = (facts(WorkerKind::Service), facts(WorkerKind::Executor));
    let reported = Reported { cpu_usage: 50.0, ..Reported::default() };
    let idle = Reported::default();
    let nodes = vec![
        NodeMetrics::new(
            &service,
            (WorkerStatus::Healthy, &reported),
            (2, 4),
            NOW,
            Some(ServiceMetrics::new(&service, (5, 1))),
        ),
        NodeMetrics::new(&node, (WorkerStatus::Busy, &idle), (0, 4), NOW, None),
    ];
    let metrics = Metrics {
        timestamp: NaiveUtc(NOW),
        cluster_metrics: ClusterMetrics {
            connected_clients: 1,
            executor_nodes: 1,
            external_service_nodes: 1,
            active_workflows: 0,
            monitoring_clients: 0,
        },
        queue_metrics: QueueMetrics::from([1, 2, 3, 4]),
        system_metrics: SystemMetrics { server_cpu: 0.0, server_memory: 0.0, server_disk: 0.0 },
        aggregate_metrics: AggregateMetrics::of(&nodes),
        node_metrics: nodes,
    };
    sent(
        &metrics,
        &expect![[
            r#"{"timestamp":"2026-01-31T23:59:59.999000","cluster_metrics":{"connected_clients":1,"executor_nodes":1,"external_service_nodes":1,"active_workflows":0,"monitoring_clients":0},"node_metrics":[{"node_id":"n-1","name":"N","node_type":"external_service","status":"healthy","cpu_usage":50.0,"memory_usage":0.0,"active_tasks":2,"max_tasks":4,"last_heartbeat":"2026-01-31T23:59:59.999000","has_gpu":false,"uptime_seconds":0.0,"capabilities":["ml_training"],"tasks_completed":5,"tasks_failed":1},{"node_id":"n-1","name":"N","node_type":"executor","status":"busy","cpu_usage":0.0,"memory_usage":0.0,"active_tasks":0,"max_tasks":4,"last_heartbeat":"2026-01-31T23:59:59.999000","has_gpu":false,"uptime_seconds":0.0}],"queue_metrics":{"urgent_queue":1,"high_queue":2,"normal_queue":3,"low_queue":4,"total_queued":10},"system_metrics":{"server_cpu":0.0,"server_memory":0.0,"server_disk":0.0},"aggregate_metrics":{"avg_node_cpu":25.0,"avg_node_memory":0.0,"total_active_tasks":2,"cluster_utilization":25.0}}"#
        ]],
    );
    sent(
        &AggregateMetrics::of(&[]),
        &expect![[
            r#"{"avg_node_cpu":0.0,"avg_node_memory":0.0,"total_active_tasks":0,"cluster_utilization":0.0}"#
        ]],
    );
}
