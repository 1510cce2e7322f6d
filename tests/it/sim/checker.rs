//! Decides whether a history is right: what was promised must be in the durable log, and stay there.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use gleitzeit::core::access::AccessFact;
use gleitzeit::core::effect::{First, Receipt};
use gleitzeit::core::event::{Event, LostReason, Record};
use gleitzeit::core::ids::{AttemptNo, Fingerprint, KeyId, Seq, TaskId, Timestamp, WorkerId, WorkflowId};
use gleitzeit::core::limits::Limits;
use gleitzeit::core::payload::Stored;
use gleitzeit::core::state::{State, TaskStatus};
use gleitzeit::engine::{Answer, decode};
use gleitzeit::log::LogRead;

use super::difference::difference;
use super::model::{Fate, Model};

/// The first thing that was wrong.
pub type Verdict = Result<(), String>;

/// What somebody asked the engine.
#[derive(Debug, Clone)]
pub enum Asked {
    Submit {
        body: Fingerprint,
        key: Option<Fingerprint>,
    },
    CancelWorkflow(WorkflowId),
    CancelTask(TaskId),
    /// Somebody decided by hand what becomes of the task.
    Settle(TaskId),
    CreateKey(KeyId),
    RevokeKey(KeyId),
    Complete {
        worker: WorkerId,
        task: Option<TaskId>,
        attempt: Option<AttemptNo>,
        result: Arc<str>,
    },
    Fail {
        task: Option<TaskId>,
        attempt: Option<AttemptNo>,
    },
    Other,
}

#[derive(Debug)]
struct Call {
    asked: Asked,
    process: u32,
    /// The position after the turn in which it was decided.
    decided: Option<Seq>,
    answered: bool,
}

#[derive(Debug, Default)]
pub struct Checker {
    pub history: Vec<Record>,
    /// A state that has applied the durable records and nothing else.
    pub shadow: State,
    pub model: Model,
    calls: BTreeMap<u64, Call>,
    keys: BTreeMap<Fingerprint, (WorkflowId, Timestamp)>,
    /// Completions that were acknowledged.
    promised: BTreeMap<TaskId, Arc<str>>,
    /// Pauses of the process: when each ended, and how long it took.
    pauses: Vec<(Timestamp, u64)>,
    pub answers: u64,
}

impl Checker {
    pub fn asked(&mut self, asked: Asked) -> u64 {
        let call = self.calls.len() as u64;
        self.calls.insert(call, Call { asked, process: 0, decided: None, answered: false });
        call
    }

    pub fn decided(&mut self, call: u64, process: u32, end: Seq) {
        let call = self.calls.get_mut(&call).expect("only registered calls are decided");
        (call.process, call.decided) = (process, Some(end));
    }

    pub fn paused(&mut self, until: Timestamp, ms: u64) {
        self.pauses.push((until, ms));
    }

    /// Records that the disk has.
    pub fn durable(&mut self, first: Seq, records: &[Record]) -> Verdict {
        if first.0 != self.history.len() as u64 + 1 {
            return Err(format!("record {} follows {}", first.0, self.history.len()));
        }
        for record in records {
            let seq = Seq(self.history.len() as u64 + 1);
            if self.history.last().is_some_and(|before| before.at > record.at) {
                return Err(format!("time ran backwards at record {}", seq.0));
            }
            self.model.follow(seq, record)?;
            self.not_too_early(record)?;
            self.shadow.apply(record);
            self.history.push(record.clone());
        }
        Ok(())
    }

    /// A worker has its whole time to accept; a pause of the process is not counted.
    fn not_too_early(&self, record: &Record) -> Verdict {
        let Event::AttemptLost { task, attempt, reason: LostReason::NotAccepted, .. } = &record.event else {
            return Ok(());
        };
        let offered = |known: &&Record| matches!(&known.event, Event::TaskOffered { task: t, attempt: a, .. } if t == task && a == attempt);
        // A restart gives the whole time again.
        let begun = |known: &&Record| matches!(known.event, Event::EngineStarted { .. }) || offered(known);
        let since = self.history.iter().rev().find(begun).map_or(Timestamp(0), |known| known.at);
        let pauses: Vec<u64> = self
            .pauses
            .iter()
            .filter(|(end, _)| *end > since && *end <= record.at)
            .map(|(end, ms)| (*ms).min(end.since(since)))
            .collect();
        let asleep: u64 = pauses.iter().sum();
        let waited = record.at.since(since).saturating_sub(asleep);
        // Of each pause a tick may pass before it is noticed, and one below a second is not.
        let unnoticed: u64 = pauses.iter().map(|ms| (*ms).min(2_000)).sum();
        if waited + unnoticed + 200 < Limits::default().accept_ms {
            return Err(format!(
                "attempt {attempt} of {task} was given up after {waited} ms awake ({asleep} asleep)"
            ));
        }
        Ok(())
    }

