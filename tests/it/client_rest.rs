//! The REST client against an HTTP server that is not ours: what it sends, and what it does with answers.

use std::time::Duration;

use gleitzeit::client::workflow::Workflow;
use gleitzeit::client::{
    Action, Client, ClientError, PageRequest, SubmitOptions, TextFormat, Tls, WorkflowFilter, WorkflowStatus,
};
use serde_json::{Value, json};

use crate::scripted_server::{ScriptedServer, certificate};

const SOON: Duration = Duration::from_secs(10);

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
    let problem = json!({"type": "/errors/GZ3003", "title": "A circle.", "status": 422, "detail": "a -> a",
        "code": "GZ3003", "tasks": ["a"]});
    server.respond(json!([{"status": 422, "json": problem}])).await;
    let error = client(&server).validate(&workflow()).await.unwrap_err();
    assert_eq!(error.to_string(), "error[GZ3003]: A circle. a -> a");
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.kind.as_str()), (422, "/errors/GZ3003"));
    assert_eq!(problem.more["tasks"], json!(["a"]));

    let error = client(&server).workflow("w1").await.unwrap_err();
    assert!(matches!(error, ClientError::Unexpected { status: 404, .. }), "{error}");
    let nobody = Client::new("http://127.0.0.1:1").unwrap().is_ready().await;
    assert!(!nobody);
}

#[tokio::test]
async fn every_path() {
    let mut server = ScriptedServer::start().await;
    let client = client(&server);
    let page = json!({"json": {"items": [], "next_cursor": "n"}});
    let (info, task) =
        (json!({"id": "w", "name": "W", "status": "running"}), json!({"id": "t", "status": "queued"}));
    let answers = json!([page, {"json": info}, page, page, {"json": {"seq": 1}}, {"json": task},
        {"json": {"waits_for": []}}, {"json": {"seq": 2}}, page, {"json": {"id": "s", "name": "S"}},
        {"json": {"pid": 1}}, {"status": 503, "json": {"status": "unhealthy", "reason": "disk"}}, {"json": {}}]);
    server.respond(answers).await;
    let filter = WorkflowFilter {
        status: Some(WorkflowStatus::Running),
        name: Some("a b&c".to_owned()),
        page: PageRequest { cursor: Some("c".to_owned()), limit: Some(5) },
    };
    let first = PageRequest::default();
    assert_eq!(client.workflows(&filter).await.unwrap().next_cursor.as_deref(), Some("n"));
    let query = json!({"status": "running", "name": "a b&c", "cursor": "c", "limit": "5"});
    assert_eq!(server.expect("http").await["query"], query);
    assert_eq!(client.workflow("a/b").await.unwrap().status, WorkflowStatus::Running);
    client.tasks("w", &first).await.unwrap();
    client.workflow_events("w", &first).await.unwrap();
    assert_eq!(client.act_on_workflow("w", Action::Cancel).await.unwrap().seq, Some(1));
    assert_eq!(client.task("t").await.unwrap().status, "queued");
    assert_eq!(client.why("t").await.unwrap(), json!({"waits_for": []}));
    client.act_on_task("t", Action::Retry).await.unwrap();
    client.services(&first).await.unwrap();
    assert_eq!(client.service("s").await.unwrap().name, "S");
    assert_eq!(client.stats().await.unwrap()["pid"], 1);
    let health = client.health().await.unwrap();
    assert_eq!((health.status.as_str(), &health.more["reason"]), ("unhealthy", &json!("disk")));
    assert!(client.is_live().await);
    let expected = [
        "GET /api/v1/workflows/a%2Fb",
        "GET /api/v1/workflows/w/tasks",
        "GET /api/v1/workflows/w/events",
        "POST /api/v1/workflows/w/cancel",
        "GET /api/v1/tasks/t",
        "GET /api/v1/tasks/t/why",
        "POST /api/v1/tasks/t/retry",
        "GET /api/v1/services",
        "GET /api/v1/services/s",
        "GET /api/v1/stats",
        "GET /health",
        "GET /livez",
    ];
    for expected in expected {
        let request = server.expect("http").await;
        let seen = format!("{} {}", request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        assert_eq!(seen, expected);
    }
}

#[tokio::test]
async fn the_feed_is_read_across_chunks() {
    let mut server = ScriptedServer::start().await;
    let chunks = json!([
        ": hello\n\nid: 8\nevent: task_compl",
        "eted\ndata: {\"task_id\":",
        "\"t1\"}\n\n",
        "data: {\"seq\": 9, \"type\": \"workflow_completed\"}\n\n"
    ]);
    server.respond(json!([{"chunks": chunks}])).await;
    let mut events = client(&server).events(7).await.unwrap();
    let first = events.next().await.unwrap().unwrap();
    assert_eq!((first.seq, first.kind.as_str(), &first.data["task_id"]), (8, "task_completed", &json!("t1")));
    let second = events.next().await.unwrap().unwrap();
    assert_eq!((second.seq, second.kind.as_str()), (9, "workflow_completed"));
    assert!(events.next().await.unwrap().is_none());
    let request = server.expect("http").await;
    assert_eq!(
        (&request["query"], &request["headers"]["accept"]),
        (&json!({"since": "7"}), &json!("text/event-stream"))
    );

    let released = json!({"title": "Released.", "status": 410, "code": "GZ5011", "detail": "first kept: 5"});
    server.respond(json!([{"status": 410, "json": released}])).await;
    assert_eq!(client(&server).events(1).await.unwrap_err().code(), Some("GZ5011"));
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
    assert!(error.is_unreachable(), "{error}");
    let trusting = Client::builder(&url).tls(Tls::only(&certificate()).unwrap()).build().unwrap();
    assert_eq!(trusting.health().await.unwrap().status, "healthy");
}
