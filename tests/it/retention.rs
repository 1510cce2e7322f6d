//! Old log is released, and nothing that anybody still wants goes with it: not the results of ended workflows,
//! not the workflow that waits, and not even when the store is lost afterwards.

mod hooks;
mod terms;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use gleitzeit::clock::EngineClock;
use gleitzeit::config::{HttpConfig, ModelsConfig, WebhookConfig};
use gleitzeit::core::command::{Command, Edit};
use gleitzeit::core::event::{Event, Note};
use gleitzeit::core::ids::{AttemptNo, Seq, SessionId, TaskId, WorkflowId};
use gleitzeit::core::limits::{Limits, SubmissionLimits};
use gleitzeit::core::payload::Payload;
use gleitzeit::core::state::{TaskStatus, WorkflowStatus};
use gleitzeit::engine::{
    Assigned, EngineHandle, EngineParts, Keep, KeepTerms, Outlet, Retention, Running, Stopped, Undelivered,
    Views, prepare,
};
use gleitzeit::executor::outbound::Outbound;
use gleitzeit::executor::{Courier, Executor, Tools};
use gleitzeit::log::{Log, LogOptions, LogRead, SegmentLog, Snapshots};
use gleitzeit::protocol::submit::{ContentType, parse_submission};
use gleitzeit::signing::CallbackKey;
use gleitzeit::store::{Archiver, CheckpointInput, DataDir, Opened, Store, StoreOptions, StoreStatus};
use serde_json::json;

/// Generous: it only ends tests that would wait for ever.
const PATIENCE: Duration = Duration::from_mins(3);
/// The smallest size.
const SEGMENT_BYTES: u64 = 1 << 20;
/// Several segments of them.
const WORKFLOWS: usize = 400;
/// Above what stays inside its event, so that payloads are parts of their records.
const TEXT_BYTES: usize = 10_000;

#[derive(Debug)]
struct NoSockets;

impl Outlet for NoSockets {
    fn assign(&self, _: SessionId, _: Assigned) -> Result<(), Undelivered> {
        Err(Undelivered)
    }

    fn cancel(&self, _: SessionId, _: &Stopped) {}

    fn close(&self, _: SessionId) {}
}

struct Engine {
    running: Running,
    archiver: JoinHandle<()>,
    store: Arc<Store>,
    log: Arc<dyn LogRead>,
    files: Snapshots,
    _data: DataDir,
}

impl Engine {
    async fn open(path: &Path) -> Self {
        let data = DataDir::open(path).unwrap();
        let (log, _) =
            SegmentLog::open(&data.log(), LogOptions::with_segment_size(SEGMENT_BYTES).unwrap()).unwrap();
        let (reader, files) = (log.reader(), log.snapshots());
        let options = StoreOptions { idempotency_ms: Limits::default().idempotency_ms };
        let Opened { store, checkpoint } = Store::open(data.path(), &reader, options).unwrap();
        let mut state = checkpoint.map(CheckpointInput::restore).unwrap_or_default();
        store.replay(&mut state).unwrap();
        let clock = EngineClock::start(state.now);
        let status = Arc::new(StoreStatus::default());
        let (jobs, received) = channel();
        let prepared = prepare(EngineParts {
            log: Box::new(log),
            views: Arc::clone(&store) as Arc<dyn Views>,
            state,
            limits: Limits::default(),
            store: jobs,
            store_status: Arc::clone(&status),
            clock,
            seed: 1,
        });
        let on_archived = prepared.on_archived();
        let archiver =
            Archiver { store: Arc::clone(&store), jobs: received, status, directory: path.to_path_buf() };
        let archiver = std::thread::spawn(move || archiver.run(on_archived));
        let tools = Tools::new(&HttpConfig::default(), &ModelsConfig::default(), None, &Limits::default());
        let courier = Courier::new(
            Outbound::new(&HttpConfig::default()),
            CallbackKey::new([7; 32]),
            WebhookConfig::default(),
            "http://127.0.0.1",
        );
        let executor =
            Executor::new(prepared.handle(), tokio::runtime::Handle::current(), clock, tools, courier);
        let running =
            prepared.run(Arc::new(Arc::clone(&executor)), Arc::new(NoSockets), |error| panic!("{error}"));
        executor.register().await.unwrap();
        Self { running, archiver, store, log: reader, files, _data: data }
    }

    fn handle(&self) -> EngineHandle {
        self.running.handle()
    }

    fn retention(&self, terms: KeepTerms) -> Retention {
        self.retention_by(&Arc::new(Keep::new(terms)))
    }

    /// By terms that may change.
    fn retention_by(&self, keep: &Arc<Keep>) -> Retention {
        let log = (Arc::clone(&self.log), self.files.clone());
        Retention::new(self.handle(), Arc::clone(&self.store), log, Arc::clone(keep))
    }

