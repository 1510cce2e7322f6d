//! What a question without an answer means for its task.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::ask::Ask;
use super::endpoint::{Endpoint, Health};
use super::pool::{Pool, Troubles, fits, listed};
use super::trouble::Trouble;
use crate::clock;
use crate::core::command::FailureReport;
use crate::core::errors::{self, Code};
use crate::core::nearest::suggestion;
use crate::executor::whole_ms;
use crate::executor::work::{Undone, failure};

/// The model that the task, the configuration, or the lack of any other names.
pub fn model(pool: &Pool, ask: &Ask) -> Result<Arc<str>, FailureReport> {
    if let Some(model) = &ask.model {
        return Ok(Arc::clone(model));
    }
    let known = known_models(pool, ask);
    let mut models = known.iter();
    if let (Some(only), None) = (models.next(), models.next()) {
        return Ok(Arc::clone(only));
    }
    let message = format!(
        "the task names no model, and `default_model` is not set; give `model_name` ({})",
        listed(&known)
    );
    Err(failure(errors::REQUIRED_FIELD_MISSING, message))
}

/// No endpoint will ever have these tags.
pub fn no_tags(pool: &Pool, ask: &Ask) -> FailureReport {
    let wanted: Vec<&str> = ask.tags.iter().map(|tag| &**tag).collect();
    let tags: BTreeSet<&str> =
        pool.endpoints().iter().flat_map(|endpoint| &endpoint.config.tags).map(|tag| &**tag).collect();
    let known = if tags.is_empty() {
        "no endpoint has any".to_owned()
    } else {
        format!("there are: {}", tags.into_iter().collect::<Vec<_>>().join(", "))
    };
    let message = format!("no endpoint has the tags {} ({known})", wanted.join(", "));
    failure(errors::INVALID_ARGUMENT, message)
}

/// What becomes of an attempt for which there is nobody left to ask. One that has asked nobody has not begun: it waits for
/// the end of a pause, or, where no endpoint can be used at all, until they have been looked at again.
pub fn undone(pool: &Pool, ask: &Ask, model: &str, troubles: &Troubles) -> Undone {
    if troubles.0.is_empty() {
        let fitting = pool.endpoints().iter().filter(|endpoint| fits(endpoint, ask));
        let now = clock::instant();
        let is_closed = !pool.endpoints().iter().any(|endpoint| endpoint.standing().is_usable(now));
        let wait = pause_of(fitting, model).or_else(|| is_closed.then(|| pool.health_interval()));
        if let Some(wait) = wait {
            return Undone::Postponed(wait);
        }
    }
    failed(pool, ask, model, troubles).into()
}

/// The shortest pause of endpoints that may have the model.
fn pause_of<'a>(fitting: impl Iterator<Item = &'a Arc<Endpoint>>, model: &str) -> Option<Duration> {
    let now = clock::instant();
    let paused = fitting.filter_map(|endpoint| {
        let left = endpoint.standing().pause_left(now)?;
        endpoint.has(model).then_some(left)
    });
    paused.min()
}

/// The failure of an attempt that nobody answered.
pub fn failed(pool: &Pool, ask: &Ask, model: &str, troubles: &Troubles) -> FailureReport {
    let fitting: Vec<&Arc<Endpoint>> =
        pool.endpoints().iter().filter(|endpoint| fits(endpoint, ask)).collect();
    let (code, pause) = verdict(&fitting, model, troubles);
    let message = if code == errors::OLLAMA_MODEL_NOT_FOUND {
        no_model(pool, ask, model, &fitting, troubles)
    } else {
        let told: Vec<String> = fitting.iter().map(|endpoint| told(endpoint, troubles)).collect();
        format!("no endpoint answered for model {model}: {}", told.join("; "))
    };
    let retry_after_ms = pause.map(whole_ms);
    FailureReport { retry_after_ms, ..failure(code, message) }
}

/// What all of them together come to, and how long to wait where that is known.
fn verdict(fitting: &[&Arc<Endpoint>], model: &str, troubles: &Troubles) -> (Code, Option<Duration>) {
    let any = |wanted: fn(&Trouble) -> bool| troubles.0.iter().any(|(_, trouble)| wanted(trouble));
    if any(|trouble| matches!(trouble, Trouble::TooLong(_))) {
        return (errors::PAYLOAD_TOO_LARGE, None);
    }
    if any(|trouble| matches!(trouble, Trouble::Refused(_))) {
        return (errors::MODEL_REQUEST_REFUSED, None);
    }
    if fitting.iter().all(|endpoint| is_without(endpoint, model, troubles)) {
        return (errors::OLLAMA_MODEL_NOT_FOUND, None);
    }
    if let Some(pause) = pause_of(fitting.iter().copied(), model) {
        return (errors::MODEL_RATE_LIMITED, Some(pause));
    }
    if any(|trouble| matches!(trouble, Trouble::BrokenOff(_) | Trouble::Unreadable(_) | Trouble::Failed(_))) {
        return (errors::MODEL_RESPONSE_FAILED, None);
    }
    (errors::OLLAMA_CONNECTION_FAILED, None)
}

/// Whether the endpoint is there and has said that it does not have the model.
fn is_without(endpoint: &Arc<Endpoint>, model: &str, troubles: &Troubles) -> bool {
    let trouble =
        troubles.0.iter().find(|(known, _)| Arc::ptr_eq(known, endpoint)).map(|(_, trouble)| trouble);
    match trouble {
        Some(trouble) => matches!(trouble, Trouble::NoModel(_)),
        None => endpoint.standing().health == Health::Good && !endpoint.has(model),
    }
}

/// What one endpoint said to this question, or how it stands where it was not asked.
fn told(endpoint: &Arc<Endpoint>, troubles: &Troubles) -> String {
    let trouble = troubles.0.iter().rfind(|(known, _)| Arc::ptr_eq(known, endpoint));
    let said = trouble.map_or_else(
        || endpoint.standing().remark(clock::instant()),
        |(_, trouble)| trouble.text().to_owned(),
    );
    format!("{}: {said}", endpoint.title())
}

fn no_model(pool: &Pool, ask: &Ask, model: &str, fitting: &[&Arc<Endpoint>], troubles: &Troubles) -> String {
    let known = known_models(pool, ask);
    let near = suggestion(model, known.iter().map(|name| &**name));
    let asked =
        troubles.0.iter().filter(|(endpoint, _)| fitting.iter().any(|fits| Arc::ptr_eq(fits, endpoint)));
    let said: Vec<String> = asked
        .map(|(endpoint, trouble)| format!("; {} says: {}", endpoint.config.name, trouble.text()))
        .collect();
    let said = said.concat();
    format!("no endpoint has the model `{model}`{near} (they have {}){said}", listed(&known))
}

fn known_models(pool: &Pool, ask: &Ask) -> BTreeSet<Arc<str>> {
    let fitting = pool.endpoints().iter().filter(|endpoint| fits(endpoint, ask));
    fitting.flat_map(|endpoint| endpoint.standing().models.clone().unwrap_or_default()).collect()
}
