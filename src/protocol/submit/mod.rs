//! From a submitted body to a checked workflow.
//!
//! [`parse_submission`] takes the JSON or YAML of `POST /workflows`, [`parse_submit_event`] the payload of the
//! Socket.IO event `workflow:submit`. Both end in the same [`WorkflowSpec`], which needs no further check: names
//! are unique, references are known, there is no circle, limits are kept.

mod batch;
mod body;
mod builder;
mod edited;
mod event;
mod external;
mod form;
mod object;
mod policy;
mod rounded;
mod spot;
mod table;
mod task;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::core::errors::{PAYLOAD_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, WORKFLOW_PARSE_ERROR};
use crate::core::ids::Fingerprint;
use crate::core::json_text::is_deeper_than;
use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::core::spec::WorkflowSpec;

pub use batch::{Find, Found, Wanted, no_files_root};
pub use edited::check_edited;
pub use event::parse_submit_event;

/// A workflow that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The submitter's own id; without one the server makes one.
    pub id: Option<Arc<str>>,
    pub spec: WorkflowSpec,
    /// Of the body, byte for byte: the same id or key with another body is a conflict.
    pub body: Fingerprint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    Json,
    Yaml,
}

impl ContentType {
    /// Reads a `Content-Type` header. A body without one is taken for JSON.
    pub fn parse(header: Option<&str>) -> Result<Self, Rejection> {
        let Some(header) = header else { return Ok(Self::Json) };
        let media = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            "application/json" | "text/json" => Ok(Self::Json),
            "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Ok(Self::Yaml),
            _ => Err(Rejection::new(
                UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "the content type `{}` is neither JSON nor YAML; send application/json or application/yaml",
                    shortened(&media)
                ),
            )),
        }
    }
}

/// Reads and checks a workflow, where there is no files root to look for the files of a batch.
pub fn parse_submission(
    bytes: &[u8],
    content_type: ContentType,
    limits: &SubmissionLimits,
) -> Result<Submission, Rejection> {
    parse_with_files(bytes, content_type, limits, &no_files_root)
}

/// Reads and checks a workflow; the files of a batch are found by `find`.
pub fn parse_with_files(
    bytes: &[u8],
    content_type: ContentType,
    limits: &SubmissionLimits,
    find: Find<'_>,
) -> Result<Submission, Rejection> {
    let text = checked_text(bytes, content_type, limits)?;
    let (id, spec) = match content_type {
        ContentType::Json => body::from_json(text, limits, find)?,
        ContentType::Yaml => body::from_yaml(text, limits, find)?,
    };
    Ok(Submission { id, spec, body: Fingerprint::of(bytes) })
}

fn checked_text<'b>(
    bytes: &'b [u8],
    content_type: ContentType,
    limits: &SubmissionLimits,
) -> Result<&'b str, Rejection> {
    if bytes.len() > limits.body_bytes_max {
        return Err(Rejection::new(
            PAYLOAD_TOO_LARGE,
            format!("the body has {} bytes; the limit is {}", bytes.len(), limits.body_bytes_max),
        ));
    }
    if content_type == ContentType::Json && is_deeper_than(bytes, limits.json_depth_max) {
        let depth = limits.json_depth_max;
        return Err(Rejection::new(
            WORKFLOW_PARSE_ERROR,
            format!("the body is nested more than {depth} deep; flatten the parameters or pass them as text"),
        ));
    }
    str::from_utf8(bytes).map_err(|error| {
        Rejection::new(WORKFLOW_PARSE_ERROR, format!("the body is not UTF-8 at byte {}", error.valid_up_to()))
    })
}

/// How much of a name or path a message repeats.
const SHOWN_BYTES_MAX: usize = 80;

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default()
}
