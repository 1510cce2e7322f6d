//! Text and vision tasks: language models behind Ollama and behind whatever speaks the chat completions of `OpenAI`.
//!
//! Endpoints are the operator's configuration, so their addresses are not checked as those are that users name.
//! A request that breaks off before its end is worth nothing and goes to another endpoint; what watchers have seen
//! of it is told again from its beginning. Nothing here is kept: a restart asks all endpoints anew.

mod ask;
mod endpoint;
mod image;
mod live;
mod ollama;
mod openai;
mod outcome;
mod parameters;
mod pool;
mod probe;
mod rank;
mod stream;
mod trouble;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

pub(super) use image::Images;
pub(super) use live::Live;

use super::work::{Done, Undone, failure};
use crate::config::ModelsConfig;
use crate::core::payload::Payload;
use ask::Ask;
use endpoint::Connector;
use parameters::Parameters;
use pool::Pool;

/// What the desk of the models tells the engine it can do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// False while no endpoint can be used.
    pub is_open: bool,
    /// Every model that a usable endpoint lists, in all spellings that mean it.
    pub models: BTreeSet<Arc<str>>,
    /// A usable endpoint keeps no list, so it may have any model.
    pub may_be_any: bool,
    /// Requests at once, over all usable endpoints; at least 1.
    pub capacity: u32,
    /// What each endpoint said last.
    pub remark: Arc<str>,
}

/// The way to language models. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Models {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pool: Pool,
    images: Images,
    default_model: Option<Arc<str>>,
    pull: bool,
    /// Bytes of one answer.
    text_bytes_max: usize,
}

impl Models {
    pub(super) fn new(config: &ModelsConfig, images: Images, text_bytes_max: usize) -> Self {
        let connector = Connector::new(config.connect_timeout, config.response_timeout);
        Self {
            shared: Arc::new(Shared {
                pool: Pool::new(config, &connector),
                images,
                default_model: config.default_model.clone(),
                pull: config.pull,
                text_bytes_max,
            }),
        }
    }

    pub fn offer(&self) -> Offer {
        self.shared.pool.offer()
    }

    /// Changes when an endpoint comes, goes or has other models.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.pool.changes()
    }

    /// How long it may take until the health of an endpoint is looked at again.
    pub fn next_look(&self) -> Duration {
        let interval = self.shared.pool.health_interval();
        let pause_left = self.shared.pool.pause_left();
        pause_left.map_or(interval, |left| left.clamp(Duration::from_millis(10), interval))
    }

    /// Asks every endpoint whether it is there, and for its models.
    pub async fn look(&self) {
        probe::all(&self.shared.pool).await;
    }

    /// Runs a text task, or a vision task.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(super) async fn perform(
        &self,
        task_type: &str,
        parameters: &str,
        live: &Live,
    ) -> Result<Done, Undone> {
        let shared = &self.shared;
        let parameters = Parameters::parse(task_type, parameters)
            .map_err(|rejection| failure(rejection.code, rejection.message))?;
        let image = match &parameters.image {
            Some(source) => Some(shared.images.load(source).await?),
            None => None,
        };
        let ask = Ask::new(parameters, image, shared.default_model.clone(), shared.pull);
        let answer = shared.pool.ask(ask, live, shared.text_bytes_max).await?;
        let result = Payload::new(Value::String(answer.text).to_string());
        Ok(Done { result, usage: Some(Box::new(answer.usage)) })
    }
}
