//! Webhook subscriptions: who is told when workflows and tasks end, and how that went.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::App;
use super::body::{Body, Params, Path};
use super::problem::{Failed, invalid};
use super::workflows::limit;
use crate::core::command::Command;
use crate::core::errors;
use crate::core::event::DeliveryOutcome;
use crate::core::ids::{Seq, SubscriptionId};
use crate::core::rejection::Rejection;
use crate::core::subscription::{SealedSecret, Subscription, SubscriptionOrder, Terms, TermsChange};
use crate::engine::Accepted;
use crate::protocol::rest::{
    DeliveryView, Done, Page, ResumeRequest, SecretText, TestView, WebhookMade, WebhookRequest, WebhookView,
    parse_request,
};
use crate::signing::{SealKey, WebhookSecret};

/// A shorter secret can be guessed, a longer one is a mistake.
const SECRET_BYTES_MIN: usize = 16;
const SECRET_BYTES_MAX: usize = 256;

/// What webhooks are made and tried with.
#[derive(Debug)]
pub struct Webhooks {
    pub seal: SealKey,
    pub reach: Receivers,
}

/// Whoever reaches receivers, which is not known here.
pub struct Receivers {
    /// Whether a URL may be used at all.
    pub check: Box<Check>,
    pub test: Box<Test>,
    /// Sends the end at a position once more.
    pub again: Box<Again>,
}

type Check = dyn Fn(&str) -> Result<(), Rejection> + Send + Sync;
type Test = dyn Fn(SubscriptionId, Arc<Subscription>) -> BoxFuture<'static, DeliveryOutcome> + Send + Sync;
type Again =
    dyn Fn(SubscriptionId, Arc<Subscription>, Seq) -> BoxFuture<'static, Result<(), Rejection>> + Send + Sync;

impl std::fmt::Debug for Receivers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receivers")
    }
}

pub async fn list(State(app): State<Arc<App>>) -> Result<Json<Page<WebhookView>>, Failed> {
    let all = app.engine.subscriptions().await?;
    let items = all.iter().map(|(id, known)| WebhookView::of(*id, known)).collect();
    Ok(Json(Page { items, next_cursor: None }))
}

