//! Verbs on many workflows, and the conditions that say which.

use insta::assert_snapshot;

use super::golden::on;
use super::remote::{start, verb};
use super::text;
use crate::harness::Server;

/// Fails, waits for nobody, or completes.
fn submit(server: &Server, name: &str, task: &str, more: &str) -> String {
    let workflow = format!("name: {name}\n{more}\ntasks:\n- {task}\n");
    let output = verb(server, "submit - -o name", &workflow);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

const FAILS: &str = "{name: bad, function: decode_base64, args: ['not base64!']}";
const WAITS: &str = "{name: outside, external: custom, service: Nobody}";

/// Names, in the order of their creation.
fn listed(server: &Server, conditions: &str) -> Vec<String> {
    let output = verb(server, &format!("list -o jsonl {conditions}"), "");
    assert!(output.status.success(), "{conditions}: {}", text(&output.stderr));
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("it is JSON");
    let mut names: Vec<String> = text(&output.stdout)
        .lines()
        .map(|text| line(text)["name"].as_str().expect("a name").to_owned())
        .collect();
    names.reverse();
    names
}

/// Runs to its end, so that the next one is later.
fn failed(server: &Server, name: &str, more: &str) -> String {
    let id = submit(server, name, FAILS, more);
    assert_eq!(verb(server, &format!("watch {id}"), "").status.code(), Some(3));
    id
}

#[test]
fn every_condition_of_the_server_has_a_flag() {
    let (_data, server) = start();
    failed(&server, "Monthly report", "tags: [red, big]\nmetadata: {team: billing, size: 7}");
    failed(&server, "Weekly report", "tags: [big]\nmetadata: {team: billing}");
    let waits = submit(&server, "Import", WAITS, "tags: [red]");
    assert_eq!(listed(&server, ""), ["Monthly report", "Weekly report", "Import"]);
    assert_eq!(listed(&server, "--status failed,pending"), ["Monthly report", "Weekly report", "Import"]);
    assert_eq!(listed(&server, "--status pending"), ["Import"]);
    assert_eq!(listed(&server, "--name ly"), ["Monthly report", "Weekly report"]);
    assert_eq!(listed(&server, "--text mon"), ["Monthly report"]);
    assert_eq!(listed(&server, "--tag big"), ["Monthly report", "Weekly report"]);
    assert_eq!(listed(&server, "--tag big --tag red"), ["Monthly report"]);
    assert_eq!(listed(&server, "--metadata team=billing --metadata size=7"), ["Monthly report"]);
    let created = |id: &str| {
        let shown = verb(&server, &format!("status {id} -o json"), "");
        let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("it is JSON");
        shown["created_at"].as_str().expect("a time").to_owned()
    };
    let at = created(&waits);
    assert_eq!(listed(&server, &format!("--created-after {at}")), ["Import"]);
    assert_eq!(listed(&server, &format!("--created-before {at}")), ["Monthly report", "Weekly report"]);
    for mistake in ["list --status asleep", "list --metadata team", "list --metadata =x"] {
        assert_eq!(verb(&server, mistake, "").status.code(), Some(2), "{mistake}");
    }
    let late = verb(&server, "list --created-after yesterday", "");
    assert!(text(&late.stderr).contains("created_after"), "{}", text(&late.stderr));
}

#[test]
fn what_a_filter_finds_is_retried_and_cancelled() {
    let (_data, server) = start();
    let monthly = failed(&server, "Monthly report", "tags: [red]");
    failed(&server, "Weekly report", "tags: [blue]");
    for name in ["Import one", "Import two", "Export"] {
        submit(&server, name, WAITS, "tags: [red]");
    }
    assert_snapshot!("retry_many_rehearsed", on(&server, "retry --failed --tag red --dry-run"));
    assert_eq!(listed(&server, "--status failed"), ["Monthly report", "Weekly report"]);
    assert_eq!(text(&verb(&server, "retry --failed --tag red -o name", "").stdout).trim(), monthly);
    assert_snapshot!("retry_many_beside_an_id", on(&server, "retry some-id --tag red"));
    assert_snapshot!("cancel_many_rehearsed", on(&server, "cancel --all --text imp --dry-run"));
    assert_snapshot!("cancel_some", on(&server, "cancel --all --text imp --limit 1"));
    assert_eq!(listed(&server, "--status pending"), ["Import one", "Export"]);
    assert_snapshot!("cancel_many", on(&server, "cancel --all --tag red --status pending -o json"));
    assert_eq!(listed(&server, "--status cancelled"), ["Import one", "Import two", "Export"]);
    assert_snapshot!("cancel_nothing", on(&server, "cancel --all"));
    assert_snapshot!("cancel_nobody", on(&server, "cancel"));
}
