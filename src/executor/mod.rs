//! The workers inside the binary. They register, are offered attempts and report like any other worker; only
//! their connection is a function call.

mod desk;
pub mod functions;
pub mod outbound;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tracing::warn;

use crate::clock::EngineClock;
use crate::core::command::{Command, FailureReport, TaskRef};
use crate::core::ids::{AttemptNo, SessionId, TaskId};
use crate::core::payload::Payload;
use crate::core::rejection::Rejection;
use crate::engine::{Assigned, EngineHandle, Outlet, Stopped, Undelivered};
use desk::Desk;

#[derive(Debug)]
pub struct Executor {
    engine: EngineHandle,
    runtime: Handle,
    clock: EngineClock,
    running: Mutex<BTreeMap<(TaskId, AttemptNo), AbortHandle>>,
}

impl Executor {
    pub fn new(engine: EngineHandle, runtime: Handle, clock: EngineClock) -> Arc<Self> {
        Arc::new(Self { engine, runtime, clock, running: Mutex::default() })
    }

    /// Tells the engine what it can run. It holds nothing: whatever ran here before a restart is lost and runs
    /// again as a new attempt.
    ///
    /// # Errors
    /// That the engine is stopping.
    pub async fn register(&self) -> Result<(), Rejection> {
        for desk in Desk::ALL {
            let registration = Command::RegisterWorker {
                session: desk.session(),
                facts: Arc::new(desk.facts()),
                active: Some(Vec::new()),
            };
            self.engine.submit(registration).await?;
        }
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<(TaskId, AttemptNo), AbortHandle>> {
        self.running.lock().expect("nothing panics while it holds the table")
    }

    /// Reports go the way of every worker. Only a stopping engine refuses them, and then the log decides.
    fn report(&self, command: Command) {
        if let Err(rejection) = self.engine.report(command, None) {
            warn!(%rejection, "a report of a built-in worker was not taken");
        }
    }
}

/// An attempt that is being run by [`Executor::assign`].
async fn run(executor: &Executor, assigned: &Assigned) -> Result<Payload, FailureReport> {
    let parameters = assigned.parameters.as_str();
    work::perform(&assigned.route().task_type, parameters, executor.clock.now(), assigned).await
}

impl Outlet for Arc<Executor> {
    fn assign(&self, session: SessionId, assigned: Assigned) -> Result<(), Undelivered> {
        let (key, reference) = ((assigned.task, assigned.attempt), TaskRef::Id(assigned.task));
        let attempt = Some(assigned.attempt);
        self.report(Command::AcceptTask { session, task: reference.clone(), attempt });
        let executor = Self::clone(self);
        // The table is locked over the spawn, so that the task cannot remove its entry before it is there.
        let mut running = self.running();
        let task = self.runtime.spawn(async move {
            let outcome = run(&executor, &assigned).await;
            executor.running().remove(&key);
            executor.report(match outcome {
                Ok(result) => Command::CompleteTask { session, task: reference, attempt, result },
                Err(report) => Command::FailTask { session, task: reference, attempt, report },
            });
        });
        running.insert(key, task.abort_handle());
        Ok(())
    }

    fn cancel(&self, session: SessionId, stopped: &Stopped) {
        let (task, attempt) = (stopped.task, stopped.attempt);
        let Some(running) = self.running().remove(&(task, attempt)) else { return };
        running.abort();
        let report = FailureReport { error: Arc::from("Task cancelled"), ..FailureReport::default() };
        self.report(Command::FailTask { session, task: TaskRef::Id(task), attempt: Some(attempt), report });
    }

    /// Nobody takes the place of a built-in worker.
    fn close(&self, _session: SessionId) {}
}
