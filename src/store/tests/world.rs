//! A small world for tests: a simulated log, the state that follows from it, and a store in memory.

use std::sync::Arc;

use crate::core::carried::{CarriedWorkflow, Moved};
use crate::core::errors;
use crate::core::event::{AfterFailure, Event, Failure, GrantAfter, LostReason, Outcome, Record};
use crate::core::ids::{AttemptNo, Fingerprint, Seq, TaskId, Timestamp, WorkerId, WorkflowId};
use crate::core::payload::{Payload, Stored};
use crate::core::spec::{
    ErrorStrategy, Policy, Priority, RetryPolicy, RetryStrategy, Route, TaskSpec, Trigger, WorkflowSpec,
};
use crate::core::state::{State, Workflow};
use crate::log::sim::SimDisk;
use crate::log::{Batch, Log, LogOptions, LogRead, SegmentLog};
use crate::store::kv::MemoryKv;
use crate::store::{Opened, Store, StoreOptions, record};

pub const OPTIONS: StoreOptions = StoreOptions { idempotency_ms: 1_000_000 };
pub const START: u64 = 1_770_000_000_000;

pub struct World {
    pub log: SegmentLog,
    pub state: State,
    pub kv: Arc<MemoryKv>,
    pub store: Arc<Store>,
    pub now: Timestamp,
    serial: u64,
}

/// What a task's result looks like.
#[derive(Debug, Clone, Copy)]
pub enum ResultSize {
    /// Beside the task in the store.
    Tiny,
    /// Inside the event.
    Small,
    /// A part of the record.
    Large,
}

impl World {
    pub fn new() -> Self {
        let (log, _) = SimDisk::new(1).open_log(LogOptions::simulated(1 << 20)).unwrap();
        let kv = Arc::new(MemoryKv::new());
        let opened = Store::open_in_memory(&kv, &log.reader(), OPTIONS).unwrap();
        assert!(opened.checkpoint.is_none());
        Self { log, state: State::default(), kv, store: opened.store, now: Timestamp(START), serial: 0 }
    }

    pub fn reader(&self) -> Arc<dyn LogRead> {
        self.log.reader()
    }

    /// The store after a crash that left `kv`.
    pub fn reopened(&self, kv: MemoryKv) -> (Arc<MemoryKv>, Opened) {
        let kv = Arc::new(kv);
        let opened = Store::open_in_memory(&kv, &self.reader(), OPTIONS).unwrap();
        (kv, opened)
    }

    /// Makes an event happen.
    pub fn tell(&mut self, event: Event) -> Seq {
        self.now = self.now.plus(1);
        let record = Record { at: self.now, event };
        let mut batch = Batch::new(self.log.next_seq());
        record::encode(&record, &mut batch);
        let seq = batch.first();
        self.log.append(&mut batch).unwrap();
        assert_eq!(self.state.next_seq, seq);
        self.state.apply(&record);
        seq
    }

    /// Writes an archived workflow again, with all its payloads, and returns where it begins now.
    pub fn carry(&mut self, workflow: &Workflow) -> Seq {
        let log = self.reader();
        let mut moved = Moved::new();
        for (seq, part) in CarriedWorkflow::references_below(workflow, Seq(u64::MAX)) {
            let payload = Payload::new(log.part(seq, part).unwrap());
            let payloads = vec![Stored::fresh(payload, &mut 0)];
            let now = self.tell(Event::PayloadsCarried { workflow: workflow.id, payloads });
            moved.insert((seq, part), (now, 0));
        }
        let mut carried = CarriedWorkflow::of(workflow, &self.state);
        carried.follow(&moved);
        let begin = self.state.next_seq;
        for event in carried.into_events() {
            self.tell(event);
        }
        begin
    }

    pub fn fresh_id(&mut self) -> WorkflowId {
        self.serial += 1;
        let (time, serial) = (u128::from(self.now.0), u128::from(self.serial));
        WorkflowId(time << 80 | 7 << 76 | 2 << 62 | serial)
    }

    /// Submits a workflow of independent tasks under a generated id.
    pub fn submit(&mut self, name: &str, tasks: u32) -> WorkflowId {
        let id = self.fresh_id();
        self.submit_as(id, None, spec(name, tasks))
    }

    pub fn submit_as(&mut self, id: WorkflowId, key: Option<&str>, spec: WorkflowSpec) -> WorkflowId {
        let body = Fingerprint::of(spec.name.as_bytes());
        let key = key.map(|key| Fingerprint::of(key.as_bytes()));
        self.tell(Event::WorkflowSubmitted { workflow: id, spec: Arc::new(spec), body, key });
        id
    }

    pub fn start_task(&mut self, task: TaskId, worker: &str) -> AttemptNo {
        let attempt = self.state.task(task).unwrap().attempt.next();
        self.tell(Event::TaskOffered { task, attempt, worker: WorkerId::new(worker) });
        self.tell(Event::TaskAccepted { task, attempt });
        attempt
    }

