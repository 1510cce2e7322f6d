//! Starting the engine: replaying the log, then the threads around the writer.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use tokio::sync::watch;
use tracing::error;

use super::assign::Traces;
use super::commit::Committer;
use super::dispatch::{Dispatcher, Outlet};
use super::feed::Feed;
use super::handle::EngineHandle;
use super::lookup;
use super::measure::Measure;
use super::step::{Engine, Input};
use super::turns::{CheckpointPace, Writer};
use super::views::Views;
use crate::clock::EngineClock;
use crate::core::access::Access;
use crate::core::ids::{Seq, WorkflowId};
use crate::core::limits::Limits;
use crate::core::state::State;
use crate::figures::Figures;
use crate::log::{Log, LogError, LogRead};
use crate::store::record::{CodecError, decode};
use crate::store::{StoreJob, StoreStatus};

/// What the engine is made of.
#[derive(Debug)]
pub struct EngineParts {
    pub log: Box<dyn Log>,
    pub views: Arc<dyn Views>,
    /// The recovered state.
    pub state: State,
    pub limits: Limits,
    /// Where ended workflows and checkpoints go.
    pub store: Sender<StoreJob>,
    pub store_status: Arc<StoreStatus>,
    pub clock: EngineClock,
    pub seed: u64,
}

/// The log and the state do not fit together, or the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Codec(#[from] CodecError),
}

/// Applies every durable record from the state's position on, and returns how many there were.
///
/// # Errors
/// When the log cannot be read or decoded.
pub fn replay(state: &mut State, log: &dyn LogRead) -> Result<u64, ReplayError> {
    let mut broken = None;
    let mut count = 0;
    let from = state.next_seq.max(log.first_seq());
    // What lies before the first kept record has been released and is carried further on.
    state.next_seq = from;
    log.scan(from, &mut |view| match decode(&view) {
        Ok(record) => {
            state.apply(&record);
            count += 1;
            ControlFlow::Continue(())
        }
        Err(error) => {
            broken = Some(error);
            ControlFlow::Break(())
        }
    })?;
    broken.map_or(Ok(count), |error| Err(error.into()))
}

/// The engine with its way in, not running yet: the shells need the handle before they can be an outlet.
#[derive(Debug)]
pub struct Prepared {
    parts: EngineParts,
    handle: EngineHandle,
    inbox: Receiver<Input>,
    archived: Sender<Input>,
    waiting: Arc<AtomicUsize>,
    feed: Feed,
    committer: Committer,
    figures: Arc<Figures>,
    /// Whether spans are kept of attempts; they are not, unless somebody says so.
    pub traces: Traces,
    access: watch::Sender<Arc<Access>>,
}

/// The running engine. Dropping it does not stop it; [`Running::stop`] does.
#[derive(Debug)]
pub struct Running {
    handle: EngineHandle,
    stop: Arc<AtomicBool>,
    committer: Committer,
    wake: Sender<Input>,
    threads: Vec<JoinHandle<()>>,
}

pub fn prepare(parts: EngineParts) -> Prepared {
    let (sender, inbox) = channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let reader = parts.log.reader();
    let feed = Feed::new(Arc::clone(&reader));
    let figures = Arc::new(Figures::new(parts.log.sync_times()));
    figures.history().begin(parts.clock.now());
    let committer = Committer::new(Arc::clone(&figures));
    let seen = (Arc::clone(&committer.status), Arc::clone(&figures));
    let (access, readers) = watch::channel(Arc::clone(&parts.state.access));
    let (inbox_of, waits) = (sender.clone(), Arc::clone(&waiting));
    let handle = EngineHandle::new(inbox_of, waits, feed.clone(), reader, seen, &parts, readers);
    Prepared {
        parts,
        handle,
        inbox,
        archived: sender,
        waiting,
        feed,
        committer,
        figures,
        traces: Traces::Off,
        access,
    }
}

impl Prepared {
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// What the store's thread calls when it holds a workflow.
    pub fn on_archived(&self) -> impl Fn(WorkflowId, Seq) + Send + 'static {
        let (engine, waiting) = (self.archived.clone(), Arc::clone(&self.waiting));
        move |workflow, ended_seq| {
            waiting.fetch_add(1, Ordering::Relaxed);
            // An engine that has stopped needs no word.
            let _ = engine.send(Input::Archived { workflow, ended_seq });
        }
    }

    /// Starts the threads. `fatal` is called once when the log fails: no answer leaves after it.
    ///
    /// # Panics
    /// When the system gives no threads.
    pub fn run(
        self,
        built_in: Arc<dyn Outlet>,
        sockets: Arc<dyn Outlet>,
        fatal: impl FnOnce(LogError) + Send + 'static,
    ) -> Running {
        let Self { parts, handle, inbox, archived, waiting, feed, committer, figures, traces, access } = self;
        let stop = Arc::new(AtomicBool::new(false));
        let (outputs, released) = channel();
        let (lookups, wanted) = channel();

        let mut log = parts.log;
        let mut engine = Engine::new(parts.state, parts.limits, Arc::clone(&parts.views), parts.seed);
        engine.record_bytes_max = log.limits().record;
        engine.measure = Measure::new(figures);
        let writer = Writer {
            engine,
            inbox,
            waiting: Arc::clone(&waiting),
            committer: committer.clone(),
            store: Arc::clone(&parts.store_status),
            clock: parts.clock,
            checkpoint: CheckpointPace::default(),
        };
        let dispatcher = Dispatcher {
            log: log.reader(),
            feed: feed.clone(),
            engine: handle.clone(),
            built_in,
            sockets,
            lookups,
            store: parts.store,
            store_status: parts.store_status,
            traces,
            access,
        };
        let (views, found, found_waiting) = (parts.views, archived.clone(), Arc::clone(&waiting));
        let (stopping, stopped) = (Arc::clone(&stop), committer.clone());
        let threads = vec![
            spawn("engine", move || writer.run(&stopping)),
            spawn("commit", move || {
                if let Err(failure) = committer.run(&mut *log, &feed, &outputs) {
                    error!(%failure, "the log failed: stopping, so that nothing is acknowledged that is not on the disk");
                    fatal(failure);
                }
            }),
            spawn("dispatch", move || dispatcher.run(&released)),
            spawn("lookup", move || lookup::run(&wanted, &*views, &found, &found_waiting)),
        ];
        Running { handle, stop, committer: stopped, wake: archived, threads }
    }
}

impl Running {
    pub fn handle(&self) -> EngineHandle {
        self.handle.clone()
    }

    /// Takes no more input, makes everything durable that was decided, and waits for the threads.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.committer.stop_waiting();
        // The writer may sleep without a deadline.
        let _ = self.wake.send(Input::Query(Box::new(|_| Box::new(|| {}))));
        for thread in self.threads {
            if thread.join().is_err() {
                error!("a thread of the engine has panicked");
            }
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let guarded = move || {
        let _guard = AbortOnPanic;
        work();
    };
    Builder::new().name(name.to_owned()).spawn(guarded).expect("the system gives a thread at the start")
}

/// A broken invariant ends the process: without one of these threads it would only seem to live. The log has
/// everything that was acknowledged.
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            error!("the engine met a broken invariant: the process ends now and recovers at its next start");
            std::process::abort();
        }
    }
}
