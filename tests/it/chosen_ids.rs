//! Ids that submitters choose may look as if they told a time. Lists and expiry go by when a workflow was made.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Rest, Server, until};

/// Version 7 UUIDs of the years 2024, 1970 and 10889, and of 2103.
const CHOSEN: [&str; 4] = [
    "0192f0c0-0000-7000-8000-0000000000a1",
    "00000000-0000-7000-8000-0000000000a2",
    "ffffffff-ffff-7fff-8fff-ffffffffffa3",
    "03d2cc3d-8000-7000-8000-0000000000a4",
];

fn submit(rest: &Rest, id: Option<&str>) -> (u16, String) {
    let task = json!({"name": "t", "function": "count_words", "args": ["a b"]});
    let mut body = json!({"name": "Chosen", "tasks": [task]});
    if let Some(id) = id {
        body["id"] = json!(id);
    }
    let answer = rest.post("/workflows", &[], &body).expect("the server answers");
    let id = answer.body["id"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned();
    rest.ended(&id);
    (answer.status, id)
}

fn listed(rest: &Rest) -> Vec<String> {
    let page = rest.read("/workflows?limit=100");
    let ids =
        page["items"].as_array().expect("a list").iter().map(|item: &Value| item["id"].as_str().unwrap());
    ids.rev().map(str::to_owned).collect()
}

#[test]
fn a_chosen_id_that_tells_another_time_disorders_nothing() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let config = base.path().join("gleitzeit.toml");
    std::fs::write(&config, "retention_days = 7\n").expect("it can be written");
    let environment: Vec<(&'static str, PathBuf)> = vec![("GLEITZEIT_CONFIG", config.clone())];
    let mut server = Server::start_with(&base.path().join("data"), &[], environment);
    let rest = server.rest();
    let mut made = Vec::new();
    for id in CHOSEN {
        made.push(submit(&rest, None).1);
        made.push(submit(&rest, Some(id)).1);
    }
    assert_eq!(listed(&rest), made);
    // From here on all of them are read from the store.
    assert!(server.terminate().0.success());
    server.restart();
    assert_eq!(listed(&rest), made);
    for id in CHOSEN {
        assert_eq!(submit(&rest, Some(id)), (200, id.to_owned()), "it is the same submission");
    }
    server.hang_up();
    std::fs::write(&config, "retention_days = 7\nretention_workflows = 3\n").expect("it can be written");
    until("what was made first is gone", PATIENCE, || {
        server.hang_up();
        (listed(&rest).len() <= 3).then_some(())
    });
    assert_eq!(listed(&rest), made[5..]);
}
