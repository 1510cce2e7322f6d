//! What workers do and hear, and the connections between them and the engine.

use std::sync::Arc;

use gleitzeit::core::command::{
    Claim, Command, Disconnected, FailureReport, Heartbeat, Held, Progress, Returned, TaskRef, WorkerFacts,
    WorkerStatus,
};
use gleitzeit::core::errors;
use gleitzeit::core::event::Failure;
use gleitzeit::core::ids::{AttemptNo, SessionId, TaskId};
use gleitzeit::core::payload::Payload;
use gleitzeit::core::rejection::Rejection;
use gleitzeit::engine::{Assigned, Assignment};
use gleitzeit::log::Log;

use super::checker::{Asked, Verdict};
use super::courier;
use super::model::Promise;
use super::specs::Trade;
use super::worker::{Job, Report, reference};
use super::world::{Act, Caller, Connection, Happening, ToWorker, World};

impl World {
    /// Everybody without a connection dials in again.
    pub fn welcome_workers(&mut self) {
        for index in 0..self.workers.len() {
            let inside = matches!(self.workers[index].trade, Trade::BuiltIn | Trade::Courier);
            let delay = if inside { 0 } else { self.rng.range(1, 8_000) };
            self.after(delay, Happening::Worker { index, act: Act::Connect });
        }
    }

    /// The process is gone, and its sockets with it.
    pub fn lose_connections(&mut self) {
        self.connections.clear();
        for worker in &mut self.workers {
            worker.session = None;
            if worker.trade == Trade::BuiltIn {
                worker.life += 1;
                worker.jobs.clear();
                worker.unanswered.clear();
            }
            // What was handed on goes on outside.
            worker.life += u32::from(worker.trade == Trade::Courier);
        }
    }

    pub fn act(&mut self, index: usize, act: Act) {
        let worker = &self.workers[index];
        match act {
            Act::Connect => self.connect(index),
            Act::Heartbeat(session) if worker.session == Some(session) => self.heartbeat(index, session),
            Act::Break(session) if worker.session == Some(session) => self.break_connection(index, session),
            Act::Accept(life, task, attempt) if worker.life == life => self.accept(index, task, attempt),
            Act::Finish(life, task, attempt) if worker.life == life => self.finish(index, task, attempt),
            Act::Post(life, task, attempt) if worker.life == life => self.post(index, task, attempt),
            Act::CallBack(task, attempt) => self.call_back(index, task, attempt),
            Act::Mischief => self.mischief(index),
            Act::Heartbeat(_) | Act::Break(_) | Act::Accept(..) | Act::Finish(..) | Act::Post(..) => {}
        }
    }

    fn connect(&mut self, index: usize) {
        let Some(process) = self.process.as_ref().map(|process| process.number) else { return };
        let worker = &mut self.workers[index];
        if worker.session.is_some() || worker.retired {
            return;
        }
        let session = match worker.trade {
            Trade::BuiltIn => SessionId(0),
            Trade::Courier => courier::SESSION,
            Trade::Executor | Trade::Gpu | Trade::Crunch | Trade::Billing => {
                self.next_session += 1;
                SessionId(self.next_session)
            }
        };
        worker.session = Some(session);
        worker.connected_at = self.now;
        let facts = Arc::clone(&worker.facts);
        let (heartbeat_ms, breaks_ms) = (worker.heartbeat_ms, worker.manners.breaks_ms);
        let connection = Connection { worker: index, process, to_engine_at: 0, to_worker_at: 0, cut: false };
        self.connections.insert(session, connection);
        self.register(index, session, facts);
        if heartbeat_ms > 0 {
            self.after(heartbeat_ms, Happening::Worker { index, act: Act::Heartbeat(session) });
        }
        if let Some(breaks_ms) = breaks_ms {
            let after = self.rng.range(1, 2 * breaks_ms);
            self.after(after, Happening::Worker { index, act: Act::Break(session) });
        }
        if self.workers[index].manners.sends_again {
            for report in self.workers[index].unanswered.clone() {
                self.report(index, &report);
            }
        }
    }

