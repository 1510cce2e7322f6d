//! What a worker that does not fence must never be sent: a second task, or a second attempt, of an id that it runs.

use gleitzeit::core::event::{Event, Record};
use gleitzeit::core::ids::{AttemptNo, TaskId, Timestamp, WorkerId};
use gleitzeit::core::limits::Limits;
use gleitzeit::engine::Assigned;

use super::checker::{Checker, Verdict};
use super::worker::{Job, Worker};
use super::world::World;

impl World {
    /// An earlier client knows a task by its id on the wire: while it runs one, it must not be sent another of that
    /// id. This asks the worker, not the log. One that lies, or says everything twice, has itself to blame.
    pub fn runs_no_namesake(&self, index: usize, assigned: &Assigned) -> Verdict {
        let Worker { facts, manners, jobs, .. } = &self.workers[index];
        if facts.fences || manners.lie > 0 || manners.duplicate > 0 {
            return Ok(());
        }
        let wire_id = assigned.wire_id();
        let namesakes = jobs.iter().filter(|(_, job)| job.wire_id == wire_id);
        for ((task, attempt), job) in namesakes {
            if self.kept_it_to_itself(index, (*task, *attempt), job) {
                continue;
            }
            let (old, new) = ((*task, *attempt), (assigned.task, assigned.attempt));
            self.checker.was_given_up_long_ago(&facts.worker, old, new)?;
        }
        Ok(())
    }

    /// A worker that came back, says nothing of what it holds, and did not stop in time when it was told to on this connection.
    fn kept_it_to_itself(&self, index: usize, (task, attempt): (TaskId, AttemptNo), job: &Job) -> bool {
        let Worker { manners, heartbeat_ms, session, connected_at, .. } = &self.workers[index];
        let (limits, passed) = (&self.limits, |since: u64| self.now - since);
        let counts_in_time = manners.counts_active && manners.heartbeats && *heartbeat_ms < limits.confirm_ms;
        let told = session.and_then(|session| self.told.get(&(session, task, attempt)));
        !counts_in_time
            && job.taken_at < *connected_at
            && passed(*connected_at) >= limits.confirm_ms
            && told.is_some_and(|told| passed(*told) >= limits.accept_ms)
    }
}

impl Checker {
    /// A worker that does not fence still runs `old` and was sent `new`, which it cannot tell from it. That is right
    /// only when it had two liveness intervals to stop, all of them in one run of the process.
    fn was_given_up_long_ago(
        &self,
        worker: &WorkerId,
        old: (TaskId, AttemptNo),
        new: (TaskId, AttemptNo),
    ) -> Verdict {
        let offered = |record: &Record| matches!(&record.event, Event::TaskOffered { task, attempt, .. } if (*task, *attempt) == new);
        let released = |record: &Record| matches!(&record.event, Event::GrantReleased { task, attempt, worker: of } if (*task, *attempt) == old && of == worker);
        let given_up = |event: &Event| matches!(event, Event::TaskFailed { task, attempt, .. } | Event::AttemptLost { task, attempt, .. } if (*task, *attempt) == old);
        let cut = |event: &Event| matches!(event, Event::WorkflowCancelled { workflow, .. } | Event::WorkflowEnded { workflow, .. } if *workflow == old.0.workflow);
        let taken = |record: &Record| matches!(&record.event, Event::TaskOffered { task, attempt, .. } if (*task, *attempt) == old);
        let over = |record: &&Record| {
            let event = &record.event;
            given_up(event)
                || cut(event)
                || matches!(event, Event::TaskCancelled { task, .. } | Event::TaskSettledByHand { task, .. } if *task == old.0)
        };
        let restarted = |record: &&Record| matches!(record.event, Event::EngineStarted { .. });
        let told = format!(
            "{worker} still runs attempt {} of {} and was sent attempt {} of {}",
            old.1, old.0, new.1, new.0
        );
        let before_offer = &self.history[..self.history.iter().rposition(offered).unwrap_or(0)];
        let end = before_offer
            .iter()
            .rposition(released)
            .ok_or_else(|| format!("{told}: it never gave that up"))?;
        // What happens to the task or its workflow after the attempt was over gives its worker no more time.
        let since = before_offer[..end].iter().rposition(taken).unwrap_or(0);
        let at = |record: &Record| record.at;
        let over = before_offer[since..end].iter().find(over).map_or(Timestamp(0), at);
        let restarted = before_offer[..end].iter().rev().find(restarted).map_or(Timestamp(0), at);
        let waited = before_offer[end].at.since(over.max(restarted));
        if waited >= 2 * Limits::default().liveness_ms {
            return Ok(());
        }
        Err(format!("{told}: it had {waited} ms to stop"))
    }
}
