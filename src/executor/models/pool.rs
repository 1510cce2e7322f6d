//! All endpoints: who is asked next, and what becomes of a question that got no answer.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::select_all;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::ask::{Answer, Ask};
use super::endpoint::{Connector, Endpoint, Health, Pause};
use super::live::Live;
use super::rank::Rank;
use super::trouble::Trouble;
use super::{Offer, ollama, outcome, probe};
use crate::clock;
use crate::config::{EndpointKind, ModelsConfig, Strategy};
use crate::executor::work::Undone;
use crate::protocol::time::Rfc3339;

/// Models that are named in a remark or a message; their number is always exact.
const LISTED_MAX: usize = 20;
/// A remark is kept with the worker and told to whoever asks why a task waits.
const REMARK_BYTES_MAX: usize = 4 << 10;
/// Attempts of the desk, as many as any worker may hold.
const CAPACITY_MAX: u32 = 1_000;

#[derive(Debug)]
pub struct Pool {
    strategy: Strategy,
    endpoints: Vec<Arc<Endpoint>>,
    /// Choices so far. Held while one is made, so that two of them do not judge by the same picture.
    turn: Mutex<u64>,
    changed: watch::Sender<u64>,
    health_interval: Duration,
}

/// An endpoint, and the right to one request.
struct Chosen {
    endpoint: Arc<Endpoint>,
    _slot: OwnedSemaphorePermit,
}

/// What one question has met so far.
#[derive(Debug, Default)]
pub struct Troubles(pub Vec<(Arc<Endpoint>, Trouble)>);

impl Troubles {
    fn has(&self, endpoint: &Arc<Endpoint>) -> bool {
        self.0.iter().any(|(known, _)| Arc::ptr_eq(known, endpoint))
    }
}

impl Pool {
    pub fn new(config: &ModelsConfig, connector: &Connector) -> Self {
        let endpoint = |config: &crate::config::EndpointConfig| {
            Arc::new(Endpoint::new(config.clone(), connector.clone()))
        };
        Self {
            strategy: config.strategy,
            endpoints: config.endpoints.iter().map(endpoint).collect(),
            turn: Mutex::new(0),
            changed: watch::Sender::new(0),
            health_interval: config.health_interval,
        }
    }

    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// How often endpoints are looked at while somebody waits for them.
    pub const fn health_interval(&self) -> Duration {
        self.health_interval
    }

    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub fn note_change(&self) {
        self.changed.send_modify(|changes| *changes += 1);
    }

    /// Notes what keeps an endpoint from being used.
    pub fn note_bad(&self, endpoint: &Endpoint, trouble: &Trouble) {
        let is_news = if let Trouble::Busy { pause, said } = trouble {
            endpoint.standing().pause = Pause::of(*pause, said);
            true
        } else {
            probe::mark_bad(endpoint, trouble)
        };
        if is_news {
            self.note_change();
        }
    }

    /// How long until the next endpoint may be asked again that asked for a pause.
    pub fn pause_left(&self) -> Option<Duration> {
        let now = clock::instant();
        self.endpoints.iter().filter_map(|endpoint| endpoint.standing().pause_left(now)).min()
    }

    pub fn offer(&self) -> Offer {
        let now = clock::instant();
        let mut offer = Offer {
            is_open: false,
            models: BTreeSet::new(),
            may_be_any: false,
            capacity: 0,
            remark: Arc::from(""),
        };
        let mut remarks = Vec::new();
        for endpoint in &self.endpoints {
            let standing = endpoint.standing().clone();
            remarks.push(format!("endpoint {} {}", endpoint.title(), standing.remark(now)));
            if !standing.is_usable(now) {
                continue;
            }
            offer.is_open = true;
            offer.may_be_any |= standing.models.is_none();
            offer.capacity = offer.capacity.saturating_add(endpoint.config.concurrency);
            for model in standing.models.iter().flatten() {
                if endpoint.config.kind == EndpointKind::Ollama {
                    offer.models.extend(ollama::short_name(model).map(Arc::from));
                }
                offer.models.insert(Arc::clone(model));
            }
        }
        offer.capacity = offer.capacity.clamp(1, CAPACITY_MAX);
        let remark = remarks.join("; ");
        offer.remark =
            Arc::from(remark.get(..remark.floor_char_boundary(REMARK_BYTES_MAX)).unwrap_or_default());
        offer
    }

