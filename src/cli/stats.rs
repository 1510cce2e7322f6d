//! `gleitzeit stats`: figures of the server.

use std::sync::LazyLock;

use clap::Args;
use serde_json::{Map, Value};

use super::Exit;
use super::output::{Output, pairs, text};
use super::remote::Remote;
use crate::client::Stats as Figures;

/// Show figures of the server: what waits, what runs, and what the process uses.
#[derive(Debug, Args)]
pub(super) struct Stats {
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    remote: Remote,
}

impl Stats {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        self.remote.run(async |client| {
            let figures = client.stats().await?;
            self.output.one(&figures, &figures.version, || described(&figures))?;
            Ok(Exit::Ok)
        })
    }
}

pub(super) fn described(figures: &Figures) -> String {
    let more = &figures.more;
    let tasks = members(more, "tasks");
    let log = members(more, "log");
    pairs(&[
        ("version", figures.version.clone()),
        ("pid", figures.pid.to_string()),
        ("uptime", format!("{:.0} s", figures.uptime_seconds)),
        ("memory", mebibytes(figures.rss_bytes)),
        ("cpu", format!("{:.1} s", figures.cpu_seconds)),
        ("workflows", counts(members(more, "workflows"))),
        ("tasks running", text(tasks, "running")),
        ("tasks queued", counts(members(tasks, "queued"))),
        ("services", text(more, "connected_services")),
        ("log position", figures.seq.to_string()),
        ("log written", log.get("appended_bytes").and_then(Value::as_u64).map(mebibytes).unwrap_or_default()),
        ("log syncs", text(log, "batches")),
        ("read-only", text(log, "read_only")),
        ("to be archived", text(more, "archive_backlog")),
    ])
}

/// The members of a member; none where it is no object.
fn members<'v>(of: &'v Map<String, Value>, name: &str) -> &'v Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    of.get(name).and_then(Value::as_object).unwrap_or(&NONE)
}

/// `3 running, 1 paused`, and `none` where all of them are zero.
fn counts(members: &Map<String, Value>) -> String {
    let given = members.iter().filter(|(_, count)| count.as_u64() != Some(0));
    let parts: Vec<String> = given.map(|(name, count)| format!("{count} {name}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