    fn register(&mut self, index: usize, session: SessionId, facts: Arc<WorkerFacts>) {
        let promise = Promise { capacity: facts.capacity, fences: facts.fences };
        self.checker.model.promises.insert(facts.worker.clone(), promise);
        let active = self.workers[index].manners.names_active.then(|| self.held(index));
        let call = self.ask(Asked::Other, Caller::Nobody);
        self.say(session, Command::RegisterWorker { session, facts, active, claim: Claim::Any }, Some(call));
    }

    fn held(&self, index: usize) -> Vec<Held> {
        let worker = &self.workers[index];
        let held = worker.jobs.iter();
        held.map(|((_, attempt), job)| Held {
            task: job.reference.clone(),
            attempt: worker.numbered(*attempt),
        })
        .collect()
    }

    fn heartbeat(&mut self, index: usize, session: SessionId) {
        let worker = &self.workers[index];
        self.after(worker.heartbeat_ms, Happening::Worker { index, act: Act::Heartbeat(session) });
        let worker = &self.workers[index];
        if worker.is_mute(self.now) || !worker.manners.heartbeats {
            return;
        }
        let status = if self.trouble && self.rng.chance(30) {
            *self.rng.pick(&[WorkerStatus::Unhealthy, WorkerStatus::Draining, WorkerStatus::Busy])
        } else {
            WorkerStatus::Healthy
        };
        let worker = &self.workers[index];
        let heartbeat = Heartbeat {
            status: Some(status),
            active: worker.manners.names_active.then(|| self.held(index)),
            active_count: worker.manners.counts_active.then(|| u32::try_from(worker.jobs.len()).unwrap()),
            ..Heartbeat::default()
        };
        let call = self.ask(Asked::Other, Caller::Nobody);
        self.say(session, Command::Heartbeat { session, heartbeat }, Some(call));
    }

    fn break_connection(&mut self, index: usize, session: SessionId) {
        let manners = &self.workers[index].manners;
        let (clean, forgets) = (manners.clean, manners.forgets);
        let how = if self.rng.chance(clean) { Disconnected::Cleanly } else { Disconnected::Broken };
        if how == Disconnected::Cleanly || self.rng.chance(forgets) {
            let worker = &mut self.workers[index];
            worker.life += 1;
            worker.jobs.clear();
            worker.unanswered.clear();
        }
        let worker = &mut self.workers[index];
        worker.session = None;
        let retired = worker.retired;
        let lost = self.rng.chance(500);
        // A half-open connection is noticed late, perhaps after the worker has dialled in again.
        let notice = if how == Disconnected::Broken && self.rng.chance(200) { 45_000 } else { 1 };
        let Some(connection) = self.connections.get_mut(&session) else { return };
        connection.cut |= lost && how == Disconnected::Broken;
        connection.to_engine_at = connection.to_engine_at.max(self.now + self.rng.range(0, notice));
        self.say(session, Command::Disconnect { session, how }, None);
        if !retired {
            let back =
                if self.rng.chance(200) { self.rng.range(20_000, 90_000) } else { self.rng.range(1, 5_000) };
            self.after(back, Happening::Worker { index, act: Act::Connect });
        }
    }

    /// Sends something to the engine over a connection, in order.
    pub fn say(&mut self, session: SessionId, command: Command, call: Option<u64>) {
        if let Command::AcceptTask { attempt: Some(_), .. }
        | Command::CompleteTask { attempt: Some(_), .. }
        | Command::FailTask { attempt: Some(_), .. } = &command
            && let Some(connection) = self.connections.get(&session)
        {
            // Whoever sends numbers is taken at its word: it tells attempts apart.
            let id = &self.workers[connection.worker].facts.worker;
            if let Some(promise) = self.checker.model.promises.get_mut(id) {
                promise.fences = true;
            }
        }
        let delay = self.rng.range(1, 25);
        let Some(connection) = self.connections.get_mut(&session) else { return };
        let at = connection.to_engine_at.max(self.now + delay);
        connection.to_engine_at = at;
        let process = connection.process;
        let command = Box::new(command);
        self.at(at, Happening::Arrive { process, session: Some(session), command, call });
    }

    pub fn tell_worker(&mut self, session: SessionId, message: ToWorker) {
        let delay = self.rng.range(1, 25);
        let Some(connection) = self.connections.get_mut(&session) else { return };
        let at = connection.to_worker_at.max(self.now + delay);
        connection.to_worker_at = at;
        self.at(at, Happening::ToWorker { session, message: Box::new(message) });
    }