    /// Asks one endpoint after the other until one has answered to the end.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn ask(&self, mut ask: Ask, live: &Live, limit: usize) -> Result<Answer, Undone> {
        let model = outcome::model(self, &ask)?;
        let mut troubles = Troubles::default();
        if !self.endpoints.iter().any(|endpoint| fits(endpoint, &ask)) {
            return Err(outcome::no_tags(self, &ask).into());
        }
        // Each turn of this loop takes an endpoint out, looks at the lists again, or fetches the model: once each.
        let mut looked = false;
        loop {
            let Some(chosen) = self.choose(&ask, &model, &troubles).await else {
                if !looked && self.may_be_stale(&ask, &troubles) {
                    looked = true;
                    probe::all(self).await;
                    continue;
                }
                if std::mem::take(&mut ask.pull) {
                    self.pull(&ask, &model, live, &mut troubles).await;
                    continue;
                }
                return Err(outcome::undone(self, &ask, &model, &troubles));
            };
            let endpoint = &chosen.endpoint;
            match endpoint.answer(&ask, &model, live, limit).await {
                Ok((answer, first_after)) => {
                    note_answer(endpoint, first_after);
                    return Ok(answer);
                }
                Err(trouble) => {
                    self.note_trouble(endpoint, &model, &trouble);
                    let is_final = matches!(trouble, Trouble::Refused(_) | Trouble::TooLong(_));
                    troubles.0.push((Arc::clone(endpoint), trouble));
                    if is_final {
                        return Err(outcome::failed(self, &ask, &model, &troubles).into());
                    }
                }
            }
        }
    }

    /// An endpoint with the model and a free slot; waits for a slot where all are taken.
    async fn choose(&self, ask: &Ask, model: &Arc<str>, troubles: &Troubles) -> Option<Chosen> {
        loop {
            // Followed before it is looked at, so that no change falls between the two.
            let mut changes = self.changes();
            let now = clock::instant();
            let able: Vec<&Arc<Endpoint>> = self
                .endpoints
                .iter()
                .filter(|endpoint| !troubles.has(endpoint) && fits(endpoint, ask) && endpoint.has(model))
                .filter(|endpoint| endpoint.standing().is_usable(now))
                .collect();
            if able.is_empty() {
                return None;
            }
            if let Some(chosen) = self.take(&able, model) {
                return Some(chosen);
            }
            let waiting = able.iter().map(|endpoint| {
                let endpoint = Arc::clone(endpoint);
                Box::pin(async move {
                    let slot = Arc::clone(&endpoint.slots).acquire_owned().await;
                    Chosen { endpoint, _slot: slot.expect("slots are never closed") }
                })
            });
            tokio::select! {
                (chosen, _, _) = select_all(waiting) => {
                    // It may have gone bad while others waited in front of us.
                    if chosen.endpoint.standing().is_usable(clock::instant()) {
                        self.note_choice(&chosen.endpoint, model);
                        return Some(chosen);
                    }
                }
                _ = changes.changed() => {}
            }
        }
    }

    /// The best endpoint with a free slot.
    fn take(&self, able: &[&Arc<Endpoint>], model: &Arc<str>) -> Option<Chosen> {
        let mut turn = self.turn.lock().expect("nothing panics while it holds the turn");
        let mut ranked: Vec<(Rank, &Arc<Endpoint>)> = able
            .iter()
            .map(|endpoint| (Rank::of(self.strategy, endpoint, model, *turn), *endpoint))
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let (endpoint, slot) = ranked.into_iter().find_map(|(_, endpoint)| {
            Some((endpoint, Arc::clone(&endpoint.slots).try_acquire_owned().ok()?))
        })?;
        *turn += 1;
        choose(endpoint, *turn, model);
        Some(Chosen { endpoint: Arc::clone(endpoint), _slot: slot })
    }

    fn note_choice(&self, endpoint: &Endpoint, model: &Arc<str>) {
        let mut turn = self.turn.lock().expect("nothing panics while it holds the turn");
        *turn += 1;
        choose(endpoint, *turn, model);
    }

    /// Whether an endpoint that can be used may have got the model since it was asked for its list.
    fn may_be_stale(&self, ask: &Ask, troubles: &Troubles) -> bool {
        troubles.0.is_empty() && self.usable(ask).next().is_some()
    }

    /// Has the first Ollama that can be used fetch the model.
    async fn pull(&self, ask: &Ask, model: &Arc<str>, live: &Live, troubles: &mut Troubles) {
        let ollama = |endpoint: &&Arc<Endpoint>| endpoint.config.kind == EndpointKind::Ollama;
        let first = self.usable(ask).filter(ollama).min_by_key(|endpoint| endpoint.config.priority);
        let Some(endpoint) = first.cloned() else { return };
        match endpoint.pull(model, live).await {
            Ok(()) => {
                troubles.0.retain(|(known, _)| !Arc::ptr_eq(known, &endpoint));
                probe::one(self, &endpoint).await;
            }
            Err(trouble) => {
                self.note_trouble(&endpoint, model, &trouble);
                troubles.0.push((endpoint, trouble));
            }
        }
    }

    fn usable<'a>(&'a self, ask: &'a Ask) -> impl Iterator<Item = &'a Arc<Endpoint>> {
        let now = clock::instant();
        self.endpoints
            .iter()
            .filter(move |endpoint| fits(endpoint, ask) && endpoint.standing().is_usable(now))
    }

    /// What a failed question says of the endpoint, whoever asks next.
    fn note_trouble(&self, endpoint: &Endpoint, model: &str, trouble: &Trouble) {
        match trouble {
            Trouble::Unreachable(_) | Trouble::Busy { .. } | Trouble::Unauthorized(_) => {
                self.note_bad(endpoint, trouble);
            }
            Trouble::NoModel(_) => {
                if let Some(models) = &mut endpoint.standing().models {
                    models.remove(model);
                    models.remove(&*ollama::full_name(model));
                }
                self.note_change();
            }
            // These may be the fault of the one question.
            Trouble::Failed(_)
            | Trouble::BrokenOff(_)
            | Trouble::Unreadable(_)
            | Trouble::Refused(_)
            | Trouble::TooLong(_) => {}
        }
    }
}

