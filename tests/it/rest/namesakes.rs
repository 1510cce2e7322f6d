//! Words that are verbs and may be ids, and verbs that find nothing to do.

use serde_json::json;

use super::{ended, external, post, posted, refused, submit, task_id};
use crate::harness::Server;

#[test]
fn a_workflow_may_be_called_like_a_verb() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    for id in ["batch", "cancel", "retry"] {
        let body = json!({"id": id, "name": id, "tasks": [external("t", &[])]});
        let answer = post(&rest, "/workflows", &body);
        assert_eq!((answer.status, &answer.body["id"]), (201, &json!(id)));
        assert_eq!(rest.read(&format!("/workflows/{id}"))["name"], id);
        assert_eq!(rest.read(&format!("/workflows/{id}/tasks"))["items"][0]["name"], "t");
        assert_eq!(posted(&rest, &format!("/workflows/{id}/cancel"), &json!({}), 200)["id"], id);
        assert_eq!(ended(&rest, id)["status"], "cancelled");
        assert_eq!(posted(&rest, &format!("/workflows/{id}/retry"), &json!({}), 200)["id"], id);
    }
    let all = json!({"filter": {"status": ["pending", "running"]}, "dry_run": true});
    assert_eq!(posted(&rest, "/workflows/cancel", &all, 200)["done"].as_array().unwrap().len(), 3);
}

#[test]
fn an_id_may_tell_a_time_that_was_and_none_that_is_far() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let body = |id: &str| json!({"id": id, "name": id, "tasks": [external("t", &[])]});
    let (past, far) = ("0192f0c0-0000-7000-8000-0000000000a1", "ffffffff-ffff-7fff-8fff-ffffffffffa3");
    assert_eq!(post(&rest, "/workflows", &body(past)).status, 201);
    let answer = post(&rest, "/workflows", &body(far));
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("GZ7001")), "{}", answer.body);
    assert!(answer.body["detail"].as_str().unwrap().contains("days ahead"), "{}", answer.body);
    assert_eq!(rest.get(&format!("/workflows/{far}")).unwrap().status, 404);
}

#[test]
fn a_retry_of_what_cannot_run_again_is_a_conflict() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let task = json!({"name": "t", "function": "count_words", "args": ["x"]});
    let done = submit(&rest, &json!({"name": "done", "tasks": [task]}));
    ended(&rest, &done);
    let conflict = (409, "GZ3009".to_owned());
    assert_eq!(refused(&rest, &format!("/workflows/{done}/retry"), &json!({})), conflict);
    let open = submit(&rest, &json!({"name": "open", "tasks": [external("t", &[])]}));
    assert_eq!(refused(&rest, &format!("/workflows/{open}/retry"), &json!({})), conflict);
    let task = format!("/tasks/{}/retry", task_id(&rest, &open, "t"));
    assert_eq!(refused(&rest, &task, &json!({})), conflict);
    let bulk = json!({"filter": {"name": "done", "status": "completed"}});
    let answer = posted(&rest, "/workflows/retry", &bulk, 200);
    assert_eq!(answer["refused"][0]["error"]["code"], "GZ3009", "{answer}");
}

#[test]
fn what_the_server_itself_runs_is_no_connected_service() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    assert_eq!(server.rest().read("/stats")["connected_services"], 0);
}
