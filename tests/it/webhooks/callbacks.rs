//! A task on its way to a receiver, and the answers that count or do not.

use serde_json::json;

use super::receiver::{Receiver, Reply};
use super::{SECRET_BYTES, call, deliveries, ended, processing, serve, submit, task};

#[test]
fn a_task_is_posted_and_signed_and_its_callback_completes_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let workflow = submit(&rest, &receiver.url(), json!({"webhook_token": "a secret of its own"}));
    let posted = receiver.next();
    assert!(posted.is_signed_with(b"a secret of its own"));
    assert!(!posted.is_signed_with(&SECRET_BYTES));
    let hex = workflow.replace('-', "");
    assert_eq!(posted.id(), format!("task_{hex}_0_1"));
    assert_eq!(posted.header("content-type"), "application/json");
    let body = posted.json();
    assert_eq!(body["task_id"], format!("{workflow}.0"));
    assert_eq!((&body["workflow_id"], &body["attempt"]), (&json!(workflow), &json!(1)));
    assert_eq!((&body["task_type"], &body["task_name"]), (&json!("external_webhook"), &json!("Hand on")));
    assert_eq!(body["external_parameters"], json!({"order": 17}));
    assert_eq!(body["parameters"]["external_parameters"], json!({"order": 17}));
    assert_eq!(body["external_task_type"], "webhook_handling");
    assert!(!String::from_utf8_lossy(&posted.body).contains("secret of its own"));
    let shown = task(&rest, &workflow)["parameters"].clone();
    assert_eq!(
        (&shown["webhook_token"], &shown["service_url"]),
        (&json!("(hidden)"), &json!(receiver.url()))
    );
    assert!(body["callback_url"].as_str().unwrap().starts_with(&server.url()));

    let callback = posted.callback();
    let progress = json!({"status": "progress", "progress": 40, "message": "almost"});
    assert_eq!(call(&rest, &callback, progress).0, 200);
    processing(&rest, &workflow);
    assert_eq!(task(&rest, &workflow)["progress"]["percent"], 40);
    let (status, answer) = call(&rest, &callback, json!({"status": "completed", "result": {"sum": 1.50}}));
    assert_eq!((status, &answer["duplicate"]), (200, &json!(false)), "{answer}");
    assert_eq!(ended(&rest, &workflow)["status"], "completed");
    assert_eq!(task(&rest, &workflow)["result"], json!({"sum": 1.5}));
    receiver.hears_nothing();

    // The same again, also laid out otherwise; then something else.
    let (status, answer) = call(&rest, &callback, json!({"result": {"sum": 1.5}}));
    assert_eq!((status, &answer["duplicate"]), (200, &json!(true)), "{answer}");
    for other in [json!({"result": {"sum": 2}}), json!({"result": null}), json!({"error": "no"})] {
        let (status, answer) = call(&rest, &callback, other);
        assert_eq!((status, &answer["code"]), (409, &json!("GZ2063")), "{answer}");
    }
    assert_eq!(call(&rest, &callback, json!({"status": "progress"})).0, 404);
}

