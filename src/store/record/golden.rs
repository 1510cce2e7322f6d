//! The bytes of every fact, pinned: a change that alters them breaks logs that exist. `UPDATE_EXPECT=1` writes them again.

mod access;
mod webhooks;

use std::fmt::Write;
use std::sync::Arc;

use bincode::Options;
use expect_test::expect_file;

use super::options;
use crate::core::carried::{CarriedTasks, CarriedWorkflow, History, settled_spec};
use crate::core::errors;
use crate::core::event::{
    AfterFailure, ByHand, Delivery, DeliveryOutcome, Event, Failure, GrantAfter, LateOutcome, LostReason,
    Note, Outcome, Record, RefusalReason,
};
use crate::core::ids::{AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId};
use crate::core::payload::{Payload, Stored};
use crate::core::spec::{
    ErrorStrategy, Imported, Policy, Priority, Requirements, RetryPolicy, RetryStrategy, Route, TaskSpec,
    Trigger, WorkflowSpec,
};
use crate::core::state::{
    AttemptNote, Edited, Grant, Phase, ServiceTotals, SkipCause, Task, TaskStatus, Trouble, WorkflowStatus,
};
use crate::core::usage::Usage;

const WORKFLOW: WorkflowId = WorkflowId(0x0192_f0c0_0000_7000_8000_0000_0000_0001);
const AT: Timestamp = Timestamp(1_770_000_000_000);
const LATER: Timestamp = Timestamp(1_770_000_030_000);
const FIRST: AttemptNo = AttemptNo(1);

fn task() -> TaskId {
    TaskId::new(WORKFLOW, 2)
}

fn worker() -> WorkerId {
    WorkerId::new("w1")
}