    /// An answer is about to leave the process.
    pub fn answered(&mut self, number: u64, answer: &Answer, durable_end: Seq) -> Verdict {
        let call = self.calls.get_mut(&number).expect("only registered calls are answered");
        let asked = call.asked.clone();
        if std::mem::replace(&mut call.answered, true) {
            return Err(format!("{asked:?} was answered twice"));
        }
        let rests_on = call.decided.ok_or("an answer came before the question was read")?;
        if rests_on > durable_end {
            return Err(format!("the answer to {asked:?} rests on {rests_on:?}, durable is {durable_end:?}"));
        }
        self.answers += 1;
        let Ok(accepted) = answer else { return Ok(()) };
        if accepted.seq >= durable_end {
            return Err(format!(
                "the answer to {asked:?} shows {:?}, durable is {durable_end:?}",
                accepted.seq
            ));
        }
        match asked {
            Asked::Submit { body, key } => self.submitted(body, key, &accepted.receipt, accepted.seq),
            Asked::CancelWorkflow(id) => {
                let found = self.any_before(
                    accepted.seq,
                    |event| matches!(event, Event::WorkflowCancelled { workflow, .. } if *workflow == id),
                );
                if found { Ok(()) } else { Err(format!("the acknowledged cancel of {id} is not in the log")) }
            }
            Asked::CancelTask(id) => {
                let found = self.any_before(
                    accepted.seq,
                    |event| matches!(event, Event::TaskCancelled { task, .. } if *task == id),
                );
                if found { Ok(()) } else { Err(format!("the acknowledged cancel of {id} is not in the log")) }
            }
            Asked::Settle(id) => {
                let found = self.any_before(accepted.seq, |event| event.task() == Some(id) && ends(event));
                if found { Ok(()) } else { Err(format!("what was decided of {id} is not in the log")) }
            }
            Asked::CreateKey(id) => self.key_has(
                id,
                "was made",
                accepted.seq,
                |fact| matches!(fact, AccessFact::KeyCreated { id: made, .. } if *made == id),
            ),
            Asked::RevokeKey(id) => self.key_has(
                id,
                "was revoked",
                accepted.seq,
                |fact| matches!(fact, AccessFact::KeyRevoked { id: revoked } if *revoked == id),
            ),
            Asked::Complete { worker, task, attempt, result } => {
                self.completed(&worker, task, attempt, &result, accepted.seq)
            }
            Asked::Fail { task: Some(task), attempt: Some(attempt) } => {
                let known = self.model.setbacks.contains(&(task, attempt));
                if known {
                    Ok(())
                } else {
                    Err(format!("failure of {task}/{attempt} taken but not in the log"))
                }
            }
            Asked::Fail { .. } | Asked::Other => Ok(()),
        }
    }

    fn key_has(&self, id: KeyId, what: &str, seq: Seq, wanted: impl Fn(&AccessFact) -> bool) -> Verdict {
        let found = self.any_before(seq, |event| matches!(event, Event::Access { fact, .. } if wanted(fact)));
        if found {
            Ok(())
        } else {
            Err(format!("somebody was told that key {id} {what}, which is not in the log"))
        }
    }

    fn any_before(&self, seq: Seq, wanted: impl Fn(&Event) -> bool) -> bool {
        let end = usize::try_from(seq.0).unwrap().min(self.history.len());
        self.history[..end].iter().rev().any(|record| wanted(&record.event))
    }

    fn submitted(
        &mut self,
        body: Fingerprint,
        key: Option<Fingerprint>,
        receipt: &Receipt,
        seq: Seq,
    ) -> Verdict {
        let Receipt::Submitted { workflow, first } = receipt else { return Err("no receipt".to_owned()) };
        let known = self.model.workflows.get(workflow);
        if known.is_none_or(|known| known.body != body) {
            return Err(format!("{workflow} was acknowledged with another body, or is not in the log"));
        }
        let at = self.history[usize::try_from(seq.0).unwrap() - 1].at;
        let Some(key) = key else { return Ok(()) };
        if *first == First::Created {
            let earlier = self.keys.insert(key, (*workflow, at));
            if let Some((earlier, then)) = earlier
                && at.since(then) < Limits::default().idempotency_ms - 1_000
            {
                return Err(format!("one idempotency key made {earlier} and {workflow}"));
            }
        }
        Ok(())
    }

    /// An acknowledged result is the one in the log, reported by its holder, and acknowledged once.
    fn completed(
        &mut self,
        worker: &WorkerId,
        task: Option<TaskId>,
        attempt: Option<AttemptNo>,
        result: &Arc<str>,
        seq: Seq,
    ) -> Verdict {
        let task = task.ok_or("a report about an unknown task was taken")?;
        let all = self.model.completions.get_mut(&task).map_or(&mut [][..], Vec::as_mut_slice);
        let found = all.iter_mut().rev().find(|completion| completion.seq <= seq);
        let found = found.ok_or_else(|| format!("the acknowledged result of {task} is not in the log"))?;
        let wrong = found.worker != *worker || attempt.is_some_and(|attempt| attempt != found.attempt);
        if wrong {
            return Err(format!("a report of {worker} for attempt {attempt:?} was taken as {found:?}"));
        }
        if let Stored::Inline(stored) = &found.result
            && stored.as_str() != &**result
        {
            return Err(format!("{task} was acknowledged with {result}, but has {}", stored.as_str()));
        }
        if std::mem::replace(&mut found.acknowledged, true) {
            return Err(format!("the result of {task} was taken twice"));
        }
        self.promised.insert(task, Arc::clone(result));
        Ok(())
    }

