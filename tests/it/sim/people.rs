//! People who submit, cancel, pause, resume and retry, and say things twice.

use std::sync::Arc;

use gleitzeit::core::command::{Command, Drain, Edit, FailureReport, Verdict};
use gleitzeit::core::event::Note;
use gleitzeit::core::ids::{Fingerprint, TaskId, WorkflowId};
use gleitzeit::core::payload::{Payload, Stored};
use gleitzeit::core::spec::WorkflowSpec;
use gleitzeit::core::state::Workflow;
use gleitzeit::engine::{Answer, Views};

use super::checker::Asked;
use super::comebacks;
use super::rng::Rng;
use super::specs;
use super::world::{Caller, Happening, World};

#[derive(Debug, Default)]
pub struct People {
    pub submissions: Vec<Submission>,
}

#[derive(Debug, Clone)]
pub struct Submission {
    pub workflow: WorkflowId,
    pub spec: Arc<WorkflowSpec>,
    pub body: Fingerprint,
    pub key: Option<Fingerprint>,
}

impl World {
    /// Somebody does something.
    pub fn person(&mut self) {
        if !self.trouble {
            return;
        }
        let pause = self.rng.range(1, self.size.duration_ms / (self.size.workflows * 3));
        self.after(pause, Happening::Person);
        let all = self.people.submissions.len();
        if all == 0 || (self.rng.chance(400) && (all as u64) < self.size.workflows) {
            let submission = self.new_submission();
            self.people.submissions.push(submission.clone());
            return self.submit(&submission);
        }
        let known = self.rng.pick(&self.people.submissions).clone();
        let id = known.workflow;
        let task = TaskId::new(id, u32::try_from(self.rng.index(known.spec.tasks.len())).unwrap());
        match self.rng.range(0, 20) {
            0 | 1 => self.submit(&known),
            2 => self.submit(&Submission { body: Fingerprint(known.body.0 + 1), ..known }),
            3 => self.submit(&self.same_key_again(&known)),
            4 => self.demand(Asked::CancelWorkflow(id), Command::CancelWorkflow { workflow: id }),
            5 => self.demand(Asked::CancelTask(task), Command::CancelTask { task }),
            6 => self.demand(Asked::Other, Command::PauseWorkflow { workflow: id }),
            7 | 8 => self.demand(Asked::Other, Command::ResumeWorkflow { workflow: id }),
            9 | 10 => {
                let edits =
                    if self.rng.chance(300) { self.edit(task).into_iter().collect() } else { Vec::new() };
                let note = Note::default();
                self.demand(Asked::Other, Command::RetryWorkflow { workflow: id, edits, note });
            }
            11 | 12 => {
                let edit = if self.rng.chance(500) { self.edit(task) } else { None };
                let edit = edit.map(|(_, edit)| edit);
                self.demand(Asked::Other, Command::RetryTask { task, edit, note: Note::default() });
            }
            15..=19 => {
                let verdict = self.verdict();
                let note = Note { by: Some(Arc::from("somebody")), reason: None };
                self.demand(Asked::Settle(task), Command::SettleTask { task, verdict, note });
            }
            13 => self.keep(),
            14 if self.rng.chance(500) => self.hook(),
            14 if self.rng.chance(200) => self.import(),
            14 => self.administer(),
            _ => {
                let remote = self.rng.range(1, self.workers.len() as u64 - 1);
                let worker = self.workers[usize::try_from(remote).unwrap()].facts.worker.clone();
                let drain = if self.rng.chance(300) { Drain::Begin } else { Drain::End };
                self.demand(Asked::Other, Command::DrainWorker { worker, drain });
            }
        }
    }

    fn verdict(&mut self) -> Verdict {
        let large = format!("\"{}\"", "y".repeat(self.rng.index(1_200)));
        match self.rng.range(0, 4) {
            0 => Verdict::Complete(Payload::new("\"by hand\"")),
            1 => Verdict::Complete(Payload::new(large)),
            2 => Verdict::Skip(None),
            3 => Verdict::Skip(Some(Payload::new(large))),
            _ => Verdict::Fail(FailureReport {
                error: Arc::from("somebody had enough of it"),
                retryable: Some(self.rng.chance(300)),
                ..FailureReport::default()
            }),
        }
    }

