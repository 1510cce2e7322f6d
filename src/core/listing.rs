//! Lists of workflows, in memory and in the store alike.

use std::sync::Arc;

use serde_json::Value;

use super::ids::{Fingerprint, Timestamp, WorkflowId};
use super::spec::WorkflowSpec;
use super::state::{StatusKind, Workflow, WorkflowStatus};

/// A place in lists: see [`Workflow::listed_at`].
pub type Place = (Timestamp, WorkflowId);

/// Which workflows a list shows. What is empty or absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    pub statuses: Vec<WorkflowStatus>,
    /// Part of the name, without regard to case.
    pub name: Option<String>,
    /// Beginnings of words of the name, in lower case; all of them must occur.
    pub words: Vec<String>,
    pub tags: Vec<String>,
    /// Members of the metadata, by name, with texts as they are and other values as JSON.
    pub metadata: Vec<(String, String)>,
    /// Created at this time or later.
    pub created_after: Option<Timestamp>,
    /// Created before this time.
    pub created_before: Option<Timestamp>,
}

/// A tag or a member of the metadata, as the store remembers it beside an archived workflow. 64 bits: among
/// millions of workflows no two labels are taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Label(pub u64);

/// Labels that one workflow is found by: the tags, then the members of the metadata. They take 8 bytes each beside
/// the workflow.
pub const LABELS_MAX: usize = 64;

impl Label {
    pub fn tag(tag: &str) -> Self {
        Self::of(&["t", tag])
    }

    pub fn metadata(key: &str, value: &str) -> Self {
        Self::of(&["m", key, value])
    }

    fn of(parts: &[&str]) -> Self {
        let Fingerprint(wide) = Fingerprint::of(parts.join("\0").as_bytes());
        Self(u64::try_from(wide >> 64).expect("half of 128 bits"))
    }

    /// The labels of a workflow, ascending.
    pub fn all_of(spec: &WorkflowSpec) -> Vec<Self> {
        let tags = spec.tags.iter().map(|tag| Self::tag(tag));
        let metadata = spec.metadata.as_ref().map(|text| members(text.as_str())).unwrap_or_default();
        let metadata = metadata.iter().map(|(key, value)| Self::metadata(key, value));
        let mut labels: Vec<Self> = tags.chain(metadata).take(LABELS_MAX).collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }
}

/// The members of a JSON object that are no lists or objects themselves.
fn members(object: &str) -> Vec<(String, String)> {
    let Ok(Value::Object(object)) = serde_json::from_str(object) else { return Vec::new() };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    object.iter().filter_map(|(key, value)| Some((key.clone(), text(value)?))).collect()
}

/// The words of a text, in lower case: runs of letters and digits.
pub fn words(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_lowercase)
}

/// A part of a list.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    pub items: Vec<Summary>,
    /// Where to read on; nothing at the end. A page may be short of items because a search is bounded.
    pub next: Option<Place>,
}

/// What a list says of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub place: Place,
    /// The id as its submitter knows it.
    pub label: Arc<str>,
    pub name: Arc<str>,
    pub status: WorkflowStatus,
    pub total: u32,
    pub completed: u32,
    pub failed: u32,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

impl Summary {
    pub fn of(workflow: &Workflow) -> Self {
        Self {
            place: workflow.listed_at(),
            label: workflow.label(),
            name: Arc::clone(&workflow.spec.name),
            status: workflow.status,
            total: workflow.spec.total(),
            completed: workflow.counts.of(StatusKind::Completed),
            failed: workflow.counts.of(StatusKind::Failed),
            created_at: workflow.created_at,
            started_at: workflow.started_at,
            ended_at: workflow.ended_at,
        }
    }
}

impl ListFilter {
    /// Whether a workflow in memory is wanted. Cheap refusals come first: the engine waits meanwhile.
    pub fn accepts(&self, workflow: &Workflow) -> bool {
        let spec = &workflow.spec;
        let has_tag = |tag: &String| spec.tags.iter().any(|known| **known == **tag);
        self.accepts_head(&spec.name, workflow.status, workflow.created_at)
            && self.tags.iter().all(has_tag)
            && (self.metadata.is_empty() || self.has_metadata(spec))
    }

    fn has_metadata(&self, spec: &WorkflowSpec) -> bool {
        let Some(text) = &spec.metadata else { return false };
        // Most texts do not even hold the words; one with escapes may spell them in another way.
        let text = text.as_str();
        let may_hold = |part: &String| text.contains('\\') || text.contains(part.as_str());
        if !self.metadata.iter().all(|(key, value)| may_hold(key) && may_hold(value)) {
            return false;
        }
        let members = members(text);
        self.metadata.iter().all(|wanted| members.contains(wanted))
    }

    /// The part that can be told without the specification.
    pub fn accepts_head(&self, name: &str, status: WorkflowStatus, created_at: Timestamp) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&status))
            && self.created_after.is_none_or(|after| created_at >= after)
            && self.created_before.is_none_or(|before| created_at < before)
            && self.name.as_ref().is_none_or(|part| name.to_lowercase().contains(&part.to_lowercase()))
            && self.accepts_words(name)
    }

    fn accepts_words(&self, name: &str) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let known: Vec<String> = words(name).collect();
        self.words.iter().all(|wanted| known.iter().any(|word| word.starts_with(wanted)))
    }

    /// The tags and metadata that an archived workflow must have.
    pub fn labels(&self) -> Vec<Label> {
        let tags = self.tags.iter().map(|tag| Label::tag(tag));
        tags.chain(self.metadata.iter().map(|(key, value)| Label::metadata(key, value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_the_beginnings_of_its_words() {
        let found = |text: &str, name: &str| {
            let filter = ListFilter { words: words(text).collect(), ..ListFilter::default() };
            filter.accepts_head(name, WorkflowStatus::Running, Timestamp(0))
        };
        assert!(found("month rep", "Monthly-Report 2026/11"));
        assert!(found("2026", "Monthly-Report 2026/11"));
        assert!(found("MÜLL", "Abfuhr: müllabfuhr"));
        assert!(found("", "anything"));
        assert!(!found("port", "Monthly-Report"));
        assert!(!found("month year", "Monthly-Report"));
    }

    #[test]
    fn metadata_members_are_texts_numbers_and_truths() {
        let members = members(r#"{"a":"x","b":1.50,"c":true,"d":null,"e":[1],"f":{"g":1}}"#);
        let expected = [("a", "x"), ("b", "1.5"), ("c", "true"), ("d", "null")];
        assert_eq!(members, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_ne!(Label::tag("a"), Label::metadata("a", ""));
    }
}
