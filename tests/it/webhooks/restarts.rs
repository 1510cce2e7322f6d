//! `kill -9` before a task is taken, after it, and around its callback.

use serde_json::json;

use super::receiver::{Receiver, Reply};
use super::{SECRET_BYTES, call, deliveries, ended, serve, submit, task};
use crate::harness::until;

#[test]
fn a_task_that_was_not_taken_is_posted_again_and_one_that_was_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let (rest, willing, busy) = (server.rest(), Receiver::start(), Receiver::start());
    busy.answers_always(Reply::Status(503));
    let taken = submit(&rest, &willing.url(), json!({}));
    let open = submit(&rest, &busy.url(), json!({}));
    let (handed, refused) = (willing.next(), busy.next());
    until("the delivery is recorded", super::SOON, || {
        deliveries(&rest, &taken).iter().any(|one| one["outcome"] == "taken").then_some(())
    });
    server.kill();
    busy.forget_those_gone();
    busy.answers_always(Reply::Status(202));
    server.restart();
    let again = busy.next();
    assert_eq!(again.id(), refused.id());
    assert_eq!(again.json()["callback_url"], refused.json()["callback_url"]);
    assert!(again.is_signed_with(&SECRET_BYTES));
    willing.hears_nothing();
    busy.hears_nothing();
    assert_eq!(
        (&task(&rest, &taken)["status"], &task(&rest, &taken)["attempt"]),
        (&json!("processing"), &json!(1))
    );

    // The token was made by the process that is gone.
    assert_eq!(call(&rest, &handed.callback(), json!({"result": {"kept": true}})).0, 200);
    assert_eq!(call(&rest, &refused.callback(), json!({"result": 2})).0, 200);
    for workflow in [&taken, &open] {
        assert_eq!(ended(&rest, workflow)["status"], "completed");
    }
    // What had been answered stays answered; the outcome that counts is known after one more end.
    server.kill();
    server.restart();
    let same = call(&rest, &handed.callback(), json!({"result": {"kept": true}}));
    assert_eq!((same.0, &same.1["duplicate"]), (200, &json!(true)), "{}", same.1);
    assert_eq!(call(&rest, &handed.callback(), json!({"result": {"kept": false}})).0, 409);
    willing.hears_nothing();
}

#[test]
fn a_large_result_is_compared_after_it_has_left_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let workflow = submit(&rest, &receiver.url(), json!({}));
    let callback = receiver.next().callback();
    let result = json!({"result": "x".repeat(100_000)});
    assert_eq!(call(&rest, &callback, result.clone()).0, 200);
    ended(&rest, &workflow);
    let (status, _) = server.terminate();
    assert!(status.success());
    server.restart();
    assert_eq!(call(&rest, &callback, result).1["duplicate"], true);
    assert_eq!(call(&rest, &callback, json!({"result": "x".repeat(99_999)})).0, 409);
}

#[test]
fn a_run_that_ends_while_the_server_is_down_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let workflow = submit(&rest, &receiver.url(), json!({"timeout": 3, "max_retries": 0}));
    let callback = receiver.next().callback();
    server.kill();
    std::thread::sleep(std::time::Duration::from_secs(3));
    server.restart();
    assert_eq!(ended(&rest, &workflow)["status"], "failed");
    assert_eq!(call(&rest, &callback, json!({"result": 1})).0, 404);
}