    pub fn complete(&mut self, task: TaskId, size: ResultSize) {
        let attempt = self.start_task(task, "w1");
        let result = Stored::fresh(Payload::new(result_text(task, size)), &mut 0);
        self.tell(Event::TaskCompleted { task, attempt, result, usage: None });
    }

    pub fn fail(&mut self, task: TaskId, next: AfterFailure) {
        let attempt = self.start_task(task, "w2");
        let failure = Failure {
            service_code: Some("E7".into()),
            details: Some(Payload::new(r#"{"line":7}"#)),
            ..Failure::new(errors::TASK_EXECUTION_FAILED, format!("attempt {attempt} broke"))
        };
        self.tell(Event::TaskFailed { task, attempt, failure, next, grant: GrantAfter::Freed });
    }

    pub fn lose(&mut self, task: TaskId) {
        let attempt = self.start_task(task, "w3");
        let (reason, grant) = (LostReason::Silent, GrantAfter::ReleasingUntil(self.now.plus(5_000)));
        self.tell(Event::AttemptLost { task, attempt, reason, grant });
    }

    pub fn end(&mut self, workflow: WorkflowId, outcome: Outcome) -> Workflow {
        let release_until = self.now.plus(30_000);
        self.tell(Event::WorkflowEnded { workflow, outcome, release_until });
        self.state.workflow(workflow).unwrap().clone()
    }

    /// Submits, completes and ends a workflow of so many tasks.
    pub fn finished(&mut self, name: &str, tasks: u32) -> Workflow {
        let id = self.submit(name, tasks);
        self.finish(id)
    }

    /// Completes all tasks of a workflow, with results of all sizes, and ends it.
    pub fn finish(&mut self, id: WorkflowId) -> Workflow {
        let sizes = [ResultSize::Small, ResultSize::Tiny, ResultSize::Large];
        let total = self.state.workflow(id).unwrap().spec.total();
        for (index, size) in (0..total).zip(sizes.into_iter().cycle()) {
            self.complete(TaskId::new(id, index), size);
        }
        self.end(id, Outcome::Completed)
    }

    /// What the engine does with an ended workflow.
    pub fn archive(&mut self, workflow: &Workflow) {
        self.store.archive(std::slice::from_ref(workflow)).unwrap();
        self.state.forget(workflow.id, workflow.ended_seq.unwrap());
    }

    /// Loads an archived workflow, which must be the one that memory had.
    pub fn check_loads(&self, workflow: &Workflow) {
        check_loads(&self.store, workflow);
    }
}

pub fn check_loads(store: &Store, workflow: &Workflow) {
    let loaded = store.load(workflow.id).unwrap().expect("it is archived");
    assert_eq!(loaded, as_loaded(workflow));
}

/// Routing classes belong to memory.
pub fn as_loaded(workflow: &Workflow) -> Workflow {
    Workflow { classes: Arc::default(), ..workflow.clone() }
}

pub fn result_text(task: TaskId, size: ResultSize) -> String {
    let filling = match size {
        ResultSize::Tiny => 0,
        ResultSize::Small => 200,
        ResultSize::Large => 2_000,
    };
    format!(r#"{{"of":{},"filling":"{}"}}"#, task.index, "x".repeat(filling))
}

pub fn spec(name: &str, tasks: u32) -> WorkflowSpec {
    let retry = RetryPolicy {
        max_attempts: 4,
        strategy: RetryStrategy::Fixed,
        base_delay_ms: 10,
        max_delay_ms: 10,
        jitter_permille: 0,
    };
    let policy = Policy {
        priority: Priority::Normal,
        trigger: Trigger::OnSuccess,
        retry,
        run_timeout_ms: 300_000,
        queue_timeout_ms: None,
    };
    let route = Route {
        task_type: "function".into(),
        external_type: None,
        service: None,
        function: Some("f".into()),
        requirements: None,
    };
    let mut next_part = 0;
    let tasks = (0..tasks).map(|index| task_spec(index, &mut next_part)).collect();
    WorkflowSpec {
        label: None,
        name: name.into(),
        description: None,
        error_strategy: ErrorStrategy::Continue,
        max_parallel_tasks: None,
        timeout_ms: None,
        tags: Vec::new(),
        metadata: None,
        traceparent: None,
        routes: vec![route],
        policies: vec![policy],
        tasks,
        imported: None,
    }
}

/// Every second task has large parameters.
fn task_spec(index: u32, next_part: &mut u32) -> TaskSpec {
    let filling = if index % 2 == 1 { 1_000 } else { 10 };
    TaskSpec {
        key: Some(format!("task_{index}").into()),
        own_id: None,
        name: None,
        route: 0,
        policy: 0,
        parameters: Stored::fresh(Payload::new(format!(r#"{{"p":"{}"}}"#, "p".repeat(filling))), next_part),
        has_templates: false,
        dependencies: Vec::new(),
        tags: Vec::new(),
        metadata: None,
    }
}
