//! What a deserializer complained about, as a refusal that names the place, the key and the nearest known key.

use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::error::Category;
use serde_path_to_error::Track;
use serde_saphyr::{Error as YamlError, MessageFormatter, UserMessageFormatter};

use crate::core::errors::{
    INVALID_ARGUMENT, REQUIRED_FIELD_MISSING, UNKNOWN_FIELD, WORKFLOW_PARSE_ERROR, YAML_PARSE_ERROR,
};
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;

/// Where there are more keys than this, a message does not list them.
const KNOWN_SHOWN_MAX: usize = 24;

/// Reads a refused JSON text again, this time keeping track of the path.
pub(super) fn locate_json<'de>(what: &str, text: &'de str, seed: impl DeserializeSeed<'de>) -> Rejection {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut track = Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let read = seed.deserialize(tracked).map(drop).and_then(|()| deserializer.end());
    let Err(error) = read else { return unexplained() };
    let place = place(track, error.line(), error.column());
    match error.classify() {
        Category::Data => data_fault(&without_place(&error), &place),
        Category::Io | Category::Syntax | Category::Eof => Rejection::new(
            WORKFLOW_PARSE_ERROR,
            format!("{what} is not valid JSON: {} ({place})", without_place(&error)),
        ),
    }
}

/// The same for YAML.
pub(super) fn locate_yaml<'de>(
    text: &'de str,
    options: serde_saphyr::Options,
    seed: impl DeserializeSeed<'de>,
) -> Rejection {
    let mut track = Track::new();
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        seed.deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track)).map(drop)
    });
    let Err(error) = read else { return unexplained() };
    let error = error.without_snippet();
    told_of_yaml(text, error, track)
}

/// What is wrong with a text that is no YAML, whatever else is wrong with what it says: people look for a mistake of
/// indentation where it is, and not where it shows.
pub(super) fn malformed_yaml(text: &str, options: serde_saphyr::Options) -> Option<Rejection> {
    let mut track = Track::new();
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        IgnoredAny::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track)).map(drop)
    });
    let error = read.err()?;
    let told = told_of_yaml(text, error.without_snippet(), track);
    (told.code == YAML_PARSE_ERROR).then_some(told)
}

fn told_of_yaml(text: &str, error: &YamlError, track: Track) -> Rejection {
    let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
    let told = yaml_fault(error, &place(track, line, column));
    if !has_bare_template(text, line) {
        return told;
    }
    let message = format!(
        "{}; a template stands in quotes, as in \"{{{{a.result}}}}\": YAML takes braces for an object",
        told.message
    );
    Rejection { message, ..told }
}

/// Whether a value in this line, or in the one before it, begins with a template that is not quoted.
fn has_bare_template(text: &str, line: impl TryInto<usize>) -> bool {
    const BARE: [&str; 4] = [": {{", "- {{", "[{{", ", {{"];
    let line: usize = line.try_into().unwrap_or_default();
    let near = text.lines().skip(line.saturating_sub(2)).take(2.min(line));
    near.into_iter().any(|line| BARE.iter().any(|bare| line.contains(bare)))
}

/// Where the reading of a YAML text stops: `at ..., line ..., column ...`.
pub(super) fn place_in_yaml<'de>(
    text: &'de str,
    options: serde_saphyr::Options,
    seed: impl DeserializeSeed<'de>,
) -> Option<String> {
    let mut track = Track::new();
    let read = serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        seed.deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track)).map(drop)
    });
    let error = read.err()?;
    let at = error.without_snippet().location()?;
    Some(place(track, at.line(), at.column()))
}

/// A deserializer's message without the place that it adds.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Messages of deserializers repeat what they found, which may be of any length.
fn capped(message: &str) -> &str {
    const MESSAGE_BYTES_MAX: usize = 300;
    message.get(..message.floor_char_boundary(MESSAGE_BYTES_MAX)).unwrap_or_default()
}

/// A name or path as far as a message repeats it.
fn named(text: &str) -> &str {
    const NAME_BYTES_MAX: usize = 80;
    text.get(..text.floor_char_boundary(NAME_BYTES_MAX)).unwrap_or_default()
}

fn unexplained() -> Rejection {
    Rejection::new(WORKFLOW_PARSE_ERROR, "the body could not be read")
}

fn place(track: Track, line: impl std::fmt::Display, column: impl std::fmt::Display) -> String {
    // A question mark stands for a step that was not read to its end.
    let path = track.path().to_string();
    let path = path.trim_end_matches('?').trim_end_matches('.');
    if path.is_empty() {
        return format!("line {line}, column {column}");
    }
    format!("at `{}`, line {line}, column {column}", named(path))
}

/// Serde says what is wrong in a text that has been the same since its first release.
fn data_fault(message: &str, place: &str) -> Rejection {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (first, others) =
        quoted.split_first().map_or(("", [].as_slice()), |(first, others)| (*first, others));
    if message.starts_with("unknown field `") {
        return unknown_key(first, others, place);
    }
    if message.starts_with("missing field `") {
        return missing_key(first, place);
    }
    if message.starts_with("duplicate field `") {
        return repeated_key(first, place);
    }
    Rejection::new(INVALID_ARGUMENT, format!("{} ({place})", capped(message)))
}

fn yaml_fault(error: &YamlError, place: &str) -> Rejection {
    if let YamlError::AliasError { error, .. } = error {
        return yaml_fault(error, place);
    }
    if let YamlError::SerdeUnknownField { field, expected, .. } = error {
        return unknown_key(field, expected, place);
    }
    if let YamlError::SerdeMissingField { field, .. } = error {
        return missing_key(field, place);
    }
    if let YamlError::DuplicateMappingKey { key: Some(key), .. } = error {
        return repeated_key(key, place);
    }
    let is_data = matches!(
        error,
        YamlError::SerdeInvalidType { .. }
            | YamlError::SerdeInvalidValue { .. }
            | YamlError::SerdeInvalidLength { .. }
            | YamlError::InvalidBooleanStrict { .. }
            | YamlError::InvalidScalar { .. }
            | YamlError::NullIntoString { .. }
            | YamlError::Unexpected { .. }
            | YamlError::NonFiniteFloat { .. }
            | YamlError::Message { .. }
    );
    let code = if is_data { INVALID_ARGUMENT } else { YAML_PARSE_ERROR };
    let message = UserMessageFormatter.format_message(error);
    // The parser speaks of its events, people of what they wrote.
    let message = match message.as_ref() {
        "expected sequence start" => "expected a list",
        "expected mapping start" => "expected an object of names and values",
        other => other,
    };
    Rejection::new(code, format!("{} ({place})", capped(message)))
}

fn unknown_key(key: &str, known: &[&str], place: &str) -> Rejection {
    let near = suggestion(key, known.iter().copied());
    let all = if near.is_empty() && known.len() <= KNOWN_SHOWN_MAX {
        format!("; there are {}", known.join(", "))
    } else {
        String::new()
    };
    Rejection::new(UNKNOWN_FIELD, format!("there is no key `{}`{near}{all} ({place})", named(key)))
}

fn missing_key(key: &str, place: &str) -> Rejection {
    Rejection::new(REQUIRED_FIELD_MISSING, format!("`{key}` is missing ({place})"))
}

fn repeated_key(key: &str, place: &str) -> Rejection {
    Rejection::new(INVALID_ARGUMENT, format!("`{}` is given twice ({place})", named(key)))
}
