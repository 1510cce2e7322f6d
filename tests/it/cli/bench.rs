//! `gleitzeit bench --service-command`: services of other processes under load.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};

use super::{finish, text};
use crate::harness::{Server, gleitzeit};

const TOKEN: &str = "secret-of-the-bench";

/// A service on the Python client whose handler is `handler`, for the shell.
fn python_service(handler: &str) -> String {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    format!(
        "PYTHONPATH='{}' exec '{}' -c '
import os
from gleitzeit_cluster import ExternalServiceCapability, ExternalServiceNode
node = ExternalServiceNode(os.environ[\"GLEITZEIT_SERVICE_NAME\"], cluster_url=os.environ[\"GLEITZEIT_URL\"],
    capabilities=[ExternalServiceCapability.CUSTOM_PROCESSING])
node.register_task_handler(os.environ[\"GLEITZEIT_TASK_TYPE\"], {handler})
node.run()'",
        tree.join("clients/python").display(),
        python().display()
    )
}

fn python() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    std::env::var_os("GLEITZEIT_TEST_PYTHON").map_or_else(usual, PathBuf::from)
}

/// Measures `command` on a server that the load generator starts.
fn bench(command: &str, flags: &str) -> Output {
    let mut bench = gleitzeit();
    bench.args(["bench", "--json", "--service-command", command]).args(flags.split_whitespace());
    finish(&mut bench, "")
}

fn scenario(output: &Output) -> Value {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
        panic!("there is no report; run tests/run for Python: {}", text(&output.stderr));
    });
    report["scenarios"][0].clone()
}

/// What a refusal says, and that nothing was reported.
fn refused(output: &Output) -> &str {
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn processes_of_the_python_client_do_every_task_once() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &["--token", TOKEN]);
    let service = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/python/bench/noop_service.py");
    let command = format!("'{}' '{}'", python().display(), service.display());
    let flags = "--services 2 --window 7 --tasks 1200 --service-wait 300";
    let output = bench(&command, &format!("{flags} --token {TOKEN} --url {}", server.url()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let scenario = scenario(&output);
    assert_eq!(
        (&scenario["scenario"], &scenario["tasks"], &scenario["exactly_once"]),
        (&json!("service"), &json!(1_200), &json!(true))
    );
    assert!(scenario["tasks_per_s"].as_f64() > Some(0.0) && scenario.get("hop_ms").is_none(), "{scenario}");

    // Both took part, and both are gone.
    let read = |line: &str| -> Value {
        let words = line.split_whitespace();
        let mut verb = gleitzeit();
        verb.args(words).args(["-o", "json", "--token", TOKEN, "--url", &server.url()]);
        let output = finish(&mut verb, "");
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    };
    let workflows = read("list");
    let id = workflows["items"][0]["id"].as_str().unwrap_or_else(|| panic!("{workflows}"));
    let status = read(&format!("status {id}"));
    let tasks = status["tasks"]["items"].as_array().expect("a list");
    let workers: BTreeSet<&str> = tasks.iter().filter_map(|task| task["worker"].as_str()).collect();
    assert_eq!(workers.len(), 2, "{workers:?}");
    let services = read("services");
    let mut services = services["items"].as_array().expect("a list").iter();
    assert!(services.all(|service| service["node_type"] == json!("built_in")), "a service is still there");
}

#[test]
fn the_rust_client_does_every_task_once() {
    let folder = Path::new(env!("CARGO_BIN_EXE_gleitzeit")).parent().expect("it lies in a folder");
    let command = format!("exec '{}'", folder.join("examples/noop_service").display());
    let output = bench(&command, "--tasks 1500 --window 100 --payload 0 --service-wait 300");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(scenario(&output)["exactly_once"], json!(true));
}

#[test]
fn a_table_is_for_people() {
    let command = python_service("lambda task: None");
    let mut bench = gleitzeit();
    bench.args(["bench", "--tasks", "50", "--service-wait", "300", "--service-command", &command]);
    let output = finish(&mut bench, "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    let row: Vec<&str> = table
        .lines()
        .find(|line| line.starts_with("service "))
        .unwrap_or_else(|| panic!("{table}"))
        .split_whitespace()
        .collect();
    assert_eq!((row[1], &row[4..7], row[9]), ("50", ["-"; 3].as_slice(), "yes"), "{table}");
    assert!(table.contains("50 results are null"), "{table}");
}

#[test]
fn results_that_are_not_the_tasks_own_are_told() {
    let output = bench(&python_service("lambda task: 7"), "--tasks 20 --service-wait 300");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(scenario(&output)["exactly_once"], json!(false));
}

#[test]
fn a_command_that_ends_says_why() {
    let output = bench("echo 'no model at /m' >&2; echo 'and on stdout' ; exit 3", "");
    let said = refused(&output);
    assert!(said.contains("the service command has ended (exit status: 3)"), "{said}");
    assert!(said.contains("no model at /m\nand on stdout"), "{said}");
}

#[test]
fn a_command_that_never_registers_is_ended() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let pids = folder.path().join("pids");
    // Neither the shell nor what it has started listens to SIGTERM.
    let command = format!(
        "trap '' TERM; echo not yet; sleep 3600 & echo $$ $! $GLEITZEIT_TASK_TYPE $GLEITZEIT_WINDOW > '{}'; wait",
        pids.display()
    );
    let output = bench(&command, "--service-wait 15 --window 3");
    let said = refused(&output);
    assert!(said.contains("0 of 1 services named bench-service-"), "{said}");
    assert!(said.contains("have registered after 15s") && said.contains("not yet"), "{said}");
    let told = std::fs::read_to_string(&pids).expect("the command was run");
    let told: Vec<&str> = told.split_whitespace().collect();
    assert_eq!(told[2..], ["custom_processing", "3"]);
    for pid in &told[..2] {
        // A killed process has closed its files a moment before it is gone.
        let gone = (0..600).any(|_| {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let gone = state.is_empty() || state.contains(") Z ");
            if !gone {
                std::thread::sleep(Duration::from_millis(100));
            }
            gone
        });
        assert!(gone, "{pid} runs on");
    }
}