pub async fn create(State(app): State<Arc<App>>, Body(body): Body) -> Result<Response, Failed> {
    let request: WebhookRequest = parse_request(&body, &app.limits)?;
    request.required()?;
    let change = request.change()?;
    let id = app.engine.fresh_subscription_id();
    let (url, events) = (change.url.clone().unwrap_or_default(), change.events.clone().unwrap_or_default());
    (app.webhooks.reach.check)(&url)?;
    let secret = request.secret.as_ref().map_or_else(|| Ok(WebhookSecret::generate()), own_secret)?;
    let terms = Terms {
        url,
        description: change.description.clone().filter(|text| !text.is_empty()),
        events,
        filter: change.filter.clone().unwrap_or_default(),
        secret: app.webhooks.seal.seal(&secret, id),
    };
    let mut accepted = order(&app, id, SubscriptionOrder::Create { terms: Box::new(terms) }).await?;
    if change.switch.is_some() {
        let change = Box::new(TermsChange { switch: change.switch, ..TermsChange::default() });
        accepted = order(&app, id, SubscriptionOrder::Change { change }).await?;
    }
    let told = request.secret.is_none().then(|| secret.reveal());
    let mut response = (StatusCode::CREATED, made(&app, id, told, &accepted).await?).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/webhooks/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub async fn detail(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<WebhookView>, Failed> {
    let id = named(&id)?;
    let known = app.engine.subscription(id).await?;
    let view = WebhookView::of(id, &known);
    // Of those that do not fail nothing waits for long.
    if view.failing.is_none() {
        return Ok(Json(view));
    }
    // A log that cannot be read hides how much waits, and nothing else.
    Ok(Json(match app.engine.untold(&known).await {
        Ok(untold) => view.counted(untold),
        Err(_) => view,
    }))
}

pub async fn change(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<WebhookMade>, Failed> {
    let id = named(&id)?;
    let request: WebhookRequest = parse_request(&body, &app.limits)?;
    let mut change = request.change()?;
    if let Some(url) = &change.url {
        (app.webhooks.reach.check)(url)?;
    }
    let secret = request.secret.as_ref().map(own_secret).transpose()?;
    change.secret = secret.map(|secret| seal(&app, &secret, id));
    let accepted = order(&app, id, SubscriptionOrder::Change { change: Box::new(change) }).await?;
    made(&app, id, None, &accepted).await
}

/// A new secret, made here. The old one counts no longer.
pub async fn rotate(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<WebhookMade>, Failed> {
    let id = named(&id)?;
    let secret = WebhookSecret::generate();
    let change = TermsChange { secret: Some(seal(&app, &secret, id)), ..TermsChange::default() };
    let accepted = order(&app, id, SubscriptionOrder::Change { change: Box::new(change) }).await?;
    made(&app, id, Some(secret.reveal()), &accepted).await
}

pub async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, &id, SubscriptionOrder::Delete, "deleted").await
}

pub async fn pause(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Done>, Failed> {
    act(&app, &id, SubscriptionOrder::Pause, "paused").await
}

pub async fn resume(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Done>, Failed> {
    let from = parse_request::<ResumeRequest>(&body, &app.limits)?.from()?;
    act(&app, &id, SubscriptionOrder::Resume { from }, "enabled").await
}

/// Answers when the receiver has, so that a mistake in the URL or the secret shows at once.
pub async fn test(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<TestView>, Failed> {
    let id = named(&id)?;
    let known = app.engine.subscription(id).await?;
    Ok(Json(TestView::from(&(app.webhooks.reach.test)(id, known).await)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveriesQuery {
    cursor: Option<u64>,
    limit: Option<usize>,
}

pub async fn deliveries(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Params(query): Params<DeliveriesQuery>,
) -> Result<Json<Page<DeliveryView>>, Failed> {
    let id = named(&id)?;
    let known = app.engine.subscription(id).await?;
    let before = query.cursor.map_or(Seq(u64::MAX), Seq);
    let mut notes = known.deliveries.iter().rev().filter(|note| note.told.seq < before).peekable();
    let items: Vec<DeliveryView> = std::iter::from_fn(|| notes.next())
        .take(limit(query.limit))
        .map(|note| DeliveryView::of(id, note))
        .collect();
    let next_cursor = items.last().map(|item| item.id.clone()).filter(|_| notes.peek().is_some());
    Ok(Json(Page { items, next_cursor }))
}

pub async fn redeliver(
    State(app): State<Arc<App>>,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Json<DeliveryView>, Failed> {
    let id = named(&id)?;
    let seq =
        delivery.parse().map(Seq).map_err(|_| invalid(format!("`{delivery}` is no number of a delivery")))?;
    let known = app.engine.subscription(id).await?;
    (app.webhooks.reach.again)(id, known, seq).await?;
    let known = app.engine.subscription(id).await?;
    let note = known.delivery(seq).ok_or_else(|| {
        let message = format!("webhook {id} has forgotten delivery {} while it was sent", seq.0);
        Rejection::new(errors::WEBHOOK_DELIVERY_NOT_FOUND, message)
    })?;
    Ok(Json(DeliveryView::of(id, note)))
}

fn named(id: &str) -> Result<SubscriptionId, Failed> {
    SubscriptionId::parse(id)
        .ok_or_else(|| Rejection::new(errors::WEBHOOK_NOT_FOUND, format!("there is no webhook {id}")).into())
}

fn own_secret(text: &SecretText) -> Result<WebhookSecret, Failed> {
    let secret =
        WebhookSecret::parse(&text.0).map_err(|malformed| invalid(format!("`secret`: {malformed}")))?;
    if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.strength()) {
        return Err(invalid(format!(
            "`secret` has {} bytes; it may have {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}",
            secret.strength()
        )));
    }
    Ok(secret)
}

fn seal(app: &App, secret: &WebhookSecret, id: SubscriptionId) -> SealedSecret {
    app.webhooks.seal.seal(secret, id)
}

async fn order(app: &App, id: SubscriptionId, order: SubscriptionOrder) -> Result<Accepted, Failed> {
    Ok(app.engine.submit(Command::OrderSubscription { subscription: id, order }).await?)
}

async fn act(
    app: &App,
    id: &str,
    wanted: SubscriptionOrder,
    status: &'static str,
) -> Result<Json<Done>, Failed> {
    let accepted = order(app, named(id)?, wanted).await?;
    Ok(Json(Done { id: id.to_owned(), status, seq: accepted.seq.0 }))
}

async fn made(
    app: &App,
    id: SubscriptionId,
    secret: Option<String>,
    accepted: &Accepted,
) -> Result<Json<WebhookMade>, Failed> {
    let known = app.engine.subscription(id).await?;
    Ok(Json(WebhookMade { webhook: WebhookView::of(id, &known), secret, seq: accepted.seq.0 }))
}
