//! The examples of the documentation, as they are written there.

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{call, ended, serve};

const PAGE: &str = include_str!("../../../docs/tasks/webhook.md");

/// The code blocks of one language.
pub(super) fn blocks<'p>(page: &'p str, language: &str) -> Vec<&'p str> {
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).filter_map(|rest| rest.split("\n```").next()).collect()
}

#[test]
fn the_example_of_a_webhook_task_runs() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let [example] = blocks(PAGE, "yaml")[..] else { panic!("the page has one workflow") };
    let body = example.replace("https://printer.example/jobs", &receiver.url());
    let answer = rest.post_text("/workflows", "application/yaml", &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let workflow = answer.body["id"].as_str().unwrap();
    let posted = receiver.next();
    assert!(posted.is_signed_with(&super::SECRET_BYTES));

    let [described, completed, failed, progress] = blocks(PAGE, "json")[..] else {
        panic!("the page has four bodies")
    };
    let described: Value = serde_json::from_str(described).unwrap();
    let sent = posted.json();
    let keys = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&sent), keys(&described));
    for key in [
        "attempt",
        "task_type",
        "task_name",
        "priority",
        "max_retries",
        "timeout",
        "external_task_type",
        "external_parameters",
        "external_timeout",
    ] {
        assert_eq!(sent[key], described[key], "{key}");
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(call(&rest, &posted.callback(), json(progress)).0, 200);
    assert_eq!(call(&rest, &posted.callback(), json(completed)).0, 200);
    assert_eq!(call(&rest, &posted.callback(), json(failed)).0, 409);
    assert_eq!(ended(&rest, workflow)["status"], "completed");
    let results = rest.read(&format!("/workflows/{workflow}/results"));
    assert_eq!(results["results"]["Tell"]["word_count"], json!(4), "{results}");
}

#[test]
fn the_documented_settings_are_settings() {
    let [settings] = blocks(PAGE, "toml")[..] else { panic!("the page has one configuration") };
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("gleitzeit.toml");
    std::fs::write(&config, settings).unwrap();
    let flags = ["--config", config.to_str().unwrap()];
    let server = crate::harness::Server::start(&directory.path().join("data"), &flags);
    assert_eq!(server.rest().get("/stats").unwrap().status, 200);
}
