//! The workers inside the binary. They register, are offered attempts and report like any other worker; only
//! their connection is a function call.

mod desk;
pub mod file;
pub mod functions;
mod http_task;
mod models;
mod offer;
pub mod outbound;
mod subscriptions;
mod traces;
mod webhooks;
mod work;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tracing::warn;

use crate::clock::EngineClock;
use crate::config::{HttpConfig, ModelsConfig};
use crate::core::command::{Claim, Command, FailureReport, Returned, TaskRef};
use crate::core::ids::{AttemptNo, SessionId, TaskId};
use crate::core::limits::Limits;
use crate::core::rejection::Rejection;
use crate::engine::{Assigned, EngineHandle, Outlet, Stopped, Undelivered};
use desk::Desk;
use file::Root;
use models::{Images, Live};
pub use models::{Models, Offer};
use outbound::Outbound;
pub use subscriptions::Subscriptions;
pub use traces::Tracer;
pub use webhooks::Courier;
use work::{Done, Undone};

/// What built-in workers need of the world.
#[derive(Debug)]
pub struct Tools {
    outbound: Outbound,
    /// The most that an http task may bring back.
    response_bytes_max: usize,
    /// The folder of the file tasks, where there is one.
    files: Option<Arc<Root>>,
    models: Models,
    /// What the engine takes as a result.
    result_bytes_max: usize,
}

impl Tools {
    pub fn new(http: &HttpConfig, models: &ModelsConfig, files: Option<Root>, limits: &Limits) -> Self {
        let (outbound, files) = (Outbound::new(http), files.map(Arc::new));
        let images = Images::new(outbound.clone(), files.clone());
        Self {
            outbound,
            response_bytes_max: http.response_bytes_max,
            files,
            models: Models::new(models, images, limits.result_bytes_max),
            result_bytes_max: limits.result_bytes_max,
        }
    }

    /// What is known of language models goes on being known by this.
    pub fn models(&self) -> Models {
        self.models.clone()
    }

    /// The way out to URLs that users name.
    pub fn outbound(&self) -> Outbound {
        self.outbound.clone()
    }

    /// The folder of the file tasks, where there is one.
    pub fn root(&self) -> Option<Arc<Root>> {
        self.files.clone()
    }
}

#[derive(Debug)]
pub struct Executor {
    engine: EngineHandle,
    runtime: Handle,
    clock: EngineClock,
    tools: Tools,
    courier: Courier,
    running: Mutex<BTreeMap<(TaskId, AttemptNo), AbortHandle>>,
}

impl Executor {
    pub fn new(
        engine: EngineHandle,
        runtime: Handle,
        clock: EngineClock,
        tools: Tools,
        courier: Courier,
    ) -> Arc<Self> {
        Arc::new(Self { engine, runtime, clock, tools, courier, running: Mutex::default() })
    }

    /// Tells the engine what it can run, and what it still holds.
    ///
    /// # Errors
    /// That the engine is stopping.
    pub async fn register(self: &Arc<Self>) -> Result<(), Rejection> {
        for desk in Desk::ALL {
            let registration = Command::RegisterWorker {
                session: desk.session(),
                facts: Arc::new(desk.facts(&self.tools)),
                active: desk.active(),
                claim: Claim::Any,
            };
            self.engine.submit(registration).await?;
        }
        self.runtime.spawn(offer::keep(Arc::clone(self)));
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

/// An attempt that is being run by [`Executor::assign`], and how it ended. Nothing when somebody else will say.
async fn run(executor: &Executor, session: SessionId, assigned: &Assigned) -> Option<Result<Done, Undone>> {
    if let Some(Desk::Webhooks) = Desk::of(session) {
        let delivered = executor.courier.deliver(&executor.engine, session, assigned).await;
        return delivered.err().map(|report| Err(report.into()));
    }
    let live =
        Live { engine: executor.engine.clone(), session, task: assigned.task, attempt: assigned.attempt };
    let done = work::perform(&executor.tools, executor.clock.now(), assigned, &live).await;
    Some(done.and_then(|done| Ok(work::fitting(done, executor.tools.result_bytes_max)?)))
}

/// Never shorter than the time it stands for.
fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
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
            let outcome = run(&executor, session, &assigned).await;
            executor.running().remove(&key);
            match outcome {
                Some(Ok(Done { result, usage })) => {
                    let done = Command::CompleteTask { session, task: reference, attempt, result, usage };
                    executor.report(done);
                }
                Some(Err(Undone::Failed(report))) => {
                    executor.report(Command::FailTask { session, task: reference, attempt, report });
                }
                Some(Err(Undone::Postponed(delay))) => {
                    let ((task, attempt), delay_ms) = (key, whole_ms(delay));
                    let why = Returned::Postponed { delay_ms };
                    executor.report(Command::ReturnAttempt { task, attempt, why });
                }
                None => {}
            }
        });
        running.insert(key, task.abort_handle());
        Ok(())
    }

    fn cancel(&self, session: SessionId, stopped: &Stopped) {
        let (task, attempt) = (stopped.task, stopped.attempt);
        match self.running().remove(&(task, attempt)) {
            Some(running) => running.abort(),
            // What was handed on runs elsewhere, and nobody here has anything left to stop.
            None if Desk::of(session) == Some(Desk::Webhooks) => {}
            None => return,
        }
        let report = FailureReport { error: Arc::from("Task cancelled"), ..FailureReport::default() };
        self.report(Command::FailTask { session, task: TaskRef::Id(task), attempt: Some(attempt), report });
    }

    /// Nobody takes the place of a built-in worker.
    fn close(&self, _session: SessionId) {}
}
