//! `gleitzeit auth init`: the first key, made at the machine that has the data.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

use anyhow::anyhow;
use clap::Args;

use crate::cli::opened::Opened;
use crate::cli::output::print;
use crate::cli::{Exit, telemetry};
use crate::clock::EngineClock;
use crate::config::{DataConfig, RawConfig};
use crate::core::access::{AccessOrder, Actor, KeyDigest};
use crate::core::command::Command;
use crate::core::ids::SessionId;
use crate::core::state::State;
use crate::engine::{self, Assigned, EngineParts, Outlet, Prepared, Stopped, Undelivered, Views};
use crate::log::SegmentLog;
use crate::signing::AccessKey;
use crate::store::{Archiver, DataDir, Store, StoreStatus};

/// Make the first admin and its key, in the data directory of a server that does not run.
///
/// The key is printed once and kept nowhere. From then on the server asks everybody for a key. When no admin key
/// counts any more, because all have expired, this makes another one.
#[derive(Debug, Args)]
pub(super) struct Init {
    /// The data directory; it is made if it is not there. [default: ./gleitzeit-data]
    #[arg(long, env = "GLEITZEIT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file of the server. [default: ./gleitzeit.toml if it exists]
    #[arg(long, env = "GLEITZEIT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the first admin is called.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
}

impl Init {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        telemetry::start_at("warn");
        let config = RawConfig { data_dir: self.data_dir, config: self.config, ..RawConfig::default() };
        let config = config.resolve_data()?;
        let key = AccessKey::generate();
        begin(&config, &self.user, key.digest())?;
        let user = &self.user;
        eprintln!(
            "{user} is an admin of {}; this key is shown once and kept nowhere:",
            config.data_dir.display()
        );
        print(&format!("{}\n", key.reveal()));
        eprintln!(
            "keep it with `gleitzeit auth login`, and make keys for others with `gleitzeit auth key create`"
        );
        Ok(Exit::Ok)
    }
}

/// Goes through the engine like every other change, and is on the disk when it comes back.
fn begin(config: &DataConfig, user: &str, digest: KeyDigest) -> anyhow::Result<()> {
    let Opened { data_dir, log, store, state, .. } =
        Opened::open(&config.data_dir, config.segment_size, config.limits.idempotency_ms)?;
    let (prepared, archiver) = prepare(config, &data_dir, log, store, state);
    let on_archived = prepared.on_archived();
    let store =
        std::thread::Builder::new().name("store".to_owned()).spawn(move || archiver.run(on_archived))?;
    let handle = prepared.handle();
    let running = prepared.run(Arc::new(Nobody), Arc::new(Nobody), |_| std::process::exit(74));
    let id = handle.fresh_key_id();
    let order = AccessOrder::Begin { user: Arc::from(user), id, digest };
    let by = Actor::without_key(Actor::LOCAL);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(handle.submit(Command::OrderAccess { by, order }));
    running.stop();
    store.join().map_err(|_| anyhow!("a thread of the store did not stop as it should"))?;
    answer?;
    Ok(())
}

fn prepare(
    config: &DataConfig,
    directory: &DataDir,
    log: SegmentLog,
    store: Arc<Store>,
    state: State,
) -> (Prepared, Archiver) {
    let (jobs, store_jobs) = channel();
    let status = Arc::new(StoreStatus::default());
    let prepared = engine::prepare(EngineParts {
        log: Box::new(log),
        views: Arc::clone(&store) as Arc<dyn Views>,
        limits: config.limits.clone(),
        store: jobs,
        store_status: Arc::clone(&status),
        clock: EngineClock::start(state.now),
        seed: u64::from(std::process::id()),
        state,
    });
    let directory = directory.path().to_path_buf();
    (prepared, Archiver { store, jobs: store_jobs, status, directory })
}

/// No worker is there, so nothing is ever handed to one.
#[derive(Debug)]
struct Nobody;

impl Outlet for Nobody {
    fn assign(&self, _: SessionId, _: Assigned) -> Result<(), Undelivered> {
        Err(Undelivered)
    }

    fn cancel(&self, _: SessionId, _: &Stopped) {}

    fn close(&self, _: SessionId) {}
}
