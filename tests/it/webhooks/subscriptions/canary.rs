//! Secrets are told once and are found nowhere afterwards.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::{delivered, post, run, serve, subscribe};
use crate::harness::gleitzeit;
use crate::webhooks::receiver::Receiver;

const OWN: &str = "canary-secret-of-my-own-0123456789";

fn holds(folder: &Path, text: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holds(&path, text));
        } else if fs::read(&path).unwrap().windows(text.len()).any(|part| part == text) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn no_answer_no_event_and_no_file_holds_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (mine, told) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({"secret": OWN}));
    assert_eq!(told, "", "a secret that its owner has is not told again");
    let (theirs, generated) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    run(&rest, "One");
    for webhook in [&mine, &theirs] {
        delivered(&rest, webhook, "delivered");
        post(&rest, &format!("{webhook}/test"), &json!({}));
    }
    let last = rest.read("/stats")["log"]["durable_seq"].as_u64().unwrap();
    let answers = [
        rest.read("/webhooks"),
        rest.read(&mine),
        rest.read(&format!("{mine}/deliveries")),
        rest.patch(&mine, &json!({"description": "x"})).body,
        Value::from(rest.events_up_to(last)),
    ];
    let text = generated.strip_prefix("whsec_").unwrap();
    for answer in &answers {
        let answer = answer.to_string();
        assert!(!answer.contains(OWN) && !answer.contains(text), "{answer}");
    }
    let known = answers[4].as_array().unwrap();
    assert!(known.iter().any(|event| event["type"] == "webhook_created"));
    assert!(!answers[4].to_string().contains("key=hidden"), "the query of a URL may be a secret");
    assert!(server.terminate().0.success());
    let data = directory.path().join("data");
    for secret in [OWN.as_bytes().to_vec(), text.as_bytes().to_vec(), super::bytes(&generated)] {
        assert_eq!(holds(&data, &secret), Vec::<String>::new());
    }
    assert!(!holds(&data, b"key=hidden").is_empty(), "the search finds what is there");
    let dump = gleitzeit().args(["store", "dump", "--data-dir"]).arg(&data).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let dump = String::from_utf8_lossy(&dump.stdout);
    assert!(dump.contains("Subscription") && !dump.contains(OWN), "{dump}");
}

#[test]
fn another_secret_file_shows_and_a_new_secret_mends_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let (webhook, _) = subscribe(&rest, &receiver, json!(["workflow.*"]), json!({}));
    assert!(server.terminate().0.success());
    fs::remove_file(directory.path().join("data/SECRET")).unwrap();
    server.restart();
    run(&rest, "One");
    let given_up = delivered(&rest, &webhook, "given_up");
    assert!(given_up["error"].as_str().unwrap().contains("give the webhook a new secret"), "{given_up}");
    receiver.hears_nothing();
    let rotated = post(&rest, &format!("{webhook}/rotate"), &json!({}));
    run(&rest, "Two");
    let secret = super::bytes(rotated["secret"].as_str().unwrap());
    assert!(receiver.next().is_signed_with(&secret));
}
