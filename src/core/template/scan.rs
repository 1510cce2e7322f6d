//! Where templates stand in a text, and what they mean.

use std::borrow::Cow;

use super::path::STEPS_MAX;
use super::{BadReference, Problem};

/// Longer names are not looked up. It is the longest name a workflow may hold, and it keeps the cost of a
/// template that is nothing but `.result.result...` linear.
const NAME_BYTES_MAX: usize = 256;

const RESULT: &str = ".result";

/// A template and the text around it, as written between the quotes of a JSON string.
#[derive(Debug)]
pub(super) struct Template<'t> {
    pub(super) before: &'t str,
    /// With its braces.
    pub(super) whole: &'t str,
    raw_inner: &'t str,
    pub(super) after: &'t str,
}

impl Template<'_> {
    /// What stands between the braces, with escapes resolved.
    pub(super) fn inner(&self) -> Cow<'_, str> {
        if !self.raw_inner.contains('\\') {
            return Cow::Borrowed(self.raw_inner.trim());
        }
        let decoded: String = serde_json::from_str(&format!("\"{}\"", self.raw_inner))
            .unwrap_or_else(|_| self.raw_inner.to_owned());
        Cow::Owned(decoded.trim().to_owned())
    }
}

/// The first template in `text`. An opening inside an opening starts anew, so every byte is read once.
pub(super) fn next_template(text: &str) -> Option<Template<'_>> {
    let bytes = text.as_bytes();
    let next_is = |at: usize, byte: u8| bytes.get(at + 1) == Some(&byte);
    let mut open: Option<(usize, Close)> = None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, open) {
            (b'{', _) if next_is(at, b'{') => {
                // Of three braces in a row the last two open.
                while next_is(at + 1, b'{') {
                    at += 1;
                }
                open = Some((at, Close::TwoBraces));
                at += 2;
            }
            (b'$', _) if next_is(at, b'{') && !next_is(at + 1, b'{') => {
                open = Some((at, Close::OneBrace));
                at += 2;
            }
            (b'}', Some((start, Close::OneBrace))) => return cut(text, start, at, 1),
            (b'}', Some((start, Close::TwoBraces))) if next_is(at, b'}') => return cut(text, start, at, 2),
            _ => at += 1,
        }
    }
    None
}

#[derive(Debug, Clone, Copy)]
enum Close {
    OneBrace,
    TwoBraces,
}

fn cut(text: &str, start: usize, inner_end: usize, closing: usize) -> Option<Template<'_>> {
    let end = inner_end + closing;
    Some(Template {
        before: text.get(..start)?,
        whole: text.get(start..end)?,
        raw_inner: text.get(start + 2..inner_end)?,
        after: text.get(end..)?,
    })
}

/// What the inside of a template means.
#[derive(Debug)]
pub(super) enum Meaning<'t, T> {
    Reference {
        found: T,
        name: &'t str,
        /// Empty, or a dot and the steps with dots between them.
        path: &'t str,
    },
    /// Not a template at all.
    Text,
}

pub(super) fn meaning<'t, T>(
    inner: &'t str,
    find: &dyn Fn(&str) -> Option<T>,
) -> Result<Meaning<'t, T>, BadReference> {
    let bad = |problem| BadReference { inner: inner.to_owned(), problem };
    let near = inner.get(..inner.floor_char_boundary(NAME_BYTES_MAX + RESULT.len())).unwrap_or_default();
    for (place, _) in near.rmatch_indices(RESULT) {
        let Some((name, path)) = split_at_result(inner, place) else { continue };
        if let Some(found) = find(name) {
            if path.split('.').skip(1).count() > STEPS_MAX {
                return Err(bad(Problem::TooManySteps));
            }
            return Ok(Meaning::Reference { found, name, path });
        }
    }
    if let Some((name, _)) = inner.match_indices(RESULT).find_map(|(place, _)| split_at_result(inner, place))
    {
        return Err(bad(Problem::UnknownTask { name: name.to_owned() }));
    }
    let first = inner.split_once('.').map_or(inner, |(first, _)| first);
    match [inner, first].into_iter().find(|name| name.len() <= NAME_BYTES_MAX && find(name).is_some()) {
        Some(name) => Err(bad(Problem::NoResult { name: name.to_owned() })),
        None => Ok(Meaning::Text),
    }
}

/// Cuts at a `.result` that ends the text or is followed by a dot.
fn split_at_result(inner: &str, place: usize) -> Option<(&str, &str)> {
    let path = inner.get(place + RESULT.len()..)?;
    let name = inner.get(..place)?;
    (!name.is_empty() && (path.is_empty() || path.starts_with('.'))).then_some((name, path))
}
