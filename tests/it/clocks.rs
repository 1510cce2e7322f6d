//! A machine whose clock stands years ahead at a start, and is set right later: nothing is given up for good by it.
//! The wrong clock is that of libfaketime.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::access::{Caller, begun, refused};
use crate::harness::{Server, until};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const PATIENCE: Duration = Duration::from_mins(3);

type Environment = Vec<(&'static str, PathBuf)>;

/// Three years ahead. What counts the time since the start is left alone, as by a real clock.
fn ahead(of: &Environment) -> Environment {
    let wrong = [("LD_PRELOAD", LIBRARY), ("FAKETIME", "+1100d"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
    of.iter().cloned().chain(wrong.map(|(name, value)| (name, PathBuf::from(value)))).collect()
}

fn run(caller: &Caller, times: usize) {
    for _ in 0..times {
        let body = json!({"name": "t", "tasks": [{"function": "count_words", "args": ["a b"]}]});
        assert_eq!(caller.ask("POST", "/api/v1/workflows", &body).status, 201);
    }
    until("the end of what was begun", PATIENCE, || (ended(caller) >= times).then_some(()));
}

fn ended(caller: &Caller) -> usize {
    let listed = caller.get("/api/v1/workflows?status=completed&limit=1000").body;
    listed["items"].as_array().expect("a list").len()
}

/// Has retention look by age and then by number: that a number is reached shows that it has looked by age before.
fn kept(server: &Server, caller: &Caller, config: &Path, workflows: usize) {
    std::fs::write(config, format!("retention_workflows = {workflows}\n")).expect("it can be written");
    until("what is too much is gone", PATIENCE, || {
        server.hang_up();
        let count = ended(caller);
        assert!(count >= workflows, "{count} are left of {workflows} that are kept");
        (count == workflows).then_some(())
    });
}

/// What the server says of its clock.
fn doubt(caller: &Caller) -> Option<String> {
    let health = caller.get("/health").body;
    let mut warnings = health["warnings"].as_array().expect("a list").iter().filter_map(Value::as_str);
    warnings.find(|warning| warning.contains("the clock stood")).map(str::to_owned)
}

#[test]
fn a_clock_that_stands_years_ahead_takes_neither_history_nor_keys() {
    if !Path::new(LIBRARY).exists() {
        return eprintln!("passed over: there is no {LIBRARY}; install Debian's faketime");
    }
    let base = tempfile::tempdir().expect("a temporary directory");
    let (data, config) = (base.path().join("data"), base.path().join("gleitzeit.toml"));
    std::fs::write(&config, "retention_workflows = 1000\n").expect("it can be written");
    let environment: Environment = vec![("GLEITZEIT_CONFIG", config.clone())];
    let (mut server, key) = begun(&data);
    let admin = Caller::new(&server, Some(&key));
    let month =
        json!({"user": "admin", "name": "month", "role": "readonly", "expires_in_seconds": 2_592_000});
    let (_, month) = admin.key(&month);
    run(&admin, 8);
    assert_eq!(doubt(&admin), None);
    assert!(server.terminate().0.success());

    // Twice, because who goes off and on again has not learned the time.
    for kept_now in [7, 6] {
        let mut server = Server::start_with(&data, &[], ahead(&environment));
        let admin = Caller::new(&server, Some(&key));
        let said = until("the server says so", PATIENCE, || doubt(&admin));
        assert!(said.contains("1100 days ahead") && said.contains("run for an hour"), "{said}");
        kept(&server, &admin, &config, kept_now);
        refused(&Caller::new(&server, Some(&month)).get("/api/v1/stats"), 401, "GZ4002", "by that clock");
        server.kill();
    }

    let server = Server::start_with(&data, &[], environment);
    let (admin, month) = (Caller::new(&server, Some(&key)), Caller::new(&server, Some(&month)));
    assert_eq!(month.get("/api/v1/stats").status, 200, "the key counts again");
    let keys: Value = admin.get("/api/v1/keys").body;
    let active = keys["items"].as_array().expect("keys").iter().all(|key| key["status"] == "active");
    assert!(active, "{keys}");
    kept(&server, &admin, &config, 5);
    run(&admin, 6);
}
