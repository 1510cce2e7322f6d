//! Pages: several small workflows in one value, in the order of their places.
//!
//! sled keeps some 75 bytes of memory for every leaf entry and splits its leaves by count, so a key for each
//! workflow would cost four times the memory and twice the time. A page is found by the first place in it: it
//! holds everything from there up to the next page.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::bytes::{self, Undecodable};
use super::error::StoreError;
use super::keys::{self, Tag};
use super::kv::{Direction, Kv, KvError, Pair, VALUE_BYTES_MAX, WriteBatch, first};
use crate::core::ids::{Timestamp, WorkflowId};
use crate::core::listing::Place;

/// Pages are filled up to this. Much larger ones would make sled's leaves large, of which it keeps thousands in
/// memory whatever its cache is set to.
const PAGE_BYTES: usize = 1_024;

/// One workflow inside a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry<'a> {
    /// Milliseconds after the place of the page.
    after_ms: u64,
    id: [u8; 16],
    head: &'a [u8],
}

/// About what an entry takes beside its head.
const ENTRY_OVERHEAD: usize = 3 + 16 + 3;

/// Workflows by place, with their encoded heads.
pub type Heads = BTreeMap<Place, Vec<u8>>;
/// Shows one workflow, with its encoded head.
type Look<'a> = dyn FnMut(Place, &[u8]) -> Result<ControlFlow<()>, StoreError> + 'a;
/// Shows the workflows of one page.
type LookAtPage<'a> = dyn FnMut(&[(Place, &[u8])]) -> Result<ControlFlow<()>, StoreError> + 'a;
/// Heads to put, or to take out.
pub type Changes = BTreeMap<Place, Option<Vec<u8>>>;

/// Takes a page apart.
fn decode<'a>(key: &[u8], value: &'a [u8]) -> Result<Vec<(Place, &'a [u8])>, Undecodable> {
    let first = keys::place_of_page(key).ok_or_else(|| Undecodable::new("a page", "its key is no place"))?;
    let entries: Vec<Entry<'a>> = bytes::decode("a page", value)?;
    let place = |entry: &Entry<'_>| {
        (Timestamp(first.0.0.wrapping_add(entry.after_ms)), WorkflowId(u128::from_be_bytes(entry.id)))
    };
    Ok(entries.iter().map(|entry| (place(entry), entry.head)).collect())
}

fn encode(heads: &[(Place, Vec<u8>)]) -> Option<Pair> {
    let (first, _) = heads.first()?;
    let mut entries = Vec::with_capacity(heads.len());
    for (place, head) in heads {
        entries.push(Entry { after_ms: place.0.since(first.0), id: place.1.0.to_be_bytes(), head });
    }
    Some((keys::page(*first), bytes::encode(&entries)))
}

/// The head of one workflow.
pub fn find(kv: &dyn Kv, place: Place) -> Result<Option<Vec<u8>>, StoreError> {
    let Some((key, value)) = page_of(kv, place)? else { return Ok(None) };
    let entries = decode(&key, &value)?;
    let found = entries.binary_search_by_key(&place, |(other, _)| *other).ok();
    Ok(found.and_then(|at| entries.get(at)).map(|(_, head)| head.to_vec()))
}

/// The page in which the place lies or would lie.
fn page_of(kv: &dyn Kv, place: Place) -> Result<Option<Pair>, KvError> {
    let (from, _) = Tag::Page.all();
    first(kv, &from, &keys::after(keys::page(place)), Direction::Descending)
}

