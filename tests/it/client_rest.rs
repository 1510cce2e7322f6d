//! The REST client against an HTTP server that is not ours: what it sends, and what it does with answers.

use std::time::Duration;

use gleitzeit::client::workflow::Workflow;
use gleitzeit::client::{
    Client, ClientError, FeedFilter, PageRequest, Shutdown, SubmitOptions, TextFormat, Tls, WorkflowFilter,
    WorkflowStatus,
};
use serde_json::{Value, json};

use crate::scripted_server::{ScriptedServer, certificate};

/// Generous: it only ends tests that would wait for ever.
const SOON: Duration = Duration::from_mins(3);

fn client(server: &ScriptedServer) -> Client {
    Client::builder(&server.url()).token("secret").build().expect("the address is one")
}

fn submitted() -> Value {
    json!({"status": 201, "json": {"id": "w1", "name": "Hello", "status": "pending", "total_tasks": 1, "seq": 7}})
}

fn workflow() -> Workflow {
    let mut workflow = Workflow::new("Hello");
    workflow.add_python_task("Count", "count_words", json!(["a b"]), json!({}), &[]);
    workflow
}

#[tokio::test]
async fn a_submission_is_repeated_under_its_key_until_it_is_answered() {
    let mut server = ScriptedServer::start().await;
    let busy = json!({"status": 503, "headers": {"Retry-After": "0"},
        "json": {"title": "busy", "status": 503, "code": "GZ1030"}});
    server.respond(json!([null, busy, submitted()])).await;
    let receipt = client(&server).submit(&workflow()).await.unwrap();
    assert_eq!((receipt.id.as_str(), receipt.seq, receipt.status), ("w1", 7, WorkflowStatus::Pending));
    let mut keys = Vec::new();
    for _ in 0..3 {
        let request = server.expect("http").await;
        assert_eq!((&request["method"], &request["path"]), (&json!("POST"), &json!("/api/v1/workflows")));
        assert_eq!(request["headers"]["authorization"], "Bearer secret");
        assert_eq!(request["headers"]["content-type"], "application/json");
        let body: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
        assert_eq!(body, serde_json::to_value(workflow()).unwrap());
        keys.push(request["headers"]["idempotency-key"].clone());
    }
    assert!(keys[0].as_str().is_some_and(|key| !key.is_empty()));
    assert!(keys.iter().all(|key| *key == keys[0]));
}

#[tokio::test]
async fn options_of_a_submission_travel_as_headers() {
    let mut server = ScriptedServer::start().await;
    server.respond(json!([submitted()])).await;
    let options =
        SubmitOptions { idempotency_key: Some("mine".to_owned()), wait: Some(Duration::from_secs(30)) };
    client(&server).submit_text("name: Hello\ntasks: []\n", TextFormat::Yaml, &options).await.unwrap();
    let request = server.expect("http").await;
    let headers = &request["headers"];
    assert_eq!((&headers["idempotency-key"], &headers["prefer"]), (&json!("mine"), &json!("wait=30")));
    assert_eq!(headers["content-type"], "application/yaml");
    assert_eq!(request["body"], "name: Hello\ntasks: []\n");
}

#[tokio::test]
async fn a_problem_keeps_all_that_was_said_and_is_not_repeated() {
    let mut server = ScriptedServer::start().await;
    let problem = json!({"type": "/errors/GZ3003", "title": "A circle", "status": 422, "detail": "a -> a",
        "code": "GZ3003", "tasks": ["a"]});
    server.respond(json!([{"status": 422, "json": problem}])).await;
    let error = client(&server).validate(&workflow()).await.unwrap_err();
    assert_eq!(error.to_string(), "error[GZ3003]: A circle: a -> a");
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.kind.as_str()), (422, "/errors/GZ3003"));
    assert_eq!(problem.more["tasks"], json!(["a"]));

    let error = client(&server).workflow("w1").await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected { status: 404, .. }), "{error}");
    let nobody = Client::new("http://127.0.0.1:1").unwrap().is_ready().await;
    assert!(!nobody);
}

#[tokio::test]
async fn lists_and_single_things() {
    let mut server = ScriptedServer::start().await;
    let client = client(&server);
    let page = json!({"json": {"items": [], "next_cursor": "n"}});
    let why = json!({"task_id": "t", "task_name": "T", "workflow_id": "w", "status": "queued",
        "summary": "nobody is there", "reasons": [{"kind": "no_worker", "message": "none", "wanted": "ml"}]});
    let stats = json!({"version": "1", "pid": 1, "uptime_seconds": 1.5, "rss_bytes": 2, "cpu_seconds": 0.1,
        "seq": 3, "connected_services": 4});
    let answers = json!([page, {"json": {"id": "w", "name": "W", "status": "running", "created_at": "x"}}, page,
        page, {"json": {"id": "t", "name": "T", "status": "queued", "attempt": 2}}, {"json": why}, page,
        {"json": {"id": "s", "name": "S", "connected": true}}, {"json": stats},
        {"status": 503, "json": {"status": "unhealthy", "problems": ["disk"]}}, {"json": "ok"}]);
    server.respond(answers).await;
    let filter = WorkflowFilter {
        statuses: vec![WorkflowStatus::Running, WorkflowStatus::Failed],
        name: Some("a b&c".to_owned()),
        tags: vec!["x=y".to_owned()],
        metadata: vec![("team a".to_owned(), "R&D".to_owned())],
        page: PageRequest { cursor: Some("c".to_owned()), limit: Some(5) },
        ..WorkflowFilter::default()
    };
    let first = PageRequest::default();
    assert_eq!(client.workflows(&filter).await.unwrap().next_cursor.as_deref(), Some("n"));
    let query = json!({"status": "running,failed", "name": "a b&c", "tag": "x=y", "metadata.team a": "R&D",
        "cursor": "c", "limit": "5"});
    assert_eq!(server.expect("http").await["query"], query);
    assert_eq!(client.workflow("a/b").await.unwrap().status, WorkflowStatus::Running);
    client.tasks("w", &first).await.unwrap();
    client.workflow_events("w", &first).await.unwrap();
    assert_eq!(client.task("t").await.unwrap().attempt, 2);
    assert_eq!(client.why("t").await.unwrap().reasons[0].facts["wanted"], "ml");
    client.services(&first).await.unwrap();
    assert!(client.service("s").await.unwrap().connected);
    assert_eq!(client.stats().await.unwrap().more["connected_services"], 4);
    assert_eq!(client.health().await.unwrap().problems, ["disk"]);
    assert!(client.is_live().await);
    let paths = [
        "/api/v1/workflows/a%2Fb",
        "/api/v1/workflows/w/tasks",
        "/api/v1/workflows/w/events",
        "/api/v1/tasks/t",
        "/api/v1/tasks/t/why",
        "/api/v1/services",
        "/api/v1/services/s",
        "/api/v1/stats",
        "/health",
        "/livez",
    ];
    for path in paths {
        let request = server.expect("http").await;
        assert_eq!((&request["method"], &request["path"]), (&json!("GET"), &json!(path)));
    }
}

