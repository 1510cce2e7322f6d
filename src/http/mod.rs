//! The REST shell: handlers extract, submit a command or run a query, and map the answer.

mod access;
mod assets;
mod auth;
mod batch;
mod body;
mod bulk;
mod callbacks;
mod cors;
mod definition;
mod doubts;
mod edits;
mod encoding;
mod errors;
mod events;
mod functions;
mod graph;
mod imports;
mod latency;
mod letters;
mod metrics;
pub mod openapi;
mod parsing;
mod problem;
mod pulse;
mod request_id;
mod results;
mod routes;
mod services;
mod stats;
mod system;
mod tasks;
mod timing;
mod upkeep;
mod webhooks;
mod workflows;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

pub use crate::config::Origins;
pub use assets::Assets;
pub use callbacks::Callbacks;
pub use cors::for_pages;
pub use doubts::{Foresight, KnownModels};
pub use pulse::Pulse;
pub use request_id::{RequestIds, current_request};
pub use routes::{Access, ROUTES, Route, Verb, router};
pub use upkeep::Upkeep;
pub use webhooks::{Receivers, Webhooks};

use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::engine::{Doorkeeper, EngineHandle};
use crate::listener::Rates;
use crate::protocol::rest::FunctionView;
use crate::protocol::submit::{Found, Wanted};

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    pub engine: EngineHandle,
    pub limits: SubmissionLimits,
    /// Knows who may come in.
    pub doorkeeper: Doorkeeper,
    /// How often somebody may ask.
    pub rates: Arc<Rates>,
    /// The pages that may speak to the API.
    pub origins: Origins,
    /// The functions that run inside the binary.
    pub functions: Vec<FunctionView>,
    pub foresight: Foresight,
    pub callbacks: Callbacks,
    pub webhooks: Webhooks,
    /// Where a request to stop goes.
    pub shutdown: mpsc::Sender<Shutdown>,
    /// Looks for the files of a batch.
    pub files: Files,
    /// Looks after the data.
    pub upkeep: Upkeep,
    /// The dashboard.
    pub assets: Assets,
    /// Where the data is.
    pub places: Places,
    pub request_ids: RequestIds,
    /// Whether the engine answers.
    pub pulse: Pulse<system::Warnings>,
}

/// Folders whose sizes are told.
#[derive(Debug)]
pub struct Places {
    pub log: PathBuf,
    pub store: PathBuf,
}

/// Whoever can look into the files root, which is not known here.
pub struct Files(pub Box<Find>);

type Find = dyn Fn(&Wanted<'_>) -> Result<Found, Rejection> + Send + Sync;

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

/// How the process is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Services come back by themselves.
    Restart,
    /// Services are told to end too.
    WithServices,
}
