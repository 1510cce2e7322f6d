//! `gleitzeit serve`: the composition root, the only place that knows every module.

mod disk;
mod followers;
mod guard;
mod network;
mod reload;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::{error, info};

use super::opened::Opened;
use super::{Exit, telemetry};
use crate::clock::EngineClock;
use crate::config::{Config, FilesConfig, Guard, RawConfig};
use crate::core::state::State;
use crate::engine::{
    self, Doorkeeper, EngineHandle, EngineParts, Keep, Prepared, Retention, Scrub, Scrubbing, Traces, Views,
};
use crate::executor::file::Root;
use crate::executor::outbound::Outbound;
use crate::executor::{Courier, Executor, Offer, Subscriptions, Tools};
use crate::http::{
    self, App, Assets, Callbacks, Files, Foresight, KnownModels, Places, Pulse, Receivers, RequestIds,
    Shutdown, Upkeep, Webhooks,
};
use crate::listener::{Rates, Tls};
use crate::log::Log;
use crate::protocol::submit::no_files_root;
use crate::signing::{CallbackKey, SealKey};
use crate::socket::{Farewell, SocketConfig, SocketServer};
use crate::store::{Archiver, DataDir, StoreJob, StoreStatus};
use network::Network;
use reload::Reload;

/// Requests under way get this long to finish before the process ends.
const DRAIN: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    config: RawConfig,
    /// Serve the dashboard's files from this folder instead of those inside the binary, while working on them.
    #[arg(long, env = "GLEITZEIT_STATIC_DIR", value_name = "DIR")]
    static_dir: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let given = self.config.clone();
        let config = self.config.resolve()?;
        telemetry::start(&config.log);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            let server = start(config, self.static_dir.map_or(Assets::Embedded, Assets::OnDisk)).await?;
            let (keep, poke) = (Arc::clone(&server.keep), server.keep_retention.clone());
            let reload = Reload::watch(
                given,
                (keep, poke, server.scrubbing.bell()),
                server.tls.clone(),
                server.closing.subscribe(),
            )?;
            tokio::spawn(reload.run());
            // Whoever reads the line may ask for the end at once.
            let terminate = signal(SignalKind::terminate())?;
            println!("gleitzeit listening on {}", server.url());
            server.until_stopped(terminate).await
        })
    }
}

/// A server that runs in this process.
#[derive(Debug)]
pub struct Server {
    url: String,
    /// The certificate, to be read again.
    tls: Option<Arc<Tls>>,
    engine: engine::Running,
    sockets: SocketServer,
    store: JoinHandle<()>,
    retention: JoinHandle<()>,
    scrubbing: Scrubbing,
    doorkeeper: Doorkeeper,
    /// Dropped to end the thread.
    keep_retention: SyncSender<()>,
    keep: Arc<Keep>,
    http: tokio::task::JoinHandle<()>,
    closing: watch::Sender<bool>,
    requests: mpsc::Receiver<Shutdown>,
    /// Held until the last file is closed.
    data_dir: DataDir,
}

