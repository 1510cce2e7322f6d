//! The page about webhooks is what happens.

use serde_json::{Value, json};

use super::{delivered, serve};
use crate::webhooks::documented::blocks;
use crate::webhooks::receiver::Receiver;

const PAGE: &str = include_str!("../../../../docs/webhooks.md");
const ROUTES: &str = include_str!("../../../../docs/rest.md");

/// The names of all members, however deep.
fn names(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), names(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Value::Null,
    }
}

/// What is said of a route.
fn row(route: &str) -> &'static str {
    let begin = format!("| `{route}` |");
    ROUTES.lines().find(|line| line.starts_with(&begin)).expect("each route has a row")
}

#[test]
fn the_example_is_told_as_the_page_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let server = serve(directory.path());
    let (rest, receiver) = (server.rest(), Receiver::start());
    let [asked, shown] = blocks(PAGE, "json")[..] else { panic!("the page has a webhook and an event") };
    let body = asked.replace("https://shop.example/hooks/gleitzeit", &receiver.url());
    let answer = rest.post_text("/webhooks", "application/json", &body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.body["secret"].as_str().unwrap().starts_with("whsec_"));
    let [workflow] = blocks(PAGE, "yaml")[..] else { panic!("the page has one workflow") };
    let submitted = rest.post_text("/workflows", "application/yaml", workflow).unwrap();
    assert_eq!(submitted.status, 201, "{}", submitted.body);
    let told = receiver.next().json();
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert_eq!(names(&told), names(&shown));
    for path in [
        "/type",
        "/data/workflow/name",
        "/data/workflow/status",
        "/data/workflow/tags",
        "/data/workflow/metadata",
    ] {
        assert_eq!(told.pointer(path), shown.pointer(path), "{path}");
    }
    let webhook = format!("/webhooks/{}", answer.body["id"].as_str().unwrap());
    delivered(&rest, &webhook, "delivered");
    // The members that the table of routes names are those of the answers.
    let told_of = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let mut known = told_of(&rest.read(&webhook));
    known.retain(|name| !row("GET /webhooks/{id}").contains(name.as_str()));
    assert_eq!(known, Vec::<String>::new());
    let delivery = rest.read(&format!("{webhook}/deliveries"))["items"][0].clone();
    let mut known = told_of(&delivery);
    known.retain(|name| !row("GET /webhooks/{id}/deliveries").contains(name.as_str()));
    assert_eq!(known, Vec::<String>::new());
    assert_eq!(delivery["status"], json!("delivered"));
}