/// As floats these numbers are the same one.
#[test]
fn large_numbers_that_differ_are_other_outcomes() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    submit(&rest, &receiver.url(), json!({}));
    let callback = receiver.next().callback();
    let say = |body: &str| {
        let answer = rest.post_text(&callback, "application/json", body).unwrap();
        (answer.status, answer.body)
    };
    assert_eq!(say(r#"{"result": {"id": 12345678901234567890123}}"#).0, 200);
    let (status, answer) = say(r#"{"result": { "id" :12345678901234567890123 } }"#);
    assert_eq!((status, &answer["duplicate"]), (200, &json!(true)), "{answer}");
    for other in ["12345678901234567890124", "1.2345678901234567890123e22", "12345678901234567890123.0"] {
        let (status, answer) = say(&format!(r#"{{"result": {{"id": {other}}}}}"#));
        assert_eq!((status, &answer["code"]), (409, &json!("GZ2063")), "{other}: {answer}");
    }
}

#[test]
fn forged_tokens_and_bodies_that_say_nothing_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let workflow = submit(&rest, &receiver.url(), json!({}));
    let posted = receiver.next();
    assert!(posted.is_signed_with(&SECRET_BYTES));
    let callback = posted.callback();
    for at in ["/callbacks/".len(), callback.len() / 2, callback.len() - 1] {
        let mut forged = callback.clone().into_bytes();
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        let (status, answer) = call(&rest, &forged, json!({"result": 1}));
        assert_eq!((status, &answer["code"]), (404, &json!("GZ2062")), "{answer}");
    }
    for (body, code) in [
        (json!({}), "GZ7006"),
        (json!([]), "GZ7001"),
        (json!({"status": "complete"}), "GZ7001"),
        (json!({"status": "completed", "reslut": 1}), "GZ7003"),
        (json!({"result": "x".repeat(8 << 20)}), "GZ7002"),
    ] {
        let (status, answer) = call(&rest, &callback, body);
        assert!((400..500).contains(&status) && answer["code"] == code, "{code}: {status} {answer}");
    }
    assert_eq!(rest.get(&callback).unwrap().status, 405);
    processing(&rest, &workflow);
    assert_eq!(call(&rest, &callback, json!({"result": 1})).0, 200);
}

#[test]
fn a_reported_failure_is_tried_again_under_another_id() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let retry = json!({"max_attempts": 2, "strategy": "fixed", "base_delay": 0.01});
    let workflow = submit(&rest, &receiver.url(), json!({"retry": retry}));
    let first = receiver.next();
    let failed = json!({"status": "failed", "error": "out of paper", "code": "E7"});
    assert_eq!(call(&rest, &first.callback(), failed.clone()).0, 200);
    let second = receiver.next();
    assert_ne!(first.id(), second.id());
    assert_eq!(second.json()["attempt"], 2);
    let (status, answer) = call(&rest, &first.callback(), failed);
    assert_eq!((status, &answer["duplicate"]), (200, &json!(true)), "{answer}");
    assert_eq!(call(&rest, &first.callback(), json!({"result": 1})).0, 409);
    let last = json!({"error": "no ink", "retryable": false});
    assert_eq!(call(&rest, &second.callback(), last.clone()).0, 200);
    assert_eq!(ended(&rest, &workflow)["status"], "failed");
    assert_eq!(task(&rest, &workflow)["error"]["message"], "no ink");
    assert_eq!(call(&rest, &second.callback(), last).1["duplicate"], true);
    assert_eq!(call(&rest, &second.callback(), json!({"error": "no paper"})).0, 409);
}

#[test]
fn a_task_that_ended_without_its_receiver_takes_no_callback() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let workflow = submit(&rest, &receiver.url(), json!({}));
    let posted = receiver.next();
    rest.post(&format!("/tasks/{workflow}.0/cancel"), &[], &json!({})).unwrap();
    assert_eq!(call(&rest, &posted.callback(), json!({"result": 1})).0, 404);
    let late = submit(&rest, &receiver.url(), json!({"timeout": 3, "max_retries": 0}));
    let posted = receiver.next();
    assert_eq!(ended(&rest, &late)["status"], "failed");
    assert_eq!(task(&rest, &late)["error"]["code"], "GZ2002");
    assert_eq!(call(&rest, &posted.callback(), json!({"result": 1})).0, 404);
}

#[test]
fn deliveries_are_repeated_under_one_id_until_they_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    receiver.script([Reply::Status(503), Reply::Status(429), Reply::Silence, Reply::Status(204)]);
    let workflow = submit(&rest, &receiver.url(), json!({}));
    let first = receiver.next();
    for _ in 0..3 {
        let again = receiver.next();
        assert_eq!((again.id(), &again.body), (first.id(), &first.body));
        assert!(again.is_signed_with(&SECRET_BYTES));
    }
    receiver.hears_nothing();
    let told = deliveries(&rest, &workflow);
    let shown: Vec<_> = told.iter().map(|one| (&one["try"], &one["outcome"], &one["status"])).collect();
    let (refused, taken) = (json!("refused"), json!("taken"));
    assert_eq!(
        shown,
        [
            (&json!(1), &refused, &json!(503)),
            (&json!(2), &refused, &json!(429)),
            (&json!(3), &json!("unanswered"), &json!(null)),
            (&json!(4), &taken, &json!(204)),
        ]
    );
    assert!(told[0]["next_at"].is_string() && told[3]["next_at"].is_null());
    assert!(told[2]["error"].as_str().unwrap().contains("no whole response within 10 s"), "{}", told[2]);
    assert!(!told[2]["error"].as_str().unwrap().contains("hidden"));
    assert_eq!(call(&rest, &first.callback(), json!({"result": 1})).0, 200);
}

#[test]
fn receivers_that_refuse_and_addresses_that_are_denied_fail_the_task() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let elsewhere = Receiver::start();
    let once = json!({"max_retries": 0});
    let redirect = Reply::RedirectTo(elsewhere.url());
    let denied = Reply::RedirectTo("http://169.254.169.254/latest".to_owned());
    for (reply, status) in
        [(Reply::Status(410), 410), (Reply::Status(401), 401), (redirect, 302), (denied, 302)]
    {
        receiver.script([reply]);
        let workflow = submit(&rest, &receiver.url(), once.clone());
        assert_eq!(ended(&rest, &workflow)["status"], "failed");
        let error = task(&rest, &workflow)["error"].clone();
        assert_eq!(error["code"], "GZ2060", "{error}");
        assert!(error["message"].as_str().unwrap().contains(&format!("answered {status}")), "{error}");
        assert!(!error["message"].as_str().unwrap().contains("hidden"), "{error}");
    }
    elsewhere.hears_nothing();
    for url in
        ["http://127.0.0.2:9/", "http://169.254.169.254/latest", "http://[::1]/", "https://a:b@x.example/"]
    {
        let workflow = submit(&rest, url, json!({}));
        assert_eq!(ended(&rest, &workflow)["status"], "failed");
        assert_eq!(task(&rest, &workflow)["error"]["code"], "GZ2061");
        assert_eq!(task(&rest, &workflow)["attempt"], 1, "another try would not help");
    }
    let body =
        json!({"name": "W", "tasks": [{"name": "a", "external": "webhook", "service_url": "ftp://x"}]});
    let answer = rest.post("/workflows", &[], &body).unwrap();
    assert_eq!((answer.status, &answer.body["code"]), (400, &json!("GZ7001")), "{}", answer.body);
}

#[test]
fn receivers_that_never_answer_hold_nobody_else_up() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, dead, quick) = (server.rest(), Receiver::start(), Receiver::start());
    dead.answers_always(Reply::Silence);
    let tasks: Vec<_> = (0..40)
        .map(|number| json!({"name": format!("dead {number}"), "external": "webhook", "service_url": dead.url()}))
        .collect();
    let answer = rest.post("/workflows", &[], &json!({"name": "Dead", "tasks": tasks})).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    dead.next();
    let workflow = submit(&rest, &quick.url(), json!({}));
    let posted = quick.next();
    assert_eq!(call(&rest, &posted.callback(), json!({"result": "quick"})).0, 200);
    assert_eq!(ended(&rest, &workflow)["status"], "completed");
    // Each of the others is under way or waits for its turn.
    let waiting = answer.body["id"].as_str().unwrap();
    assert_eq!(rest.read(&format!("/workflows/{waiting}"))["status"], "running");
}
