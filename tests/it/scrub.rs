//! Old segments of the log are read again while the server runs: what is damaged is told long before anybody needs it.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{PATIENCE, Server, gleitzeit, until};

/// Several segments of a log, of which only the last one is written.
fn filled(server: &Server) {
    let text = "x".repeat(300 << 10);
    for _ in 0..12 {
        server.rest().run_task(&json!({"name": "t", "function": "count_words", "args": [text]}));
    }
}

fn flip(segment: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(segment).expect("it can be opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it can be read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("it can be written");
}

fn health(server: &Server) -> Value {
    let output = gleitzeit().args(["health", "-o", "json", "--url", &server.url()]).output();
    let output = output.expect("the binary can be started");
    let health: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(output.status.success(), health["status"] == "healthy", "{health}");
    health
}

/// The log after a round that began now.
fn checked(server: &Server) -> Value {
    let check = || server.rest().read("/stats")["log"]["check"].clone();
    let before = check()["rounds"].as_u64().expect("a number");
    server.hang_up();
    until("a whole round", PATIENCE, || Some(check()).filter(|now| now["rounds"].as_u64() > Some(before)))
}

#[test]
fn damage_in_an_old_segment_is_told_by_a_server_that_runs() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &["--segment-size", "1MiB"]);
    filled(&server);
    let whole = checked(&server);
    assert_eq!((&whole["damaged_segments"], &health(&server)["status"]), (&json!(0), &json!("healthy")));
    assert!(whole["checked_bytes"].as_u64() >= Some(2 << 20), "{whole}");

    for at in [4_096 + 40, 16] {
        let oldest = data.path().join("log/0000000001.seg");
        flip(&oldest, at);
        assert_eq!(checked(&server)["damaged_segments"], json!(1));
        let told = health(&server);
        assert_eq!(told["status"], "degraded");
        let problem = told["problems"][0].as_str().expect("a problem");
        assert!(problem.contains("the log is damaged") && problem.contains("0000000001.seg"), "{problem}");
        let doctor =
            gleitzeit().args(["doctor", "--url", &server.url(), "--data-dir"]).arg(data.path()).output();
        let said = String::from_utf8_lossy(&doctor.expect("the binary can be started").stdout).into_owned();
        assert!(said.contains("! server: the log is damaged"), "{said}");

        // The disk gives the right bytes again, as after a cable was mended.
        flip(&oldest, at);
        assert_eq!(checked(&server)["damaged_segments"], json!(0));
        assert_eq!(health(&server)["problems"], json!([]));
    }
}