    async fn close(self) {
        tokio::task::spawn_blocking(move || {
            self.running.stop();
            self.archiver.join().unwrap();
        })
        .await
        .unwrap();
    }
}

async fn submit(engine: &EngineHandle, number: usize, task: serde_json::Value) -> WorkflowId {
    submit_all(engine, &format!("Workflow {number}"), &[task]).await
}

async fn submit_all(engine: &EngineHandle, name: &str, tasks: &[serde_json::Value]) -> WorkflowId {
    let body = json!({"name": name, "tasks": tasks}).to_string();
    let submission =
        parse_submission(body.as_bytes(), ContentType::Json, &SubmissionLimits::default()).unwrap();
    let workflow = engine.fresh_workflow_id();
    let spec = Arc::new(submission.spec);
    engine
        .submit(Command::SubmitWorkflow { workflow, spec, body: submission.body, key: None })
        .await
        .unwrap();
    workflow
}

/// The text whose base64 is the workflow's result.
fn text(number: usize) -> String {
    format!("{number:08}").repeat(TEXT_BYTES / 8)
}

async fn check(engine: &EngineHandle, ended: &[WorkflowId], waiting: WorkflowId) {
    for (number, id) in ended.iter().enumerate() {
        let workflow = engine.workflow(*id).await.unwrap();
        assert_eq!(workflow.status, WorkflowStatus::Completed, "workflow {number}");
        let TaskStatus::Completed { result, .. } = &workflow.task(0).status else { panic!("no result") };
        let result = engine.payload(result).await.unwrap();
        assert!(result.as_str().len() > TEXT_BYTES, "workflow {number}: {}", result.as_str());
        let parameters = engine.payload(&workflow.spec.task(0).parameters).await.unwrap();
        assert!(parameters.as_str().contains(&text(number)), "workflow {number}");
    }
    let workflow = engine.workflow(waiting).await.unwrap();
    assert_eq!(workflow.task(0).attempt, AttemptNo(0));
    assert!(!workflow.status.has_ended());
    let why = engine.why(TaskId::new(waiting, 0), None).await.unwrap().unwrap();
    assert!(why.summary.contains("ml_training"), "{}", why.summary);
    let parameters = engine.payload(&workflow.spec.task(0).parameters).await.unwrap();
    assert!(parameters.as_str().contains(&text(0)));
}

/// A workflow whose only task failed, and ran again with parameters that somebody gave it.
async fn edited(engine: &EngineHandle) -> WorkflowId {
    let wrong = json!({"name": "Count", "function": "count_words", "args": [5], "max_retries": 0});
    let id = submit(engine, WORKFLOWS + 1, wrong).await;
    engine.wait_for_end(id, PATIENCE).await.unwrap();
    let failed = engine.workflow(id).await.unwrap();
    assert_eq!(failed.status, WorkflowStatus::Failed);
    let parameters = json!({"function_name": "count_words", "args": [text(1)]}).to_string();
    let edit = Edit { over: failed.spec.task(0).parameters.clone(), parameters: Payload::new(parameters) };
    let note = Note { by: Some(Arc::from("ada")), reason: None };
    let retry = Command::RetryTask { task: TaskId::new(id, 0), edit: Some(edit), note };
    engine.submit(retry).await.unwrap();
    engine.wait_for_end(id, PATIENCE).await.unwrap();
    id
}

async fn check_edited(engine: &EngineHandle, id: WorkflowId) {
    let workflow = engine.workflow(id).await.unwrap();
    assert_eq!(workflow.status, WorkflowStatus::Completed);
    let submitted = engine.payload(&workflow.spec.task(0).parameters).await.unwrap();
    assert!(submitted.as_str().contains("[5]"), "what was submitted stays what it was");
    let edited = workflow.task(0).edited().expect("the task has other parameters");
    let parameters = engine.payload(&edited.parameters).await.unwrap();
    assert!(parameters.as_str().contains(&text(1)), "{}", parameters.as_str());
    let TaskStatus::Completed { result, .. } = &workflow.task(0).status else { panic!("no result") };
    assert_eq!(engine.payload(result).await.unwrap().as_str(), "1");
}

