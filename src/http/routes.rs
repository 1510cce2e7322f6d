//! Every route of the server, once: who may ask, who answers, and how it is described.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::{
    App, access, assets, auth, batch, bulk, callbacks, definition, errors, events, functions, graph, imports,
    latency, letters, metrics, openapi, request_id, results, services, stats, system, tasks, upkeep,
    webhooks, workflows,
};
use crate::core::access::Role;
use openapi::Document;

/// One route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub verb: Verb,
    /// The whole path, with `{name}` where a part of it varies.
    pub path: &'static str,
    pub access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

/// What a request must bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Any key, whatever it is good for.
    Key,
    /// A key of at least this role.
    Readonly,
    User,
    Operator,
    Admin,
    /// Nothing: signs of life and the description of the interface.
    Open,
    /// Nothing: a page or a file that it is made of. It holds no data, and is no part of the interface for programs.
    Page,
    /// The path itself is the permission.
    Capability,
}

impl Access {
    /// Whether a key is asked for.
    pub const fn is_guarded(self) -> bool {
        match self {
            Self::Key | Self::Readonly | Self::User | Self::Operator | Self::Admin => true,
            Self::Open | Self::Page | Self::Capability => false,
        }
    }

    /// The role that it asks for, where any one will not do.
    pub const fn least(self) -> Option<Role> {
        match self {
            Self::Readonly => Some(Role::Readonly),
            Self::User => Some(Role::User),
            Self::Operator => Some(Role::Operator),
            Self::Admin => Some(Role::Admin),
            Self::Key | Self::Open | Self::Page | Self::Capability => None,
        }
    }
}

impl Route {
    /// The one that answers, if there is one.
    pub fn find(method: &Method, path: &str) -> Option<&'static Self> {
        let verb = if *method == Method::HEAD { "GET" } else { method.as_str() };
        ROUTES.iter().find(|route| route.path == path && route.verb.name() == verb)
    }

    /// Whether a key of this role opens it.
    pub const fn is_open_to(&self, role: Role) -> bool {
        match self.access.least() {
            Some(least) => role.covers(least),
            None => true,
        }
    }

    /// Whether it changes the server without leaving a record that names who did it.
    pub fn is_noted(&self) -> bool {
        let of_operators = match self.access {
            Access::Operator => true,
            // Users and keys have facts of their own.
            Access::Admin => !OF_ACCESS.iter().any(|noun| self.path.starts_with(noun)),
            Access::Key
            | Access::Readonly
            | Access::User
            | Access::Open
            | Access::Page
            | Access::Capability => false,
        };
        of_operators && self.verb != Verb::Get
    }
}

/// The nouns whose every change is a fact of its own.
const OF_ACCESS: [&str; 2] = ["/api/v1/users", "/api/v1/keys"];

impl Verb {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Patch => MethodFilter::PATCH,
            Self::Delete => MethodFilter::DELETE,
        }
    }
}

/// `VERB ACCESS PATH HANDLER [DOCUMENT]`: the document is missing where the access is `Page`, and only there.
macro_rules! routes {
    ($($verb:ident $access:ident $path:literal $handler:path $([$document:path])?;)*) => {
        /// In the order in which they are described.
        pub const ROUTES: &[Route] =
            &[$(Route { verb: Verb::$verb, path: $path, access: Access::$access }),*];

        fn handlers() -> Vec<MethodRouter<Arc<App>>> {
            vec![$(on(Verb::$verb.filter(), $handler)),*]
        }

        /// What each route does, as far as it is described.
        pub(super) fn documents() -> Vec<(Route, Document)> {
            let documents: Vec<Option<Document>> = vec![$(document!($($document)?)),*];
            let described = ROUTES.iter().copied().zip(documents);
            described.filter_map(|(route, document)| Some((route, document?))).collect()
        }
    };
}

macro_rules! document {
    () => {
        None
    };
    ($document:path) => {
        Some($document())
    };
}