/// Opens the data, replays the log, and listens. Whoever connects finds a ready server.
///
/// # Errors
/// When the data directory is in use, damaged or too new, or the address cannot be bound.
pub async fn start(mut config: Config, assets: Assets) -> anyhow::Result<Server> {
    let began = crate::clock::instant();
    guard::check_in_time(&config)?;
    let network = Network::open(&mut config).await?;
    let (url, tls) = (network.url(), network.tls());
    let tools = tools(&config)?;
    let (files, foresight) = (files(&config, tools.root())?, foresight(&tools));
    let Opened { data_dir, log, reader, store, state, replayed } =
        Opened::open(&config.data_dir, config.segment_size, config.limits.idempotency_ms)?;
    let snapshots = log.snapshots();
    let guard = guard::of(&config, &state, &data_dir)?;
    let clock = EngineClock::start(state.now);

    let store_status = Arc::new(StoreStatus::default());
    let (jobs, store_jobs) = channel();
    let store_of = (Arc::clone(&store) as Arc<dyn Views>, jobs, Arc::clone(&store_status));
    let prepared = prepare(&config, Box::new(log), state, store_of, clock);
    let on_archived = prepared.on_archived();
    let upkeep = upkeep::upkeep(prepared.handle(), Arc::clone(&store), snapshots.clone(), &data_dir);
    let keep = Arc::new(Keep::new(reload::terms(&config.retention)));
    let log = (reader, snapshots.clone());
    let retention = Retention::new(prepared.handle(), Arc::clone(&store), log, Arc::clone(&keep));
    let archiver =
        Archiver { store, jobs: store_jobs, status: store_status, directory: data_dir.path().to_path_buf() };
    let store = thread("store", move || archiver.run(on_archived))?;

    let handle = prepared.handle();
    let doorkeeper = Doorkeeper::new(handle.clone(), config.token.as_deref());
    let callback_key = CallbackKey::new(data_dir.secret()?);
    let outbound = Outbound::new(&config.http);
    let courier = Courier::new(outbound.clone(), callback_key.clone(), config.webhooks.clone(), &url);
    let seal = SealKey::new(data_dir.secret()?);
    let subscriptions = subscriptions(&config, handle.clone(), outbound, seal.clone(), &url);
    let executor = Executor::new(handle.clone(), tokio::runtime::Handle::current(), clock, tools, courier);
    let rates = Arc::new(Rates::new(&config.rates));
    let (sockets, layer) =
        SocketServer::new(socket_config(&config, guard, doorkeeper.clone(), &rates), handle.clone());
    let engine = prepared.run(Arc::new(Arc::clone(&executor)), Arc::new(sockets.clone()), |_| {
        // No destructor may run: nothing may be acknowledged, and the files are left as they are.
        std::process::exit(74);
    });
    executor.register().await?;
    followers::start(&subscriptions, &handle, config.traces.as_ref(), &doorkeeper).await?;
    let (keep_retention, stop) = sync_channel(1);
    let retention = thread("retention", move || retention.run(&stop))?;
    let scrubbing = Scrub { engine: handle.clone(), files: snapshots }.start()?;
    tokio::spawn(disk::watch(handle.clone(), data_dir.log()));

    let (shutdown, requests) = mpsc::channel(1);
    let callbacks = Callbacks { key: callback_key, limits: config.limits.clone() };
    let webhooks = Webhooks { seal, reach: receivers(&subscriptions) };
    let seen = (files, foresight, upkeep, assets, places(&data_dir));
    let app = app(&config, handle, (doorkeeper.clone(), guard, &rates), callbacks, webhooks, shutdown, seen);
    let (closing, closed) = watch::channel(false);
    let router = http::for_pages(http::router(app).layer(layer), &config.allowed_origins);
    let http = tokio::spawn(network.listen(router, config.connections, rates, closed));
    info!(replayed, ms = began.elapsed().as_millis(), data_dir = %config.data_dir.display(), "ready");
    Ok(Server {
        url,
        tls,
        engine,
        sockets,
        store,
        retention,
        scrubbing,
        doorkeeper,
        keep_retention,
        keep,
        http,
        closing,
        requests,
        data_dir,
    })
}

