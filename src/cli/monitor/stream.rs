//! Figures as they come, one JSON object a line.

use std::time::Duration;

use serde::Serialize;

use super::figures::{Figures, Pace, Sample};
use super::link::{Link, News};
use super::model::{self, Model, Told};
use crate::cli::output::Output;
use crate::client::Client;
use crate::clock;
use crate::protocol::time::Rfc3339;

/// One look.
#[derive(Serialize)]
struct Line<'m> {
    at: Rfc3339,
    /// Whether the server answered; the figures are those from before otherwise.
    connected: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'m str>,
    health: Option<&'m str>,
    #[serde(flatten)]
    figures: Option<&'m Figures>,
    queue_depth: u64,
    #[serde(flatten)]
    pace: Pace,
    #[serde(flatten)]
    sample: Sample,
}

/// Prints a line for each look, until somebody interrupts it.
pub async fn run(client: &Client, every: Duration, output: &Output) -> anyhow::Result<()> {
    // Whoever starts a stream wants to know at once that nobody is there.
    client.stats().await?;
    let mut link = Link::open(client, every);
    let mut model = Model::default();
    while let Some(news) = link.next().await {
        let News::Told(told) = news else { continue };
        let is_look = matches!(told, Told::Figures { .. } | Told::Lost(_));
        model.fold(told, clock::wall());
        if is_look {
            output.item(&line(&model), "", "")?;
        }
    }
    Ok(())
}

fn line(model: &Model) -> Line<'_> {
    let reason = match &model.link {
        model::Link::Lost { reason, .. } => Some(reason.as_str()),
        model::Link::Connecting | model::Link::Live => None,
    };
    Line {
        at: Rfc3339(clock::wall()),
        connected: reason.is_none(),
        reason,
        health: model.health.as_ref().map(|health| health.status.as_str()),
        figures: model.figures.as_ref(),
        queue_depth: model.figures.as_ref().map_or(0, Figures::queue_depth),
        pace: model.pace,
        sample: model.samples.latest(),
    }
}
