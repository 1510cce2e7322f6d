//! Dead letters, and the verbs that act on many things at once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::list_query::{self, pairs};
use super::problem::Problem;
use super::task::TaskView;
use super::words;
use crate::core::errors::{Code, INVALID_ARGUMENT};
use crate::core::letters::LetterFilter;
use crate::core::rejection::Rejection;
use crate::core::state::Workflow;

/// A task that has failed for good.
#[derive(Debug, Serialize, ToSchema)]
pub struct LetterView {
    #[serde(flatten)]
    pub task: TaskView,
    pub workflow_name: Arc<str>,
    #[schema(schema_with = words::workflow_status)]
    pub workflow_status: &'static str,
}

impl LetterView {
    pub fn of(workflow: &Workflow, index: u32) -> Self {
        Self {
            task: TaskView::of(workflow, index),
            workflow_name: Arc::clone(&workflow.spec.name),
            workflow_status: workflow.status.name(),
        }
    }
}

/// What the query string of `GET /dead-letters` says.
#[derive(Debug, Default)]
pub struct LetterQuery {
    pub filter: LetterFilter,
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

impl LetterQuery {
    /// # Errors
    /// The key or value that means nothing here.
    pub fn parse(query: &str) -> Result<Self, Rejection> {
        let mut parsed = Self::default();
        for (key, value) in pairs(query)? {
            match key.as_str() {
                "cursor" => parsed.cursor = Some(value),
                "limit" => parsed.limit = Some(list_query::limit(&value)?),
                _ => letter_condition(&mut parsed.filter, &key, value)?,
            }
        }
        Ok(parsed)
    }
}

/// Adds one condition on failed tasks; all that is not about the failure is about the workflow.
fn letter_condition(filter: &mut LetterFilter, key: &str, value: String) -> Result<(), Rejection> {
    match key {
        "code" => {
            for code in value.split(',').map(str::trim) {
                filter.codes.push(self::code(code)?);
            }
        }
        "service" => filter.service = Some(value),
        "text" => filter.text = Some(value),
        "failed_after" => filter.failed_after = Some(list_query::time(key, &value)?),
        "failed_before" => filter.failed_before = Some(list_query::time(key, &value)?),
        _ => list_query::condition(&mut filter.workflow, key, value)?,
    }
    Ok(())
}

fn code(text: &str) -> Result<Code, Rejection> {
    Code::parse(text).ok_or_else(|| {
        let message = format!("code={text} is not in the catalogue; see /api/v1/errors");
        Rejection::new(INVALID_ARGUMENT, message)
    })
}

/// The body of a verb on many things.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BulkRequest {
    /// Conditions as in the query of the list, with lists for several values; `metadata` is an object.
    #[serde(default)]
    #[schema(required)]
    pub filter: Map<String, Value>,
    pub limit: Option<usize>,
    /// Only says what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Where an earlier answer says that there is more.
    pub cursor: Option<String>,
}

/// Whether a verb acts or only says what it would act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rehearsal {
    Dry,
    Real,
}

impl BulkRequest {
    pub const fn rehearsal(&self) -> Rehearsal {
        if self.dry_run { Rehearsal::Dry } else { Rehearsal::Real }
    }

    /// The conditions on failed tasks.
    ///
    /// # Errors
    /// A condition that means nothing here, or none at all.
    pub fn letters(&self) -> Result<LetterFilter, Rejection> {
        let mut filter = LetterFilter::default();
        for (key, value) in self.conditions()? {
            letter_condition(&mut filter, &key, value)?;
        }
        Ok(filter)
    }

    /// The conditions on workflows, and the codes of which one of their tasks must have failed.
    ///
    /// # Errors
    /// A condition that means nothing here, or none at all.
    pub fn workflows(&self) -> Result<(list_query::ListFilter, Vec<Code>), Rejection> {
        let (mut filter, mut codes) = (list_query::ListFilter::default(), Vec::new());
        for (key, value) in self.conditions()? {
            if key == "code" {
                codes.push(code(&value)?);
            } else {
                list_query::condition(&mut filter, &key, value)?;
            }
        }
        Ok((filter, codes))
    }

    fn conditions(&self) -> Result<Vec<(String, String)>, Rejection> {
        let conditions = conditions_of(&self.filter)?;
        if conditions.is_empty() {
            return Err(Rejection::new(
                INVALID_ARGUMENT,
                "`filter` has no condition; a verb that acts on everything has to say so, for instance by `status`",
            ));
        }
        Ok(conditions)
    }
}

/// The conditions of a filter, one for each value.
///
/// # Errors
/// Which condition has a value that is no text.
pub(super) fn conditions_of(filter: &Map<String, Value>) -> Result<Vec<(String, String)>, Rejection> {
    let mut conditions = Vec::new();
    for (key, value) in filter {
        match (key.as_str(), value) {
            ("metadata", Value::Object(members)) => {
                for (member, value) in members {
                    conditions.push((format!("metadata.{member}"), plain(key, value)?));
                }
            }
            (_, Value::Array(values)) => {
                for value in values {
                    conditions.push((key.clone(), plain(key, value)?));
                }
            }
            _ => conditions.push((key.clone(), plain(key, value)?)),
        }
    }
    Ok(conditions)
}

fn plain(key: &str, value: &Value) -> Result<String, Rejection> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Array(_) | Value::Object(_) => Err(Rejection::new(
            INVALID_ARGUMENT,
            format!("the condition `{key}` has a value that is no text"),
        )),
    }
}

/// What a verb did to many things. Each of them is a request of its own: one that is refused stops no other.
#[derive(Debug, Serialize, ToSchema)]
pub struct BulkDone {
    pub dry_run: bool,
    pub done: Vec<BulkItem>,
    pub refused: Vec<BulkRefusal>,
    /// Pass it as `cursor` to go on; null when nothing else fits the filter.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BulkItem {
    pub id: Arc<str>,
    pub name: Arc<str>,
    /// Of a task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_id: Option<Arc<str>>,
    /// After the verb; before it in a rehearsal.
    pub status: &'static str,
    /// Position of the log at which this is true; null in a rehearsal.
    pub seq: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct BulkRefusal {
    pub id: Arc<str>,
    pub name: Arc<str>,
    pub error: Problem,
}
