//! The Socket.IO shell: path `/socket.io/`, namespace `/cluster`. It decodes events into commands for the engine,
//! and tells sockets what has happened. It knows no rules and keeps no facts: only who is connected.
//!
//! - Events are handled in the read loop of their socket, in order, without waiting. Requests that need an answer
//!   of the engine or take long to read go through the `lane` of their session, in order as well.
//! - What is sent never waits. A worker whose buffer has no room gets its task later; one that has not read for
//!   long is given up.
//! - A disconnect is a hint. Leases and deadlines are the engine's.

mod arrivals;
mod backlog;
mod caller;
mod connection;
mod detached;
mod expulsion;
mod handler;
mod inbound;
mod lane;
mod live;
mod monitor;
mod opening;
mod outbound;
mod rooms;
mod session;
mod sessions;
mod short_polls;
mod turned_away;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::to_raw_value;
use socketioxide::layer::SocketIoLayer;
use socketioxide::{SocketIo, TransportType};
use tokio::task::AbortHandle;
use tower::layer::util::Stack;
use tracing::info;

pub use self::arrivals::Arrivals;
use self::short_polls::ShortPolls;
use crate::config::{ConnectionsConfig, Origins};
use crate::core::access::Role;
use crate::core::limits::Limits;
use crate::engine::{Doorkeeper, EngineHandle};
use crate::listener::Rates;
use crate::protocol::socket::Shutdown;

/// What each event of clients asks for; nothing where anybody may send it.
pub fn permissions() -> impl Iterator<Item = (&'static str, Option<Role>)> {
    handler::EVENTS.iter().map(|event| (event.name, event.least))
}

const NAMESPACE: &str = "/cluster";
/// What the earlier clients were built against.
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Packets that wait for a socket, beside one for each attempt that its worker may hold: acknowledgements, room
/// events, pings. A waiting packet of a few hundred bytes makes this some 3 MiB for a client that does not read.
const BUFFER_BESIDE_TASKS: usize = 8_192;
/// Connections at once. An idle one takes 30 KiB.
const CONNECTIONS_MAX: usize = 25_000;
/// What was queued for the sockets is on its way after this time.
const FLUSH: Duration = Duration::from_millis(200);

/// What the server is given.
#[derive(Debug, Clone)]
pub struct SocketConfig {
    /// Knows who may come in.
    pub doorkeeper: Doorkeeper,
    /// How often somebody may ask.
    pub rates: Arc<Rates>,
    pub limits: Limits,
    /// One event with its payload. A larger one is refused; beyond twice the size the connection ends.
    pub message_bytes_max: usize,
    pub connections_max: usize,
    /// How many may be about to open, and for how long.
    pub bounds: ConnectionsConfig,
    /// The pages that may connect.
    pub origins: Origins,
    /// The disk whose use is shown to monitors.
    pub data_dir: PathBuf,
}

impl SocketConfig {
    pub fn new(
        doorkeeper: Doorkeeper,
        rates: Arc<Rates>,
        origins: Origins,
        limits: Limits,
        message_bytes_max: usize,
        bounds: ConnectionsConfig,
        data_dir: PathBuf,
    ) -> Self {
        let connections_max = CONNECTIONS_MAX;
        Self { doorkeeper, rates, limits, message_bytes_max, connections_max, bounds, origins, data_dir }
    }
}

/// The running shell. Clones share it; its tasks end with the last one.
#[derive(Debug, Clone)]
pub struct SocketServer {
    server: Arc<Server>,
    _tasks: Arc<Tasks>,
}

/// What handlers and tasks share.
#[derive(Debug)]
struct Server {
    config: SocketConfig,
    engine: EngineHandle,
    sessions: sessions::Sessions,
    rooms: rooms::Rooms,
    live: live::LiveHandle,
    monitor: monitor::Monitor,
    turned_away: turned_away::TurnedAway,
}

#[derive(Debug)]
struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Why the server stops, as far as its clients are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// It comes back. Only those are told who asked for it: the earlier clients would stop for good.
    Restart,
    /// Everybody is to stop.
    WithServices,
}

/// What brings the shell into a router.
pub type SocketLayers = Stack<Stack<SocketIoLayer, ShortPolls>, Arrivals>;

impl SocketServer {
    /// Starts the shell inside the current runtime, and gives the layers that bring it into a router. The engine
    /// need not run yet.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(config: SocketConfig, engine: EngineHandle) -> (Self, SocketLayers) {
        let per_worker = usize::try_from(config.limits.worker_capacity_max).unwrap_or(usize::MAX);
        // Up to the limit a refusal can be told in words; the transports know no words.
        let transport_max = 2 * config.message_bytes_max;
        let (layer, io) = SocketIo::builder()
            .req_path("/socket.io")
            .transports([TransportType::Polling, TransportType::Websocket])
            .ping_interval(PING_INTERVAL)
            .ping_timeout(PING_TIMEOUT)
            .connect_timeout(config.bounds.opening)
            .max_payload(transport_max as u64)
            .ws_max_message_size(transport_max)
            .ws_max_frame_size(transport_max)
            .max_buffer_size(per_worker + BUFFER_BESIDE_TASKS)
            .build_layer();
        let arrivals = Arrivals::new(&config);
        let (live, questions) = live::LiveHandle::new();
        let server = Arc::new(Server {
            monitor: monitor::Monitor::new(),
            turned_away: turned_away::TurnedAway::default(),
            config,
            engine,
            sessions: sessions::Sessions::default(),
            rooms: rooms::Rooms::default(),
            live,
        });
        io.ns(NAMESPACE, connection::Door(Arc::clone(&server)));
        let tasks = [
            tokio::spawn(live::follow(Arc::clone(&server), questions)).abort_handle(),
            tokio::spawn(monitor::sample(Arc::clone(&server))).abort_handle(),
            tokio::spawn(connection::keep_house(Arc::clone(&server))).abort_handle(),
            tokio::spawn(expulsion::watch(Arc::clone(&server))).abort_handle(),
        ];
        let layers = Stack::new(Stack::new(layer, ShortPolls::default()), arrivals);
        (Self { server, _tasks: Arc::new(Tasks(tasks.into())) }, layers)
    }

    /// Tells the clients that the server stops, and waits until the words are on their way. It closes nothing:
    /// clients that find their connection gone come back by themselves, and those that are told to leave do not.
    pub async fn farewell(&self, farewell: Farewell) {
        let (reason, restart) = match farewell {
            Farewell::Restart => ("the server restarts", true),
            Farewell::WithServices => ("the server and its services were told to stop", false),
        };
        let mut told = 0;
        for connection in self.server.sessions.all() {
            let aware = connection.session.worker().is_some_and(|facts| facts.restart_aware);
            if aware || !restart {
                told += usize::from(connection.emit(Shutdown::EVENT, &Shutdown { reason, restart }).is_ok());
            }
        }
        info!(clients = told, restart, "clients were told that the server stops");
        tokio::time::sleep(FLUSH).await;
    }

    /// How many clients are connected.
    pub fn connected_clients(&self) -> usize {
        self.server.sessions.count()
    }
}

impl Server {
    /// Tells everybody who may know.
    fn broadcast<T: Serialize>(&self, event: &str, data: &T) {
        let audience = self.sessions.audience();
        if audience.is_empty() {
            return;
        }
        let data = to_raw_value(data).expect("what is told has string keys, so it is JSON");
        for connection in audience {
            // Whoever does not read misses news; it asks for the state when it comes back.
            let _ = connection.tell(event, &data);
        }
    }
}