routes! {
    Get    Readonly   "/api/v1/workflows"                  workflows::list         [openapi::workflows::list];
    Post   User       "/api/v1/workflows"                  workflows::submit       [openapi::workflows::submit];
    Post   User       "/api/v1/validate"                   workflows::validate     [openapi::workflows::validate];
    Post   Operator   "/api/v1/import"                     imports::import         [openapi::workflows::import];
    Post   User       "/api/v1/workflows/batch"            batch::submit           [openapi::workflows::batch];
    Post   User       "/api/v1/workflows/cancel"           bulk::cancel_workflows  [openapi::bulk::cancel_workflows];
    Post   User       "/api/v1/workflows/retry"            bulk::retry_workflows   [openapi::bulk::retry_workflows];
    Get    Readonly   "/api/v1/workflows/{id}"             workflows::detail       [openapi::workflows::detail];
    Get    Readonly   "/api/v1/workflows/{id}/tasks"       workflows::tasks        [openapi::workflows::tasks];
    Get    Readonly   "/api/v1/workflows/{id}/graph"       graph::of_workflow      [openapi::workflows::graph];
    Get    Readonly   "/api/v1/workflows/{id}/definition"  definition::of_workflow [openapi::workflows::definition];
    Get    Readonly   "/api/v1/workflows/{id}/results"     results::of_workflow    [openapi::workflows::results];
    Get    Readonly   "/api/v1/workflows/{id}/events"      events::of_workflow     [openapi::workflows::events];
    Post   User       "/api/v1/workflows/{id}/cancel"      workflows::cancel       [openapi::workflows::cancel];
    Post   User       "/api/v1/workflows/{id}/pause"       workflows::pause        [openapi::workflows::pause];
    Post   User       "/api/v1/workflows/{id}/resume"      workflows::resume       [openapi::workflows::resume];
    Post   User       "/api/v1/workflows/{id}/retry"       workflows::retry        [openapi::workflows::retry];
    Get    Readonly   "/api/v1/workflows/batch"            workflows::namesake     [openapi::workflows::named_batch];
    Get    Readonly   "/api/v1/workflows/cancel"           workflows::namesake     [openapi::workflows::named_cancel];
    Get    Readonly   "/api/v1/workflows/retry"            workflows::namesake     [openapi::workflows::named_retry];

    Get    Readonly   "/api/v1/tasks/{id}"                 tasks::detail           [openapi::tasks::detail];
    Get    Readonly   "/api/v1/tasks/{id}/why"             tasks::why              [openapi::tasks::why];
    Post   User       "/api/v1/tasks/{id}/cancel"          tasks::cancel           [openapi::tasks::cancel];
    Post   User       "/api/v1/tasks/{id}/retry"           tasks::retry            [openapi::tasks::retry];
    Post   User       "/api/v1/tasks/{id}/complete"        tasks::complete         [openapi::tasks::complete];
    Post   User       "/api/v1/tasks/{id}/fail"            tasks::fail             [openapi::tasks::fail];
    Post   User       "/api/v1/tasks/{id}/skip"            tasks::skip             [openapi::tasks::skip];
    Post   User       "/api/v1/tasks/retry"                bulk::retry_tasks       [openapi::bulk::retry_tasks];
    Get    Readonly   "/api/v1/dead-letters"               letters::list           [openapi::bulk::dead_letters];
    Post   Capability "/api/v1/callbacks/{token}"          callbacks::take         [openapi::tasks::callback];

    Get    Operator   "/api/v1/webhooks"                   webhooks::list          [openapi::webhooks::list];
    Post   Operator   "/api/v1/webhooks"                   webhooks::create        [openapi::webhooks::create];
    Get    Operator   "/api/v1/webhooks/{id}"              webhooks::detail        [openapi::webhooks::detail];
    Patch  Operator   "/api/v1/webhooks/{id}"              webhooks::change        [openapi::webhooks::change];
    Delete Operator   "/api/v1/webhooks/{id}"              webhooks::delete        [openapi::webhooks::delete];
    Post   Operator   "/api/v1/webhooks/{id}/pause"        webhooks::pause         [openapi::webhooks::pause];
    Post   Operator   "/api/v1/webhooks/{id}/resume"       webhooks::resume        [openapi::webhooks::resume];
    Post   Operator   "/api/v1/webhooks/{id}/rotate"       webhooks::rotate        [openapi::webhooks::rotate];
    Post   Operator   "/api/v1/webhooks/{id}/test"         webhooks::test          [openapi::webhooks::test];
    Get    Operator   "/api/v1/webhooks/{id}/deliveries"   webhooks::deliveries    [openapi::webhooks::deliveries];
    Post   Operator   "/api/v1/webhooks/{id}/deliveries/{delivery}/redeliver"
                                                           webhooks::redeliver     [openapi::webhooks::redeliver];

    Get    Readonly   "/api/v1/services"                   services::list          [openapi::services::list];
    Get    Readonly   "/api/v1/services/{id}"              services::detail        [openapi::services::detail];
    Post   Operator   "/api/v1/services/{id}/drain"        services::drain         [openapi::services::drain];
    Post   Operator   "/api/v1/services/{id}/resume"       services::resume        [openapi::services::resume];

    Get    Readonly   "/api/v1/functions"                  functions::list         [openapi::registry::functions];
    Get    Readonly   "/api/v1/functions/{name}"           functions::detail       [openapi::registry::function];
    Get    Readonly   "/api/v1/errors"                     errors::list            [openapi::registry::errors];
    Get    Readonly   "/api/v1/errors/{code}"              errors::detail          [openapi::registry::error];

    Get    Key        "/api/v1/whoami"                     access::whoami          [openapi::access::whoami];
    Get    Admin      "/api/v1/users"                      access::users           [openapi::access::users];
    Post   Admin      "/api/v1/users"                      access::add_user        [openapi::access::add_user];
    Patch  Admin      "/api/v1/users/{name}"               access::change_role     [openapi::access::change_role];
    Delete Admin      "/api/v1/users/{name}"               access::remove_user     [openapi::access::remove_user];
    Get    Admin      "/api/v1/keys"                       access::keys            [openapi::access::keys];
    Post   Admin      "/api/v1/keys"                       access::create_key      [openapi::access::create_key];
    Delete Admin      "/api/v1/keys/{id}"                  access::revoke_key      [openapi::access::revoke_key];

    Get    Readonly   "/api/v1/events"                     events::all             [openapi::server::events];
    Get    Readonly   "/api/v1/stats"                      stats::stats            [openapi::server::stats];
    Get    Readonly   "/api/v1/stats/history"              latency::history        [openapi::server::history];
    Post   Admin      "/api/v1/store/backup"               upkeep::backup          [openapi::server::backup];
    Post   Operator   "/api/v1/store/verify"               upkeep::verify          [openapi::server::verify];
    Post   Operator   "/api/v1/shutdown"                   system::shutdown        [openapi::server::shutdown];
    Get    Readonly   "/metrics"                           metrics::metrics        [openapi::server::metrics];
    Get    Open       "/health"                            system::health          [openapi::server::health];
    Get    Open       "/livez"                             system::livez           [openapi::server::livez];
    Get    Open       "/readyz"                            system::readyz          [openapi::server::readyz];
    Get    Open       "/openapi.json"                      assets::openapi         [openapi::server::openapi];

    Get    Page       "/docs"                              assets::reference;
    Get    Page       "/"                                  assets::index;
    Get    Page       "/dashboard"                         assets::index;
    Get    Page       "/dashboard/{*screen}"               assets::index;
    Get    Page       "/static/{version}/{*name}"          assets::asset;
}

