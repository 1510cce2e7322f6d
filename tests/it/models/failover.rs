//! Endpoints that fail, in every way they can, and what becomes of the task.

use std::time::Duration;

use serde_json::{Value, json};

use super::gate::Gate;
use super::house::{House, PATIENCE, endpoint};
use super::peer::{Act, Kind, Peer, behind, say, words};
use crate::harness::{Nobody, until};

fn prompt() -> Value {
    json!({"prompt": "p", "model_name": "m"})
}

/// The first endpoint comes first by its priority, and the second answers.
#[test]
fn what_fails_before_its_end_goes_to_the_next_endpoint() {
    for kind in [Kind::Ollama, Kind::Openai] {
        let (first, second) = (Peer::new(kind, &["m"]), Peer::ollama(&["m"]));
        let name = if kind == Kind::Ollama { "ollama" } else { "openai" };
        let house = House::new(&format!(
            "response_timeout_seconds = 10\n{}{}",
            endpoint("first", name, &first.url(), "priority = 1"),
            endpoint("second", "ollama", &second.url(), "priority = 2")
        ));
        let acts = [
            Act::Status(500, vec![], r#"{"error": "out of memory"}"#),
            Act::Status(502, vec![], "<html>"),
            Act::Cut(words(&["Hel"]), Duration::ZERO),
            Act::Cut(vec![], Duration::ZERO),
            Act::Garbage("{\"response\": "),
            Act::Garbage(r#"{"error": "the runner has died"}"#),
            // Given up for another request: nothing says that this is all.
            Act::Garbage(
                "{\"choices\": [{\"index\": 0, \"delta\": {\"content\": \"Hel\"}, \"finish_reason\": null}]}\n\ndata: [DONE]",
            ),
            Act::Status(404, vec![], r#"{"error": "model 'm' not found"}"#),
            Act::Hang(words(&["Hel"])),
        ];
        for act in acts {
            // A model that was found missing counts again once it is listed again.
            let looks = first.looks();
            house.until_slots(8);
            until("another look", PATIENCE, || (first.looks() >= looks + 2).then_some(()));
            let (asked, answered) = (first.questions().len(), second.questions().len());
            first.next(act.clone());
            let task = house.run("text", prompt());
            assert_eq!(
                (&task["status"], &task["result"]),
                (&json!("completed"), &json!("Hello, world")),
                "{act:?}: {task}"
            );
            assert_eq!(
                (&task["attempt"], &task["usage"]["endpoint"]),
                (&json!(1), &json!("second")),
                "{act:?}"
            );
            assert_eq!(
                (first.questions().len(), second.questions().len()),
                (asked + 1, answered + 1),
                "{act:?}"
            );
        }
    }
}

#[test]
fn a_task_fails_with_what_each_endpoint_said() {
    let (one, two, three) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]), Nobody::new());
    let house = House::new(&format!(
        "{}{}{}",
        endpoint("one", "ollama", &one.url(), ""),
        endpoint("two", "ollama", &two.url(), ""),
        endpoint("three", "ollama", &three.url(), "")
    ));
    house.until_slots(8);
    one.always(Act::Status(500, vec![], r#"{"error": "out of memory"}"#));
    two.always(Act::Cut(words(&["a", "b"]), Duration::ZERO));
    let workflow = house.submit("text", 2, &[prompt()]);
    let task = house.ended(&workflow, 0);
    assert_eq!((&task["error"]["code"], &task["failures"]), (&json!("GZ2017"), &json!(2)), "{task}");
    let message = task["error"]["message"].as_str().unwrap();
    for said in [
        "no endpoint answered for model m",
        "one (ollama at",
        "500: out of memory",
        "the connection ended in the middle of an answer",
        "Connection refused",
    ] {
        assert!(message.contains(said), "{said}: {message}");
    }
}

#[test]
fn a_refused_question_is_asked_once() {
    let (one, two) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]));
    let house = House::new(&format!(
        "{}{}",
        endpoint("one", "ollama", &one.url(), ""),
        endpoint("two", "ollama", &two.url(), "")
    ));
    house.until_slots(8);
    for peer in [&one, &two] {
        peer.always(Act::Status(400, vec![], r#"{"error": "the prompt is too long"}"#));
    }
    let workflow = house.submit("text", 3, &[prompt()]);
    let task = house.ended(&workflow, 0);
    assert_eq!((&task["error"]["code"], &task["failures"]), (&json!("GZ2018"), &json!(1)), "{task}");
    assert!(task["error"]["message"].as_str().unwrap().contains("400: the prompt is too long"), "{task}");
    assert_eq!(one.questions().len() + two.questions().len(), 1);
}

#[test]
fn tasks_wait_for_an_endpoint_and_say_so() {
    let address = Nobody::new();
    let url = address.url();
    let house = House::new(&endpoint("local", "ollama", &url, ""));
    let workflow = house.submit("text", 1, &[prompt()]);
    let why = until("what the endpoint said", PATIENCE, || {
        let why = house.why(&workflow);
        why.contains("Connection refused").then_some(why)
    });
    assert!(why.contains("waits for task type text; none of the"), "{why}");
    let expected =
        format!("built-in:models says: endpoint local (ollama at {url}/) cannot be used: Connection refused");
    assert!(why.contains(&expected), "{why}");
    let reasons = house.rest.read(&format!("/tasks/{workflow}.0/why"))["reasons"].clone();
    assert_eq!(reasons[0]["remarks"][0]["worker"], "built-in:models", "{reasons}");
    assert_eq!(house.offered(), Vec::<Value>::new());

    let peer = Peer::at(address, Kind::Ollama, &["m"]);
    let task = house.ended(&workflow, 0);
    assert_eq!((&task["status"], &task["attempt"]), (&json!("completed"), &json!(1)), "{task}");
    assert_eq!(peer.questions().len(), 1);
    assert_eq!(house.offered(), [json!("text"), json!("vision")]);
}

/// When an endpoint goes the desk registers again; what it runs elsewhere goes on as the same attempt.
#[test]
fn what_runs_survives_a_change_of_health() {
    let (slow, doomed) = (Peer::ollama(&["m"]), Peer::ollama(&["other"]));
    let house = House::new(&format!(
        "{}{}",
        endpoint("slow", "ollama", &slow.url(), ""),
        endpoint("doomed", "ollama", &doomed.url(), "")
    ));
    house.until_slots(8);
    let gate = Gate::default();
    slow.next(behind(&gate, say(&["a", "b"])));
    let workflow = house.submit("text", 1, &[prompt()]);
    until("the question", PATIENCE, || (slow.open() == 1).then_some(()));
    drop(doomed);
    house.until_slots(4);
    gate.open();
    let task = house.ended(&workflow, 0);
    assert_eq!((&task["result"], &task["attempt"]), (&json!("ab"), &json!(1)), "{task}");
}

#[test]
fn silence_is_an_end_as_well() {
    let peer = Peer::ollama(&["m"]);
    let house =
        House::new(&format!("response_timeout_seconds = 10\n{}", endpoint("e", "ollama", &peer.url(), "")));
    house.until_offered();
    peer.next(Act::Hang(words(&["a"])));
    peer.next(say(&["b"]));
    let workflow = house.submit("text", 2, &[prompt()]);
    let task = house.ended(&workflow, 0);
    assert_eq!((&task["result"], &task["failures"]), (&json!("b"), &json!(1)), "{task}");
    assert!(
        task["attempts"][0]["message"].as_str().unwrap().contains("it said nothing for too long"),
        "{task}"
    );
}
