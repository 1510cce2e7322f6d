//! What the demo prints in the end.

use serde_json::Value;

use super::super::output::{lines, pairs};
use crate::client::WorkflowResults;

/// The task of the workflow that gathers the figures worth seeing.
const REPORT: &str = "Report";

/// The status on a line of its own, then names and figures, then what went wrong.
pub fn of(results: &WorkflowResults, notifications: usize) -> String {
    let tasks = format!("{} of {} completed", results.completed_tasks, results.total_tasks);
    let mut shown = vec![
        ("workflow", results.workflow_id.clone()),
        ("tasks", tasks),
        ("seconds", format!("{:.1}", results.execution_time_seconds)),
    ];
    let figures = results.results.get(REPORT).and_then(Value::as_object);
    shown.extend(figures.into_iter().flatten().map(|(name, value)| (name.as_str(), text(value))));
    shown.push(("notifications received", notifications.to_string()));
    let errors = results.errors.iter();
    let errors =
        errors.map(|(name, failure)| format!("{name}: error[{}]: {}", failure.code, failure.message));
    format!("{}\n{}{}", results.status, pairs(&shown), lines(errors))
}

/// Text without quotes, fractions without noise, everything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            format!("{:.4}", number.as_f64().expect("a fraction is a float"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}