/// Whether the endpoint has all tags that the question asks for.
pub fn fits(endpoint: &Endpoint, ask: &Ask) -> bool {
    ask.tags.is_subset(&endpoint.config.tags)
}

fn choose(endpoint: &Endpoint, turn: u64, model: &Arc<str>) {
    let mut standing = endpoint.standing();
    standing.last_turn = turn;
    standing.last_model = Some(Arc::clone(model));
}

/// The typical time follows the measured one, and forgets an outlier within a few answers.
fn note_answer(endpoint: &Endpoint, first_after: Duration) {
    let measured = u64::try_from(first_after.as_millis()).unwrap_or(u64::MAX).max(1);
    let mut standing = endpoint.standing();
    let known = standing.response_ms.unwrap_or(measured);
    standing.response_ms = Some(known.saturating_mul(2).saturating_add(measured) / 3);
}

impl super::endpoint::Standing {
    /// What is to be said of an endpoint to whoever waits.
    pub fn remark(&self, now: Instant) -> String {
        match &self.health {
            Health::Unasked => "is being asked".to_owned(),
            Health::Bad(said) => format!("cannot be used: {said}"),
            Health::Good => match (&self.pause, &self.models) {
                (Some(pause), _) if pause.until > now => {
                    format!("asked for a pause until {}: {}", Rfc3339(pause.shown), pause.said)
                }
                (_, Some(models)) => format!("has {}", listed(models)),
                (_, None) => "has no list of models".to_owned(),
            },
        }
    }
}

/// `3 models: a, b, c`.
pub fn listed(models: &BTreeSet<Arc<str>>) -> String {
    let named: Vec<&str> = models.iter().take(LISTED_MAX).map(|name| &**name).collect();
    match (models.len(), named.len()) {
        (0, _) => "no models".to_owned(),
        (1, _) => format!("1 model: {}", named.join(", ")),
        (all, some) if all > some => format!("{all} models: {}, and others", named.join(", ")),
        (all, _) => format!("{all} models: {}", named.join(", ")),
    }
}
