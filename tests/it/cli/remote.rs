//! Verbs against a server that runs.

use std::process::Output;

use serde_json::{Value, json};

use super::{finish, text};
use crate::harness::{Server, gleitzeit};

pub const CHAIN: &str = "name: Chain\ntasks:\n- {name: first, function: count_words, args: [a b c]}\n\
                     - {name: second, function: fibonacci, args: ['{{first.result}}']}\n";
/// Nobody runs its tasks.
pub const WAITING: &str = "name: Waiting\ntasks:\n- {name: outside, external: custom, service: Nobody}\n\
     - {name: after, function: generate_uuid, dependencies: [outside]}\n";
pub const FAILING: &str =
    "name: Failing\ntasks:\n- {name: bad, function: decode_base64, args: ['not base64!']}\n";

pub fn start() -> (tempfile::TempDir, Server) {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &[]);
    (data, server)
}

/// Runs a verb against the server; the first words are `line`, `-` in it reads `input`.
pub fn verb(server: &Server, line: &str, input: &str) -> Output {
    let words = line.split_whitespace();
    finish(gleitzeit().args(words).args(["--url", &server.url()]), input)
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

pub fn id(server: &Server, workflow: &str) -> String {
    let output = verb(server, "submit - -o name", workflow);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

#[test]
fn a_workflow_from_submission_to_results() {
    let (_data, server) = start();
    let output = verb(&server, "submit - --wait --timeout 60 -o json --key k", CHAIN);
    let results = json(&output);
    assert_eq!(results["results"], json!({"first": 3, "second": [0, 1, 1]}), "{results}");
    let again = json(&verb(&server, "submit - -o json --key k", CHAIN));
    let id = again["id"].as_str().expect("it has an id");
    assert_eq!((&again["id"], &again["status"]), (&results["workflow_id"], &json!("completed")));

    assert_eq!(json(&verb(&server, &format!("results {id} -o json"), ""))["results"], results["results"]);
    let status = json(&verb(&server, &format!("status {id} -o json"), ""));
    assert_eq!(
        (&status["status"], &status["tasks"]["items"][1]["name"]),
        (&json!("completed"), &json!("second"))
    );
    let shown = verb(&server, &format!("status {id}"), "");
    assert!(text(&shown.stdout).contains("2: 2 completed"), "{}", text(&shown.stdout));
    let watched = verb(&server, &format!("watch {id}"), "");
    assert_eq!(watched.status.code(), Some(0));
    assert!(text(&watched.stderr).contains("completed"), "{}", text(&watched.stderr));

    let listed = json(&verb(&server, "list --status completed --name Chain -o json", ""));
    assert_eq!(listed["items"][0]["id"], json!(id));
    let names = verb(&server, "list -o name", "");
    assert_eq!(text(&names.stdout), format!("{id}\n"));
    assert!(json(&verb(&server, "list --status failed -o json", ""))["items"] == json!([]));
}

#[test]
fn running_ends_as_the_workflow_ends() {
    let (_data, server) = start();
    let run = verb(&server, "run -", CHAIN);
    assert_eq!(run.status.code(), Some(0));
    assert!(text(&run.stderr).contains("task completed      second"), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("\nfirst:\n  3\n"), "{}", text(&run.stdout));
    let function = verb(&server, "run -q -f random_data data_type=numbers count=3 min=1 max=1 -o json", "");
    assert_eq!(json(&function)["results"]["random_data"], json!([1, 1, 1]));
    let failed = verb(&server, "run -q -", FAILING);
    assert_eq!(failed.status.code(), Some(3));
    assert!(text(&failed.stdout).contains("bad: error[GZ7001]: "), "{}", text(&failed.stdout));
}

#[test]
fn what_waits_says_why_and_can_be_cancelled() {
    let (_data, server) = start();
    let id = id(&server, WAITING);
    let timed_out = verb(&server, "submit - --wait --timeout 0", WAITING);
    assert_eq!(timed_out.status.code(), Some(5));

    let why = verb(&server, &format!("why {id}"), "");
    let said = text(&why.stdout);
    assert!(said.contains("outside (queued)") && said.contains("after (pending)"), "{said}");
    let first = verb(&server, &format!("why {id}.0 -o json"), "");
    assert_eq!(json(&first)["reasons"][0]["kind"], json!("no_worker"));

    let cancelled = json(&verb(&server, &format!("cancel {id} -o json"), ""));
    assert_eq!(cancelled["status"], json!("cancelled"));
    assert_eq!(verb(&server, &format!("cancel {id}"), "").status.code(), Some(9));
    assert_eq!(verb(&server, &format!("watch {id}"), "").status.code(), Some(4));
}

#[test]
fn what_failed_is_retried_and_what_waits_is_skipped() {
    let (_data, server) = start();
    let failed = id(&server, FAILING);
    assert_eq!(verb(&server, &format!("watch {failed}"), "").status.code(), Some(3));
    let bulk = json(&verb(&server, "retry --failed --name Fail -o json", ""));
    let done = &bulk["done"];
    assert_eq!((&done[0]["id"], done.as_array().map(Vec::len)), (&json!(failed), Some(1)), "{bulk}");
    assert_eq!(verb(&server, &format!("watch {failed}"), "").status.code(), Some(3));
    let mended =
        format!("retry {failed} --task bad --set args=[\"aGk=\"] --reason typo --wait --timeout 60 -o json");
    assert_eq!(json(&verb(&server, &mended, ""))["results"], json!({"bad": "hi"}));
    let nothing = verb(&server, &format!("retry {failed}"), "");
    assert!(
        text(&nothing.stderr).contains("no failed, cancelled or skipped task"),
        "{}",
        text(&nothing.stderr)
    );
    assert_eq!(verb(&server, &format!("retry {failed} --set a=1"), "").status.code(), Some(2));
    assert_eq!(verb(&server, "retry --failed -o name", "").stdout, b"");

    let waiting = id(&server, WAITING);
    let skipped = verb(&server, &format!("skip {waiting} --task outside --with [5] -o json"), "");
    assert!(skipped.status.success(), "{}", text(&skipped.stderr));
    assert_eq!(verb(&server, &format!("watch {waiting}"), "").status.code(), Some(0));
    let nobody = verb(&server, &format!("skip {waiting} --task nobody"), "");
    assert_eq!(nobody.status.code(), Some(8), "{}", text(&nobody.stderr));
    assert_eq!(verb(&server, "retry nothing", "").status.code(), Some(8));
}

#[test]
fn refusals_have_exit_codes_of_their_own() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let server = Server::start(data.path(), &["--token", "right"]);
    let denied = verb(&server, "list", "");
    assert_eq!(denied.status.code(), Some(7));
    assert!(text(&denied.stderr).starts_with("error[GZ4001]: "), "{}", text(&denied.stderr));
    let with = |line: &str| verb(&server, &format!("{line} --token right"), "");
    for unknown in ["status nothing", "results nothing", "watch nothing", "why nothing", "cancel nothing"] {
        let output = with(unknown);
        assert_eq!(output.status.code(), Some(8), "{unknown}: {}", text(&output.stderr));
        let said = text(&output.stderr);
        assert!(said.contains("  cause: ") && said.contains("  fix: "), "{unknown}: {said}");
    }
    let circle = finish(
        gleitzeit().args(["submit", "-", "--token", "right", "--url", &server.url()]),
        "name: Circle\ntasks:\n- {name: a, function: f, dependencies: [a]}\n",
    );
    assert_eq!(circle.status.code(), Some(1));
    assert!(text(&circle.stderr).starts_with("error[GZ3003]: "), "{}", text(&circle.stderr));
}

#[test]
fn a_server_is_looked_at_and_ended() {
    let (_data, mut server) = start();
    let health = verb(&server, "health -o json", "");
    assert_eq!(json(&health)["status"], json!("healthy"));
    let services = json(&verb(&server, "services -o json", ""));
    assert_eq!(services["items"][0]["node_type"], json!("built_in"));
    let one = verb(&server, &format!("services {}", services["items"][0]["id"].as_str().expect("an id")), "");
    assert!(text(&one.stdout).contains("built_in"), "{}", text(&one.stdout));
    assert_eq!(verb(&server, "services nobody", "").status.code(), Some(8));
    assert_eq!(verb(&server, "shutdown", "").status.code(), Some(0));
    assert!(server.ended().success());
    assert_eq!(verb(&server, "health", "").status.code(), Some(2));
}

#[test]
fn the_load_generator_counts_every_result() {
    let (_data, server) = start();
    let output = verb(&server, "bench --json --tasks 60 --services 2 --window 5", "");
    let report = json(&output);
    let scenarios = report["scenarios"].as_array().expect("a list");
    let names: Vec<&str> = scenarios.iter().filter_map(|scenario| scenario["scenario"].as_str()).collect();
    assert_eq!(names, ["independent", "single", "chain", "fanout"]);
    let keys = "scenario tasks tasks_per_s wall_s hop_ms server_rss_mb server_cpu_s exactly_once";
    for scenario in scenarios {
        assert_eq!(scenario["exactly_once"], json!(true), "{scenario}");
        let mut found: Vec<&String> = scenario.as_object().expect("an object").keys().collect();
        let mut wanted: Vec<&str> = keys.split(' ').collect();
        found.sort();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        let hop = &scenario["hop_ms"];
        assert!(
            hop["p50"].as_f64() <= hop["p99"].as_f64() && hop["p99"].as_f64() <= hop["max"].as_f64(),
            "{hop}"
        );
    }
}

#[test]
fn a_load_generator_starts_and_ends_a_server_of_its_own() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let mut bench = gleitzeit();
    bench.args(["bench", "--scenario", "fanout", "--tasks", "20", "--dir"]).arg(parent.path());
    let output = finish(&mut bench, "");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("fanout"), "{}", text(&output.stdout));
    let left = std::fs::read_dir(parent.path()).expect("it can be listed").count();
    assert_eq!(left, 0, "it leaves nothing behind");
}
