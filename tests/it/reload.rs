//! SIGHUP has the settings read again: retention takes effect at once, a mistake changes nothing, and the server goes on.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Server, until};

#[test]
fn retention_changes_without_a_restart() {
    let base = tempfile::tempdir().expect("a temporary directory");
    let config = base.path().join("gleitzeit.toml");
    let write = |text: &str| std::fs::write(&config, text).expect("it can be written");
    write("retention_days = 7\n");
    let environment: Vec<(&'static str, PathBuf)> = vec![("GLEITZEIT_CONFIG", config.clone())];
    let mut server = Server::start_with(&base.path().join("data"), &[], environment);
    let rest = server.rest();
    for _ in 0..30 {
        rest.run_task(&json!({"name": "t", "function": "count_words", "args": ["a b"]}));
    }
    let count = || rest.read("/workflows?limit=1000")["items"].as_array().expect("a list").len();
    write("retention_workflows = \"many\"\n");
    server.hang_up();
    write("retention_workflows = 0\n");
    server.hang_up();
    rest.run_task(&json!({"name": "t", "function": "count_words", "args": ["a b"]}));
    assert_eq!(count(), 31, "a mistake changes nothing");
    write("retention_workflows = 5\nport = 1\n");
    until("what is too much is gone", Duration::from_mins(1), || {
        // What has just ended may not be archived yet, and counts from then on.
        server.hang_up();
        (count() == 5).then_some(())
    });
    assert!(server.terminate().0.success(), "it stops as ever");
}
