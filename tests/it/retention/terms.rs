//! Retention by age, count and size: what was made first goes first, what has not ended stays, and the disk gets its
//! room, but for what would only move.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use gleitzeit::core::errors;
use gleitzeit::core::ids::WorkflowId;
use gleitzeit::engine::{EngineHandle, Keep, KeepTerms, Retention};
use serde_json::json;

use super::{Engine, SEGMENT_BYTES, WORKFLOWS, submit, submit_all, text};

/// Enough to come down to what is not worth a release.
const PASSES: usize = 12;
const TASKS: usize = 10;

/// Ended workflows of about 10 KB, and one that waits.
async fn filled(engine: &EngineHandle) -> (Vec<WorkflowId>, WorkflowId) {
    let external = json!({"name": "Wait", "external": "ml", "service": "Nobody", "operation": "train",
        "model_params": {"text": text(0)}});
    let waiting = submit(engine, WORKFLOWS, external).await;
    let mut ended = Vec::new();
    for number in 0..WORKFLOWS {
        let task = json!({"name": "Encode", "function": "encode_base64", "args": [text(number)]});
        ended.push(submit(engine, number, task).await);
        // What is made within one millisecond has no order.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for id in &ended {
        engine.wait_for_end(*id, Duration::from_mins(1)).await.unwrap();
    }
    (ended, waiting)
}

async fn pass(engine: &Engine, terms: KeepTerms) {
    passes(engine.retention(terms), 1).await;
}

