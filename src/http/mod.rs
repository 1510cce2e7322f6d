//! The REST shell: handlers extract, submit a command or run a query, and map the answer.

mod assets;
mod auth;
mod batch;
mod body;
mod bulk;
mod callbacks;
mod definition;
mod doubts;
mod edits;
mod encoding;
mod errors;
mod events;
mod functions;
mod graph;
mod latency;
mod letters;
mod metrics;
mod parsing;
mod problem;
mod results;
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

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};
use tokio::sync::mpsc;

pub use crate::config::{Origins, Token};
pub use assets::Assets;
pub use callbacks::Callbacks;
pub use doubts::{KnownModels, Models};
pub use upkeep::Upkeep;
pub use webhooks::{Receivers, Webhooks};

use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::engine::EngineHandle;
use crate::protocol::rest::FunctionView;
use crate::protocol::submit::{Found, Wanted};

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    pub engine: EngineHandle,
    pub limits: SubmissionLimits,
    /// Without one everybody who reaches the address may do everything; it is loopback then.
    pub token: Option<Token>,
    /// The pages that may speak to the API.
    pub origins: Origins,
    /// The functions that run inside the binary.
    pub functions: Vec<FunctionView>,
    pub models: Models,
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

/// Every route of the API.
pub fn router(app: Arc<App>) -> Router {
    let measured = middleware::from_fn_with_state(Arc::clone(&app), timing::measure);
    routes(&app).layer(measured).with_state(app)
}

fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    let body_limit = DefaultBodyLimit::max(app.limits.body_bytes_max);
    let api = Router::new()
        .route("/workflows", get(workflows::list).post(workflows::submit))
        .route("/validate", post(workflows::validate))
        .route("/workflows/batch", post(batch::submit).get(workflows::namesake))
        .route("/workflows/cancel", post(bulk::cancel_workflows).get(workflows::namesake))
        .route("/workflows/retry", post(bulk::retry_workflows).get(workflows::namesake))
        .route("/workflows/{id}", get(workflows::detail))
        .route("/workflows/{id}/tasks", get(workflows::tasks))
        .route("/workflows/{id}/graph", get(graph::of_workflow))
        .route("/workflows/{id}/definition", get(definition::of_workflow))
        .route("/workflows/{id}/results", get(results::of_workflow))
        .route("/workflows/{id}/events", get(events::of_workflow))
        .route("/workflows/{id}/cancel", post(workflows::cancel))
        .route("/workflows/{id}/pause", post(workflows::pause))
        .route("/workflows/{id}/resume", post(workflows::resume))
        .route("/workflows/{id}/retry", post(workflows::retry))
        .route("/tasks/retry", post(bulk::retry_tasks))
        .route("/tasks/{id}", get(tasks::detail))
        .route("/tasks/{id}/why", get(tasks::why))
        .route("/tasks/{id}/cancel", post(tasks::cancel))
        .route("/tasks/{id}/retry", post(tasks::retry))
        .route("/tasks/{id}/complete", post(tasks::complete))
        .route("/tasks/{id}/fail", post(tasks::fail))
        .route("/tasks/{id}/skip", post(tasks::skip))
        .route("/dead-letters", get(letters::list))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::detail).patch(webhooks::change).delete(webhooks::delete))
        .route("/webhooks/{id}/pause", post(webhooks::pause))
        .route("/webhooks/{id}/resume", post(webhooks::resume))
        .route("/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/webhooks/{id}/test", post(webhooks::test))
        .route("/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route("/webhooks/{id}/deliveries/{delivery}/redeliver", post(webhooks::redeliver))
        .route("/functions", get(functions::list))
        .route("/functions/{name}", get(functions::detail))
        .route("/services", get(services::list))
        .route("/services/{id}", get(services::detail))
        .route("/services/{id}/drain", post(services::drain))
        .route("/services/{id}/resume", post(services::resume))
        .route("/events", get(events::all))
        .route("/errors", get(errors::list))
        .route("/errors/{code}", get(errors::detail))
        .route("/stats", get(stats::stats))
        .route("/stats/history", get(latency::history))
        .route("/shutdown", post(system::shutdown))
        .route("/store/backup", post(upkeep::backup))
        .route("/store/verify", post(upkeep::verify))
        .layer(body_limit)
        .layer(middleware::from_fn_with_state(Arc::clone(app), auth::require_token));
    let from_own_pages = middleware::from_fn_with_state(Arc::clone(app), auth::refuse_foreign_pages);
    // Whoever has the URL may call back: without a token of the server, and under whatever name it is known outside.
    let callback_limit = DefaultBodyLimit::max(app.callbacks.body_bytes_max());
    let callbacks = Router::new()
        .route("/api/v1/callbacks/{token}", post(callbacks::take))
        .method_not_allowed_fallback(problem::nothing_here)
        .layer(callback_limit);
    Router::new()
        .nest("/api/v1", api)
        .merge(for_collectors(app))
        .route("/health", get(system::health))
        .route("/livez", get(system::livez))
        .route("/readyz", get(system::readyz))
        .route("/", get(assets::index))
        .route("/dashboard", get(assets::index))
        .route("/dashboard/{*screen}", get(assets::index))
        .route("/static/{version}/{*name}", get(assets::asset))
        .fallback(problem::nothing_here)
        .method_not_allowed_fallback(problem::nothing_here)
        .layer(from_own_pages)
        .merge(callbacks)
}

fn for_collectors(app: &Arc<App>) -> Router<Arc<App>> {
    let token = middleware::from_fn_with_state(Arc::clone(app), auth::require_token);
    Router::new().route("/metrics", get(metrics::metrics)).layer(token)
}
