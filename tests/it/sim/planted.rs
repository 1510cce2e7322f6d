//! Bugs on purpose, planted from outside the engine: a checker that does not find them checks nothing.

use std::ops::ControlFlow;
use std::time::Duration;

use gleitzeit::core::access::{AccessFact, Actor};
use gleitzeit::core::command::Command;
use gleitzeit::core::event::{Event, GrantAfter, LostReason, Record};
use gleitzeit::core::ids::{AttemptNo, Seq, TaskId, Timestamp};
use gleitzeit::core::payload::{Payload, Stored};
use gleitzeit::core::state::{Grant, Phase, State, StatusKind};
use gleitzeit::engine::{Assignment, Engine, Output, Turn, decode};
use gleitzeit::log::LogRead;

use super::courier;
use super::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Answers and assignments leave before the disk has what they rest on.
    ReleaseBeforeDurable,
    /// A restart overlooks a record.
    RecordLostInReplay,
    /// A report is matched with the attempt of now, whatever attempt it names.
    StaleReportTaken,
    /// A task is offered while somebody has it.
    SecondGrant,
    /// A task is offered before its dependencies have ended.
    DependencyIgnored,
    /// A result is taken after the task has ended.
    SecondCompletion,
    /// Some workers are never heard, so their tasks wait for ever.
    Deaf,
    /// An attempt that runs at a worker which cannot fence is taken for lost.
    RunningTakenForLost,
    /// A worker that cannot fence is given less time to stop than it needs.
    ReleasedTooEarly,
    /// An attempt that its receiver has is handed on again.
    HandedOnAgain,
    /// A workflow that was read from the store is taken for what the store has now.
    OldCopyTrusted,
    /// The last key of an admin is revoked.
    LockedOut,
}

impl Planted {
    pub const ALL: [Self; 12] = [
        Self::ReleaseBeforeDurable,
        Self::RecordLostInReplay,
        Self::StaleReportTaken,
        Self::SecondGrant,
        Self::DependencyIgnored,
        Self::SecondCompletion,
        Self::Deaf,
        Self::RunningTakenForLost,
        Self::ReleasedTooEarly,
        Self::HandedOnAgain,
        Self::OldCopyTrusted,
        Self::LockedOut,
    ];

