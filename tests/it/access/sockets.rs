//! Keys on sockets: roles, what services are bound to, and the end of a key.

use serde_json::{Value, json};

use super::{Caller, begun};
use crate::harness::Server;
use crate::socket::house::{Peer, registration, report, wire_task};

async fn peer(server: &Server, key: &str) -> Peer {
    let mut peer = Peer::connect(&server.url()).await;
    let answer = peer.call("authenticate", json!({"token": key, "client_type": "test"})).await;
    assert_eq!(answer["success"], true, "{answer}");
    peer
}

fn denied(answer: &Value, what: &str) {
    assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!("GZ4021")), "{what}: {answer}");
}

/// A service as the earlier clients register it, with a node id of its own.
fn service(node_id: &str, name: &str, capability: &str) -> Value {
    let mut payload = registration(node_id, json!({"name": name}));
    payload["capabilities"]["service_capabilities"] = json!([capability]);
    payload["capabilities"]["task_types"] = json!(["external_custom", capability]);
    payload
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_asks_for_its_role() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    for role in gleitzeit::core::access::Role::ALL {
        let mut peer = peer(&server, &admin.key_of_role(role.name()).1).await;
        for (event, least) in gleitzeit::socket::permissions() {
            let Some(least) = least.filter(|least| !role.covers(*least)) else { continue };
            let answer = peer.call(event, json!({"node_id": "n", "task_id": "t", "workflow_id": "w"})).await;
            denied(&answer, &format!("{event} by {}, for {}", role.name(), least.name()));
        }
    }
    let services = admin.get("/api/v1/services/n");
    assert_eq!(services.status, 404, "nobody was registered: {}", services.body);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_what_its_key_says() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let key = |service: &str| {
        let body = json!({
            "user": "admin", "name": service, "role": "service", "services": [service],
            "capabilities": ["custom_processing"],
        });
        admin.key(&body).1
    };
    let mut echo = peer(&server, &key("echo")).await;
    denied(&echo.call("node:register", service("n1", "billing", "custom_processing")).await, "another name");
    denied(&echo.call("node:register", service("n1", "echo", "ml_training")).await, "another capability");
    let registered = echo.call("node:register", service("n1", "echo", "custom_processing")).await;
    assert_eq!(registered["ok"], true, "{registered}");

    // The node id of another service is not to be had, even while that one is away.
    let mut billing = peer(&server, &key("billing")).await;
    denied(
        &billing.call("node:register", service("n1", "billing", "custom_processing")).await,
        "another's id",
    );
    let registered = billing.call("node:register", service("n2", "billing", "custom_processing")).await;
    assert_eq!(registered["ok"], true, "{registered}");

    // The task is given to one of them, and the other cannot report it.
    let mut user = peer(&server, &admin.key_of_role("user").1).await;
    let mut task = wire_task("t", &[]);
    task["parameters"]["service_name"] = json!("echo");
    assert_eq!(user.submit("w", json!([task])).await["ok"], true);
    let assigned = echo.next("task:assign").await;
    let stolen = billing.call("task:completed", report(&assigned, json!({"result": "stolen"}))).await;
    assert_eq!((&stolen["ok"], &stolen["code"]), (&json!(false), &json!("GZ2009")), "{stolen}");
    echo.call("task:accepted", report(&assigned, json!({}))).await;
    assert_eq!(echo.call("task:completed", report(&assigned, json!({"result": "mine"}))).await["ok"], true);
    user.next("workflow:completed").await;
    let results = admin.get("/api/v1/workflows/w/results").body;
    assert_eq!(results["results"]["t"], "mine", "{results}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_ends_its_connections_and_no_others() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let (id, secret) = admin.key(&json!({"user": "admin", "name": "leaves", "role": "operator"}));
    let (_, other) = admin.key(&json!({"user": "admin", "name": "stays", "role": "operator"}));
    let (mut leaves, mut stays) = (peer(&server, &secret).await, peer(&server, &other).await);
    assert_eq!(leaves.call("node:register", registration("n1", json!({}))).await["ok"], true);
    assert_eq!(admin.ask("DELETE", &format!("/api/v1/keys/{id}"), &Value::Null).status, 200);
    let told = leaves.next("authentication_failed").await;
    assert_eq!(told["code"], "GZ4010", "{told}");
    leaves.gone().await;
    assert_eq!(stays.call("cluster:stats", json!({})).await["ok"], true);
    let mut back = Peer::connect(&server.url()).await;
    let answer = back.call("authenticate", json!({"token": secret})).await;
    assert_eq!((&answer["ok"], &answer["code"]), (&json!(false), &json!("GZ4010")), "{answer}");
}

/// The kind of a task is not what a key is bound to: whoever names the kind alone is still given no other work.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_for_one_kind_of_work_is_given_no_other() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let (_, secret) = admin.key(&json!({
        "user": "admin", "name": "box", "role": "service", "services": ["echo"], "capabilities": ["invoices"],
    }));
    let mut echo = peer(&server, &secret).await;
    let mut payload = registration("n1", json!({"name": "echo"}));
    payload["capabilities"]["service_capabilities"] = json!([]);
    payload["capabilities"]["task_types"] = json!(["external_custom"]);
    let registered = echo.call("node:register", payload).await;
    assert_eq!(registered["ok"], true, "{registered}");

    let mut user = peer(&server, &admin.key_of_role("user").1).await;
    let of_kind = |id: &str, kind: &str| {
        let mut task = wire_task(id, &[]);
        task["parameters"]["external_task_type"] = json!(kind);
        task
    };
    let tasks = json!([of_kind("pay", "payroll"), of_kind("bill", "invoices")]);
    assert_eq!(user.submit("w", tasks).await["ok"], true);
    let assigned = echo.next("task:assign").await;
    assert_eq!(assigned["parameters"]["external_task_type"], "invoices", "{assigned}");
    echo.call("task:accepted", report(&assigned, json!({}))).await;
    assert_eq!(echo.call("task:completed", report(&assigned, json!({"result": 1}))).await["ok"], true);
    let tasks = admin.get("/api/v1/workflows/w/tasks").body;
    let statuses: Vec<_> =
        tasks["items"].as_array().expect("tasks").iter().map(|task| &task["status"]).collect();
    assert_eq!(statuses, ["queued", "completed"], "{tasks}");
    assert!(
        echo.names_seen().await.iter().all(|event| event != "task:assign"),
        "nothing else was handed out"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_does_not_go_on_with_what_the_one_before_opened() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (server, admin) = begun(data.path());
    let admin = Caller::new(&server, Some(&admin));
    let service = admin.key_of_role("service").1;
    let mut watcher = peer(&server, &admin.key_of_role("readonly").1).await;
    assert_eq!(watcher.call("watch", json!({})).await["ok"], true);
    assert_eq!(watcher.call("authenticate", json!({"token": service})).await["success"], true);
    let mut user = peer(&server, &admin.key_of_role("user").1).await;
    assert_eq!(user.submit("w", json!([wire_task("t", &[])])).await["ok"], true);
    // Whatever the submission would have told it is on its way before this answer.
    denied(&watcher.call("cluster:stats", json!({})).await, "what its role may not");
    let seen = watcher.names_seen().await;
    assert!(seen.iter().all(|event| !event.starts_with("watch:")), "{seen:?}");

    let mut worker = peer(&server, &service).await;
    assert_eq!(worker.call("node:register", registration("n1", json!({"name": "echo"}))).await["ok"], true);
    let operator = admin.key_of_role("operator").1;
    let refused = worker.call("authenticate", json!({"token": operator})).await;
    assert_eq!((&refused["ok"], &refused["code"]), (&json!(false), &json!("GZ4012")), "{refused}");
    assert_eq!(
        worker.call("node:heartbeat", json!({"node_id": "n1"})).await["ok"],
        true,
        "it goes on as before"
    );
}
