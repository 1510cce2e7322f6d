//! Answers as a server sends them, without one.

use std::time::Duration;

use serde_json::json;

use super::error::Problem;
use super::{Client, ClientError, Page, Receipt, Service, TaskInfo, WorkflowResults, WorkflowStatus};

#[test]
fn answers_are_read() {
    let page: Page<TaskInfo> = serde_json::from_value(json!({
        "items": [{"id": "t", "name": "A", "status": "queued", "attempt": 2, "key": "k"}], "next_cursor": null
    }))
    .unwrap();
    assert_eq!((page.items[0].attempt, &page.items[0].more["key"]), (2, &json!("k")));
    let results: WorkflowResults = serde_json::from_value(json!({
        "workflow_id": "w", "status": "failed", "total_tasks": 2, "completed_tasks": 1, "failed_tasks": 1,
        "execution_time_seconds": 0.5, "results": {"A": null}, "errors": {"B": {"code": "GZ2002", "message": "late"}}
    }))
    .unwrap();
    assert!(results.status.has_ended() && results.results.contains_key("A"));
    assert_eq!(results.errors["B"].code, "GZ2002");
    let service: Service = serde_json::from_value(json!({"id": "s", "name": "S", "capacity": 3})).unwrap();
    assert_eq!((service.name.as_str(), service.capacity), ("S", 3));
    let done = json!({"id": "w", "status": "paused", "seq": 4, "new": {"a": [1]}});
    let receipt: Receipt = serde_json::from_value(done.clone()).unwrap();
    assert_eq!(serde_json::to_value(receipt).unwrap(), done);
    let newer: WorkflowStatus = serde_json::from_value(json!("archived")).unwrap();
    assert_eq!(newer.name(), "archived");
}

#[test]
fn problems_speak() {
    let problem: Problem = serde_json::from_value(json!({
        "type": "about:blank", "title": "Tasks depend on each other in a circle", "status": 422,
        "detail": "a -> b -> a", "code": "GZ3003", "fix": "Remove one.",
        "retryable": false, "cycle": ["a", "b"]
    }))
    .unwrap();
    assert_eq!(
        problem.to_string(),
        "error[GZ3003]: Tasks depend on each other in a circle: a -> b -> a (Remove one.)"
    );
    assert_eq!(problem.more["cycle"], json!(["a", "b"]));
    let busy = Problem { status: 503, retry_after_ms: Some(2_000), ..problem.clone() };
    let usual = Duration::from_millis(1);
    assert_eq!(ClientError::Problem(Box::new(problem)).retry_delay(usual), None);
    assert_eq!(ClientError::Problem(Box::new(busy)).retry_delay(usual), Some(Duration::from_secs(2)));
}

#[test]
fn ids_are_escaped_and_prefixes_kept() {
    let client = Client::new("http://h:1/gz/").unwrap();
    assert_eq!(
        client.at(&["api", "v1", "workflows", "a/b?c"]).as_str(),
        "http://h:1/gz/api/v1/workflows/a%2Fb%3Fc"
    );
    for bad in ["h:1", "ws://h", ""] {
        assert!(matches!(Client::new(bad), Err(ClientError::Config(_))), "{bad}");
    }
    let token = Client::builder("http://h").token("a\nb").build();
    assert!(matches!(token, Err(ClientError::Config(_))));
}
