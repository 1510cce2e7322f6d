//! Lists of workflows: live ones and archived ones, filtered and paged.

use serde_json::{Value, json};

use super::{ended, external, submit};
use crate::harness::{Rest, Server};

fn names(rest: &Rest, query: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut path = format!("/workflows?{query}");
    for _ in 0..100 {
        let page = rest.read(&path);
        let items = page["items"].as_array().unwrap();
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/workflows?{query}&cursor={cursor}");
    }
    names
}

fn archived(name: &str, more: &Value) -> Value {
    let mut body = json!({"name": name, "tasks": [{"name": "t", "function": "count_words", "args": ["x"]}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn filters_find_the_same_in_memory_and_in_the_store() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Server::start(data.path(), &[]);
    let rest = server.rest();
    let red = json!({"tags": ["red", "big"], "metadata": {"team": "R&D", "size": 7, "deep": {"x": 1}}});
    for (name, more) in [
        ("Monthly Report", &red),
        ("Monthly-Invoice 11", &json!({"tags": ["big"]})),
        ("Übersicht", &json!({"metadata": {"team": "R&D", "size": 8}})),
    ] {
        ended(&rest, &submit(&rest, &archived(name, more)));
    }
    let mut live = archived("Monthly live report", &red);
    live["tasks"] = json!([external("t", &[])]);
    let live = submit(&rest, &live);
    let created = rest.read(&format!("/workflows/{live}"))["created_at"].as_str().unwrap().to_owned();
    // Once with everything just ended, once from the store alone.
    for _ in 0..2 {
        let check = |query: &str, expected: &[&str]| {
            for limit in ["", "&limit=1"] {
                assert_eq!(names(&rest, &format!("{query}{limit}")), expected, "{query}{limit}");
            }
        };
        check("", &["Monthly live report", "Übersicht", "Monthly-Invoice 11", "Monthly Report"]);
        check("text=mon+rep", &["Monthly live report", "Monthly Report"]);
        check("text=%C3%BCBER", &["Übersicht"]);
        check("text=eport", &[]);
        check("name=eport", &["Monthly live report", "Monthly Report"]);
        check("tag=big", &["Monthly live report", "Monthly-Invoice 11", "Monthly Report"]);
        check("tag=big&tag=red&status=completed", &["Monthly Report"]);
        check("metadata.team=R%26D&metadata.size=7", &["Monthly live report", "Monthly Report"]);
        check("metadata.size=8", &["Übersicht"]);
        check("metadata.deep=1", &[]);
        check(
            "status=pending,completed&text=monthly",
            &["Monthly live report", "Monthly-Invoice 11", "Monthly Report"],
        );
        check("status=pending&status=running", &["Monthly live report"]);
        check(&format!("created_after={created}"), &["Monthly live report"]);
        check(&format!("created_before={created}&text=monthly"), &["Monthly-Invoice 11", "Monthly Report"]);
        server.terminate();
        server.restart();
    }
}

#[test]
fn a_condition_that_means_nothing_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(data.path(), &[]);
    let rest = server.rest();
    for query in
        ["stauts=failed", "status=done", "created_after=yesterday", "limit=x", "cursor=x", "metadata.=1"]
    {
        let answer = rest.get(&format!("/workflows?{query}")).unwrap();
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (400, &json!("GZ7001")),
            "{query}: {}",
            answer.body
        );
    }
}
