//! What goes wrong with the machine, and the calm after it.

use gleitzeit::core::command::{Command, Drain};
use gleitzeit::core::ids::WorkerId;
use gleitzeit::core::invariants;
use gleitzeit::core::state::WorkflowStatus;
use gleitzeit::log::sim::FaultPlan;

use super::checker::{Asked, Verdict};
use super::specs::Trade;
use super::worker::{Manners, Worker};
use super::world::{Act, DAY, EPOCH, Happening, World};

/// After the calm began everything must have ended within this time.
const CALM_MS: u64 = 4 * 60 * 60 * 1_000;

impl World {
    /// The whole story: trouble for a while, then calm, and a last look.
    pub fn run(&mut self) -> Verdict {
        self.hire();
        if let Some(death) = self.death {
            self.disk.plan(FaultPlan { die_at: Some(death.operation), fail_at: None });
        } else {
            let often = self.killings_ms.unwrap_or(self.size.trouble_ms);
            let first = self.rng.range(1_000, 2 * often);
            self.after(first, Happening::Trouble);
        }
        self.start()?;
        self.after(10, Happening::Person);
        self.after(10_000, Happening::Checkpoint);
        self.run_until(EPOCH + self.size.duration_ms)?;
        self.calm_down()
    }

    fn hire(&mut self) {
        let built_in = Trade::BuiltIn.facts("built-in", 4, true, None);
        self.workers.push(Worker::new(
            Trade::BuiltIn,
            built_in,
            0,
            Manners { fail: 50, ..Manners::healthy() },
        ));
        let courier = Trade::Courier.facts(WorkerId::WEBHOOKS, 4, true, None);
        let keeps = Manners { names_active: false, ..Manners::healthy() };
        self.workers.push(Worker::new(Trade::Courier, courier, 0, keeps));
        for number in 0..self.size.workers {
            let mut worker = Worker::random(&mut self.rng, usize::try_from(number).unwrap());
            if self.killings_ms.is_some() {
                worker = Worker::mortal(&mut self.rng, usize::try_from(number).unwrap());
            }
            if self.death.is_some() {
                worker.manners = Manners { fail: 100, ..Manners::healthy() };
            }
            let index = self.workers.len();
            if worker.manners.lie > 0 {
                self.after(1_000, Happening::Worker { index, act: Act::Mischief });
            }
            self.workers.push(worker);
        }
    }

    pub fn make_trouble(&mut self) {
        if !self.trouble {
            return;
        }
        if let Some(often) = self.killings_ms {
            let next = self.rng.range(1, 2 * often);
            self.after(next, Happening::Trouble);
            return self.crash();
        }
        let next = self.rng.range(1, 2 * self.size.trouble_ms);
        self.after(next, Happening::Trouble);
        match self.rng.range(0, 9) {
            0 | 1 => self.crash(),
            2 | 3 => self.plan_a_fault(60),
            4..=6 if self.process.as_ref().is_some_and(|process| process.frozen_until > self.now) => {}
            4 => self.freeze(),
            5 => {
                let ms = self.rng.range(500, 90_000);
                self.sleep(ms);
            }
            6 if self.rng.chance(300) => self.sleep(DAY),
            7 => {
                let space = self.rng.range(0, 200_000);
                self.disk.set_space(Some(space));
                let full = self.rng.range(1_000, 30_000);
                self.after(full, Happening::SpaceBack);
            }
            _ => {}
        }
    }

    /// One of the next operations of the disk fails, or is the last one of the machine.
    pub fn plan_a_fault(&mut self, within: u64) {
        let at = Some(self.disk.operations() + self.rng.range(1, within));
        let plan = if self.rng.chance(700) {
            FaultPlan { die_at: at, fail_at: None }
        } else {
            FaultPlan { die_at: None, fail_at: at }
        };
        self.trace.say(self.now, format_args!("trouble ahead: {plan:?}"));
        self.disk.plan(plan);
    }