    /// An attempt may leave for its worker only when the log says so.
    pub fn assigned(&self, task: TaskId, attempt: AttemptNo, worker: &WorkerId) -> Verdict {
        if self.model.delivered.contains(&(task, attempt)) {
            return Err(format!("{task}/{attempt} is posted again although its receiver has it"));
        }
        let offered = self.model.offers.contains(&(task, attempt, worker.clone()));
        if offered {
            Ok(())
        } else {
            Err(format!("{task}/{attempt} left for {worker} before it was durable"))
        }
    }

    /// A process has come up: `written` is what was on its way to the disk when the one before it ended.
    pub fn recovered(&mut self, log: &dyn LogRead, state: &State, written: &[Record]) -> Verdict {
        let mut found = Vec::new();
        let mut broken = Ok(());
        let first = log.first_seq();
        log.scan(first, &mut |view| match decode(&view) {
            Ok(record) => {
                found.push(record);
                ControlFlow::Continue(())
            }
            Err(error) => {
                broken = Err(error.to_string());
                ControlFlow::Break(())
            }
        })
        .map_err(|error| error.to_string())?;
        broken?;
        let released = usize::try_from(first.0 - 1).unwrap();
        let known = self.history.len();
        if released + found.len() < known {
            return Err(format!("{known} records were durable, {} are left", released + found.len()));
        }
        self.pauses.clear();
        // Large texts stay in the log, so decoded records are compared by what they do to a state.
        let more = found.split_off(known - released);
        if more.len() > written.len() {
            return Err(format!("{} records came from nowhere", more.len() - written.len()));
        }
        self.durable(Seq(known as u64 + 1), &written[..more.len()])?;
        if *state != self.shadow {
            return Err(format!("the state after replay differs: {}", difference(state, &self.shadow)));
        }
        self.promises_hold()
    }

    /// Every acknowledged completion still has exactly its result.
    pub fn promises_hold(&self) -> Verdict {
        for (task, result) in &self.promised {
            let status = self.shadow.task(*task).map(|task| &task.status);
            let kept = match status {
                Some(TaskStatus::Completed { result: Stored::Inline(stored), .. }) => {
                    stored.as_str() == &**result
                }
                Some(TaskStatus::Completed { result: stored, .. }) => stored.len() == result.len(),
                _ => false,
            };
            if !kept {
                return Err(format!("{task} was acknowledged as completed, but is {status:?}"));
            }
        }
        for (id, workflow) in &self.model.workflows {
            let known = self.shadow.workflow(*id).ok_or_else(|| format!("{id} is gone"))?;
            if workflow.ended.is_some() != known.status.has_ended() {
                return Err(format!("{id} is {:?}, but the log says {:?}", known.status, workflow.ended));
            }
            for (index, task) in (0..).zip(&workflow.tasks) {
                let status = &known.task(index).status;
                let same = match (&task.fate, status) {
                    (Fate::Held(worker), status) => {
                        status.kind().holds_a_worker() && known.task(index).holder() == Some(worker)
                    }
                    (Fate::Open, status) => !status.has_ended() && !status.kind().holds_a_worker(),
                    (Fate::Completed, TaskStatus::Completed { .. })
                    | (Fate::Failed, TaskStatus::Failed { .. })
                    | (Fate::Cancelled, TaskStatus::Cancelled { .. }) => true,
                    (Fate::Skipped, TaskStatus::Skipped { .. }) => status.result().is_none(),
                    (Fate::SkippedWith, TaskStatus::Skipped { .. }) => status.result().is_some(),
                    _ => false,
                };
                if !same {
                    return Err(format!(
                        "task {index} of {id} is {status:?}, but the log says {:?}",
                        task.fate
                    ));
                }
            }
        }
        Ok(())
    }

    /// Questions that a living process has read and never answered.
    pub fn nobody_waits(&self, process: u32) -> Verdict {
        let forgotten = self
            .calls
            .values()
            .find(|call| call.process == process && call.decided.is_some() && !call.answered);
        forgotten.map_or(Ok(()), |call| Err(format!("{:?} was never answered", call.asked)))
    }
}

/// Whether a task may have its last status by this. The same word twice is answered without a second record.
fn ends(event: &Event) -> bool {
    matches!(
        event,
        Event::TaskSettledByHand { .. }
            | Event::TaskCompleted { .. }
            | Event::TaskFailed { .. }
            | Event::TaskSkipped { .. }
    )
}
