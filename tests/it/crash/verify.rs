//! The explicit checker: compares what the server says now with what it had answered.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{Answers, Journal};
use super::submitter::workflow;
use crate::harness::Rest;

/// After a restart: everything that was acknowledged since the last check is there.
pub fn acknowledged_is_there(rest: &Rest, answers: &Answers) {
    for id in &answers.submitted {
        rest.read(&format!("/workflows/{id}"));
    }
    for id in &answers.cancelled {
        assert_eq!(rest.read(&format!("/workflows/{id}"))["status"], "cancelled", "{id} was cancelled");
    }
    for done in &answers.completed {
        let results = rest.read(&format!("/workflows/{}/results", done.workflow));
        let found = &results["results"][&done.task_name];
        assert_eq!(found, &done.result, "an acknowledged completion is lost: {done:?}\n{results}");
    }
}

/// What there was to check at the end.
pub struct Counted {
    pub workflows: u64,
    pub completions: u64,
    pub events: u64,
}

/// At the end: every workflow ends, each task was completed once, and a repeated key finds what it had made.
pub fn all_ends_once(rest: &Rest, journal: &Journal) -> Counted {
    let answers = journal.all();
    let mut ids = answers.submitted.clone();
    for (key, id) in journal.keys() {
        let answer =
            rest.post("/workflows", &[("Idempotency-Key", &key)], &workflow(&key)).expect("an answer");
        assert!(matches!(answer.status, 200 | 201), "{key}: {} {}", answer.status, answer.body);
        let found = answer.body["id"].as_str().expect("an answer names the workflow").to_owned();
        match id {
            Some(id) => assert_eq!(found, id, "key {key} makes a second workflow after a restart"),
            None => ids.push(found),
        }
    }
    let mut acknowledged: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for done in &answers.completed {
        let before = acknowledged.insert((&done.workflow, &done.task_name), &done.result);
        assert!(
            before.is_none_or(|result| result == done.result),
            "two attempts were acknowledged: {done:?}"
        );
    }
    let mut results_of: BTreeMap<String, usize> = BTreeMap::new();
    for id in &ids {
        let cancelled = answers.cancelled.contains(id);
        rest.ended(id);
        let results = rest.read(&format!("/workflows/{id}/results"));
        // A cancel without an answer may have been carried out or not.
        let expected = match (cancelled, answers.cancel_sent.contains(id)) {
            (true, _) => results["status"] == "cancelled",
            (false, true) => results["status"] == "cancelled" || results["status"] == "completed",
            (false, false) => results["status"] == "completed",
        };
        assert!(expected, "{id}: {results}");
        let found = results["results"].as_object().expect("results are an object");
        for (name, result) in found {
            if let Some(promised) = acknowledged.get(&(id.as_str(), name.as_str())) {
                assert_eq!(result, promised, "{id}/{name}");
            }
        }
        assert!(results["status"] == "cancelled" || found.len() == 3, "{id}: {results}");
        results_of.insert(id.clone(), found.len());
    }
    let events = completed_once(rest, &results_of);
    Counted { workflows: ids.len() as u64, completions: acknowledged.len() as u64, events }
}

/// The log itself holds one completion for each result, and none twice. Gives the number of its events.
fn completed_once(rest: &Rest, results_of: &BTreeMap<String, usize>) -> u64 {
    let marker = rest.post("/workflows", &[], &workflow("the last one")).expect("an answer");
    let last = marker.body["seq"].as_u64().expect("an answer has a position");
    let mut seen = BTreeSet::new();
    let mut completions: BTreeMap<String, usize> = BTreeMap::new();
    for event in rest.events_up_to(last) {
        if event["type"] == "task_completed" {
            let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
            assert!(seen.insert(text("task_id")), "completed twice: {event}");
            *completions.entry(text("workflow_id")).or_default() += 1;
        }
    }
    for (id, results) in results_of {
        let completed = completions.get(id).copied().unwrap_or_default();
        assert_eq!(completed, *results, "{id}: completions in the log and results");
    }
    last
}
