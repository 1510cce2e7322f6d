//! What goes into the store comes out as it was.

use super::world::{OPTIONS, World, as_loaded, spec};
use crate::core::event::{AfterFailure, Event, Note, Outcome};
use crate::core::ids::{Fingerprint, TaskId, Timestamp, WorkflowId};
use crate::core::listing::{ListFilter, Summary};
use crate::core::payload::Stored;
use crate::core::spec::WorkflowSpec;
use crate::core::state::{TaskStatus, Workflow, WorkflowStatus};
use crate::store::kv::{Kv, MemoryFaults};
use crate::store::{StoreError, StoreHealth, payload};

#[test]
fn workflows_come_back_as_they_were() {
    let mut world = World::new();
    let all = [world.finished("one", 1), world.finished("some", 3), world.finished("many", 300)];
    for workflow in &all {
        world.archive(workflow);
    }
    for workflow in &all {
        world.check_loads(workflow);
    }
    assert!(world.state.workflows.is_empty());
    assert_eq!(world.store.totals().tasks_completed, 304);
    let unknown = world.fresh_id();
    assert_eq!(world.store.load(unknown).unwrap(), None);
    world.store.check_content().unwrap();
}

#[test]
fn results_of_all_sizes_can_be_read() {
    let mut world = World::new();
    let workflow = world.finished("sizes", 6);
    world.archive(&workflow);
    let loaded = world.store.load(workflow.id).unwrap().unwrap();
    let log = world.reader();
    for (index, task) in (0..).zip(loaded.tasks.iter()) {
        let TaskStatus::Completed { result, .. } = &task.status else { panic!("{task:?}") };
        assert_eq!(matches!(result, Stored::Logged { .. }), index % 3 == 2);
        let text = payload(&*log, result).unwrap();
        assert!(text.as_str().starts_with(&format!(r#"{{"of":{index},"#)), "{text:?}");
    }
}

/// A workflow with every kind of ended task, each with a past.
fn troubled(world: &mut World) -> Workflow {
    let id = world.submit("troubled", 5);
    let task = |index| TaskId::new(id, index);
    world.lose(task(0));
    world.fail(task(0), AfterFailure::RetryAt(world.now.plus(10)));
    world.tell(Event::TaskRequeued { task: task(0) });
    world.complete(task(0), super::world::ResultSize::Small);
    world.fail(task(1), AfterFailure::RetryAt(world.now.plus(10)));
    world.tell(Event::TaskRequeued { task: task(1) });
    world.fail(task(1), AfterFailure::Final);
    let release_until = world.now.plus(1_000);
    world.tell(Event::TaskCancelled { task: task(2), release_until });
    world.tell(Event::TaskSkipped { task: task(3), cause: task(1) });
    world.start_task(task(4), "w4");
    world.end(id, Outcome::TimedOut)
}

#[test]
fn failures_and_their_history_come_back() {
    let mut world = World::new();
    let workflow = troubled(&mut world);
    world.archive(&workflow);
    world.check_loads(&workflow);
    let totals = world.store.totals();
    assert_eq!((totals.failed, totals.tasks_completed, totals.tasks_failed), (1, 1, 1));
    assert_eq!((totals.tasks_cancelled, totals.tasks_skipped), (2, 1));
}

#[test]
fn a_workflow_that_ends_again_replaces_itself() {
    let mut world = World::new();
    for tasks in [2, 300] {
        let id = world.submit("twice", tasks);
        world.fail(TaskId::new(id, 0), AfterFailure::Final);
        let first = world.end(id, Outcome::Failed);
        world.store.archive(&[first]).unwrap();
        assert_eq!(world.store.totals().statuses, 1);
        world.tell(Event::TasksRetried { workflow: id, tasks: vec![0], note: Note::default() });
        let second = world.finish(id);
        world.archive(&second);
        world.check_loads(&second);
        let totals = world.store.totals();
        assert_eq!((totals.failed, totals.statuses), (0, 0));
        world.store.check_content().unwrap();
    }
    assert_eq!(world.store.totals().completed, 2);
    let chunks = keys_with(&world, b'c');
    assert!(chunks > 0 && chunks < 10, "the chunks of the first end are gone: {chunks}");
}

fn keys_with(world: &World, tag: u8) -> usize {
    let mut count = 0;
    let from = [tag];
    let visit = &mut |_: &[u8], _: &[u8]| {
        count += 1;
        std::ops::ControlFlow::Continue(())
    };
    world.kv.range(&from, &[tag + 1], crate::store::kv::Direction::Ascending, visit).unwrap();
    count
}

#[test]
fn carried_workflows_refer_to_their_new_record() {
    let mut world = World::new();
    let workflow = world.finished("carried", 3);
    world.archive(&workflow);
    let loaded = world.store.load(workflow.id).unwrap().unwrap();
    let seq = world.carry(&loaded);
    let now = world.state.workflow(workflow.id).unwrap().clone();
    assert_eq!((now.spec_seq, now.ended_seq), (seq, Some(seq)));
    world.archive(&now);
    world.check_loads(&now);
    assert_eq!(world.store.totals().completed, 1);
}

#[test]
fn submissions_are_found_by_id_and_by_key_until_it_expires() {
    let mut world = World::new();
    let generated = world.submit("generated", 1);
    let labelled = WorkflowSpec { label: Some("order-17".into()), ..spec("labelled", 1) };
    let own = world.submit_as(WorkflowId::from_text("order-17"), Some("key"), labelled);
    let bodies: Vec<Fingerprint> = [generated, own].map(|id| world.state.workflow(id).unwrap().body).into();
    for id in [generated, own] {
        let ended = world.finish(id);
        world.archive(&ended);
        world.check_loads(&ended);
    }
    let find = |id, key: Option<&str>, now| {
        let key = key.map(|key| Fingerprint::of(key.as_bytes()));
        world.store.find_submission(id, key, now).unwrap()
    };
    let other = WorkflowId::from_text("another");
    let created = world.store.load(own).unwrap().unwrap().created_at;
    let expires = created.plus(OPTIONS.idempotency_ms);
    assert_eq!(find(generated, None, world.now), Some((generated, bodies[0])));
    assert_eq!(find(own, Some("unused"), world.now), Some((own, bodies[1])));
    assert_eq!(find(other, Some("key"), Timestamp(expires.0 - 1)), Some((own, bodies[1])));
    assert_eq!(find(other, Some("key"), expires), None);
    assert_eq!(find(other, None, world.now), None);
}

#[test]
fn tasks_are_found_by_their_own_uuid() {
    let mut world = World::new();
    let uuid = "0192f0c0-0000-7000-8000-000000000001";
    let mut with_ids = spec("own", 3);
    with_ids.tasks[1].own_id = Some(uuid.into());
    with_ids.tasks[2].own_id = Some("not a uuid".into());
    let id = world.fresh_id();
    world.submit_as(id, None, with_ids);
    let ended = world.finish(id);
    world.archive(&ended);
    let number = crate::core::ids::canonical_uuid(uuid).unwrap();
    assert_eq!(world.store.find_task(number).unwrap(), Some(TaskId::new(id, 1)));
    assert_eq!(world.store.find_task(number + 1).unwrap(), None);
}

#[test]
fn lists_show_the_latest_first_and_go_on_where_they_stopped() {
    let mut world = World::new();
    let mut expected = Vec::new();
    for number in 0..60 {
        let name = if number % 7 == 0 { "Report" } else { "plain" };
        let id = world.submit(name, 1);
        let outcome = if number % 5 == 0 { Outcome::Failed } else { Outcome::Completed };
        let workflow = world.end(id, outcome);
        world.archive(&workflow);
        expected.push(Summary::of(&workflow));
    }
    expected.reverse();
    let of_status = |status| ListFilter { statuses: vec![status], ..ListFilter::default() };
    let filters = [
        ListFilter::default(),
        of_status(WorkflowStatus::Failed),
        of_status(WorkflowStatus::Completed),
        of_status(WorkflowStatus::Running),
        ListFilter { name: Some("rePort".into()), ..ListFilter::default() },
        ListFilter {
            statuses: vec![WorkflowStatus::Failed],
            words: vec!["repo".into()],
            ..ListFilter::default()
        },
    ];
    for filter in filters {
        let wanted: Vec<&Summary> = expected
            .iter()
            .filter(|item| filter.accepts_head(&item.name, item.status, item.created_at))
            .collect();
        let (mut before, mut found) = (None, Vec::new());
        for _ in 0..100 {
            let page = world.store.list(&filter, before, 7).unwrap();
            assert!(page.items.len() <= 7);
            found.extend(page.items);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert!(found.iter().eq(wanted), "{filter:?}");
    }
}

#[test]
fn a_store_that_fails_freezes_and_says_why() {
    let mut world = World::new();
    let (first, second) = (world.finished("first", 1), world.finished("second", 1));
    world.archive(&first);
    world.kv.plan(MemoryFaults { fail_from: Some(world.kv.operations() + 1) });
    assert!(matches!(world.store.archive(std::slice::from_ref(&second)), Err(StoreError::Kv(_))));
    let StoreHealth::Frozen { why } = world.store.health() else { panic!("{:?}", world.store.health()) };
    assert!(why.contains("the simulated disk failed"), "{why}");
    world.kv.plan(MemoryFaults::default());
    assert!(matches!(world.store.archive(&[second]), Err(StoreError::Frozen { .. })));
    world.check_loads(&first);
}

#[test]
fn damage_is_noticed_when_it_is_read() {
    let mut world = World::new();
    let (small, large) = (world.finished("small", 1), world.finished("large", 300));
    world.archive(&small);
    world.archive(&large);
    let chunk = crate::store::keys::chunk(large.listed_at(), large.ended_seq.unwrap(), 1);
    world.kv.tamper(&chunk, |value| value.map(|value| value.into_iter().rev().collect()));
    assert!(world.store.check_content().is_err());
    assert!(matches!(world.store.load(large.id), Err(StoreError::Undecodable(_))));
    assert!(matches!(world.store.health(), StoreHealth::Frozen { .. }));
    let loaded = world.store.load(small.id).unwrap();
    assert_eq!(loaded, Some(as_loaded(&small)), "what is whole can still be read");
}

#[test]
fn a_key_that_was_used_again_stays_with_the_later_workflow() {
    let mut world = World::new();
    let [first, second] = [0, 1].map(|_| {
        let id = world.fresh_id();
        world.submit_as(id, Some("key"), spec("keyed", 1));
        let ended = world.finish(id);
        world.now = world.now.plus(OPTIONS.idempotency_ms);
        ended
    });
    for workflow in [&first, &second, &first] {
        world.store.archive(std::slice::from_ref(workflow)).unwrap();
    }
    let unknown = world.fresh_id();
    let found = world.store.find_submission(unknown, second.key, second.created_at).unwrap();
    assert_eq!(found.map(|(id, _)| id), Some(second.id));
    world.store.check_content().unwrap();
}
