//! Lets requests in that carry a key which reaches far enough, and come from no foreign page.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{Extensions, HeaderMap};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use super::problem::{Failed, not_so, nothing_here};
use super::routes::Route;
use crate::core::access::{AccessOrder, Principal, Role};
use crate::core::command::Command;
use crate::core::errors;
use crate::core::rejection::Rejection;
use crate::listener::Peer;

/// How much of a path the record of an act repeats.
const NOTED_BYTES_MAX: usize = 512;

/// Lets a request pass whose key allows it, and tells the handler whose it is.
pub async fn admit(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failed> {
    let principal = identify(&app, &request)?;
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let Some(route) = Route::find(request.method(), path) else {
        return Err(not_so(request.method().clone(), request.uri().clone()).await);
    };
    if !route.is_open_to(principal.role) {
        return Err(denied(route, &principal).into());
    }
    // Whoever does it stands in the log before it is done.
    if route.is_noted() && app.doorkeeper.is_guarded() {
        let (by, what) = (principal.actor.clone(), shown(&request));
        app.engine.submit(Command::OrderAccess { by, order: AccessOrder::NoteAct { what } }).await?;
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

/// Whoever asks, unless it asks too often.
fn identify(app: &App, request: &Request) -> Result<Principal, Rejection> {
    let address = address(request.extensions());
    match app.doorkeeper.admit(bearer(request.headers()), address) {
        Ok(principal) => {
            app.rates.request(&principal, address)?;
            Ok(principal)
        }
        Err(refused) => {
            app.rates.stranger(address)?;
            Err(refused)
        }
    }
}

/// Lets those in who need no key, unless they come too often.
pub async fn count_stranger(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Failed> {
    app.rates.stranger(address(request.extensions()))?;
    Ok(next.run(request).await)
}

/// The answer where no route fits. Whoever looks around comes without a key.
pub async fn nothing_for_strangers(State(app): State<Arc<App>>, request: Request) -> Failed {
    match app.rates.stranger(address(request.extensions())) {
        Ok(()) => nothing_here(request.method().clone(), request.uri().clone()).await,
        Err(refused) => refused.into(),
    }
}

/// The answer where a route fits, but not with this method.
pub async fn not_so_for_strangers(State(app): State<Arc<App>>, request: Request) -> Failed {
    match app.rates.stranger(address(request.extensions())) {
        Ok(()) => not_so(request.method().clone(), request.uri().clone()).await,
        Err(refused) => refused.into(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let given = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = given.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Where the connection comes from.
pub fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Peer>().map(Peer::network)
}

fn denied(route: &Route, principal: &Principal) -> Rejection {
    let least = route.access.least().map_or("any", Role::name);
    principal.denied(&format!("{} {}", route.verb.name(), route.path), least)
}

/// A request as the record of it names it.
fn shown(request: &Request) -> Arc<str> {
    let path = request.uri().path();
    let path = path.get(..path.floor_char_boundary(NOTED_BYTES_MAX)).unwrap_or_default();
    Arc::from(format!("{} {path}", request.method()))
}

/// Keeps out what a browser sends in the name of somebody else's page.
pub async fn refuse_foreign_pages(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Result<Response, Failed> {
    let (origin, host) = (text(request.headers(), ORIGIN), text(request.headers(), HOST));
    let host = host.or_else(|| request.uri().authority().map(Authority::as_str));
    let checked = app.origins.check(origin, host);
    checked.map_err(|foreign| Rejection::new(errors::ORIGIN_NOT_ALLOWED, foreign.to_string()))?;
    Ok(next.run(request).await)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("(not text)"))
}
