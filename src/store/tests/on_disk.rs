//! The store in sled, on a real disk.

use std::fs;
use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use super::world::{OPTIONS, World, check_loads};
use crate::core::ids::{Seq, WorkflowId};
use crate::core::state::{State, Workflow};
use crate::store::{Archiver, CheckpointInput, Opened, Store, StoreHealth, StoreJob, StoreStatus, compact};

fn open(world: &World, data: &Path) -> Opened {
    Store::open(data, &world.reader(), OPTIONS).unwrap()
}

/// Ended workflows that are in no store.
fn ended(world: &mut World, count: u32) -> Vec<Workflow> {
    let mut all: Vec<Workflow> = (0..count).map(|_| world.finished("small", 1)).collect();
    all.push(world.finished("large", 300));
    for workflow in &all {
        world.state.forget(workflow.id, workflow.ended_seq.unwrap());
    }
    all
}

fn check_all(store: &Store, all: &[Workflow]) {
    for workflow in all {
        check_loads(store, workflow);
    }
    assert_eq!(store.totals().workflows(), all.len() as u64);
    store.check_content().unwrap();
}

#[test]
fn what_is_archived_is_there_after_a_restart() {
    let (mut world, data) = (World::new(), tempfile::tempdir().unwrap());
    let all = ended(&mut world, 120);
    let opened = open(&world, data.path());
    assert!(opened.checkpoint.is_none());
    opened.store.archive(&all).unwrap();
    world.submit("live", 3);
    opened.store.checkpoint(&CheckpointInput::of(&world.state)).unwrap();
    opened.store.close().unwrap();
    drop(opened);

    let opened = open(&world, data.path());
    check_all(&opened.store, &all);
    assert_eq!(opened.checkpoint.unwrap().restore(), world.state);
}

/// What a start finds after the process was killed: the files as they are while it runs.
#[test]
fn a_killed_process_leaves_a_store_that_the_log_completes() {
    let (mut world, data, copy) = (World::new(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let all = ended(&mut world, 120);
    let opened = open(&world, data.path());
    opened.store.archive(&all[..60]).unwrap();
    opened.store.checkpoint(&CheckpointInput::of(&State::default())).unwrap();
    opened.store.archive(&all[60..]).unwrap();
    copy_files(data.path(), copy.path());

    let opened = open(&world, copy.path());
    let mut state = opened.checkpoint.map_or_else(State::default, CheckpointInput::restore);
    opened.store.replay(&mut state).unwrap();
    check_all(&opened.store, &all);
    assert!(state.workflows.is_empty());
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_files(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Damages the files of a closed store, and checks that the log brings everything back.
fn check_rebuild(damage: impl FnOnce(&Path)) {
    let (mut world, data) = (World::new(), tempfile::tempdir().unwrap());
    let all = ended(&mut world, 120);
    let opened = open(&world, data.path());
    opened.store.archive(&all).unwrap();
    opened.store.checkpoint(&CheckpointInput::of(&world.state)).unwrap();
    opened.store.close().unwrap();
    drop(opened);
    damage(&data.path().join("store"));

    let opened = open(&world, data.path());
    let mut state = opened.checkpoint.map_or_else(State::default, CheckpointInput::restore);
    opened.store.replay(&mut state).unwrap();
    check_all(&opened.store, &all);
    assert_eq!(opened.store.health(), StoreHealth::Healthy);
}

#[test]
fn a_store_that_cannot_be_opened_is_made_anew() {
    check_rebuild(|store| fs::write(store.join("conf"), "nonsense").unwrap());
    check_rebuild(|store| fs::write(store.join("conf"), "segment_size: 7").unwrap());
}

#[test]
fn a_store_that_lost_data_in_a_power_cut_is_made_anew() {
    check_rebuild(|store| {
        fs::write(store.join("OPEN"), "open: another run of the machine").unwrap();
        let mut bytes = fs::read(store.join("db")).unwrap();
        let middle = bytes.len() / 2;
        bytes[..middle].fill(0);
        fs::write(store.join("db"), bytes).unwrap();
    });
}

#[test]
fn a_frozen_store_is_made_anew() {
    check_rebuild(|store| fs::write(store.join("OPEN"), "frozen: a test").unwrap());
}

#[test]
fn compaction_keeps_everything_in_less_space() {
    let (mut world, data) = (World::new(), tempfile::tempdir().unwrap());
    let all = ended(&mut world, 300);
    let opened = open(&world, data.path());
    for _ in 0..10 {
        for workflow in &all {
            opened.store.archive(std::slice::from_ref(workflow)).unwrap();
        }
    }
    opened.store.checkpoint(&CheckpointInput::of(&world.state)).unwrap();
    opened.store.close().unwrap();
    drop(opened);
    let report = compact(data.path(), &world.reader(), OPTIONS).unwrap();
    assert!(report.after < report.before, "{report:?}");
    let opened = open(&world, data.path());
    check_all(&opened.store, &all);
    assert_eq!(opened.checkpoint.unwrap().restore(), world.state);
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1, "the old store is gone");
}

#[test]
fn the_thread_archives_in_order_and_closes_the_store() {
    let (mut world, data) = (World::new(), tempfile::tempdir().unwrap());
    let all = ended(&mut world, 250);
    let Opened { store, .. } = open(&world, data.path());
    let (sender, jobs) = channel();
    let status = Arc::new(StoreStatus::default());
    let archiver = Archiver {
        store: Arc::clone(&store),
        jobs,
        status: Arc::clone(&status),
        directory: data.path().to_path_buf(),
    };
    let heard: Arc<Mutex<Vec<(WorkflowId, Seq)>>> = Arc::default();
    let listener = Arc::clone(&heard);
    let thread = std::thread::spawn(move || {
        archiver.run(move |workflow, seq| listener.lock().unwrap().push((workflow, seq)));
    });
    for workflow in &all {
        status.add(1);
        sender.send(StoreJob::Archive(Box::new(workflow.clone()))).unwrap();
    }
    sender.send(StoreJob::Checkpoint(Box::new(CheckpointInput::of(&world.state)))).unwrap();
    drop(sender);
    thread.join().unwrap();
    let expected: Vec<_> = all.iter().map(|known| (known.id, known.ended_seq.unwrap())).collect();
    assert_eq!(*heard.lock().unwrap(), expected);
    assert_eq!(status.backlog(), 0);
    assert!(!data.path().join("store/OPEN").exists(), "the store was closed cleanly");
    drop(store);
    let opened = open(&world, data.path());
    check_all(&opened.store, &all);
    assert!(opened.checkpoint.is_some());
}
