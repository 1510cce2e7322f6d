//! What an assignment reads of earlier results before it is sent.

use std::cell::RefCell;
use std::sync::Arc;

use gleitzeit::core::command::{Claim, Command, TaskRef};
use gleitzeit::core::ids::{AttemptNo, Seq, SessionId, TaskId, Timestamp, WorkflowId};
use gleitzeit::core::limits::{Limits, SubmissionLimits};
use gleitzeit::core::payload::{INLINE_PAYLOAD_MAX, Payload, Stored};
use gleitzeit::core::state::{State, TaskStatus};
use gleitzeit::engine::{Engine, Input, Output};
use gleitzeit::protocol::submit::{ContentType, parse_submission};
use serde_json::json;

use crate::sim::specs::Trade;
use crate::sim::store::MemoryViews;

const NOW: Timestamp = Timestamp(1_000_000);

fn say(engine: &mut Engine, command: Command) -> Vec<Output> {
    engine.step(NOW, std::iter::once(Input::Command { command, reply: None })).outputs
}

#[test]
fn a_task_that_waits_for_many_reads_the_results_that_its_templates_name() {
    let mut engine = Engine::new(State::default(), Limits::default(), Arc::new(MemoryViews::default()), 1);
    engine.recover(NOW);
    let first = |name: &str| json!({"name": name, "function": "count_words", "args": ["a b"]});
    let body = json!({"name": "fan-in", "tasks": [first("A"), first("B"), first("C"),
        {"name": "Last", "function": "count_words", "args": ["{{B.result.n}}"], "dependencies": ["A", "B", "C"]}]});
    let body = body.to_string();
    let submission = parse_submission(body.as_bytes(), ContentType::Json, &SubmissionLimits::default());
    let submission = submission.expect("the workflow is valid");
    let (workflow, session) = (WorkflowId::from_text("fan-in"), SessionId(7));
    let spec = Arc::new(submission.spec);
    say(&mut engine, Command::SubmitWorkflow { workflow, spec, body: submission.body, key: None });
    let facts = Arc::new(Trade::Executor.facts("w1", 3, true, Some(30_000)));
    say(&mut engine, Command::RegisterWorker { session, facts, active: None, claim: Claim::Any });

    let large = Payload::new(json!({"n": 7, "pad": "x".repeat(INLINE_PAYLOAD_MAX)}).to_string());
    let mut outputs = Vec::new();
    for index in 0..3 {
        let (task, attempt) = (TaskRef::Id(TaskId::new(workflow, index)), Some(AttemptNo(1)));
        let result = large.clone();
        outputs = say(&mut engine, Command::CompleteTask { session, task, attempt, result, usage: None });
    }
    let assignment = outputs
        .into_iter()
        .find_map(|output| if let Output::Assign(assignment) = output { Some(assignment) } else { None });
    let read: RefCell<Vec<Seq>> = RefCell::default();
    let assigned = assignment.expect("the last task is offered").fill(|seq, _| {
        read.borrow_mut().push(seq);
        Ok(large.clone())
    });
    let parameters = assigned.expect("everything it names is there").parameters;
    assert!(parameters.as_str().contains("[7]") || parameters.as_str().contains("[\"7\"]"), "{parameters:?}");
    let named = engine.state.workflow(workflow).expect("it is live").task(1);
    let TaskStatus::Completed { result: Stored::Logged { seq, .. }, .. } = &named.status else {
        panic!("a large result lies in the log, and this one is {:?}", named.status);
    };
    assert_eq!(*read.borrow(), [*seq]);
}
