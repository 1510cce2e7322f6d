//! A prompt with places for what a file has: `{{file.name}}`, `{{file.path}}` and `{{file.content}}`.

use super::kind::Kind;
use super::{Content, File, reader, untemplated};
use crate::core::errors::PARAMETER_SUBSTITUTION_FAILED;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;

const PLACES: [(&str, Place); 3] =
    [("file.name", Place::Name), ("file.path", Place::Path), ("file.content", Place::Content)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Name,
    Path,
    Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Place),
}

/// A prompt, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt(Vec<Piece>);

impl Prompt {
    /// A prompt about texts that has no place for the content gets it at its end.
    pub(super) fn parse(text: &str, kind: Kind) -> Result<Self, Rejection> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, inner, after)) = next(rest) {
            match place(inner)? {
                Some(place) => {
                    pieces.push(Piece::Text(before.to_owned()));
                    pieces.push(Piece::Place(place));
                }
                None => pieces.push(Piece::Text(format!("{before}{{{{{inner}}}}}"))),
            }
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        let shows_content = pieces.contains(&Piece::Place(Place::Content));
        if shows_content && kind == Kind::Vision {
            return Err(Rejection::new(
                PARAMETER_SUBSTITUTION_FAILED,
                "`{{file.content}}` in the prompt of a vision batch: the image goes along by itself; leave it out",
            ));
        }
        if kind == Kind::Text && !shows_content {
            pieces.push(Piece::Text("\n\n".to_owned()));
            pieces.push(Piece::Place(Place::Content));
        }
        Ok(Self(pieces))
    }

    /// The prompt for one file, as JSON. What the prompt's author wrote stays as it is; what comes from the file
    /// is no template.
    pub(super) fn filled(&self, file: &File<'_>) -> String {
        let mut json = String::from("\"");
        for piece in &self.0 {
            let part = match piece {
                Piece::Text(text) => super::text(text),
                Piece::Place(Place::Name) => untemplated(file.name),
                Piece::Place(Place::Path) => untemplated(file.path),
                Piece::Place(Place::Content) => match file.content {
                    Content::Text(text) => untemplated(text),
                    Content::Read { place } => super::text(&format!("{{{{{}.result}}}}", reader(place))),
                    Content::Base64(_) | Content::Path => super::text(""),
                },
            };
            let inside = part.strip_prefix('"').and_then(|part| part.strip_suffix('"'));
            json.push_str(inside.expect("a text stands in quotes"));
        }
        json.push('"');
        json
    }
}

/// What stands before the next two braces, between them and the closing ones, and behind.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (inner, after) = rest.split_once("}}")?;
    Some((before, inner, after))
}

fn place(inner: &str) -> Result<Option<Place>, Rejection> {
    let name = inner.trim();
    if let Some((_, place)) = PLACES.iter().find(|(known, _)| *known == name) {
        return Ok(Some(*place));
    }
    if !name.starts_with("file.") {
        return Ok(None);
    }
    let known = PLACES.map(|(known, _)| known);
    Err(Rejection::new(
        PARAMETER_SUBSTITUTION_FAILED,
        format!(
            "`{{{{{name}}}}}` in the prompt is nothing that a file has{} (known: {})",
            suggestion(name, known),
            known.join(", ")
        ),
    ))
}