fn small() -> Stored {
    Stored::fresh(Payload::new(r#"{"rows":5}"#), &mut 0)
}

/// Too large to stay inside its fact: the text is a part of its record.
fn large() -> Stored {
    Stored::fresh(Payload::new(format!("\"{}\"", "x".repeat(600))), &mut 0)
}

fn failure() -> Failure {
    Failure {
        code: errors::TASK_EXECUTION_FAILED,
        message: Arc::from("it broke"),
        service_code: Some(Arc::from("E7")),
        details: Some(Payload::new("[1]")),
    }
}

fn note() -> Note {
    Note { by: Some(Arc::from("ada")), reason: Some(Arc::from("typo")) }
}

fn spec() -> WorkflowSpec {
    let requirements = Requirements {
        cpu_cores: 4,
        memory_mb: 2_048,
        gpu_memory_mb: 512,
        requires_gpu: true,
        required_models: vec![Arc::from("m")],
        node_tags: vec![Arc::from("eu")],
    };
    let route = |task_type: &str, function: Option<&str>, requirements| Route {
        task_type: Arc::from(task_type),
        external_type: function.is_none().then(|| Arc::from("ml_training")),
        service: function.is_none().then(|| Arc::from("ML")),
        function: function.map(Arc::from),
        requirements,
    };
    let policy = |priority, trigger, strategy| Policy {
        priority,
        trigger,
        retry: RetryPolicy {
            max_attempts: 4,
            strategy,
            base_delay_ms: 1_000,
            max_delay_ms: 60_000,
            jitter_permille: 200,
        },
        run_timeout_ms: 300_000,
        queue_timeout_ms: (priority == Priority::Low).then_some(5_000),
    };
    let plain = |name: &str, parameters: Stored, route: u32| TaskSpec {
        key: Some(Arc::from("k")),
        own_id: None,
        name: Some(Arc::from(name)),
        route,
        policy: route,
        parameters,
        has_templates: route > 0,
        dependencies: (0..route).collect(),
        tags: vec![Arc::from("red")],
        metadata: Some(Payload::new("{}")),
    };
    WorkflowSpec {
        label: Some(Arc::from("order-17")),
        name: Arc::from("a workflow"),
        description: Some(Arc::from("d")),
        error_strategy: ErrorStrategy::Continue,
        max_parallel_tasks: Some(3),
        timeout_ms: Some(60_000),
        tags: vec![Arc::from("big")],
        metadata: Some(Payload::new(r#"{"team":1}"#)),
        traceparent: Some(Arc::from("00-1-2-01")),
        routes: vec![route("function", Some("gcd"), None), route("external_ml", None, Some(requirements))],
        policies: vec![
            policy(Priority::Normal, Trigger::OnSuccess, RetryStrategy::Exponential),
            policy(Priority::Low, Trigger::OnEnd, RetryStrategy::Fixed),
        ],
        tasks: vec![plain("a", small(), 0), plain("b", large(), 1)],
        imported: None,
    }
}

fn carried() -> CarriedWorkflow {
    let note = AttemptNote {
        attempt: FIRST,
        worker: Some(worker()),
        ended_at: AT,
        code: errors::TASK_TIMEOUT,
        message: Arc::from("late"),
    };
    let trouble = Trouble {
        history: vec![note],
        lingering: 1,
        last_failure: Some(Arc::new(failure())),
        edited: Some(Edited { parameters: small(), references: vec![0] }),
    };
    let task = |status| Task {
        status,
        attempt: AttemptNo(2),
        failures: 1,
        lost: 0,
        late: 1,
        started_at: Some(AT),
        ended_at: Some(LATER),
        ended_seq: Some(Seq(70)),
        trouble: Some(Box::new(trouble.clone())),
    };
    let usage = Some(Box::new(usage()));
    let statuses = [
        TaskStatus::Pending { waiting_on: 1 },
        TaskStatus::Queued { since: AT },
        TaskStatus::Assigned { worker: worker(), since: AT },
        TaskStatus::Processing { worker: worker(), since: AT },
        TaskStatus::Retrying { due: LATER },
        TaskStatus::Completed { result: large().settled(Seq(5)), worker: Some(worker()), usage },
        TaskStatus::Failed { failure: Arc::new(failure()) },
        TaskStatus::Cancelled { code: errors::TASK_CANCELLED },
        TaskStatus::Skipped { cause: SkipCause::Dependency(1) },
        TaskStatus::Skipped { cause: SkipCause::ByHand { with: Some(small()) } },
    ];
    let phases = [Phase::Offered, Phase::Accepted, Phase::Delivered, Phase::Releasing { until: LATER }];
    let grant = |phase| (worker(), self::task(), FIRST, Grant { phase, since: AT });
    let imported = Imported { status: WorkflowStatus::Running, version: Arc::from("0.1.0"), events: large() };
    let spec = WorkflowSpec { imported: Some(Box::new(imported)), ..spec() };
    CarriedWorkflow {
        id: WORKFLOW,
        spec: settled_spec(&Arc::new(spec), Seq(5)),
        body: Fingerprint(7),
        key: Some(Fingerprint(8)),
        status: WorkflowStatus::Paused,
        created_at: AT,
        timed_from: AT,
        started_at: Some(AT),
        ended_at: None,
        second_round: true,
        released: Some(History { records: 3, digest: Fingerprint(9) }),
        first: CarriedTasks { from: 0, tasks: statuses.map(task).into(), grants: phases.map(grant).into() },
    }
}

fn usage() -> Usage {
    Usage {
        model: Some(Arc::from("m")),
        endpoint: Some(Arc::from("e")),
        prompt_tokens: Some(3),
        completion_tokens: Some(300),
    }
}

fn about_workflows() -> Vec<Event> {
    let workflow = WORKFLOW;
    vec![
        Event::EngineStarted { version: Arc::from("0.1.0"), release_until: LATER },
        Event::WorkflowSubmitted {
            workflow,
            spec: Arc::new(spec()),
            body: Fingerprint(7),
            key: Some(Fingerprint(8)),
        },
        Event::WorkflowPaused { workflow },
        Event::WorkflowResumed { workflow },
        Event::WorkflowCancelled { workflow, release_until: LATER },
        Event::WorkflowEnded { workflow, outcome: Outcome::Completed, release_until: LATER },
        Event::WorkflowEnded { workflow, outcome: Outcome::Failed, release_until: LATER },
        Event::WorkflowEnded { workflow, outcome: Outcome::TimedOut, release_until: LATER },
        Event::RoundStarted { workflow },
        Event::TasksRetried { workflow, tasks: vec![1, 2], note: note() },
        Event::WorkerNamed { worker: worker(), name: Arc::from("ML") },
        Event::WorkflowCarried { workflow: Box::new(carried()) },
        Event::TasksCarried { workflow: WORKFLOW, tasks: Box::new(carried().first) },
        Event::PayloadsCarried { workflow: WORKFLOW, payloads: vec![large()] },
        Event::ServicesCarried {
            services: vec![(Arc::from("ML"), totals())],
            workers: vec![(worker(), Arc::from("ML"))],
        },
        Event::Released { up_to: Seq(70_000) },
        Event::BreakerOpened { service: Arc::from("ML") },
        Event::BreakerClosed { service: Arc::from("ML") },
    ]
}

fn totals() -> ServiceTotals {
    ServiceTotals {
        completed: 9,
        failed: 2,
        run_ms: 70_000,
        consecutive_failures: 1,
        open_until: Some(LATER),
        last_seen_at: AT,
    }
}

fn about_tasks() -> Vec<Event> {
    let (task, attempt) = (task(), FIRST);
    let by_hand =
        |how| Event::TaskSettledByHand { task, how, again: vec![3], release_until: LATER, note: note() };
    let tried = |outcome| Event::DeliveryTried {
        task,
        attempt,
        delivery: Delivery { number: 1, outcome, next: Some(LATER) },
    };
    let lost = |reason| Event::AttemptLost { task, attempt, reason, grant: GrantAfter::Freed };
    let refused = |reason| Event::AttemptRefused { task, attempt, reason };
    let late =
        |outcome| Event::LateReportSeen { task, attempt, worker: worker(), outcome, digest: Fingerprint(9) };
    let failed = |next, grant| Event::TaskFailed { task, attempt, failure: failure(), next, grant };
    vec![
        Event::TaskOffered { task, attempt, worker: worker() },
        Event::TaskAccepted { task, attempt },
        Event::TaskCompleted { task, attempt, result: small(), usage: Some(Box::new(usage())) },
        Event::TaskCompleted { task, attempt, result: large(), usage: None },
        failed(AfterFailure::RetryAt(LATER), GrantAfter::ReleasingUntil(LATER)),
        failed(AfterFailure::Final, GrantAfter::Freed),
        lost(LostReason::Disconnected),
        lost(LostReason::Silent),
        lost(LostReason::NotAccepted),
        lost(LostReason::Forgotten),
        lost(LostReason::Abandoned),
        lost(LostReason::Unconfirmed),
        refused(RefusalReason::AtCapacity),
        refused(RefusalReason::NoHandler),
        refused(RefusalReason::NoRoom),
        refused(RefusalReason::Postponed { until: LATER }),
        Event::TaskRequeued { task },
        Event::TaskCancelled { task, release_until: LATER },
        Event::TaskSkipped { task, cause: TaskId::new(WORKFLOW, 1) },
        Event::GrantReleased { task, attempt, worker: worker() },
        late(LateOutcome::Completed),
        late(LateOutcome::Failed),
        by_hand(ByHand::Completed { result: small() }),
        by_hand(ByHand::Failed { failure: failure(), next: AfterFailure::Final }),
        by_hand(ByHand::Skipped { with: None }),
        Event::ParametersEdited { task, parameters: large(), references: vec![0], note: note() },
        tried(DeliveryOutcome::Taken { status: 202 }),
        tried(DeliveryOutcome::Refused { status: 503 }),
        tried(DeliveryOutcome::Unanswered { reason: Arc::from("closed") }),
    ]
}

/// Its place in the enum. A new variant does not compile until it is here, and is missed until it has a sample.
const fn place(event: &Event) -> usize {
    match event {
        Event::EngineStarted { .. } => 0,
        Event::WorkflowSubmitted { .. } => 1,
        Event::WorkflowPaused { .. } => 2,
        Event::WorkflowResumed { .. } => 3,
        Event::WorkflowCancelled { .. } => 4,
        Event::WorkflowEnded { .. } => 5,
        Event::RoundStarted { .. } => 6,
        Event::TasksRetried { .. } => 7,
        Event::WorkerNamed { .. } => 8,
        Event::TaskOffered { .. } => 9,
        Event::TaskAccepted { .. } => 10,
        Event::TaskCompleted { .. } => 11,
        Event::TaskFailed { .. } => 12,
        Event::AttemptLost { .. } => 13,
        Event::AttemptRefused { .. } => 14,
        Event::TaskRequeued { .. } => 15,
        Event::TaskCancelled { .. } => 16,
        Event::TaskSkipped { .. } => 17,
        Event::GrantReleased { .. } => 18,
        Event::LateReportSeen { .. } => 19,
        Event::WorkflowCarried { .. } => 20,
        Event::ServicesCarried { .. } => 21,
        Event::Released { .. } => 22,
        Event::TaskSettledByHand { .. } => 23,
        Event::ParametersEdited { .. } => 24,
        Event::DeliveryTried { .. } => 25,
        Event::BreakerOpened { .. } => 26,
        Event::BreakerClosed { .. } => 27,
        Event::Subscription { .. } => 28,
        Event::TasksCarried { .. } => 29,
        Event::PayloadsCarried { .. } => 30,
        Event::Access { .. } => 31,
    }
}

/// The name of the variant, as its `Debug` begins.
fn name(event: &Event) -> String {
    let shown = format!("{event:?}");
    shown.split([' ', '{']).next().unwrap_or_default().to_owned()
}

#[test]
fn every_fact_has_the_bytes_that_it_always_had() {
    let all = [about_workflows(), about_tasks(), webhooks::samples(), access::samples()];
    let mut samples: Vec<Event> = all.into_iter().flatten().collect();
    samples.sort_by_key(place);
    let mut places: Vec<usize> = samples.iter().map(place).collect();
    places.dedup();
    assert!(places.iter().copied().eq(0..places.len()), "a variant has no sample: {places:?}");
    let mut text = String::new();
    for event in samples {
        let record = Record { at: AT, event };
        let bytes = options().serialize(&record).expect("it encodes");
        let back: Record = options().deserialize(&bytes).expect("what was written is read");
        let mut dropped = record.clone();
        dropped.event.drop_texts();
        assert_eq!(back, dropped, "large payloads are parts of the record, everything else comes back");
        let texts = record.event.own_texts().len();
        writeln!(text, "{} {texts}", name(&record.event)).expect("a text");
        for line in bytes.chunks(40) {
            let hex: String = line.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            writeln!(text, "  {hex}").expect("a text");
        }
    }
    expect_file!["golden/events.txt"].assert_eq(&text);
}
