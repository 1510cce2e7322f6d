//! Users and keys, and who asks.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use super::App;
use super::body::Body;
use super::problem::Failed;
use crate::core::access::{Access, AccessOrder, Principal};
use crate::core::command::Command;
use crate::core::errors;
use crate::core::event::Note;
use crate::core::ids::KeyId;
use crate::core::rejection::Rejection;
use crate::engine::Accepted;
use crate::protocol::rest::{
    Done, KeyMade, KeyRequest, KeyView, Page, RoleRequest, UserRequest, UserView, WhoamiView, parse_request,
};
use crate::signing::AccessKey;

pub async fn whoami(State(app): State<Arc<App>>, Extension(who): Extension<Principal>) -> Json<WhoamiView> {
    let access = app.doorkeeper.access();
    let key = who.actor.key.and_then(|id| key_view(&app, &access, id));
    Json(WhoamiView::of(&who, app.doorkeeper.is_guarded(), key))
}

pub async fn users(State(app): State<Arc<App>>) -> Json<Page<UserView>> {
    let access = app.doorkeeper.access();
    let items = access.users.keys().filter_map(|name| user_view(&access, name)).collect();
    Json(Page { items, next_cursor: None })
}

pub async fn add_user(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<(StatusCode, Json<UserView>), Failed> {
    let request: UserRequest = parse_request(&body, &app.limits)?;
    let (user, role) = (Arc::<str>::from(&*request.name), request.role()?);
    order(&app, &who, AccessOrder::AddUser { user: Arc::clone(&user), role }).await?;
    Ok((StatusCode::CREATED, Json(known_user(&app, &user)?)))
}

pub async fn change_role(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<UserView>, Failed> {
    let request: RoleRequest = parse_request(&body, &app.limits)?;
    let (user, role) = (Arc::<str>::from(name), request.role()?);
    order(&app, &who, AccessOrder::ChangeRole { user: Arc::clone(&user), role }).await?;
    Ok(Json(known_user(&app, &user)?))
}

pub async fn remove_user(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<Json<Done>, Failed> {
    let accepted = order(&app, &who, AccessOrder::RemoveUser { user: Arc::from(&*name) }).await?;
    Ok(Json(Done { id: name, status: "removed", seq: accepted.seq.0 }))
}

pub async fn keys(State(app): State<Arc<App>>) -> Json<Page<KeyView>> {
    let access = app.doorkeeper.access();
    let items = access.keys.keys().filter_map(|id| key_view(&app, &access, *id)).collect();
    Json(Page { items, next_cursor: None })
}

pub async fn create_key(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    Body(body): Body,
) -> Result<Response, Failed> {
    let request: KeyRequest = parse_request(&body, &app.limits)?;
    let made = AccessKey::generate();
    let (id, key) = (app.engine.fresh_key_id(), request.key(made.digest())?);
    let accepted = order(&app, &who, AccessOrder::CreateKey { id, key }).await?;
    let key = key_view(&app, &app.doorkeeper.access(), id).ok_or_else(|| unknown(&format!("key {id}")))?;
    let body = KeyMade { key, secret: made.reveal(), seq: accepted.seq.0 };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    // Nobody between here and there may keep the secret.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

pub async fn revoke_key(
    State(app): State<Arc<App>>,
    Extension(who): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Failed> {
    let key = KeyId::parse(&id).ok_or_else(|| unknown(&format!("key {id}")))?;
    let accepted = order(&app, &who, AccessOrder::RevokeKey { id: key }).await?;
    Ok(Json(Done { id, status: "revoked", seq: accepted.seq.0 }))
}

/// A server without keys belongs to whoever sits at it; the first key is made there, and not by whoever reaches it.
async fn order(app: &App, who: &Principal, order: AccessOrder) -> Result<Accepted, Failed> {
    if !app.doorkeeper.is_guarded() {
        let message = "this server asks nobody for a key; make the first one with `gleitzeit auth init` while it is stopped";
        return Err(Rejection::new(errors::ACCESS_CONFLICT, message).into());
    }
    Ok(app.engine.submit(Command::OrderAccess { by: who.actor.clone(), order }).await?)
}

/// Whoever acts by hand, and why. Where keys are asked for, the key says who it is, whatever the body says.
pub(super) fn signed(app: &App, who: &Principal, note: Note) -> Note {
    if app.doorkeeper.is_guarded() { Note { by: Some(Arc::clone(&who.actor.user)), ..note } } else { note }
}

fn known_user(app: &App, name: &str) -> Result<UserView, Failed> {
    let access = app.doorkeeper.access();
    user_view(&access, name).ok_or_else(|| unknown(&format!("user {name}")).into())
}

fn user_view(access: &Access, name: &str) -> Option<UserView> {
    let counts = |key: &&crate::core::access::Key| *key.owner == *name && key.revoked_at.is_none();
    let keys = access.keys.values().filter(counts).count();
    Some(UserView::of(name, *access.users.get(name)?, keys))
}

fn key_view(app: &App, access: &Access, id: KeyId) -> Option<KeyView> {
    let key = access.keys.get(&id)?;
    Some(KeyView::of(id, key, app.doorkeeper.used_at(id), app.engine.times()))
}

fn unknown(what: &str) -> Rejection {
    Rejection::new(errors::ACCESS_SUBJECT_NOT_FOUND, format!("there is no {what}"))
}
