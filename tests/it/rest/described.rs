//! The description of the interface: it is that of the code, and that of the router.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use gleitzeit::core::errors::Code;
use gleitzeit::http::{Access, ROUTES};
use serde_json::Value;

use crate::harness::Server;

/// Set to anything, it has the test write the description instead of comparing it.
const WRITE: &str = "GLEITZEIT_WRITE_OPENAPI";
const DOCS: &str = include_str!("../../../docs/rest.md");

fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json")
}

/// The operations of the description by verb and path.
fn operations(description: &Value) -> BTreeMap<(String, String), &Value> {
    let paths = description["paths"].as_object().expect("there are paths");
    let mut operations = BTreeMap::new();
    for (path, item) in paths {
        for (verb, operation) in item.as_object().expect("a path is an object") {
            operations.insert((verb.to_uppercase(), path.clone()), operation);
        }
    }
    operations
}

fn description() -> Value {
    let description = gleitzeit::http::openapi::description();
    serde_json::to_value(description).expect("the description is JSON")
}

#[test]
fn the_kept_description_is_that_of_the_code() {
    let mut made = gleitzeit::http::openapi::description().to_pretty_json().expect("it is JSON");
    made.push('\n');
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(kept(), &made).expect("the description can be written");
    }
    let found = std::fs::read_to_string(kept()).expect("the description is kept");
    let line = found.lines().zip(made.lines()).position(|(found, made)| found != made);
    assert!(
        found == made,
        "docs/openapi.json differs from the code at line {}; {WRITE}=1 writes it anew",
        line.map_or(0, |line| line + 1)
    );
}

#[test]
fn every_route_is_described_and_every_operation_is_a_route() {
    let description = description();
    let described: BTreeSet<(String, String)> = operations(&description).into_keys().collect();
    let routes: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|route| route.access != Access::Page)
        .map(|route| (route.verb.name().to_owned(), route.path.to_owned()))
        .collect();
    assert!(routes.len() >= 50, "{routes:#?}");
    assert_eq!(described, routes);
}

#[test]
fn operations_say_what_programs_need() {
    let description = description();
    let mut ids = BTreeSet::new();
    for ((verb, path), operation) in operations(&description) {
        let at = format!("{verb} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no id"));
        assert!(ids.insert(id.to_owned()), "{id} is the id of two operations");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.ends_with('.')), "{at}");
        let no_parameters = Vec::new();
        let parameters = operation["parameters"].as_array().unwrap_or(&no_parameters);
        let varies: Vec<&str> = parameters
            .iter()
            .filter(|found| found["in"] == "path")
            .filter_map(|found| found["name"].as_str())
            .collect();
        let wanted: Vec<&str> = path.split('{').skip(1).filter_map(|part| part.split('}').next()).collect();
        assert_eq!(varies, wanted, "{at}");
        let route =
            ROUTES.iter().find(|route| route.verb.name() == verb && route.path == path).expect("a route");
        let token = operation["security"][0].get("token").is_some();
        assert_eq!(token, route.access.is_guarded(), "{at}");
        assert_eq!(operation["responses"].get("401").is_some(), token, "{at}");
        has_examples(operation, &at);
    }
    assert!(ids.len() >= 30, "{ids:?}");
}

fn has_examples(operation: &Value, at: &str) {
    let answers = operation["responses"].as_object().expect("an operation is answered");
    let good: Vec<_> = answers.iter().filter(|(status, _)| status.starts_with('2')).collect();
    assert!(!good.is_empty(), "{at}");
    let bodies = operation.get("requestBody").into_iter().chain(good.into_iter().map(|(_, answer)| answer));
    for body in bodies {
        for (kind, content) in body["content"].as_object().unwrap_or_else(|| panic!("{at}: {body}")) {
            let given = content.get("example").is_some() || content.get("examples").is_some();
            assert!(given, "{at}: {kind} has no example");
        }
    }
}

/// Refusals are named by their codes, and show them as they are answered.
#[test]
fn refusals_have_the_shape_and_the_status_of_their_codes() {
    let description = description();
    let responses = description["components"]["responses"].as_object().expect("there are refusals");
    let mut seen = BTreeSet::new();
    for (name, response) in responses {
        let content = &response["content"]["application/problem+json"];
        assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{name}");
        for (code, example) in content["examples"].as_object().expect("there are examples") {
            let entry = Code::parse(code).unwrap_or_else(|| panic!("{code} is no code")).entry();
            assert_eq!(example["value"]["status"], entry.http_status, "{code}");
            assert_eq!(example["value"]["code"], code.as_str());
            seen.insert(code.clone());
        }
    }
    assert!(seen.len() > 30, "{seen:?}");
    for ((verb, path), operation) in operations(&description) {
        for (status, answer) in operation["responses"].as_object().expect("an operation is answered") {
            let Some(reference) = answer["$ref"].as_str() else { continue };
            let name = reference.rsplit('/').next().expect("a reference has a name");
            let first = responses[name]["content"]["application/problem+json"]["examples"]
                .as_object()
                .and_then(|examples| examples.values().next())
                .unwrap_or_else(|| panic!("{verb} {path}: {name}"));
            assert_eq!(first["value"]["status"].to_string(), *status, "{verb} {path}");
        }
    }
}

#[test]
fn the_server_answers_with_it_and_with_a_page_for_people() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &["--token", "gzt_described"]);
    let mut answer =
        ureq::get(format!("{}/openapi.json", server.url())).call().expect("no token is asked for");
    assert_eq!(answer.headers()["content-type"], "application/json");
    let text = answer.body_mut().read_to_string().expect("it is text");
    let kept = std::fs::read_to_string(kept()).expect("the description is kept");
    assert!(text == kept, "the binary has another description than docs/openapi.json");
    let mut page = ureq::get(format!("{}/docs", server.url())).call().expect("no token is asked for");
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    let page = page.body_mut().read_to_string().expect("it is text");
    assert!(page.contains("/reference/"), "{page}");
}

#[test]
fn the_pages_of_the_documentation_name_every_route() {
    let named = |path: &str| path.strip_prefix("/api/v1").unwrap_or(path).to_owned();
    let silent: Vec<String> = ROUTES
        .iter()
        .map(|route| (route, format!("`{} {}`", route.verb.name(), named(route.path))))
        .filter(|(route, shown)| {
            !DOCS.contains(shown) && !DOCS.contains(&format!("`{} {}`", route.verb.name(), route.path))
        })
        .map(|(_, shown)| shown)
        .collect();
    assert!(silent.is_empty(), "docs/rest.md does not name {silent:#?}");
}
