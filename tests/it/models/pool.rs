//! Who is asked: strategies, priorities, slots.

use std::time::Duration;

use serde_json::{Value, json};

use super::gate::Gate;
use super::house::{House, PATIENCE, endpoint};
use super::peer::{Act, Peer, behind, say, words};
use crate::harness::until;

/// Two usable endpoints, `a` and `b`.
fn two(models: &str, more: [&str; 2], peers: [&Peer; 2]) -> House {
    let [a, b] = peers;
    let house = House::new(&format!(
        "{models}\n{}{}",
        endpoint("a", "ollama", &a.url(), more[0]),
        endpoint("b", "ollama", &b.url(), more[1])
    ));
    let wanted = |more: &str| more.strip_prefix("concurrency = ").map_or(4, |count| count.parse().unwrap());
    let slots: u64 = more.iter().map(|more| wanted(more.lines().next().unwrap_or_default())).sum();
    house.until_slots(slots);
    house
}

fn one_by_one(house: &House, models: &[&str]) -> Vec<String> {
    let ask = |model: &&str| {
        let task = house.run("text", json!({"prompt": "p", "model_name": model}));
        task["usage"]["endpoint"].as_str().unwrap_or_else(|| panic!("{task}")).to_owned()
    };
    models.iter().map(ask).collect()
}

#[test]
fn they_take_turns() {
    let (a, b) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]));
    let house = two("strategy = 'round_robin'", ["", ""], [&a, &b]);
    let asked = one_by_one(&house, &["m"; 6]);
    assert!(asked.windows(2).all(|pair| pair[0] != pair[1]), "{asked:?}");
}

#[test]
fn the_lower_number_comes_first_while_it_has_room() {
    let (a, b) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]));
    let house = two("", ["concurrency = 1\npriority = 5", "concurrency = 4\npriority = 1"], [&a, &b]);
    assert_eq!(one_by_one(&house, &["m"; 4]), ["b"; 4]);
    b.always(Act::Hang(words(&["..."])));
    let stuck = house.submit("text", 1, &vec![json!({"prompt": "p", "model_name": "m"}); 4]);
    until("four questions", PATIENCE, || (b.open() == 4).then_some(()));
    assert_eq!(one_by_one(&house, &["m"]), ["a"]);
    house.rest.post(&format!("/workflows/{stuck}/cancel"), &[], &json!({})).unwrap();
}

#[test]
fn a_model_stays_where_it_was_used() {
    let (a, b) = (Peer::ollama(&["m", "n"]), Peer::ollama(&["m", "n"]));
    let house = two("strategy = 'model_affinity'", ["", ""], [&a, &b]);
    let asked = one_by_one(&house, &["m", "n", "m", "n", "n", "m"]);
    let (of_m, of_n) = (&asked[0], &asked[1]);
    assert_ne!(of_m, of_n);
    assert_eq!(asked, [of_m, of_n, of_m, of_n, of_n, of_m].map(String::clone));
}

#[test]
fn the_faster_one_is_asked() {
    let (a, b) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]));
    a.always(Act::Say(words(&["slow"]), Duration::from_secs(5)));
    let house = two("strategy = 'fastest_response'", ["", ""], [&a, &b]);
    let asked = one_by_one(&house, &["m"; 7]);
    assert_eq!(asked[2..], ["b"; 5].map(str::to_owned), "after one question to each: {asked:?}");
}

#[test]
fn the_less_loaded_one_is_asked() {
    let (a, b) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]));
    let house = two("strategy = 'least_loaded'", ["concurrency = 2", "concurrency = 8"], [&a, &b]);
    for peer in [&a, &b] {
        peer.always(Act::Hang(words(&["..."])));
    }
    // One of two slots weighs as much as four of eight.
    let workflow = house.submit("text", 1, &vec![json!({"prompt": "p", "model_name": "m"}); 5]);
    until("five questions", PATIENCE, || (a.open() + b.open() == 5).then_some(()));
    assert_eq!((a.open(), b.open()), (1, 4));
    house.rest.post(&format!("/workflows/{workflow}/cancel"), &[], &json!({})).unwrap();
}

#[test]
fn no_endpoint_gets_more_than_it_takes() {
    let (a, b) = (Peer::ollama(&["m"]), Peer::ollama(&["m"]));
    let gate = Gate::default();
    for peer in [&a, &b] {
        peer.always(behind(&gate, say(&["x"])));
    }
    let house = two("", ["concurrency = 2", "concurrency = 3"], [&a, &b]);
    let workflow = house.submit("text", 1, &vec![json!({"prompt": "p", "model_name": "m"}); 40]);
    until("all slots are taken", PATIENCE, || (a.open() + b.open() == 5).then_some(()));
    gate.open();
    for index in 0..40 {
        assert_eq!(house.ended(&workflow, index)["status"], "completed");
    }
    assert_eq!((a.most(), b.most()), (2, 3));
    assert_eq!(a.questions().len() + b.questions().len(), 40);
}

/// Tasks for a model that one endpoint has wait for that endpoint, in the order of their coming.
#[test]
fn a_full_endpoint_is_waited_for() {
    let (a, b) = (Peer::ollama(&["m"]), Peer::ollama(&["n"]));
    a.always(Act::Say(words(&["x"]), Duration::from_millis(20)));
    let house = two("", ["concurrency = 1", "concurrency = 4"], [&a, &b]);
    let workflow = house.submit("text", 1, &vec![json!({"prompt": "p", "model_name": "m"}); 12]);
    let tasks: Vec<Value> = (0..12).map(|index| house.ended(&workflow, index)).collect();
    assert!(tasks.iter().all(|task| task["usage"]["endpoint"] == "a"), "{tasks:?}");
    assert_eq!((a.most(), b.questions().len()), (1, 0));
}
