//! Fields of a line for people, with the id of the request that it belongs to.

use std::fmt;

use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};

use crate::http::current_request;

/// As usual, and `request_id` behind the others.
pub(super) struct Fields(DefaultFields);

impl Fields {
    pub fn new() -> Self {
        Self(DefaultFields::new())
    }
}

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        self.0.format_fields(writer.by_ref(), fields)?;
        match current_request() {
            // As the other names: in italics, with a dim sign.
            Some(id) if writer.has_ansi_escapes() => {
                write!(writer, " \u{1b}[3mrequest_id\u{1b}[0m\u{1b}[2m=\u{1b}[0m{id}")
            }
            Some(id) => write!(writer, " request_id={id}"),
            None => Ok(()),
        }
    }
}
