//! A checkpoint and the log behind it are the state, wherever the power was cut.

use super::world::{OPTIONS, ResultSize, World, check_loads};
use crate::core::event::{AfterFailure, Event, Outcome};
use crate::core::ids::{TaskId, WorkerId, WorkflowId};
use crate::core::state::{State, Workflow};
use crate::store::kv::{Kv, MemoryFaults, MemoryKv, Surviving};
use crate::store::{CheckpointInput, Opened, Store};

/// Live workflows in every state, some of them large.
fn lively(world: &mut World) {
    world.tell(Event::WorkerNamed { worker: WorkerId::new("w1"), name: "ml".into() });
    let id = world.submit("lively", 6);
    let task = |index| TaskId::new(id, index);
    world.complete(task(0), ResultSize::Small);
    world.complete(task(1), ResultSize::Large);
    world.fail(task(2), AfterFailure::RetryAt(world.now.plus(60_000)));
    world.lose(task(3));
    world.start_task(task(4), "w1");
    let paused = world.submit("paused", 300);
    world.tell(Event::WorkflowPaused { workflow: paused });
    for index in 0..250 {
        world.complete(TaskId::new(paused, index), ResultSize::Small);
    }
}

/// The state that a start finds.
fn recovered(opened: Opened) -> State {
    let mut state = opened.checkpoint.map_or_else(State::default, CheckpointInput::restore);
    opened.store.replay(&mut state).unwrap();
    state
}

#[test]
fn the_state_comes_back_from_a_checkpoint_and_the_log() {
    let mut world = World::new();
    lively(&mut world);
    world.store.checkpoint(&CheckpointInput::of(&world.state)).unwrap();
    let at_checkpoint = world.state.next_seq;
    let later = world.submit("later", 2);
    world.complete(TaskId::new(later, 0), ResultSize::Tiny);
    assert_eq!(world.store.checkpointed().unwrap(), Some(at_checkpoint));
    let (_, opened) = world.reopened(world.kv.crashed(Surviving::Unsynced(0)));
    assert_eq!(opened.checkpoint.as_ref().map(|input| input.next_seq), Some(at_checkpoint));
    assert_eq!(recovered(opened), world.state);
}

#[test]
fn only_one_generation_is_kept() {
    let mut world = World::new();
    lively(&mut world);
    for _ in 0..3 {
        world.store.checkpoint(&CheckpointInput::of(&world.state)).unwrap();
    }
    let mut generations = std::collections::BTreeSet::new();
    world
        .kv
        .range(b"l", b"m", crate::store::kv::Direction::Ascending, &mut |key, _| {
            generations.insert(crate::store::keys::generation_of(key));
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(generations.into_iter().collect::<Vec<_>>(), [Some(3)]);
}

/// A workflow that is in every index.
fn indexed(world: &mut World, number: u32) -> Workflow {
    let label = format!("order-{number}");
    let mut spec = super::world::spec(&label, 2);
    spec.label = Some(label.as_str().into());
    spec.tasks[1].own_id = Some(format!("0192f0c0-0000-7000-8000-{number:012}").into());
    let id = world.submit_as(WorkflowId::from_text(&label), Some(&label), spec);
    world.fail(TaskId::new(id, 0), AfterFailure::Final);
    world.end(id, Outcome::Failed)
}

/// Does a little of everything: what is archived, a checkpoint, more, another checkpoint.
fn story(world: &mut World) -> Vec<Workflow> {
    let mut ended: Vec<Workflow> = (0..5).map(|number| indexed(world, number)).collect();
    for workflow in &ended {
        if world.store.archive(std::slice::from_ref(workflow)).is_ok() {
            world.state.forget(workflow.id, workflow.ended_seq.unwrap());
        }
    }
    lively(world);
    let _ = world.store.checkpoint(&CheckpointInput::of(&live(&world.state)));
    let large = world.finished("large", 300);
    if world.store.archive(std::slice::from_ref(&large)).is_ok() {
        world.state.forget(large.id, large.ended_seq.unwrap());
    }
    ended.push(large);
    let _ = world.store.checkpoint(&CheckpointInput::of(&live(&world.state)));
    ended
}

/// A picture must not be taken while ended workflows are in memory only; a frozen store leaves some there, and
/// its checkpoint fails anyway.
fn live(state: &State) -> State {
    CheckpointInput::of(state).restore()
}

/// Whatever the crash left: the start brings the same state and every ended workflow.
fn check_recovery(world: &World, kv: MemoryKv, ended: &[Workflow]) {
    let (_, opened) = world.reopened(kv);
    let store = std::sync::Arc::clone(&opened.store);
    let state = recovered(opened);
    let mut expected = live(&world.state);
    expected.next_seq = world.state.next_seq;
    assert_eq!(state, expected);
    for workflow in ended {
        check_loads(&store, workflow);
    }
    store.check_content().unwrap();
    assert_eq!(store.totals().workflows(), ended.len() as u64);
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing() {
    let mut world = World::new();
    story(&mut world);
    let operations = world.kv.operations();
    assert!(operations > 10, "{operations}");
    for operation in 1..=operations + 1 {
        let mut world = World::new();
        world.kv.plan(MemoryFaults { fail_from: Some(operation) });
        let ended = story(&mut world);
        for survivors in 0..=world.kv.unsynced().min(3) {
            check_recovery(&world, world.kv.crashed(Surviving::Unsynced(survivors)), &ended);
        }
        check_recovery(&world, world.kv.crashed(Surviving::Everything), &ended);
    }
}

#[test]
fn a_damaged_store_is_made_anew() {
    let mut world = World::new();
    let ended = story(&mut world);
    for key in [b"mtotals".as_slice(), b"mcheckpoint"] {
        let kv = world.kv.crashed(Surviving::Everything);
        kv.tamper(key, |_| Some(vec![0xFF; 3]));
        check_recovery(&world, kv, &ended);
    }
    let kv = world.kv.crashed(Surviving::Everything);
    kv.tamper(&crate::store::keys::page(ended[0].listed_at()), |_| None);
    check_recovery(&world, kv, &ended);
}

#[test]
fn expired_keys_go_with_a_checkpoint() {
    let mut world = World::new();
    for number in 0..250 {
        let id = world.fresh_id();
        world.submit_as(id, Some(&format!("key {number}")), super::world::spec("keyed", 1));
        let ended = world.finish(id);
        world.archive(&ended);
    }
    assert_eq!(world.store.totals().keys, 250);
    let mut input = CheckpointInput::of(&world.state);
    let first = world.store.list(&crate::core::listing::ListFilter::default(), None, 250).unwrap();
    let created = first.items[100].created_at;
    input.now = created.plus(OPTIONS.idempotency_ms);
    world.store.checkpoint(&input).unwrap();
    assert_eq!(world.store.totals().keys, 100);
    world.store.check_content().unwrap();
}

#[test]
fn a_log_that_lacks_what_the_store_has_seen_is_refused() {
    let mut archived = World::new();
    let ended = archived.finished("one", 1);
    archived.archive(&ended);
    let mut checkpointed = World::new();
    checkpointed.submit("one", 1);
    checkpointed.store.checkpoint(&CheckpointInput::of(&checkpointed.state)).unwrap();
    for world in [archived, checkpointed] {
        let kv = std::sync::Arc::new(world.kv.crashed(Surviving::Everything));
        let refused = Store::open_in_memory(&kv, &World::new().reader(), OPTIONS).unwrap_err();
        assert_eq!(refused.code(), crate::core::errors::DATA_CORRUPTION, "{refused}");
    }
}
