//! What came out: a table for people, JSON for programs.

use std::time::Duration;

use serde::Serialize;

use super::desk::State;
use crate::cli::output::{lines, print, table};

#[derive(Debug, Serialize)]
pub(in crate::cli::conformance) struct Report {
    services: u32,
    /// The most that one service held at once.
    window: u32,
    /// All that ended, with those of the warm-up.
    tasks: u32,
    /// Without those of the warm-up.
    measured_tasks: u32,
    tasks_per_s: f64,
    wall_s: f64,
    /// From sending a task to its result.
    task_ms: TaskMs,
    completed: u32,
    failed: u32,
    refused: u32,
    stray_reports: u32,
    errors: Vec<String>,
    #[serde(skip)]
    wanted: u32,
}

#[derive(Debug, Serialize)]
struct TaskMs {
    p50: f64,
    p99: f64,
    max: f64,
}

impl Report {
    pub(super) fn of(state: &State) -> Self {
        let (measured, took) = state.measured();
        let ms = |duration: Duration| (duration.as_secs_f64() * 1e6).round() / 1e3;
        let latency = &state.latency;
        let wall_s = took.as_secs_f64();
        Self {
            services: state.services,
            window: state.window,
            tasks: state.ended(),
            measured_tasks: measured,
            tasks_per_s: if wall_s > 0.0 { (f64::from(measured) / wall_s).round() } else { 0.0 },
            wall_s: (wall_s * 1e3).round() / 1e3,
            task_ms: TaskMs {
                p50: ms(latency.quantile(0.5)),
                p99: ms(latency.quantile(0.99)),
                max: ms(latency.max()),
            },
            completed: state.completed,
            failed: state.failed,
            refused: state.refused,
            stray_reports: state.stray,
            errors: state.errors.clone(),
            wanted: state.load.tasks,
        }
    }

    pub(in crate::cli::conformance) fn all_completed(&self) -> bool {
        self.completed == self.wanted && self.stray_reports == 0
    }

    /// In one sentence.
    pub(super) fn told(&self) -> String {
        let Self { completed, failed, refused, stray_reports, wanted, errors, .. } = self;
        let errors = if errors.is_empty() { String::new() } else { format!("; {}", errors.join("; ")) };
        format!(
            "{completed} of {wanted} tasks completed, {failed} failed, {refused} refused at capacity, \
             {stray_reports} reports of tasks that were not out{errors}"
        )
    }

    pub(in crate::cli::conformance) fn print(&self, json: bool) {
        if json {
            print(&(serde_json::to_string_pretty(self).expect("figures and texts are JSON") + "\n"));
            return;
        }
        let head =
            ["services", "window", "tasks", "tasks/s", "wall s", "p50 ms", "p99 ms", "max ms", "failed"];
        let TaskMs { p50, p99, max } = self.task_ms;
        let row = vec![
            self.services.to_string(),
            self.window.to_string(),
            self.measured_tasks.to_string(),
            format!("{:.0}", self.tasks_per_s),
            format!("{:.3}", self.wall_s),
            format!("{p50:.3}"),
            format!("{p99:.3}"),
            format!("{max:.3}"),
            self.failed.to_string(),
        ];
        let note = (!self.all_completed()).then(|| self.told());
        print(&(table(&head, [row]) + &lines(note)));
    }
}
