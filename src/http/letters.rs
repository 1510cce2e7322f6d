//! Dead letters: tasks that have failed for good.

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};

use super::App;
use super::problem::{Failed, invalid};
use super::workflows::{limit, place};
use crate::engine::LetterPlace;
use crate::protocol::rest::{LetterQuery, LetterView, Page};

pub async fn list(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Page<LetterView>>, Failed> {
    let query = LetterQuery::parse(query.as_deref().unwrap_or_default())?;
    let from = query.cursor.as_deref().map(letter_place).transpose()?;
    let page = app.engine.dead_letters(query.filter, from, limit(query.limit)).await?;
    let items = page.items.iter().map(|letter| LetterView::of(&letter.workflow, letter.index)).collect();
    Ok(Json(Page { items, next_cursor: page.next.map(cursor) }))
}

pub fn cursor(((at, id), index): LetterPlace) -> String {
    format!("{}-{:032x}-{index}", at.0, id.0)
}

pub fn letter_place(cursor: &str) -> Result<LetterPlace, Failed> {
    let unknown = || invalid(format!("cursor={cursor} is not one that this list gave"));
    let (workflow, index) = cursor.rsplit_once('-').ok_or_else(unknown)?;
    let place = place(workflow).map_err(|_| unknown())?;
    Ok((place, index.parse().map_err(|_| unknown())?))
}
