//! Endpoints that ask for a pause: whoever was asked has tried, and whoever was not has lost nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::gate::Gate;
use super::house::{House, PATIENCE, endpoint};
use super::peer::{Act, Peer, behind};
use crate::harness::until;

fn prompt(model: &str) -> Value {
    json!({"prompt": "p", "model_name": model})
}

fn slow_down(seconds: &'static str) -> Act {
    Act::Status(429, vec![("Retry-After", seconds)], r#"{"error": "slow down"}"#)
}

fn task(house: &House, workflow: &str, index: usize) -> Value {
    house.rest.read(&format!("/tasks/{workflow}.{index}"))
}

fn why(house: &House, workflow: &str, index: usize) -> Value {
    house.rest.read(&format!("/tasks/{workflow}.{index}/why"))
}

fn events(house: &House, workflow: &str, kind: &str) -> Vec<Value> {
    let events = house.rest.read(&format!("/workflows/{workflow}/events?limit=1000"));
    let all = events["items"].as_array().unwrap();
    all.iter().filter(|event| event["type"] == kind).cloned().collect()
}

/// Which of the two tasks waits for the retry, and which one has asked nobody.
fn asked_and_not(house: &House, workflow: &str) -> (usize, usize) {
    let asked = until("one task has tried", PATIENCE, || {
        (0..2).find(|index| task(house, workflow, *index)["status"] == "retrying")
    });
    (asked, 1 - asked)
}

#[test]
fn a_pause_is_kept_and_holds_up_those_behind() {
    const PAUSE: Duration = Duration::from_secs(1);
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), "concurrency = 1"));
    house.until_offered();
    peer.next(slow_down("1"));
    let workflow = house.submit("text", 2, &[prompt("m"), prompt("m")]);
    let tasks = [house.ended(&workflow, 0), house.ended(&workflow, 1)];
    assert!(tasks.iter().all(|task| task["status"] == "completed"), "{tasks:?}");
    let mut failures = tasks.clone().map(|task| task["failures"].as_u64().unwrap());
    failures.sort_unstable();
    assert_eq!(failures, [0, 1], "{tasks:?}");
    let paused = tasks.iter().find(|task| task["failures"] == 1).unwrap();
    assert_eq!(paused["attempts"][0]["code"], "GZ2016", "{paused}");
    assert!(paused["attempts"][0]["message"].as_str().unwrap().contains("429: slow down"));
    let questions = peer.questions();
    assert_eq!(questions.len(), 3);
    assert!(questions[1].at - questions[0].at >= PAUSE, "{questions:?}");
}

/// The second one is accepted before the endpoint asks for patience, or comes after that: it tries nothing either way.
#[test]
fn who_meets_nothing_but_a_pause_has_not_tried() {
    let (peer, other) = (Peer::ollama(&["m"]), Peer::ollama(&["n"]));
    let house = House::new(&format!(
        "{}{}",
        endpoint("e", "ollama", &peer.url(), "concurrency = 1"),
        endpoint("other", "ollama", &other.url(), "concurrency = 3")
    ));
    house.until_slots(4);
    let gate = Gate::default();
    peer.next(behind(&gate, slow_down("3600")));
    let workflow = house.submit("text", 2, &[prompt("m"), prompt("m")]);
    until("both are accepted", PATIENCE, || {
        let all = (0..2).all(|index| task(&house, &workflow, index)["status"] == "processing");
        all.then_some(())
    });
    gate.open();
    let (_, waiting) = asked_and_not(&house, &workflow);
    let queued = until("the other one is back", PATIENCE, || {
        let found = task(&house, &workflow, waiting);
        (found["status"] == "queued").then_some(found)
    });
    assert_eq!((&queued["failures"], &queued["attempts"]), (&json!(0), &json!([])), "{queued}");
    // The desk goes on for those who need another endpoint.
    assert_eq!(house.run("text", prompt("n"))["status"], "completed");
    let late = house.submit("text", 2, &[prompt("m")]);
    let reason = until("a late one waits as well", PATIENCE, || {
        let reason = why(&house, &late, 0)["reasons"][0].clone();
        (reason["kind"] == "postponed").then_some(reason)
    });
    let said = reason["message"].as_str().unwrap();
    assert!(said.contains("worker built-in:models cannot begin it now and is asked again in"), "{said}");
    assert!(said.contains("asked for a pause until 20") && said.contains("429: slow down"), "{said}");
    assert_eq!(house.run("text", prompt("n"))["status"], "completed");
    // Refused, and left alone since. One that crosses with what the desk says of another is offered once more.
    for (id, index) in [(&workflow, waiting), (&late, 0)] {
        assert_eq!(why(&house, id, index)["reasons"][0]["kind"], "postponed");
        let refused = events(&house, id, "attempt_refused");
        assert!((1..=2).contains(&refused.len()), "{refused:?}");
        for refusal in refused {
            assert_eq!(refusal["reason"], "postponed", "{refusal}");
            assert!(refusal["until"].is_string(), "{refusal}");
        }
    }
    assert_eq!(peer.questions().len(), 1);
}

#[test]
fn nothing_is_offered_while_all_endpoints_pause() {
    let peer = Peer::ollama(&["m"]);
    let house = House::new(&endpoint("e", "ollama", &peer.url(), "concurrency = 1"));
    house.until_offered();
    peer.next(slow_down("3600"));
    let workflow = house.submit("text", 2, &[prompt("m"), prompt("m")]);
    let (_, waiting) = asked_and_not(&house, &workflow);
    let summary = until("the desk is closed", PATIENCE, || {
        let found = why(&house, &workflow, waiting);
        (found["reasons"][0]["kind"] == "no_worker").then(|| found["summary"].as_str().unwrap().to_owned())
    });
    let said =
        format!("built-in:models says: endpoint e (ollama at {}/) asked for a pause until 20", peer.url());
    assert!(summary.contains(&said) && summary.contains("429: slow down"), "{summary}");
    let found = task(&house, &workflow, waiting);
    assert_eq!((&found["status"], &found["failures"]), (&json!("queued"), &json!(0)), "{found}");
    // It may have been on its way when the pause began, and no more than that.
    let looks = peer.looks();
    until("the endpoint is looked at again", PATIENCE, || (peer.looks() >= looks + 3).then_some(()));
    assert!(events(&house, &workflow, "attempt_refused").len() <= 1);
    assert!(house.offered().is_empty());
    assert_eq!(peer.questions().len(), 1);
}