    /// What the dispatching thread does with an assignment.
    pub fn assign(&mut self, assignment: Assignment) -> Verdict {
        let (session, task, attempt) = (assignment.session, assignment.task, assignment.attempt);
        self.checker.assigned(task, attempt, &assignment.worker)?;
        self.seen_tasks.insert(task);
        let Some(process) = &self.process else { return Ok(()) };
        let (number, reader) = (process.number, process.log.reader());
        let filled = assignment.fill(|seq, part| {
            let text = reader.part(seq, part).map(Payload::new);
            text.map_err(|error| Rejection::new(errors::STORAGE_FAILED, error.to_string()))
        });
        let full = self.trouble && self.rng.chance(10);
        let command = match filled {
            Ok(assigned) if self.connections.contains_key(&session) && !full => {
                self.tell_worker(session, ToWorker::Assign(assigned));
                return Ok(());
            }
            Ok(_) => Command::ReturnAttempt { task, attempt, why: Returned::NoRoom },
            // Nothing is lost that was read from a machine that has just died.
            Err(rejection) if rejection.code == errors::STORAGE_FAILED && self.disk.is_off() => return Ok(()),
            Err(rejection) if rejection.code == errors::STORAGE_FAILED => {
                return Err(format!("a payload of {task} is lost: {rejection}"));
            }
            Err(rejection) => Command::FailDispatch {
                task,
                attempt,
                failure: Failure::new(rejection.code, rejection.message),
            },
        };
        let delay = self.rng.range(0, 3);
        self.after(
            delay,
            Happening::Arrive { process: number, session: None, command: Box::new(command), call: None },
        );
        Ok(())
    }

    pub fn worker_hears(&mut self, session: SessionId, message: ToWorker) -> Verdict {
        let connection = self.connections.get(&session);
        let Some(index) = connection.map(|connection| connection.worker) else { return Ok(()) };
        if self.workers[index].session != Some(session) {
            return Ok(());
        }
        match message {
            ToWorker::Assign(assigned) if self.workers[index].trade == Trade::Courier => {
                self.courier_takes(index, session, &assigned);
            }
            ToWorker::Assign(assigned) => {
                self.runs_no_namesake(index, &assigned)?;
                self.take(index, &assigned);
            }
            ToWorker::Cancel { task, attempt } => self.told_to_stop(index, task, attempt),
            ToWorker::Close => self.break_connection(index, session),
        }
        Ok(())
    }

    fn take(&mut self, index: usize, assigned: &Assigned) {
        let (task, attempt) = (assigned.task, assigned.attempt);
        let reference = reference(task, &assigned.wire_id(), task.workflow);
        let worker = &mut self.workers[index];
        let manners = worker.manners.clone();
        let refusal = if worker.jobs.len() >= manners.at_most {
            Some("Service at capacity".to_owned())
        } else if self.rng.chance(manners.no_handler) {
            Some(format!("No handler registered for task type {}", assigned.route().task_type))
        } else {
            None
        };
        if let Some(error) = refusal {
            self.fail(index, &reference, task, attempt, &error);
            return;
        }
        if !self.rng.chance(manners.accept) {
            return;
        }
        if !worker.facts.fences {
            // It knows one attempt of a task at most.
            worker.jobs.retain(|(known, _), _| *known != task);
        }
        worker
            .jobs
            .insert((task, attempt), Job { reference, wire_id: assigned.wire_id(), taken_at: self.now });
        let life = worker.life;
        let delay = self.rng.range(manners.accept_ms.0, manners.accept_ms.1);
        self.after(delay, Happening::Worker { index, act: Act::Accept(life, task, attempt) });
    }

