//! What comes out: a table for people, JSON for programs.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::cli::latency::Latency;
use crate::cli::output::{lines, table};

/// All scenarios of one run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub scenarios: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
pub struct Outcome {
    pub scenario: String,
    pub tasks: u32,
    /// From the first submission to the last receipt.
    #[serde(serialize_with = "rounded")]
    pub tasks_per_s: f64,
    #[serde(serialize_with = "rounded")]
    pub wall_s: f64,
    /// Not where services are somebody's own processes: nobody but they and the server sees their hops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop_ms: Option<HopMs>,
    /// The highest that was seen.
    #[serde(serialize_with = "rounded")]
    pub server_rss_mb: f64,
    /// User and system time that the scenario has cost the server.
    #[serde(serialize_with = "rounded")]
    pub server_cpu_s: f64,
    pub exactly_once: bool,
    /// `dispatch` and `service`: from the submission to its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted_s: Option<f64>,
    /// `--duration` alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// For people.
    #[serde(skip)]
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct HopMs {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

/// Ten seconds of a long run.
#[derive(Debug, Serialize)]
pub struct Window {
    #[serde(serialize_with = "rounded")]
    pub until_s: f64,
    #[serde(serialize_with = "rounded")]
    pub tasks_per_s: f64,
    #[serde(serialize_with = "rounded")]
    pub server_rss_mb: f64,
    pub archive_backlog: u64,
}

impl HopMs {
    pub fn of(latency: &Latency) -> Self {
        let ms = |duration: Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
        Self { p50: ms(latency.quantile(0.5)), p99: ms(latency.quantile(0.99)), max: ms(latency.max()) }
    }
}

/// To a thousandth: more digits would be noise.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's serialize_with hands over a reference")]
fn rounded<S: Serializer>(figure: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((figure * 1e3).round() / 1e3)
}

impl Report {
    pub fn exactly_once(&self) -> bool {
        self.scenarios.iter().all(|outcome| outcome.exactly_once)
    }

    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("figures and texts are JSON")
    }

    pub fn table(&self) -> String {
        let head = [
            "scenario",
            "tasks",
            "tasks/s",
            "wall s",
            "hop p50 ms",
            "p99 ms",
            "max ms",
            "server MB",
            "CPU s",
            "exactly once",
        ];
        let rows = self.scenarios.iter().map(|outcome| {
            let hop = |figure: fn(HopMs) -> f64| {
                outcome.hop_ms.map_or_else(|| "-".to_owned(), |hop| format!("{:.3}", figure(hop)))
            };
            vec![
                outcome.scenario.clone(),
                outcome.tasks.to_string(),
                format!("{:.0}", outcome.tasks_per_s),
                format!("{:.3}", outcome.wall_s),
                hop(|hop| hop.p50),
                hop(|hop| hop.p99),
                hop(|hop| hop.max),
                format!("{:.1}", outcome.server_rss_mb),
                format!("{:.2}", outcome.server_cpu_s),
                if outcome.exactly_once { "yes" } else { "NO" }.to_owned(),
            ]
        });
        let table = table(&head, rows);
        let notes = self
            .scenarios
            .iter()
            .flat_map(|outcome| outcome.notes.iter().map(|note| format!("{}: {note}", outcome.scenario)));
        table + &lines(notes)
    }
}
