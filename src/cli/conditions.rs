//! Which workflows are meant: the conditions that lists and verbs on many workflows share.

use anyhow::ensure;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::usage;
use crate::client::{PageRequest, WorkflowFilter, WorkflowStatus};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    Pending,
    Running,
    Paused,
    Completed,
    Failed,
    Cancelled,
}

/// All conditions that are given have to hold.
#[derive(Debug, Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct Conditions {
    /// Only workflows with this status; several with commas.
    #[arg(long, value_enum, value_delimiter = ',')]
    status: Vec<Status>,
    /// Only workflows whose name contains this text, without regard to case.
    #[arg(long)]
    name: Option<String>,
    /// Only workflows whose name has words that begin like these.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
    /// Only workflows with this tag; may be given several times.
    #[arg(long)]
    tag: Vec<String>,
    /// Only workflows with this member of the metadata; may be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = member)]
    metadata: Vec<(String, String)>,
    /// Only workflows created at this time or later: RFC 3339, or milliseconds since 1970.
    #[arg(long, value_name = "TIME")]
    created_after: Option<String>,
    /// Only workflows created before this time.
    #[arg(long, value_name = "TIME")]
    created_before: Option<String>,
}

fn member(word: &str) -> Result<(String, String), String> {
    let (key, value) = word.split_once('=').ok_or("it is no KEY=VALUE")?;
    if key.is_empty() {
        return Err("it has no key".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

impl Conditions {
    fn is_empty(&self) -> bool {
        let Self { status, name, text, tag, metadata, created_after, created_before } = self;
        let one_each = [name, text, created_after, created_before];
        status.is_empty() && tag.is_empty() && metadata.is_empty() && one_each.iter().all(|one| one.is_none())
    }

    /// They are about many workflows; whoever names one means no condition.
    pub(super) fn refuse_beside_an_id(&self) -> anyhow::Result<()> {
        ensure!(
            self.is_empty(),
            usage("conditions are for many workflows, and an id names one; leave out one of the two")
        );
        Ok(())
    }

    pub(super) fn listed(self, page: PageRequest) -> WorkflowFilter {
        WorkflowFilter {
            statuses: self.status.into_iter().map(WorkflowStatus::from).collect(),
            name: self.name,
            text: self.text,
            tags: self.tag,
            metadata: self.metadata,
            created_after: self.created_after,
            created_before: self.created_before,
            page,
        }
    }

    /// As the body of a verb on many things has them. `usual` are the statuses where none is given.
    pub(super) fn filter(self, usual: &[WorkflowStatus]) -> Map<String, Value> {
        let given: Vec<WorkflowStatus> = self.status.into_iter().map(WorkflowStatus::from).collect();
        let statuses = if given.is_empty() { usual } else { given.as_slice() };
        let statuses: Vec<Value> = statuses.iter().map(|status| Value::from(status.name())).collect();
        let mut filter = Map::from_iter([("status".to_owned(), Value::from(statuses))]);
        for (key, text) in [
            ("name", self.name),
            ("text", self.text),
            ("created_after", self.created_after),
            ("created_before", self.created_before),
        ] {
            filter.extend(text.map(|text| (key.to_owned(), Value::from(text))));
        }
        if !self.tag.is_empty() {
            filter.insert("tag".to_owned(), Value::from(self.tag));
        }
        filter
            .extend(self.metadata.into_iter().map(|(key, value)| (format!("metadata.{key}"), value.into())));
        filter
    }
}

impl From<Status> for WorkflowStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Running => Self::Running,
            Status::Paused => Self::Paused,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}
