//! What archiving costs, how large the store becomes and how fast it opens: `cargo bench --bench store`.
//!
//! `STORE_WORKFLOWS` says how many one-task workflows there are, a million unless set. Set `TMPDIR` to a directory
//! on the disk in question; the default is that of the system.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gleitzeit::core::event::{Event, Outcome, Record};
use gleitzeit::core::ids::{AttemptNo, Fingerprint, TaskId, Timestamp, WorkerId, WorkflowId};
use gleitzeit::core::listing::ListFilter;
use gleitzeit::core::payload::{Payload, Stored};
use gleitzeit::core::spec::{
    ErrorStrategy, Policy, Priority, RetryPolicy, RetryStrategy, Route, TaskSpec, Trigger, WorkflowSpec,
};
use gleitzeit::core::state::{State, Workflow};
use gleitzeit::log::{Batch, Log, LogOptions, SegmentLog};
use gleitzeit::store::{CheckpointInput, Opened, Store, StoreOptions, record};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const OPTIONS: StoreOptions = StoreOptions { idempotency_ms: 86_400_000 };
/// 200 bytes, so that the store only refers to it.
const RESULT: &str = concat!(
    r#"{"value":"a result of two hundred bytes, as the load generator of this program sends them, which is more "#,
    r#"than the store keeps beside its task, so that it refers to the event in which the task ended."}"#
);
/// Workflows that one made-up millisecond brings.
const PER_MS: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ids {
    /// Version 7 UUIDs, as the engine makes them.
    Generated,
    /// Texts of the submitter's own.
    Own,
}

fn main() {
    let workflows = number("STORE_WORKFLOWS").unwrap_or(1_000_000);
    for ids in [Ids::Generated, Ids::Own] {
        let directory = tempfile::tempdir().expect("the temporary directory can be written");
        println!("--- {workflows} one-task workflows, {ids:?} ids");
        run(directory.path(), workflows, ids);
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time and is told its size")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures time and is told its size")]
fn now() -> Instant {
    Instant::now()
}

fn run(directory: &Path, workflows: u64, ids: Ids) {
    let (mut log, _) =
        SegmentLog::open(&directory.join("log"), LogOptions::default()).expect("a new log opens");
    let end = write_log(&mut log, workflows, ids);

    let (start, cpu) = (now(), cpu_seconds());
    let Opened { store, checkpoint } =
        Store::open(directory, &log.reader(), OPTIONS).expect("a new store opens");
    assert!(checkpoint.is_none());
    let mut state = State::default();
    let events = store.replay(&mut state).expect("the log was written by the same program");
    report("replay and archive", workflows, start.elapsed(), cpu_seconds() - cpu);
    println!("  {:.0} events/s, memory {} MiB", per_second(events, start.elapsed()), rss_mib());
    assert_eq!(store.totals().workflows(), workflows);
    assert!(state.workflows.is_empty());

    let (start, cpu) = (now(), cpu_seconds());
    store.checkpoint(&CheckpointInput::of(&state)).expect("the disk has room");
    report("checkpoint", 1, start.elapsed(), cpu_seconds() - cpu);
    archive_more(&store, end, workflows / 4, ids);
    store.checkpoint(&CheckpointInput::of(&state)).expect("the disk has room");
    store.close().expect("the disk has room");
    drop(store);
    let bytes = size_of(&directory.join("store"));
    println!("  store {} MiB, {} bytes a workflow", bytes >> 20, bytes / (workflows + workflows / 4));
    println!("  memory after closing {} MiB", rss_mib());

    let start = now();
    let Opened { store, checkpoint } =
        Store::open(directory, &log.reader(), OPTIONS).expect("the store opens");
    println!("  opened in {:.3} s, memory {} MiB", start.elapsed().as_secs_f64(), rss_mib());
    assert!(checkpoint.is_some());
    reads(&store, workflows, ids);
}

/// Writes what the engine would have written.
fn write_log(log: &mut SegmentLog, workflows: u64, ids: Ids) -> u64 {
    let mut batch = Batch::new(log.next_seq());
    for number in 0..workflows {
        for record in events(number, ids) {
            record::encode(&record, &mut batch);
        }
        if batch.count() > 2_000 || number + 1 == workflows {
            log.append(&mut batch).expect("the disk has room");
            batch.reset(log.next_seq());
        }
    }
    log.next_seq().0
}

/// Puts more workflows into the store in groups, as its thread does, without the log.
fn archive_more(store: &Store, end: u64, more: u64, ids: Ids) {
    let mut state = State::default();
    state.next_seq.0 = end;
    let mut ended: Vec<Workflow> = Vec::new();
    let (mut took, mut cpu, mut slowest) = (Duration::ZERO, 0.0, Duration::ZERO);
    let offset = end * PER_MS;
    for number in offset..offset + more {
        for record in &events(number, ids) {
            state.apply(record);
        }
        let workflow = state.workflow(id(number, ids)).expect("it was submitted").clone();
        state.forget(workflow.id, workflow.ended_seq.expect("it has ended"));
        ended.push(workflow);
        if ended.len() == 100 || number + 1 == offset + more {
            let (start, before) = (now(), cpu_seconds());
            store.archive(&ended).expect("the disk has room");
            took += start.elapsed();
            slowest = slowest.max(start.elapsed());
            cpu += cpu_seconds() - before;
            ended.clear();
        }
    }
    report("archive in groups of 100", more, took, cpu);
    println!("  slowest group {:.1} ms, memory {} MiB", slowest.as_secs_f64() * 1e3, rss_mib());
}