/// Shows the workflows before `before` (or all), the latest first, until `visit` breaks.
pub fn scan_back(kv: &dyn Kv, before: Option<Place>, visit: &mut Look<'_>) -> Result<(), StoreError> {
    let (from, end) = Tag::Page.all();
    let to = before.map_or(end, keys::page);
    let mut outcome = Ok(());
    kv.range(&from, &to, Direction::Descending, &mut |key, value| {
        let shown = decode(key, value).map_err(StoreError::from).and_then(|entries| {
            let within = |place: &Place| before.is_none_or(|before| *place < before);
            for (place, head) in entries.into_iter().rev().filter(|(place, _)| within(place)) {
                if visit(place, head)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        });
        settle(shown, &mut outcome)
    })?;
    outcome
}

/// Shows the workflows from `from` on, page by page, until `visit` breaks.
pub fn scan(kv: &dyn Kv, from: Place, visit: &mut LookAtPage<'_>) -> Result<(), StoreError> {
    let (start, to) = Tag::Page.all();
    let start = page_of(kv, from)?.map_or(start, |(key, _)| key);
    let mut outcome = Ok(());
    kv.range(&start, &to, Direction::Ascending, &mut |key, value| {
        let shown = decode(key, value).map_err(StoreError::from).and_then(|entries| {
            let skipped = entries.partition_point(|(place, _)| *place < from);
            visit(entries.get(skipped..).unwrap_or_default())
        });
        settle(shown, &mut outcome)
    })?;
    outcome
}

fn settle(
    shown: Result<ControlFlow<()>, StoreError>,
    outcome: &mut Result<(), StoreError>,
) -> ControlFlow<()> {
    match shown {
        Ok(flow) => flow,
        Err(error) => {
            *outcome = Err(error);
            ControlFlow::Break(())
        }
    }
}

/// Adds the rewriting of all touched pages to the batch, and returns the heads that were there before.
pub fn change(kv: &dyn Kv, changes: Changes, batch: &mut WriteBatch) -> Result<Heads, StoreError> {
    let mut before = Heads::new();
    let mut changes = changes.into_iter().peekable();
    while let Some((start, _)) = changes.peek() {
        let start = *start;
        let page = page_of(kv, start)?;
        let next = next_page(kv, start)?;
        let mut heads = Heads::new();
        if let Some((key, value)) = &page {
            heads.extend(decode(key, value)?.into_iter().map(|(place, head)| (place, head.to_vec())));
        }
        while let Some((place, head)) = changes.next_if(|(place, _)| next.is_none_or(|next| *place < next)) {
            let old = match head {
                Some(head) => heads.insert(place, head),
                None => heads.remove(&place),
            };
            before.extend(old.map(|old| (place, old)));
        }
        if let Some((key, _)) = page {
            batch.remove(key);
        }
        let fill = if next.is_none() { Fill::Tightly } else { Fill::Evenly };
        for (key, value) in divide(heads, fill) {
            batch.put(key, value);
        }
    }
    Ok(before)
}

/// The place of the page after the one in which `place` lies.
fn next_page(kv: &dyn Kv, place: Place) -> Result<Option<Place>, KvError> {
    let (_, to) = Tag::Page.all();
    let found = first(kv, &keys::after(keys::page(place)), &to, Direction::Ascending)?;
    Ok(found.and_then(|(key, _)| keys::place_of_page(&key)))
}

/// How full pages become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// At the end, where workflows come in the order of their places.
    Tightly,
    /// In between, where more may come to each of them.
    Evenly,
}

fn divide(heads: Heads, fill: Fill) -> Vec<Pair> {
    let size = |head: &Vec<u8>| head.len() + ENTRY_OVERHEAD;
    let total: usize = heads.values().map(size).sum();
    let limit = match fill {
        Fill::Tightly => PAGE_BYTES,
        Fill::Evenly => total.div_ceil(total.div_ceil(PAGE_BYTES).max(1)),
    };
    let mut pages = Vec::new();
    let mut page: Vec<(Place, Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    for (place, head) in heads {
        // A single large head has a page of its own, which is still within the limit for values.
        debug_assert!(size(&head) < VALUE_BYTES_MAX, "a head of {} bytes", head.len());
        if bytes >= limit || bytes + size(&head) > PAGE_BYTES {
            pages.extend(encode(&page));
            page.clear();
            bytes = 0;
        }
        bytes += size(&head);
        page.push((place, head));
    }
    pages.extend(encode(&page));
    pages
}