    /// The process gets no time, while the world goes on.
    fn freeze(&mut self) {
        let ms = self.rng.range(500, 60_000);
        let now = self.now;
        let Some(process) = &mut self.process else { return };
        process.frozen_until = now + ms;
        let (number, until) = (process.number, process.frozen_until);
        self.note_pause(until, ms);
        self.trace.say(now, format_args!("the process gets no time for {ms} ms"));
        self.at(until, Happening::Step(number));
    }

    fn calm_down(&mut self) -> Verdict {
        self.trace.say(self.now, format_args!("calm"));
        self.trouble = false;
        self.disk.plan(FaultPlan::default());
        self.disk.set_space(None);
        if self.process.is_none() {
            self.after(1, Happening::Restart);
        }
        // Those inside the binary stay.
        for index in 2..self.workers.len() {
            self.workers[index].retired = true;
            if let Some(session) = self.workers[index].session {
                self.after(1, Happening::Worker { index, act: Act::Break(session) });
            }
        }
        for (number, trade) in Trade::REMOTE.into_iter().cycle().take(8).enumerate() {
            let facts = trade.facts(&format!("calm-{number}"), 4, true, Some(30_000));
            let index = self.workers.len();
            self.workers.push(Worker::new(trade, facts, 30_000, Manners::healthy()));
            self.after(2, Happening::Worker { index, act: Act::Connect });
        }
        let end = self.now + CALM_MS;
        self.run_until(self.now + 60_000)?;
        self.resume_some();
        while self.now < end && self.open_workflows().next().is_some() {
            self.run_until(self.now + 10_000)?;
        }
        // Grace, archive and checkpoints come to their end as well.
        self.run_until(self.now + 15 * 60 * 1_000)?;
        self.last_look()
    }

    fn resume_some(&mut self) {
        // Nobody else could do the work of this desk.
        let worker = WorkerId::new(WorkerId::WEBHOOKS);
        self.demand(Asked::Other, Command::DrainWorker { worker, drain: Drain::End });
        for submission in self.people.submissions.clone() {
            if self.rng.chance(700) {
                let workflow = submission.workflow;
                self.demand(Asked::Other, Command::ResumeWorkflow { workflow });
            }
        }
    }

    fn open_workflows(&self) -> impl Iterator<Item = String> {
        let state = self.process.as_ref().map(|process| &process.engine.state);
        state.into_iter().flat_map(|state| {
            let open = |status: WorkflowStatus| !status.has_ended() && status != WorkflowStatus::Paused;
            state.workflows.values().filter(move |workflow| open(workflow.status)).map(|workflow| {
                let tasks: Vec<_> = workflow.tasks.iter().map(|task| &task.status).collect();
                format!("{} {:?}: {tasks:?}", workflow.id, workflow.status)
            })
        })
    }

    /// Nothing is stuck, nothing is left behind, and every promise was kept.
    fn last_look(&mut self) -> Verdict {
        let stuck: Vec<String> = self.open_workflows().collect();
        if !stuck.is_empty() {
            return Err(format!("stuck: {}", stuck.join("; ")));
        }
        let process = self.process.as_ref().ok_or("the process did not come up")?;
        let (state, presence) = (&process.engine.state, &process.engine.presence);
        invariants::check(state)?;
        invariants::check_indexes(state)?;
        if let Some(grant) = state.grants.all().next() {
            return Err(format!("a slot is still taken: {grant:?}"));
        }
        let ended = state.workflows.values().find(|workflow| workflow.status.has_ended());
        if let Some(workflow) = ended {
            return Err(format!("{} was never archived", workflow.id));
        }
        let paused = !state.workflows.is_empty();
        if !paused && state.timers.next().is_some() {
            return Err(format!("timers are left: {:?}", state.timers));
        }
        let waiting: usize = state.ready.waiting_by_priority().iter().sum();
        if !paused && waiting > 0 {
            return Err(format!("{waiting} tasks are queued without a workflow"));
        }
        let gone = presence.workers().find(|worker| !worker.is_connected());
        if let Some(worker) = gone {
            return Err(format!("{} is gone and not forgotten", worker.facts.worker));
        }
        self.checker.nobody_waits(process.number)?;
        self.checker.promises_hold()
    }
}