fn reads(store: &Store, workflows: u64, ids: Ids) {
    const LOOKS: u64 = 2_000;
    let wanted: Vec<WorkflowId> = (0..LOOKS).map(|number| id(number * (workflows / LOOKS), ids)).collect();
    let start = now();
    for id in &wanted {
        assert!(store.find_submission(*id, None, Timestamp(0)).expect("the store is whole").is_some());
    }
    println!("  find {:.1} us", start.elapsed().as_secs_f64() * 1e6 / per_f64(LOOKS));
    let start = now();
    for id in &wanted {
        assert!(store.load(*id).expect("store and log are whole").is_some());
    }
    println!("  load {:.1} us", start.elapsed().as_secs_f64() * 1e6 / per_f64(LOOKS));
    let start = now();
    let listed = store.list(&ListFilter::default(), None, 100).expect("the store is whole");
    println!("  list of {} {:.2} ms", listed.items.len(), start.elapsed().as_secs_f64() * 1e3);
    let start = now();
    let rare = ListFilter { name: Some("no such name".into()), ..ListFilter::default() };
    let listed = store.list(&rare, None, 100).expect("the store is whole");
    println!("  search in vain {:.2} ms, memory {} MiB", start.elapsed().as_secs_f64() * 1e3, rss_mib());
    assert!(listed.next.is_some() && listed.items.is_empty());
    let start = now();
    store.check_content().expect("the store is whole");
    println!("  check of everything {:.2} s, memory {} MiB", start.elapsed().as_secs_f64(), rss_mib());
}

fn id(number: u64, ids: Ids) -> WorkflowId {
    match ids {
        Ids::Generated => {
            let time = u128::from(created(number).0);
            let random = u128::from(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            WorkflowId(time << 80 | 7 << 76 | 2 << 62 | random >> 2)
        }
        Ids::Own => WorkflowId::from_text(&format!("order-{number}")),
    }
}

fn created(number: u64) -> Timestamp {
    Timestamp(1_770_000_000_000 + number / PER_MS)
}

fn events(number: u64, ids: Ids) -> [Record; 5] {
    let (workflow, at, worker) = (id(number, ids), created(number), WorkerId::new("ml-service-01"));
    let (task, attempt) = (TaskId::new(workflow, 0), AttemptNo(1));
    let result = Stored::fresh(Payload::new(RESULT), &mut 0);
    let label = (ids == Ids::Own).then(|| format!("order-{number}"));
    let spec = Arc::new(spec(label));
    let body = Fingerprint(u128::from(number) << 64 | 0x1234_5678_9ABC_DEF0);
    [
        Record { at, event: Event::WorkflowSubmitted { workflow, spec, body, key: None } },
        Record { at: at.plus(2), event: Event::TaskOffered { task, attempt, worker } },
        Record { at: at.plus(3), event: Event::TaskAccepted { task, attempt } },
        Record { at: at.plus(12), event: Event::TaskCompleted { task, attempt, result, usage: None } },
        Record {
            at: at.plus(12),
            event: Event::WorkflowEnded {
                workflow,
                outcome: Outcome::Completed,
                release_until: at.plus(30_000),
            },
        },
    ]
}

fn spec(label: Option<String>) -> WorkflowSpec {
    let route = Route {
        task_type: "external_ml".into(),
        external_type: None,
        service: Some("ml".into()),
        function: None,
        requirements: None,
    };
    let retry = RetryPolicy {
        max_attempts: 4,
        strategy: RetryStrategy::Exponential,
        base_delay_ms: 1_000,
        max_delay_ms: 60_000,
        jitter_permille: 200,
    };
    let policy = Policy {
        priority: Priority::Normal,
        trigger: Trigger::OnSuccess,
        retry,
        run_timeout_ms: 300_000,
        queue_timeout_ms: None,
    };
    let task = TaskSpec {
        key: None,
        own_id: None,
        name: Some("predict".into()),
        route: 0,
        policy: 0,
        parameters: Stored::fresh(Payload::new(RESULT), &mut 0),
        has_templates: false,
        dependencies: Vec::new(),
        tags: Vec::new(),
        metadata: None,
    };
    WorkflowSpec {
        label: label.map(Into::into),
        name: "one prediction".into(),
        description: None,
        error_strategy: ErrorStrategy::Continue,
        max_parallel_tasks: None,
        timeout_ms: None,
        tags: Vec::new(),
        metadata: None,
        traceparent: None,
        routes: vec![route],
        policies: vec![policy],
        tasks: vec![task],
        imported: None,
    }
}

fn report(what: &str, count: u64, took: Duration, cpu: f64) {
    println!("{what}: {:.0}/s, {:.1} us of CPU each", per_second(count, took), cpu * 1e6 / per_f64(count));
}

fn per_second(count: u64, took: Duration) -> f64 {
    per_f64(count) / took.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "these counts are far below 2^52")]
fn per_f64(count: u64) -> f64 {
    count as f64
}

fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("the directory can be read");
    let size = |entry: std::fs::DirEntry| {
        let about = entry.metadata().expect("the file can be asked");
        if about.is_dir() { size_of(&entry.path()) } else { about.len() }
    };
    entries.map(|entry| size(entry.expect("the directory can be read"))).sum()
}

fn rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) >> 10
}

/// User and system time of all threads.
fn cpu_seconds() -> f64 {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a benchmark takes minutes")]
    let (seconds, nanos) = (usage.tv_sec as f64, usage.tv_nsec as f64);
    seconds + nanos / 1e9
}
