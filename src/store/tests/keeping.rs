//! Retention, verification and the dump.

use super::world::{World, spec};
use crate::core::event::{AfterFailure, Outcome};
use crate::core::ids::{Seq, TaskId, Timestamp, WorkflowId};
use crate::core::listing::ListFilter;
use crate::core::state::Workflow;
use crate::store::{Scope, dump_log};

/// Archives workflows of all kinds, with a second between them, and returns them in order.
fn history(world: &mut World, count: u32) -> Vec<Workflow> {
    let mut all = Vec::new();
    for number in 0..count {
        world.now = world.now.plus(1_000);
        let id = if number % 2 == 0 { world.fresh_id() } else { WorkflowId::from_text(&number.to_string()) };
        let mut with_ids = spec("kept", 1 + number % 3);
        with_ids.label = (number % 2 == 1).then(|| number.to_string().into());
        with_ids.tasks[0].own_id = Some(format!("0192f0c0-0000-7000-8000-{number:012}").into());
        world.submit_as(id, Some(&format!("key {number}")), with_ids);
        let workflow = if number % 5 == 0 {
            world.fail(TaskId::new(id, 0), AfterFailure::Final);
            world.end(id, Outcome::Failed)
        } else {
            world.finish(id)
        };
        world.archive(&workflow);
        all.push(workflow);
    }
    all
}

#[test]
fn expired_workflows_leave_nothing_behind() {
    let mut world = World::new();
    let mut all = history(&mut world, 250);
    let large = world.finished("large", 300);
    world.archive(&large);
    let before = all[120].ended_at.unwrap();
    assert_eq!(world.store.expire(before, 50).unwrap(), 50);
    assert_eq!(world.store.expire(before, 1_000).unwrap(), 70);
    assert_eq!(world.store.expire(before, 1_000).unwrap(), 0);
    let kept = all.split_off(120);
    for workflow in all {
        assert_eq!(world.store.load(workflow.id).unwrap(), None);
        assert_eq!(world.store.find_submission(workflow.id, workflow.key, world.now).unwrap(), None);
    }
    for workflow in &kept {
        world.check_loads(workflow);
    }
    world.store.check_content().unwrap();
    assert_eq!(world.store.expire(Timestamp(u64::MAX), 1_000).unwrap(), 131);
    let left = world.store.totals();
    assert_eq!((left.statuses, left.ids, left.keys, left.own_tasks, left.sum), (0, 0, 0, 0, 0));
    assert!(world.store.list(&ListFilter::default(), None, 10).unwrap().items.is_empty());
    world.store.check_content().unwrap();
}

/// Whoever takes in a run of last year wants to look at it tomorrow.
#[test]
fn an_imported_workflow_expires_by_the_day_of_its_import() {
    let mut world = World::new();
    let mut old = world.finished("old", 2);
    old.timed_from = old.ended_at.unwrap().plus(1_000);
    world.archive(&old);
    let day = old.timed_from;
    assert_eq!(world.store.expire(day, 10).unwrap(), 0);
    assert_eq!(world.store.expire(day.plus(1), 10).unwrap(), 1);
}

/// Appends a workflow again, as the release of its log demands.
fn carry(world: &mut World, id: WorkflowId) {
    let loaded = world.store.load(id).unwrap().unwrap();
    world.carry(&loaded);
    let now = world.state.workflow(id).unwrap().clone();
    world.archive(&now);
}

#[test]
fn whatever_holds_the_log_back_can_be_carried() {
    let mut world = World::new();
    let all = history(&mut world, 30);
    let up_to = Seq(all[10].ended_seq.unwrap().0 + 1);
    assert!(!world.store.verify(up_to, Scope::AtRest).is_whole());
    let (mut from, mut found) = (None, Vec::new());
    for _ in 0..10 {
        let holding = world.store.holding_back(up_to, from, 4).unwrap();
        found.extend(holding.workflows);
        from = holding.next;
        if from.is_none() {
            break;
        }
    }
    let mut expected: Vec<WorkflowId> = all[..=10].iter().map(|workflow| workflow.id).collect();
    expected.sort_unstable();
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
    for id in found {
        carry(&mut world, id);
    }
    assert!(world.store.holding_back(up_to, None, 10).unwrap().workflows.is_empty());
    let report = world.store.verify(up_to, Scope::AtRest);
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.workflows, 30);
    assert!(report.payloads > 10);
}

#[test]
fn verification_names_what_is_missing() {
    let mut world = World::new();
    let all = history(&mut world, 5);
    assert!(world.store.verify(Seq::FIRST, Scope::AtRest).is_whole());
    // Another log, in which other records have these numbers.
    let mut other = World::new();
    other.submit("another", 1);
    history(&mut other, 8);
    let kv = world.kv.crashed(crate::store::kv::Surviving::Everything);
    let log = other.reader();
    let opened =
        crate::store::Store::open_in_memory(&std::sync::Arc::new(kv), &log, super::world::OPTIONS).unwrap();
    let report = opened.store.verify(Seq::FIRST, Scope::AtRest);
    assert_eq!((report.workflows, report.problems.len()), (0, all.len()));
    assert!(report.problems[0].contains(&all[0].id.to_string()), "{:?}", report.problems);
}

#[test]
fn dumps_are_json_lines_with_readable_ids() {
    let mut world = World::new();
    let workflow = world.finished("dumped", 2);
    world.archive(&workflow);
    let mut out = Vec::new();
    let records = dump_log(&*world.reader(), Seq(0), &mut out).unwrap();
    assert_eq!(records, world.state.next_seq.0 - 1);
    assert_eq!(world.store.dump(&mut out).unwrap(), 1);
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, records + 1);
    let id = workflow.id.to_string();
    assert_eq!(lines[0]["seq"], 1);
    assert_eq!(lines[0]["event"]["WorkflowSubmitted"]["workflow"], id.as_str());
    assert_eq!(lines[lines.len() - 1]["workflow"]["id"], id.as_str());
    assert_eq!(lines[lines.len() - 1]["workflow"]["status"], "Completed");
}