#[tokio::test]
async fn verbs() {
    let mut server = ScriptedServer::start().await;
    let client = client(&server);
    let done = json!({"json": {"id": "x", "status": "cancelled", "seq": 5}});
    server.respond(Value::Array(vec![done; 9])).await;
    assert_eq!(client.cancel_workflow("w").await.unwrap().seq, 5);
    client.pause_workflow("w").await.unwrap();
    client.resume_workflow("w").await.unwrap();
    client.retry_workflow("w").await.unwrap();
    client.cancel_task("t").await.unwrap();
    client.retry_task("t").await.unwrap();
    client.drain_service("s").await.unwrap();
    client.resume_service("s").await.unwrap();
    client.shutdown(Shutdown::WithServices).await.unwrap();
    let paths = [
        "workflows/w/cancel",
        "workflows/w/pause",
        "workflows/w/resume",
        "workflows/w/retry",
        "tasks/t/cancel",
        "tasks/t/retry",
        "services/s/drain",
        "services/s/resume",
    ];
    for path in paths {
        let request = server.expect("http").await;
        assert_eq!(
            (&request["method"], &request["path"]),
            (&json!("POST"), &json!(format!("/api/v1/{path}")))
        );
    }
    assert_eq!(server.expect("http").await["body"], r#"{"services":true}"#);
}

#[tokio::test]
async fn the_feed_is_read_across_chunks() {
    let mut server = ScriptedServer::start().await;
    let chunks = json!([
        ": hello\n\nid: 8\nevent: task_compl",
        "eted\ndata: {\"seq\":8,\"type\":\"task_completed\",",
        "\"task_id\":\"t1\",\"attempt\":2}\n\n",
        "data: {\"seq\": 9, \"type\": \"workflow_ended\"}\n\n"
    ]);
    server.respond(json!([{"chunks": chunks}])).await;
    let filter = FeedFilter { since: Some(7), workflow: Some("w 1".to_owned()) };
    let mut events = client(&server).events(&filter).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!((first.seq, first.kind.as_str(), first.task_id.as_deref()), (8, "task_completed", Some("t1")));
    assert_eq!(first.facts["attempt"], 2);
    let second = events.next().await.unwrap().unwrap();
    assert_eq!((second.seq, second.kind.as_str()), (9, "workflow_ended"));
    assert!(events.next().await.unwrap().is_none());
    let request = server.expect("http").await;
    assert_eq!(request["query"], json!({"since": "7", "workflow": "w 1"}));
    assert_eq!(request["headers"]["accept"], "text/event-stream");

    let released = json!({"title": "Released.", "status": 410, "code": "GZ5011", "detail": "first kept: 5"});
    server.respond(json!([{"status": 410, "json": released}])).await;
    assert_eq!(client(&server).events(&filter).await.unwrap_err().code(), Some("GZ5011"));
}

#[tokio::test]
async fn waiting_outlives_a_restart_and_has_an_end() {
    let mut server = ScriptedServer::start().await;
    let info = |status: &str| json!({"json": {"id": "w", "name": "W", "status": status}});
    let results = json!({"json": {"workflow_id": "w", "status": "completed", "total_tasks": 1,
        "completed_tasks": 1, "failed_tasks": 0, "execution_time_seconds": 0.1, "results": {"A": null}, "errors": {}}});
    let unavailable = json!({"status": 503, "json": {"title": "stopping", "code": "GZ1031"}});
    server.respond(json!([info("running"), null, unavailable, info("completed"), results])).await;
    let results = client(&server).wait_for("w", SOON).await.unwrap();
    assert_eq!(results.results["A"], Value::Null);

    server.respond(Value::Array(vec![info("running"); 100])).await;
    let error = client(&server).wait_for("w", Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(error, ClientError::WaitTimeout { .. }), "{error}");
}

#[tokio::test]
async fn rest_trusts_whom_it_is_told_to() {
    let mut server = ScriptedServer::start_with_tls().await;
    let url = format!("https://localhost:{}", server.port);
    server.respond(json!([{"json": {"status": "healthy"}}])).await;
    let error = Client::new(&url).unwrap().health().await.unwrap_err();
    assert!(matches!(error, ClientError::Untrusted { .. }), "{error}");
    let trusting = Client::builder(&url).tls(Tls::only(&certificate()).unwrap()).build().unwrap();
    assert_eq!(trusting.health().await.unwrap().status, "healthy");
}