/// What probes ask for, as often as they like: an answer costs less than a look at who asks, and the engine is asked for all of them
/// together. The connection that a probe opens is counted as any other.
pub(super) const SIGNS_OF_LIFE: [&str; 3] = ["/health", "/livez", "/readyz"];

/// All of them, each behind what it asks of a request.
pub fn router(app: Arc<App>) -> Router {
    let (mut guarded, mut open, mut callbacks) = (Router::new(), Router::new(), Router::new());
    let mut signs_of_life = Router::new();
    for (route, handler) in ROUTES.iter().zip(handlers()) {
        match route.access {
            Access::Key | Access::Readonly | Access::User | Access::Operator | Access::Admin => {
                guarded = guarded.route(route.path, handler);
            }
            // Whoever watches the server must not find it dead because others at the same address ask too much.
            Access::Open if SIGNS_OF_LIFE.contains(&route.path) => {
                signs_of_life = signs_of_life.route(route.path, handler);
            }
            Access::Open | Access::Page => open = open.route(route.path, handler),
            Access::Capability => callbacks = callbacks.route(route.path, handler),
        }
    }
    let guarded = guarded
        .layer(DefaultBodyLimit::max(app.limits.body_bytes_max))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), auth::admit));
    let open = open.layer(middleware::from_fn_with_state(Arc::clone(&app), auth::count_stranger));
    // Whoever has the URL may call back, under whatever name the server is known outside.
    let callbacks = callbacks
        .method_not_allowed_fallback(auth::not_so_for_strangers)
        .layer(DefaultBodyLimit::max(app.callbacks.body_bytes_max()));
    guarded
        .merge(open)
        .merge(signs_of_life)
        .fallback(auth::nothing_for_strangers)
        .method_not_allowed_fallback(auth::not_so_for_strangers)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), auth::refuse_foreign_pages))
        .merge(callbacks)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), request_id::carry))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_of_operators_are_noted_and_looks_are_not() {
        let noted = |method: Method, path| Route::find(&method, path).map(Route::is_noted);
        assert_eq!(noted(Method::POST, "/api/v1/shutdown"), Some(true));
        assert_eq!(noted(Method::POST, "/api/v1/store/backup"), Some(true));
        assert_eq!(noted(Method::POST, "/api/v1/keys"), Some(false));
        assert_eq!(noted(Method::GET, "/api/v1/webhooks"), Some(false));
        assert_eq!(noted(Method::POST, "/api/v1/workflows"), Some(false));
        assert_eq!(noted(Method::HEAD, "/api/v1/stats"), Some(false));
        assert_eq!(noted(Method::PUT, "/api/v1/stats"), None);
    }
}
