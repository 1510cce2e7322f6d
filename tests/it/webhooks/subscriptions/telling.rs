//! What is told, to whom, in which order, and how it is signed.

use serde_json::{Value, json};

use super::{bytes, delivered, deliveries, post, run, run_with, serve, subscribe, told};
use crate::webhooks::receiver::Receiver;

#[test]
fn ends_are_told_in_their_order_and_signed() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, secret) = subscribe(&rest, &receiver, json!(["*"]), json!({"description": "all of it"}));
    let tasks = json!([
        {"name": "Count", "id": "c", "function": "count_words", "args": ["to be"], "tags": ["words"]},
        {"name": "Long", "function": "encode_base64", "args": ["x".repeat(20_000)], "dependencies": ["Count"]},
    ]);
    let metadata = json!({"team": "billing", "exact": 12_345_678_901_234_567_890_u64});
    let body = json!({"name": "Two", "tags": ["red"], "metadata": metadata, "tasks": tasks});
    let answer = rest.post("/workflows", &[("Prefer", "wait=25")], &body).unwrap();
    let id = answer.body["id"].as_str().unwrap();

    let all: Vec<_> = (0..3).map(|_| receiver.next()).collect();
    let kinds: Vec<(String, String)> = all.iter().map(told).collect();
    let expected = [
        ("task.completed", format!("{id}.0")),
        ("task.completed", format!("{id}.1")),
        ("workflow.completed", id.to_owned()),
    ];
    assert_eq!(kinds, expected.map(|(kind, subject)| (kind.to_owned(), subject)));
    let seqs: Vec<u64> = all.iter().map(|one| one.json()["seq"].as_str().unwrap().parse().unwrap()).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
    for (one, seq) in all.iter().zip(&seqs) {
        assert!(one.is_signed_with(&bytes(&secret)));
        assert!(one.header("content-type").starts_with("application/cloudevents+json"));
        let event = one.json();
        assert_eq!(one.id(), event["id"]);
        let hex = webhook.strip_prefix("/webhooks/").unwrap().replace('-', "");
        assert_eq!(one.id(), format!("evt_{hex}_{seq}"));
        assert_eq!((&event["specversion"], &event["source"]), (&json!("1.0"), &json!(server.url())));
        assert_eq!(event["datacontenttype"], "application/json");
        assert!(event["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(event["data"]["workflow"]["name"], "Two");
        assert_eq!(event["data"]["workflow"]["metadata"], metadata);
    }
    let logged = rest.read(&format!("/workflows/{id}/events"));
    let of = |seq: &u64| {
        logged["items"].as_array().unwrap().iter().find(|event| event["seq"] == *seq).unwrap()["type"].clone()
    };
    assert_eq!(of(&seqs[0]), "task_completed");
    assert_eq!(of(&seqs[2]), "workflow_ended");

    let first = &all[0].json()["data"]["task"];
    assert_eq!((&first["result"], &first["key"], &first["attempt"]), (&json!(2), &json!("c"), &json!(1)));
    assert_eq!((&first["status"], &first["tags"]), (&json!("completed"), &json!(["words"])));
    let long = &all[1].json()["data"]["task"];
    assert!(long.get("result").is_none(), "it is larger than what is included");
    assert!(long["result_bytes"].as_u64().unwrap() > 20_000);
    let link = long["url"].as_str().unwrap().strip_prefix(&format!("{}/api/v1", server.url())).unwrap();
    assert_eq!(rest.read(link)["result"].as_str().unwrap().len() as u64 + 2, long["result_bytes"]);
    let end = &all[2].json()["data"]["workflow"];
    assert_eq!((&end["status"], &end["total_tasks"]), (&json!("completed"), &json!(2)));
    let link =
        end["results_url"].as_str().unwrap().strip_prefix(&format!("{}/api/v1", server.url())).unwrap();
    assert_eq!(rest.read(link)["results"]["Count"], 2);

    delivered(&rest, &webhook, "delivered");
    let shown: Vec<Value> = deliveries(&rest, &webhook);
    let ids: Vec<&Value> = shown.iter().rev().map(|one| &one["seq"]).collect();
    assert_eq!(ids, seqs.iter().map(|seq| json!(seq)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert!(shown.iter().all(|one| one["tries"] == 1 && one["response_status"] == 202));
    let page = rest.read(&format!("{webhook}/deliveries?limit=2"));
    let rest_of = format!("{webhook}/deliveries?limit=2&cursor={}", page["next_cursor"].as_str().unwrap());
    let last = rest.read(&rest_of);
    assert_eq!((last["items"].as_array().unwrap().len(), &last["next_cursor"]), (1, &Value::Null));
    receiver.hears_nothing();
}

#[test]
fn each_is_told_what_it_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let rest = server.rest();
    let receivers: Vec<Receiver> = (0..4).map(|_| Receiver::start()).collect();
    let filters = [
        json!({"filter": {"name": "IMPORT"}}),
        json!({"filter": {"tag": ["red", "big"]}}),
        json!({"filter": {"metadata": {"team": "billing"}}}),
        json!({}),
    ];
    for (receiver, filter) in receivers.iter().zip(filters) {
        let events = if filter == json!({}) { json!(["workflow.failed"]) } else { json!(["workflow.*"]) };
        subscribe(&rest, receiver, events, filter);
    }
    let by_name = run(&rest, "Nightly import");
    let by_tags = run_with(&rest, "Other", &json!({"tags": ["big", "red", "x"]}));
    run_with(&rest, "Other", &json!({"tags": ["red"]}));
    let by_metadata = run_with(&rest, "Other", &json!({"metadata": {"team": "billing"}}));
    run_with(&rest, "Other", &json!({"metadata": {"team": "sales"}}));
    for (receiver, id) in receivers.iter().zip([by_name, by_tags, by_metadata]) {
        assert_eq!(told(&receiver.next()), ("workflow.completed".to_owned(), id));
        receiver.hears_nothing();
    }
    receivers[3].hears_nothing();
}

#[test]
fn failures_cancels_skips_and_words_by_hand_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    subscribe(&rest, &receiver, json!(["*"]), json!({}));
    let next = || {
        let one = receiver.next();
        (told(&one).0, one.json()["data"].clone())
    };
    let tasks = json!([
        {"name": "Bad", "function": "factorial", "args": [-1], "max_retries": 0},
        {"name": "After", "function": "count_words", "args": ["{{Bad.result}}"]},
    ]);
    rest.post("/workflows", &[], &json!({"name": "Bad", "tasks": tasks})).unwrap();
    let (kind, data) = next();
    assert_eq!((&*kind, &data["task"]["name"]), ("task.failed", &json!("Bad")));
    assert!(data["task"]["error"]["code"].as_str().unwrap().starts_with("GZ"), "{data}");
    let (kind, data) = next();
    assert_eq!((&*kind, &data["task"]["name"]), ("task.skipped", &json!("After")));
    assert!(data["task"]["cause"].as_str().unwrap().ends_with(".0"));
    let (kind, data) = next();
    assert_eq!((&*kind, &data["workflow"]["status"]), ("workflow.failed", &json!("failed")));

    let waiting =
        json!([{"name": "a", "task_type": "external_api"}, {"name": "b", "task_type": "external_api"}]);
    let answer = rest.post("/workflows", &[], &json!({"name": "Waits", "tasks": waiting})).unwrap();
    let id = answer.body["id"].as_str().unwrap().to_owned();
    post(&rest, &format!("/tasks/{id}.0/complete"), &json!({"result": {"by": "hand"}}));
    let (kind, data) = next();
    assert_eq!((&*kind, &data["task"]["result"]), ("task.completed", &json!({"by": "hand"})));
    assert_eq!(data["task"]["attempt"], Value::Null);
    post(&rest, &format!("/tasks/{id}.1/cancel"), &json!({}));
    assert_eq!(next().0, "task.cancelled");
    assert_eq!(next().0, "workflow.failed");

    let answer = rest.post("/workflows", &[], &json!({"name": "Waits", "tasks": waiting})).unwrap();
    post(&rest, &format!("/workflows/{}/cancel", answer.body["id"].as_str().unwrap()), &json!({}));
    let (kind, data) = next();
    assert_eq!((&*kind, &data["workflow"]["error"]["code"]), ("workflow.cancelled", &json!("GZ3008")));
    let late = json!({"name": "Late", "timeout_seconds": 0.05, "tasks": waiting});
    rest.post("/workflows", &[], &late).unwrap();
    let (kind, data) = next();
    assert_eq!((&*kind, &data["workflow"]["error"]["code"]), ("workflow.failed", &json!("GZ3004")));
    receiver.hears_nothing();
}