fn prepare(
    config: &Config,
    log: Box<dyn Log>,
    state: State,
    (views, store, store_status): (Arc<dyn Views>, Sender<StoreJob>, Arc<StoreStatus>),
    clock: EngineClock,
) -> Prepared {
    let seed = u64::from(std::process::id()) ^ crate::clock::wall().0;
    let limits = config.limits.clone();
    let mut prepared =
        engine::prepare(EngineParts { log, views, state, limits, store, store_status, clock, seed });
    prepared.traces = if config.traces.is_some() { Traces::On } else { Traces::Off };
    prepared
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

fn places(data_dir: &DataDir) -> Places {
    Places { log: data_dir.log(), store: data_dir.path().join("store") }
}

fn tools(config: &Config) -> anyhow::Result<Tools> {
    let open = |files: &FilesConfig| {
        Root::open(files).with_context(|| {
            let root = files.root.display();
            format!(
                "cannot open {root}, the folder of the file tasks: make it, or correct `root` under [files]"
            )
        })
    };
    Ok(Tools::new(&config.http, &config.models, config.files.as_ref().map(open).transpose()?, &config.limits))
}

fn app(
    config: &Config,
    engine: EngineHandle,
    (doorkeeper, guard, rates): (Doorkeeper, Guard, &Arc<Rates>),
    callbacks: Callbacks,
    webhooks: Webhooks,
    shutdown: mpsc::Sender<Shutdown>,
    (files, foresight, upkeep, assets, places): (Files, Foresight, Upkeep, Assets, Places),
) -> Arc<App> {
    let limits = config.limits.submission.clone();
    let functions = super::registry::views();
    Arc::new(App {
        engine,
        limits,
        doorkeeper,
        rates: Arc::clone(rates),
        origins: config.origins(guard),
        functions,
        foresight,
        callbacks,
        webhooks,
        shutdown,
        files,
        upkeep,
        assets,
        places,
        request_ids: RequestIds::new(crate::clock::wall().0 ^ u64::from(std::process::id())),
        pulse: Pulse::default(),
    })
}

fn foresight(tools: &Tools) -> Foresight {
    let (models, outbound) = (tools.models(), tools.outbound());
    let models = Box::new(move || {
        let Offer { models, may_be_any, remark, .. } = models.offer();
        KnownModels { models, may_be_any, remark }
    });
    Foresight {
        models,
        request: Box::new(move |url| outbound.foresee(url).map_err(|error| error.to_string())),
    }
}

/// Whoever tells receivers of ends. Links begin with `own_url` unless the configuration says otherwise.
fn subscriptions(
    config: &Config,
    engine: EngineHandle,
    outbound: Outbound,
    seal: SealKey,
    own_url: &str,
) -> Subscriptions {
    let public_url = config.webhooks.public_url.clone().unwrap_or_else(|| own_url.to_owned());
    Subscriptions::new(engine, outbound, seal, config.webhooks.timeout_ms, public_url)
}

/// The requests to receivers that people ask for one by one.
fn receivers(subscriptions: &Subscriptions) -> Receivers {
    let (checks, tests, sends) = (subscriptions.clone(), subscriptions.clone(), subscriptions.clone());
    Receivers {
        check: Box::new(move |url| checks.check(url)),
        test: Box::new(move |id, known| {
            let tests = tests.clone();
            Box::pin(async move { tests.test(id, &known).await })
        }),
        again: Box::new(move |id, known, seq| {
            let sends = sends.clone();
            Box::pin(async move { sends.again(id, &known, seq).await })
        }),
    }
}

/// Looks into the files root, off the threads that serve requests.
fn files(config: &Config, root: Option<Arc<Root>>) -> anyhow::Result<Files> {
    let (Some(root), Some(files)) = (root, &config.files) else {
        return Ok(Files(Box::new(no_files_root)));
    };
    let at = files.root.canonicalize()?;
    Ok(Files(Box::new(move |wanted| tokio::task::block_in_place(|| root.find(&at, wanted)))))
}

fn socket_config(config: &Config, guard: Guard, doorkeeper: Doorkeeper, rates: &Arc<Rates>) -> SocketConfig {
    SocketConfig::new(
        doorkeeper,
        Arc::clone(rates),
        config.origins(guard),
        config.limits.clone(),
        config.socket_message_bytes_max,
        config.connections.clone(),
        config.data_dir.clone(),
    )
}

impl Server {
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Serves until a signal or a request asks for the end.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub async fn until_stopped(mut self, mut terminate: Signal) -> anyhow::Result<Exit> {
        let how = tokio::select! {
            _ = terminate.recv() => Shutdown::Restart,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                Shutdown::Restart
            }
            request = self.requests.recv() => request.unwrap_or(Shutdown::Restart),
        };
        info!("stopping");
        self.stop(how).await;
        Ok(Exit::Ok)
    }

    /// Takes no more connections, tells whom it concerns, makes everything durable and closes the files.
    pub async fn stop(self, how: Shutdown) {
        let farewell = match how {
            Shutdown::Restart => Farewell::Restart,
            Shutdown::WithServices => Farewell::WithServices,
        };
        self.sockets.farewell(farewell).await;
        self.closing.send_replace(true);
        // Upgraded connections and streams never end by themselves: they end with the process.
        if tokio::time::timeout(DRAIN, self.http).await.is_err() {
            info!("some connections were still open");
        }
        // A full disk takes it only when there is room again, and a stop does not wait for that.
        if tokio::time::timeout(DRAIN, self.doorkeeper.write_last_uses()).await.is_err() {
            info!("when keys were last used could not be written down");
        }
        let (engine, store, retention, scrubbing) = (self.engine, self.store, self.retention, self.scrubbing);
        drop(self.keep_retention);
        let stopped = tokio::task::spawn_blocking(move || {
            engine.stop();
            scrubbing.stop();
            retention.join().and_then(|()| store.join())
        });
        if !matches!(stopped.await, Ok(Ok(()))) {
            error!("a thread of the store did not stop as it should");
        }
        drop(self.data_dir);
    }
}
