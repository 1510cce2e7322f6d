//! The rules: a good service breaks none, and for each of them there is one that breaks it and is told so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::flaws::{FLAWS, Flaw};
use super::kit::{Kit, documented_service, python};
use super::proxy::{self, Fate};
use super::service;

const PAGE: &str = include_str!("../../../docs/conformance.md");

/// What each rule came to, by its name.
fn outcomes(report: &Value) -> BTreeMap<String, String> {
    let rules = report["rules"].as_array().expect("it lists the rules");
    rules.iter().map(|rule| (text(&rule["rule"]), text(&rule["outcome"]))).collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The rules that came to this.
fn with_outcome(report: &Value, wanted: &str) -> Vec<String> {
    outcomes(report).into_iter().filter(|(_, outcome)| outcome == wanted).map(|(rule, _)| rule).collect()
}

/// The report, without holding up the runtime that the service runs on.
async fn report(kit: Kit) -> (i32, Value) {
    tokio::task::spawn_blocking(|| kit.report()).await.expect("it does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_client_keeps_every_rule() {
    let kit = Kit::start(&["--token", "secret", "--patience", "120"]);
    let node = service::start(&kit.url, |node| node);
    node.stopped().await;
    let (code, report) = report(kit).await;
    assert_eq!((code, with_outcome(&report, "passed").len()), (0, FLAWS.len()), "{report:#}");
    assert_eq!(report["service"]["node_id"], "under-test-1");
    for rule in report["rules"].as_array().expect("it lists the rules") {
        let row = format!("| `{}` | {} |", text(&rule["rule"]), text(&rule["expected"]));
        assert!(PAGE.contains(&row), "docs/conformance.md lacks {row}");
    }
    assert!(node.status().registrations >= 4, "it was cut off three times: {:?}", node.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_breaks_a_rule_is_told_which() {
    // A proxy that spoils nothing changes nothing.
    let (outcome, report) = judged(&HONEST).await;
    assert_eq!(outcome, (0, Vec::new()), "{report:#}");
    let mut wrong = Vec::new();
    for some in FLAWS.chunks(FLAWS_AT_ONCE) {
        let judged = some.iter().map(|flaw| tokio::spawn(judged(flaw)));
        for (flaw, judged) in some.iter().zip(judged.collect::<Vec<_>>()) {
            let ((code, broken), report) = judged.await.expect("it does not panic");
            if code != 1 || broken != [flaw.rule.to_owned()] {
                wrong.push(format!("{}: exit {code}, broken: {broken:?}\n{report:#}", flaw.rule));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const HONEST: Flaw = Flaw { rule: "cancel", spoil: || Arc::new(Mutex::new(|_, _: &mut _| Fate::Pass)) };

/// Each is a process and a proxy.
const FLAWS_AT_ONCE: usize = 17;

/// Has one rule looked at, for a service with this flaw: the exit code and what is broken.
async fn judged(flaw: &'static Flaw) -> ((i32, Vec<String>), Value) {
    let kit = Kit::start(&["--token", "secret", "--patience", PATIENCE, "--rule", flaw.rule]);
    let url = proxy::start(&kit.url, (flaw.spoil)()).await;
    let node = service::start(&url, |node| node);
    let (code, report) = report(kit).await;
    node.stop().await;
    ((code, with_outcome(&report, "failed")), report)
}

/// For what a spoiled service leaves out. What it does not leave out must come within it, on a busy machine too.
const PATIENCE: &str = "12";

/// What the Base protocol has no way to do.
const BASE_DEVIATIONS: [&str; 13] = [
    "ack.asked",
    "ack.later",
    "ack.refused",
    "ack.resend",
    "assign.duplicate",
    "assign.repeated",
    "attempt.named",
    "attempt.newer",
    "fail.details",
    "heartbeat.active",
    "reconnect.active",
    "reconnect.lost",
    "shutdown.restart",
];

#[test]
fn a_service_of_the_earlier_kind_deviates_and_breaks_nothing() {
    let kit = Kit::start(&["--patience", "30"]);
    let mut command = python();
    let mut child =
        command.args(["tests/clients/conformance_service.py", &kit.url]).spawn().expect("run tests/run");
    let (code, report) = kit.report();
    drop(child.kill());
    drop(child.wait());
    assert_eq!((code, with_outcome(&report, "failed")), (0, vec![]), "{report:#}");
    let deviations = with_outcome(&report, "deviation");
    assert!(BASE_DEVIATIONS.iter().all(|rule| deviations.iter().any(|found| found == rule)), "{report:#}");
    let known = |rule: &String| BASE_DEVIATIONS.contains(&rule.as_str()) || rule == "reconnect.result";
    assert!(deviations.iter().all(known), "{report:#}");
}

#[test]
fn the_service_of_the_documentation_breaks_nothing() {
    let kit = Kit::start(&["--patience", "30"]);
    let mut child = documented_service(&kit.url).spawn().expect("run tests/run");
    let (code, report) = kit.report();
    drop(child.kill());
    drop(child.wait());
    assert_eq!((code, with_outcome(&report, "failed")), (0, vec![]), "{report:#}");
}

#[test]
fn rules_are_named_and_unknown_ones_refused() {
    let output =
        crate::harness::gleitzeit().args(["conformance", "--rule", "cancle"]).output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(FLAWS.iter().all(|flaw| told.contains(flaw.rule)), "{told}");
}