async fn passes(mut retention: Retention, count: usize) -> Retention {
    let (_keep, stop) = channel();
    let work = move || {
        (0..count).for_each(|_| retention.pass(&stop).unwrap());
        retention
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

/// Waits until the store holds what has ended.
async fn archived(engine: &Engine, workflows: usize) {
    for _ in 0..6_000 {
        if engine.handle().archive_backlog() == 0 && engine.store.totals().workflows() == workflows as u64 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} workflows are archived", engine.store.totals().workflows());
}

/// What the log takes on the disk, in blocks that it really has.
fn log_bytes(data: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let files = std::fs::read_dir(data.join("log")).unwrap().map(|entry| entry.unwrap());
    let segments = files.filter(|entry| entry.path().extension().is_some_and(|ending| ending == "seg"));
    segments.map(|entry| entry.metadata().unwrap().blocks() * 512).sum()
}

/// How many of the first are gone; behind them all are there.
async fn gone(engine: &EngineHandle, ended: &[WorkflowId]) -> usize {
    let mut first = None;
    for (place, id) in ended.iter().enumerate() {
        match (engine.workflow(*id).await, first) {
            (Ok(workflow), _) => {
                first = first.or(Some(place));
                let parameters = engine.payload(&workflow.spec.task(0).parameters).await.unwrap();
                assert!(parameters.as_str().contains(&text(place)), "workflow {place}");
            }
            (Err(missing), None) => assert_eq!(missing.code, errors::WORKFLOW_NOT_FOUND),
            (Err(missing), Some(first)) => panic!("{place} is gone, and {first} is not: {missing}"),
        }
    }
    first.unwrap_or(ended.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_ended_workflows_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    let (ended, waiting) = filled(&engine.handle()).await;
    archived(&engine, WORKFLOWS).await;
    pass(&engine, KeepTerms { workflows: WORKFLOWS as u64, ..KeepTerms::EVERYTHING }).await;
    assert_eq!(gone(&engine.handle(), &ended).await, 0);
    let before = log_bytes(directory.path());
    let few = KeepTerms { workflows: 10, ..KeepTerms::EVERYTHING };
    pass(&engine, few).await;
    assert_eq!(gone(&engine.handle(), &ended).await, WORKFLOWS - 10);
    gives_disk_back(&engine, directory.path(), few, before).await;
    assert_eq!(gone(&engine.handle(), &ended).await, WORKFLOWS - 10);
    assert!(!engine.handle().workflow(waiting).await.unwrap().status.has_ended());
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_old_goes_and_gives_its_disk_back() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    let (ended, waiting) = filled(&engine.handle()).await;
    archived(&engine, WORKFLOWS).await;
    let before = log_bytes(directory.path());
    let nothing = KeepTerms { ms: 0, ..KeepTerms::EVERYTHING };
    gives_disk_back(&engine, directory.path(), nothing, before).await;
    assert_eq!(gone(&engine.handle(), &ended).await, WORKFLOWS);
    assert!(!engine.handle().workflow(waiting).await.unwrap().status.has_ended());
    engine.close().await;
}

/// A part of the log goes in each pass, until no four segments are left behind the newest one.
async fn gives_disk_back(engine: &Engine, data: &Path, terms: KeepTerms, before: u64) {
    passes(engine.retention(terms), PASSES).await;
    let after = log_bytes(data);
    assert!(after <= 5 * SEGMENT_BYTES && after <= before * 2 / 3, "{after} of {before} bytes are left");
}

/// Several of these in a segment, and enough records in each that their number alone would let them be carried.
async fn kept(engine: &Engine, task: impl Fn(usize) -> serde_json::Value) {
    let tasks: Vec<serde_json::Value> = (0..TASKS).map(task).collect();
    for _ in 0..WORKFLOWS / TASKS {
        let id = submit_all(&engine.handle(), "Wide", &tasks).await;
        engine.handle().wait_for_end(id, Duration::from_mins(1)).await.unwrap();
    }
    archived(engine, WORKFLOWS / TASKS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_payloads_that_are_kept_do_not_move_until_many_have_gone() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    kept(&engine, |number| {
        json!({"name": format!("Encode {number}"), "function": "encode_base64", "args": [text(number)]})
    })
    .await;
    let (before, first) = (log_bytes(directory.path()), engine.log.first_seq());
    assert!(before > 5 * SEGMENT_BYTES, "{before} bytes");
    let keep = Arc::new(Keep::new(KeepTerms::EVERYTHING));
    let retention = passes(engine.retention_by(&keep), 2).await;
    assert_eq!((log_bytes(directory.path()), engine.log.first_seq()), (before, first));
    // The look that was in vain is repeated, because most of what stood in the way is gone.
    keep.set(KeepTerms { workflows: 4, ..KeepTerms::EVERYTHING });
    passes(retention, 1).await;
    assert!(engine.log.first_seq() > first, "nothing was released");
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_payloads_that_are_kept_do_not_move_either() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    // Parameters and results that stay inside their events, and are most of what the log has.
    let small = "x".repeat(330);
    let tasks: Vec<serde_json::Value> = (0..200)
        .map(|number| json!({"name": format!("Encode {number}"), "function": "encode_base64", "args": [small]}))
        .collect();
    for _ in 0..40 {
        let id = submit_all(&engine.handle(), "Wide", &tasks).await;
        engine.handle().wait_for_end(id, Duration::from_mins(3)).await.unwrap();
    }
    archived(&engine, 40).await;
    let (before, first) = (log_bytes(directory.path()), engine.log.first_seq());
    assert!(before > 5 * SEGMENT_BYTES, "{before} bytes");
    pass(&engine, KeepTerms::EVERYTHING).await;
    assert_eq!((log_bytes(directory.path()), engine.log.first_seq()), (before, first));
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_gives_disk_back_until_it_is_small_enough() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    let (ended, waiting) = filled(&engine.handle()).await;
    archived(&engine, WORKFLOWS).await;
    let (before, limit) = (log_bytes(directory.path()), 2 << 20);
    assert!(before > limit + (1 << 20), "{before} bytes");
    pass(&engine, KeepTerms { log_bytes: before, ..KeepTerms::EVERYTHING }).await;
    assert_eq!((log_bytes(directory.path()), gone(&engine.handle(), &ended).await), (before, 0));

    pass(&engine, KeepTerms { log_bytes: limit, ..KeepTerms::EVERYTHING }).await;
    let after = log_bytes(directory.path());
    assert!(after <= limit, "{after} of {before} bytes are left");
    let lost = gone(&engine.handle(), &ended).await;
    assert!(lost > 0 && lost < WORKFLOWS, "{lost} are gone");
    let kept = engine.handle().workflow(waiting).await.unwrap();
    let parameters = engine.handle().payload(&kept.spec.task(0).parameters).await.unwrap();
    assert!(parameters.as_str().contains(&text(0)), "what has not ended is carried");
    engine.close().await;

    // The log alone says the same.
    std::fs::remove_dir_all(directory.path().join("store")).unwrap();
    let engine = Engine::open(directory.path()).await;
    assert!(engine.handle().workflow(waiting).await.is_ok());
    for id in &ended[lost..] {
        assert!(engine.handle().workflow(*id).await.is_ok());
    }
    engine.close().await;
}
