//! Records as bytes: bincode with variable-length integers, large payloads as parts of their record.

#[cfg(test)]
mod golden;

use bincode::Options;

use crate::core::event::{Event, Record};
use crate::core::payload::Payload;
use crate::log::{Batch, RecordView};

/// What the log adds to a record, and at most to each of its payloads.
pub const HEAD_BYTES: u64 = 16;
/// A time of a record takes at most this.
const TIME_BYTES: u64 = 9;

/// A record that was written cannot be read: the file was made by a program that this one does not know.
#[derive(Debug, thiserror::Error)]
#[error(
    "record {seq} cannot be decoded ({reason}); it was written by another version, or the log is damaged"
)]
pub struct CodecError {
    pub seq: u64,
    pub reason: bincode::Error,
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_varint_encoding().allow_trailing_bytes()
}

/// Appends one record to the batch.
pub fn encode(record: &Record, batch: &mut Batch) {
    let texts = record.event.own_texts();
    batch.push(
        |body| options().serialize_into(body, record).expect("plain types in memory always encode"),
        texts.into_iter().map(Payload::as_str),
    );
}

/// Reads one record. Its large payloads stay in the log.
///
/// # Errors
/// When the bytes are not a record.
pub fn decode(view: &RecordView<'_>) -> Result<Record, CodecError> {
    options().deserialize(view.body).map_err(|reason| CodecError { seq: view.seq.0, reason })
}

/// How many bytes an event will take as a record, or a few more.
pub fn size_hint(event: &Event) -> u64 {
    options().serialized_size(event).expect("plain types in memory always encode")
        + TIME_BYTES
        + HEAD_BYTES
        + event.own_texts().iter().map(|text| text.as_str().len() as u64 + HEAD_BYTES).sum::<u64>()
}
