//! `kill -9` and restarts: no end is lost, none is skipped, and what was taken is not sent again.

use serde_json::json;

use super::{bytes, delivered, deliveries, run, serve, serve_waiting, subscribe, told};
use crate::harness::until;
use crate::webhooks::SOON;
use crate::webhooks::receiver::{Receiver, Reply};

/// Whoever is silent is waited for until the server is killed.
const WHILE_IT_LIVES: u32 = 3_600;

#[test]
fn ends_outlive_a_receiver_and_a_server_that_are_down() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve_waiting(directory.path(), WHILE_IT_LIVES);
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, secret) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    let taken = run(&rest, "Taken");
    assert_eq!(told(&receiver.next()).1, taken);
    delivered(&rest, &webhook, "delivered");
    // Its first answer does not come before the server is gone.
    receiver.answers_always(Reply::Silence);
    let ids = [run(&rest, "One"), run(&rest, "Two"), run(&rest, "Three")];
    let cut = receiver.next();
    server.kill();
    receiver.forget_those_gone();
    receiver.answers_always(Reply::Status(200));
    server.restart();
    let again: Vec<_> = (0..3).map(|_| receiver.next()).collect();
    assert_eq!((again[0].id(), &again[0].body), (cut.id(), &cut.body));
    assert_eq!(again.iter().map(|one| told(one).1).collect::<Vec<_>>(), ids);
    assert!(again.iter().all(|one| one.is_signed_with(&bytes(&secret))));
    delivered(&rest, &webhook, "delivered");
    receiver.hears_nothing();

    // A clean stop writes a checkpoint, from which the next start knows the same.
    let before = (rest.read(&webhook), deliveries(&rest, &webhook));
    assert!(server.terminate().0.success());
    server.restart();
    assert_eq!((rest.read(&webhook), deliveries(&rest, &webhook)), before);
    let last = run(&rest, "Last");
    assert_eq!(told(&receiver.next()).1, last);
    receiver.hears_nothing();
}

#[test]
fn tries_are_counted_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve_waiting(directory.path(), WHILE_IT_LIVES);
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    receiver.script([Reply::Status(500)]);
    receiver.answers_always(Reply::Silence);
    run(&rest, "One");
    until("one try is recorded", SOON, || {
        deliveries(&rest, &webhook).first().is_some_and(|one| one["tries"] == 1).then_some(())
    });
    server.kill();
    receiver.answers_always(Reply::Status(500));
    server.restart();
    let given_up = delivered(&rest, &webhook, "given_up");
    assert_eq!(given_up["tries"], 3);
}

#[test]
fn kills_in_the_middle_of_many_ends_lose_and_skip_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    subscribe(&rest, &receiver, json!(["workflow.completed"]), json!({}));
    let mut ids: Vec<String> = Vec::new();
    let mut heard: Vec<(String, String)> = Vec::new();
    for round in 0..5 {
        ids.extend((0..8).map(|number| run(&rest, &format!("{round}.{number}"))));
        // Some of them are told, some are not.
        let one = receiver.next();
        heard.push((one.id().to_owned(), told(&one).1));
        server.kill();
        server.restart();
    }
    while !ids.iter().all(|id| heard.iter().any(|(_, told)| told == id)) {
        let one = receiver.next();
        heard.push((one.id().to_owned(), told(&one).1));
    }
    // At least once, each under one id, and their first times in the order of their ends.
    let mut firsts: Vec<&String> = Vec::new();
    for (webhook_id, id) in &heard {
        assert!(heard.iter().all(|(other, same)| (other == webhook_id) == (same == id)));
        if !firsts.contains(&id) {
            firsts.push(id);
        }
    }
    assert_eq!(firsts, ids.iter().collect::<Vec<_>>());
}