fn release(engine: &Engine, up_to: Seq) {
    let (_keep, stop): (Sender<()>, Receiver<()>) = channel();
    let retention = engine.retention(KeepTerms::EVERYTHING);
    std::thread::spawn(move || retention.release(up_to, &stop).unwrap()).join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn released_log_takes_nothing_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    let handle = engine.handle();
    let external = json!({"name": "Wait", "external": "ml", "service": "Nobody", "operation": "train",
        "model_params": {"text": text(0)}});
    let waiting = submit(&handle, WORKFLOWS, external).await;
    let edited = edited(&handle).await;
    let mut ended = Vec::new();
    for number in 0..WORKFLOWS {
        let task = json!({"name": "Encode", "function": "encode_base64", "args": [text(number)]});
        ended.push(submit(&handle, number, task).await);
    }
    for id in &ended {
        handle.wait_for_end(*id, PATIENCE).await.unwrap();
    }
    check(&handle, &ended, waiting).await;
    check_edited(&handle, edited).await;

    let before = engine.log.first_seq();
    let up_to = Seq(engine.log.durable_end().0 / 2);
    release(&engine, up_to);
    assert!(engine.log.first_seq() > before, "whole segments lie before {up_to:?}, and none was deleted");
    check(&handle, &ended, waiting).await;
    check_edited(&handle, edited).await;
    let gone = handle.read_events(before, 1, |_| true).await.unwrap_err();
    assert_eq!(gone.code, gleitzeit::core::errors::EVENTS_RELEASED);
    engine.close().await;

    let engine = Engine::open(directory.path()).await;
    check(&engine.handle(), &ended, waiting).await;
    check_edited(&engine.handle(), edited).await;
    engine.close().await;

    // The log alone is enough, without what was released.
    std::fs::remove_dir_all(directory.path().join("store")).unwrap();
    let engine = Engine::open(directory.path()).await;
    check(&engine.handle(), &ended, waiting).await;
    check_edited(&engine.handle(), edited).await;
    engine.close().await;
}

/// More than the log takes in one record: results beside their tasks, results of their own, and a retry.
#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_larger_than_any_record_is_carried_and_can_be_retried() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::open(directory.path()).await;
    let handle = engine.handle();
    let small = |number: usize| {
        json!({"name": format!("Small {number}"), "function": "random_data",
            "args": {"count": 200, "min": 1, "max": 9}})
    };
    let large = |number: usize| json!({"name": format!("Large {number}"), "function": "random_data", "args": {"count": 2_000}});
    let mut tasks: Vec<serde_json::Value> = (0..2_300).map(small).chain((0..100).map(large)).collect();
    tasks.push(json!({"name": "Wrong", "function": "decode_base64", "args": ["?"],
        "retry": {"max_attempts": 1}}));
    let body = json!({"name": "Wide", "error_strategy": "continue", "tasks": tasks}).to_string();
    let submission =
        parse_submission(body.as_bytes(), ContentType::Json, &SubmissionLimits::default()).unwrap();
    let id = engine.handle().fresh_workflow_id();
    let spec = Arc::new(submission.spec);
    let command = Command::SubmitWorkflow { workflow: id, spec, body: submission.body, key: None };
    handle.submit(command).await.unwrap();
    handle.wait_for_end(id, PATIENCE).await.unwrap();
    let before = results(&handle, id).await;
    let inline: usize = before.iter().map(String::len).filter(|len| *len <= 512).sum();
    assert!(inline > 768 << 10, "{inline} bytes of small results fit into one record");
    // Something has to follow, so that whole segments lie before it.
    for number in 0..WORKFLOWS {
        let task = json!({"name": "Encode", "function": "encode_base64", "args": [text(number)]});
        let last = submit(&handle, number, task).await;
        handle.wait_for_end(last, PATIENCE).await.unwrap();
    }

    let ended = handle.workflow(id).await.unwrap().ended_seq.unwrap();
    release(&engine, ended.next());
    assert!(engine.log.first_seq() > Seq::FIRST, "nothing was released");
    assert!(results(&handle, id).await == before);
    let events = handle
        .read_events(engine.log.first_seq(), 1_000_000, move |record| record.event.workflow() == Some(id));
    let (events, _) = events.await.unwrap();
    let carried = events.iter().find_map(|(_, record)| {
        if let Event::WorkflowCarried { workflow } = &record.event { workflow.released } else { None }
    });
    assert!(
        carried.unwrap().records > 6_000,
        "three records at least of each task were released: {carried:?}"
    );

    let note = Note::default();
    handle.submit(Command::RetryWorkflow { workflow: id, edits: Vec::new(), note }).await.unwrap();
    handle.wait_for_end(id, PATIENCE).await.unwrap();
    assert!(results(&handle, id).await == before);
    assert_eq!(handle.workflow(id).await.unwrap().status, WorkflowStatus::Failed);
    engine.close().await;

    std::fs::remove_dir_all(directory.path().join("store")).unwrap();
    let engine = Engine::open(directory.path()).await;
    assert!(results(&engine.handle(), id).await == before);
    engine.close().await;
}

/// Every result of a workflow, and the code of what failed.
async fn results(engine: &EngineHandle, id: WorkflowId) -> Vec<String> {
    let workflow = engine.workflow(id).await.unwrap();
    let mut results = Vec::new();
    for task in workflow.tasks.iter() {
        results.push(if let TaskStatus::Completed { result, .. } = &task.status {
            engine.payload(result).await.unwrap().as_str().to_owned()
        } else if let TaskStatus::Failed { failure } = &task.status {
            failure.code.to_string()
        } else {
            panic!("{:?}", task.status)
        });
    }
    results
}