    /// New parameters for a task. Some name a task that need not have ended, and some are made from old ones.
    fn edit(&mut self, task: TaskId) -> Option<(u32, Edit)> {
        let live = self.process.as_ref()?.engine.state.workflow(task.workflow).cloned();
        let workflow =
            live.or_else(|| self.store.views.load(task.workflow).ok()?.map(|known| Workflow::clone(&known)))?;
        let over = if self.rng.chance(50) {
            Stored::Inline(Payload::new("{}"))
        } else {
            workflow.parameters_of(task.index).clone()
        };
        let named = self.rng.index(workflow.tasks.len());
        let text = match self.rng.range(0, 3) {
            0 => format!("{{\"edited\":\"{}\"}}", "z".repeat(self.rng.index(1_200))),
            1 => "{\"edited\":1}".to_owned(),
            _ => format!("{{\"edited\":\"{{{{task_{named}.result}}}}\"}}"),
        };
        Some((task.index, Edit { over, parameters: Payload::new(text) }))
    }

    fn new_submission(&mut self) -> Submission {
        let unique = self.people.submissions.len() as u64;
        let mut spec = specs::workflow(&mut self.rng, self.size.tasks_max, unique);
        if self.killings_ms.is_some() {
            spec.policies.iter_mut().for_each(|policy| policy.run_timeout_ms = comebacks::RUN_TIMEOUT_MS);
        }
        let workflow = if self.rng.chance(300) {
            let label = format!("order {unique}");
            spec.label = Some(Arc::from(label.as_str()));
            WorkflowId::from_text(&label)
        } else {
            generated(self.now, &mut self.rng)
        };
        let key = self.rng.chance(400).then(|| Fingerprint(u128::from(unique) + 1_000));
        let body = Fingerprint(u128::from(unique) * 10);
        Submission { workflow, spec: Arc::new(spec), body, key }
    }

    /// The same request with the same key, for which the server has made another id.
    fn same_key_again(&self, known: &Submission) -> Submission {
        let fresh = WorkflowId(known.workflow.0 ^ (u128::from(self.now) << 8));
        if known.key.is_none() || known.spec.label.is_some() {
            return known.clone();
        }
        Submission { workflow: fresh, ..known.clone() }
    }

    pub fn submit(&mut self, submission: &Submission) {
        let Submission { workflow, spec, body, key } = submission.clone();
        let asked = Asked::Submit { body, key };
        let command = Command::SubmitWorkflow { workflow, spec, body, key };
        let call = self.ask(asked, Caller::Nobody);
        self.request(command, call);
    }

    pub fn demand(&mut self, asked: Asked, command: Command) {
        let call = self.ask(asked, Caller::Nobody);
        self.request(command, call);
    }

    pub fn request(&mut self, command: Command, call: u64) {
        // Nobody listens while the process is down.
        let Some(process) = self.process.as_ref().map(|process| process.number) else { return };
        self.trace.say(self.now, format_args!("asked: {command:?}"));
        let delay = self.rng.range(1, 20);
        let command = Box::new(command);
        self.after(delay, Happening::Arrive { process, session: None, command, call: Some(call) });
    }

    /// An answer has come back over the network.
    pub fn hear_answer(&mut self, call: u64, answer: &Answer) {
        self.trace.say(self.now, format_args!("answer {call}: {answer:?}"));
        match self.callers.remove(&call) {
            Some(Caller::Worker { index, life, task, attempt }) => {
                let worker = &mut self.workers[index];
                if worker.life == life {
                    worker.unanswered.retain(|report| (report.task, report.attempt) != (task, attempt));
                }
            }
            Some(Caller::Receiver { index, task, attempt }) => {
                self.workers[index].jobs.remove(&(task, attempt));
            }
            Some(Caller::Keeper) => self.keeper_hears(answer),
            Some(Caller::Nobody) | None => {}
        }
    }
}

/// A version 7 id of this moment.
pub fn generated(now: u64, rng: &mut Rng) -> WorkflowId {
    let random = u128::from(rng.next());
    let id =
        (u128::from(now) << 80) | (7 << 76) | ((random >> 52) << 64) | (2 << 62) | (random & ((1 << 62) - 1));
    WorkflowId(id)
}
