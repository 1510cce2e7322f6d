//! `store dump`: the log and the archive as JSON lines, for people and their tools.

use std::io::{self, Write};
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::ser::Formatter;
use uuid::Uuid;

use super::check::FIRST_PLACE;
use super::error::StoreError;
use super::keys;
use super::pages;
use super::record;
use super::views::Store;
use crate::core::carried::CarriedWorkflow;
use crate::core::event::Event;
use crate::core::ids::{Seq, Timestamp};
use crate::core::listing::Place;
use crate::core::secret_parameters::without_secrets;
use crate::core::state::State;
use crate::log::LogRead;

#[derive(Serialize)]
struct RecordLine<'a> {
    seq: Seq,
    at: Timestamp,
    event: &'a Event,
}

#[derive(Serialize)]
struct WorkflowLine {
    workflow: CarriedWorkflow,
}

/// Writes the records from `from` on, one a line, and returns how many there were. Large payloads are told by
/// their length, and secrets among parameters not at all.
///
/// # Errors
/// When the log cannot be read or `out` not be written.
pub fn dump_log(log: &dyn LogRead, from: Seq, out: &mut dyn Write) -> Result<u64, StoreError> {
    let (mut count, mut outcome) = (0, Ok(()));
    log.scan(from.max(log.first_seq()), &mut |view| {
        let written = record::decode(&view).map_err(StoreError::from).and_then(|record| {
            write_line(&RecordLine { seq: view.seq, at: record.at, event: &record.event }, out)
        });
        match written {
            Ok(()) => {
                count += 1;
                ControlFlow::Continue(())
            }
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        }
    })?;
    outcome.map(|()| count)
}

impl Store {
    /// Writes the archived workflows, one a line, the earliest first, and returns how many there were.
    ///
    /// # Errors
    /// When the store or the log cannot be read or `out` not be written.
    pub fn dump(&self, out: &mut dyn Write) -> Result<u64, StoreError> {
        let (mut count, mut from) = (0, Some(FIRST_PLACE));
        let nothing = State::default();
        while let Some(start) = from.take() {
            for place in self.page_from(start)? {
                if let Some(workflow) = self.load(place.1)? {
                    write_line(&WorkflowLine { workflow: CarriedWorkflow::of(&workflow, &nothing) }, out)?;
                    count += 1;
                }
                from = Some(keys::place_after(place));
            }
        }
        Ok(count)
    }

    /// The places of the first page with any from `start` on.
    fn page_from(&self, start: Place) -> Result<Vec<Place>, StoreError> {
        let mut places = Vec::new();
        self.read(|kv| {
            pages::scan(kv, start, &mut |heads| {
                places.extend(heads.iter().map(|(place, _)| *place));
                Ok(if places.is_empty() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })
        })?;
        Ok(places)
    }
}

fn write_line(line: &impl Serialize, out: &mut dyn Write) -> Result<(), StoreError> {
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, ReadableIds);
    line.serialize(&mut serializer).expect("plain types in memory always become JSON");
    let mut text = with_strings_hidden(&String::from_utf8(text).expect("JSON is UTF-8"));
    text.push('\n');
    out.write_all(text.as_bytes()).map_err(|source| StoreError::Io {
        doing: "writing",
        path: "the dump".to_owned(),
        source,
    })
}

/// Parameters are texts that hold JSON; those with a secret are told without it.
fn with_strings_hidden(line: &str) -> String {
    let (mut told, mut rest) = (String::with_capacity(line.len()), line);
    while let Some((before, from)) = rest.split_once('"') {
        let end = end_of_string(from);
        let (inside, after) = from.split_at(end);
        let text: String = serde_json::from_str(&format!("\"{inside}\"")).expect("the line is JSON");
        told.push_str(before);
        told.push_str(&serde_json::to_string(&without_secrets(&text)).expect("a text is JSON"));
        rest = after.strip_prefix('"').unwrap_or(after);
    }
    told.push_str(rest);
    told
}

/// Where the quote is that ends a string of JSON, counted from behind the one that begins it.
fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    let ends = |(_, byte): &(usize, u8)| {
        let is_end = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_end
    };
    text.bytes().enumerate().find(ends).map_or(text.len(), |(at, _)| at)
}

/// Compact JSON in which numbers of 128 bits, which are ids and fingerprints, are written as UUIDs.
struct ReadableIds;

impl Formatter for ReadableIds {
    fn write_u128<W: ?Sized + Write>(&mut self, writer: &mut W, value: u128) -> io::Result<()> {
        write!(writer, "\"{}\"", Uuid::from_u128(value).hyphenated())
    }
}
