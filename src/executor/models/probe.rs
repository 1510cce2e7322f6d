//! Whether endpoints are there, and which models they have.

use std::time::Duration;

use futures_util::future::join_all;
use tracing::{debug, info};

use super::endpoint::{Endpoint, Health};
use super::pool::Pool;
use super::trouble::Trouble;

/// A list of models is at hand; a server that takes longer than this would not answer a question either.
const LIST_WITHIN: Duration = Duration::from_secs(5);

/// Asks all endpoints at once.
pub(super) async fn all(pool: &Pool) {
    join_all(pool.endpoints().iter().map(|endpoint| one(pool, endpoint))).await;
}

/// Asks one endpoint. What it says counts at once.
pub(super) async fn one(pool: &Pool, endpoint: &Endpoint) {
    match endpoint.list(LIST_WITHIN).await {
        Ok(models) => {
            let mut standing = endpoint.standing();
            let is_news = standing.health != Health::Good || standing.models != models;
            if standing.health != Health::Good {
                let models = models.as_ref().map(std::collections::BTreeSet::len);
                info!(endpoint = %endpoint.config.name, ?models, "an endpoint of models can be used");
            }
            standing.health = Health::Good;
            standing.models = models;
            drop(standing);
            if is_news {
                pool.note_change();
            }
        }
        Err(trouble) => pool.note_bad(endpoint, &trouble),
    }
}

/// An endpoint that cannot be used for a while, and why.
pub(super) fn mark_bad(endpoint: &Endpoint, trouble: &Trouble) -> bool {
    let mut standing = endpoint.standing();
    let health = Health::Bad(trouble.text().to_owned());
    let is_news = standing.health != health;
    if is_news {
        debug!(endpoint = %endpoint.config.name, said = trouble.text(), "an endpoint of models cannot be used");
    }
    standing.health = health;
    is_news
}