    fn accept(&mut self, index: usize, task: TaskId, attempt: AttemptNo) {
        let worker = &self.workers[index];
        let Some(job) = worker.jobs.get(&(task, attempt)) else { return };
        let (life, manners, number) = (worker.life, worker.manners.clone(), worker.numbered(attempt));
        let reference = match &job.reference {
            // The earlier clients may leave the workflow out where they accept.
            TaskRef::Own { id, .. } if number.is_none() => {
                TaskRef::Own { id: Arc::clone(id), workflow: None }
            }
            named @ (TaskRef::Own { .. } | TaskRef::Id(_)) => named.clone(),
        };
        if let Some(session) = worker.session.filter(|_| !worker.is_mute(self.now)) {
            let call = self.ask(Asked::Other, Caller::Nobody);
            self.say(
                session,
                Command::AcceptTask { session, task: reference.clone(), attempt: number },
                Some(call),
            );
            if self.rng.chance(100) {
                let progress = Progress { percent: 50, message: Arc::from("half"), data: None };
                let command = Command::ReportProgress { session, task: reference, attempt: number, progress };
                self.say(session, command, None);
            }
        }
        if !self.rng.chance(manners.hang) {
            let work = self.rng.range(manners.work_ms.0, manners.work_ms.1);
            self.after(work, Happening::Worker { index, act: Act::Finish(life, task, attempt) });
        }
    }

    fn finish(&mut self, index: usize, task: TaskId, attempt: AttemptNo) {
        let Some(Job { reference, .. }) = self.workers[index].jobs.remove(&(task, attempt)) else { return };
        let failed = self.rng.chance(self.workers[index].manners.fail);
        let result = (!failed).then(|| self.result(index, task, attempt));
        let report = Report { task, attempt, reference, result };
        if self.workers[index].manners.sends_again {
            self.workers[index].unanswered.push(report.clone());
        }
        let copies =
            if self.rng.chance(self.workers[index].manners.duplicate) { self.rng.range(2, 4) } else { 1 };
        for _ in 0..copies {
            self.report(index, &report);
        }
    }

    fn result(&mut self, index: usize, task: TaskId, attempt: AttemptNo) -> Arc<str> {
        let padding = if self.rng.chance(50) { self.rng.index(1_500) } else { 0 };
        let worker = &self.workers[index].facts.worker;
        Arc::from(format!("\"{worker} {task} {attempt}{}\"", " ".repeat(padding)))
    }

    fn report(&mut self, index: usize, report: &Report) {
        let worker = &self.workers[index];
        let Some(session) = worker.session.filter(|_| !worker.is_mute(self.now)) else { return };
        let (attempt, life) = (worker.numbered(report.attempt), worker.life);
        let Some(result) = &report.result else {
            return self.fail(index, &report.reference, report.task, report.attempt, "it did not work");
        };
        let asked = Asked::Complete {
            worker: worker.facts.worker.clone(),
            task: Some(report.task),
            attempt,
            result: Arc::clone(result),
        };
        let call =
            self.ask(asked, Caller::Worker { index, life, task: report.task, attempt: report.attempt });
        let (task, result) = (report.reference.clone(), Payload::new(Arc::clone(result)));
        self.say(session, Command::CompleteTask { session, task, attempt, result, usage: None }, Some(call));
    }

    fn fail(&mut self, index: usize, reference: &TaskRef, task: TaskId, attempt: AttemptNo, error: &str) {
        let worker = &self.workers[index];
        let Some(session) = worker.session.filter(|_| !worker.is_mute(self.now)) else { return };
        let (number, life) = (worker.numbered(attempt), worker.life);
        let retry_after_ms = self.rng.chance(50).then(|| self.rng.range(1, 30_000));
        let report = FailureReport {
            error: Arc::from(error),
            retryable: self.rng.chance(100).then(|| self.rng.chance(500)),
            retry_after_ms,
            ..FailureReport::default()
        };
        let asked = Asked::Fail { task: Some(task), attempt: number };
        let call = self.ask(asked, Caller::Worker { index, life, task, attempt });
        let command = Command::FailTask { session, task: reference.clone(), attempt: number, report };
        self.say(session, command, Some(call));
    }

    fn told_to_stop(&mut self, index: usize, task: TaskId, attempt: AttemptNo) {
        if self.workers[index].trade == Trade::Courier {
            // The desk lets go at once; the receiver is not asked.
            return self.fail(index, &TaskRef::Id(task), task, attempt, "Task cancelled");
        }
        let obeys = self.rng.chance(self.workers[index].manners.stops_when_told);
        let known = self.workers[index].jobs.contains_key(&(task, attempt));
        if obeys && known {
            let Some(Job { reference, .. }) = self.workers[index].jobs.remove(&(task, attempt)) else {
                return;
            };
            self.fail(index, &reference, task, attempt, "Task cancelled");
        }
    }
}
