//! Retention by count and by size: what was made first goes first, what has not ended stays, and the disk gets its room.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use gleitzeit::core::errors;
use gleitzeit::core::ids::WorkflowId;
use gleitzeit::engine::{EngineHandle, Keep, KeepTerms, Retention};
use serde_json::json;

use super::{Engine, WORKFLOWS, submit, text};

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
    let (_keep, stop) = channel();
    let retention = Retention {
        engine: engine.handle(),
        store: Arc::clone(&engine.store),
        log: Arc::clone(&engine.log),
        files: engine.files.clone(),
        keep: Arc::new(Keep::new(terms)),
    };
    tokio::task::spawn_blocking(move || retention.pass(&stop).unwrap()).await.unwrap();
}

/// Waits until the store holds what has ended.
async fn archived(engine: &Engine) {
    for _ in 0..6_000 {
        if engine.handle().archive_backlog() == 0 && engine.store.totals().workflows() == WORKFLOWS as u64 {
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
    archived(&engine).await;
    pass(&engine, KeepTerms { workflows: WORKFLOWS as u64, ..KeepTerms::EVERYTHING }).await;
    assert_eq!(gone(&engine.handle(), &ended).await, 0);
    pass(&engine, KeepTerms { workflows: 100, ..KeepTerms::EVERYTHING }).await;
    assert_eq!(gone(&engine.handle(), &ended).await, WORKFLOWS - 100);
    assert!(!engine.handle().workflow(waiting).await.unwrap().status.has_ended());
    engine.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_gives_disk_back_until_it_is_small_enough() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    let (ended, waiting) = filled(&engine.handle()).await;
    archived(&engine).await;
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