    /// Words of the violation by which it must be noticed, where the log alone does not show it.
    pub const fn noticed_as(self) -> &'static str {
        match self {
            Self::RunningTakenForLost | Self::ReleasedTooEarly => "still runs",
            Self::HandedOnAgain => "is posted again",
            Self::LockedOut => "nobody is left",
            Self::ReleaseBeforeDurable
            | Self::RecordLostInReplay
            | Self::StaleReportTaken
            | Self::SecondGrant
            | Self::DependencyIgnored
            | Self::SecondCompletion
            | Self::Deaf
            | Self::OldCopyTrusted => "",
        }
    }

    /// What the engine hears instead; nothing when it does not hear it.
    pub fn in_inbox(planted: Option<Self>, command: Command) -> Option<Command> {
        match (planted, command) {
            (Some(Self::StaleReportTaken), Command::CompleteTask { session, task, result, .. }) => {
                Some(Command::CompleteTask { session, task, attempt: None, result, usage: None })
            }
            (Some(Self::Deaf), Command::RegisterWorker { facts, .. }) if &*facts.name == "billing" => None,
            (_, command) => Some(command),
        }
    }

    /// Adds a forged record to a turn.
    pub fn in_turn(
        planted: Option<Self>,
        engine: &mut Engine,
        turn: &mut Turn,
        now: Timestamp,
        rng: &mut Rng,
    ) {
        if let Some(event) = planted.filter(|_| rng.chance(20)).and_then(|planted| planted.forgotten(engine))
        {
            let at = now.max(engine.state.now);
            let holder = event.task().and_then(|task| engine.state.task(task)?.holder().cloned());
            let record = Record { at, event };
            engine.state.apply(&record);
            engine.presence.follow(&engine.state, &record.event, holder.as_ref(), at);
            turn.records.push(record);
        }
        if planted == Some(Self::HandedOnAgain) && rng.chance(50) {
            turn.outputs.extend(Self::handed_on_again(engine, now));
        }
        let wanted = match planted {
            Some(Self::SecondGrant) => StatusKind::Processing,
            Some(Self::DependencyIgnored) => StatusKind::Pending,
            Some(Self::SecondCompletion) => StatusKind::Completed,
            Some(
                Self::ReleaseBeforeDurable
                | Self::RecordLostInReplay
                | Self::StaleReportTaken
                | Self::Deaf
                | Self::RunningTakenForLost
                | Self::ReleasedTooEarly
                | Self::HandedOnAgain
                | Self::OldCopyTrusted
                | Self::LockedOut,
            )
            | None => {
                return;
            }
        };
        if !rng.chance(50) {
            return;
        }
        let open = engine.state.workflows.values().filter(|workflow| !workflow.status.has_ended());
        let found = open
            .flat_map(|workflow| {
                (0..).zip(workflow.tasks.iter()).map(|(index, task)| (workflow.task_id(index), task))
            })
            .find(|(_, task)| task.status.kind() == wanted)
            .map(|(id, task)| (id, task.attempt));
        let worker = engine.presence.workers().find(|worker| worker.is_connected());
        let (Some((task, attempt)), Some(worker)) = (found, worker) else { return };
        let worker = worker.facts.worker.clone();
        let event = if wanted == StatusKind::Completed {
            Event::TaskCompleted { task, attempt, result: Stored::Inline(Payload::null()), usage: None }
        } else {
            Event::TaskOffered { task, attempt: attempt.next(), worker }
        };
        let record = Record { at: now.max(engine.state.now), event };
        engine.state.apply(&record);
        turn.records.push(record);
    }

    /// What an engine would say that forgets what a worker runs, or whom it must not lock out.
    fn forgotten(self, engine: &Engine) -> Option<Event> {
        let mut earlier = engine.state.grants.all().filter(|(worker, ..)| {
            engine.presence.worker(worker).is_some_and(|known| known.is_connected() && !known.facts.fences)
        });
        match self {
            Self::RunningTakenForLost => {
                let (_, task, attempt, _) = earlier.find(|(.., grant)| grant.phase == Phase::Accepted)?;
                Some(Event::AttemptLost {
                    task,
                    attempt,
                    reason: LostReason::Forgotten,
                    grant: GrantAfter::Freed,
                })
            }
            Self::ReleasedTooEarly => {
                let (worker, task, attempt, _) = earlier.find(|(.., grant)| !grant.phase.is_current())?;
                Some(Event::GrantReleased { task, attempt, worker: worker.clone() })
            }
            Self::LockedOut => {
                let mut keys = engine.state.access.admin_keys(engine.state.now);
                let (Some((id, _)), None) = (keys.next(), keys.next()) else { return None };
                let by = Actor::without_key(Actor::LOCAL);
                Some(Event::Access { by, fact: AccessFact::KeyRevoked { id } })
            }
            Self::ReleaseBeforeDurable
            | Self::RecordLostInReplay
            | Self::StaleReportTaken
            | Self::SecondGrant
            | Self::DependencyIgnored
            | Self::SecondCompletion
            | Self::Deaf
            | Self::HandedOnAgain
            | Self::OldCopyTrusted => None,
        }
    }

    /// What an engine would send that does not know which attempts their receivers have.
    fn handed_on_again(engine: &Engine, now: Timestamp) -> Option<Output> {
        let desk = engine.presence.of_session(courier::SESSION)?.facts.worker.clone();
        let delivered = |held: &(TaskId, AttemptNo, Grant)| held.2.phase == Phase::Delivered;
        let (task, attempt, _) = engine.state.grants.of(&desk).find(delivered)?;
        let workflow = engine.state.workflow(task.workflow)?;
        let assignment =
            Assignment::new(workflow, task, attempt, (courier::SESSION, desk), (now, Duration::ZERO));
        Some(Output::Assign(Box::new(assignment)))
    }

    /// Replays all but one record of those that tasks are made of.
    pub fn replay_without_one(log: &dyn LogRead, rng: &mut Rng) -> Result<State, String> {
        let mut records = Vec::new();
        log.scan(Seq::FIRST, &mut |view| {
            records.extend(decode(&view));
            ControlFlow::Continue(())
        })
        .map_err(|error| error.to_string())?;
        let about_tasks: Vec<usize> = records
            .iter()
            .enumerate()
            .filter(|(_, record)| record.event.task().is_some_and(|_: TaskId| true))
            .map(|(at, _)| at)
            .collect();
        if !about_tasks.is_empty() {
            let at = *rng.pick(&about_tasks);
            records[at].event = Event::Released { up_to: Seq(0) };
        }
        let mut state = State::default();
        for record in &records {
            state.apply(record);
        }
        Ok(state)
    }
}
