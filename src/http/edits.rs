//! Parameters edited on the way to a retry.

use serde_json::value::RawValue;

use super::App;
use super::problem::{Failed, invalid};
use crate::core::command::Edit;
use crate::core::json_text::compact;
use crate::core::payload::Payload;
use crate::core::state::Workflow;
use crate::protocol::rest::merge;
use crate::protocol::submit::check_edited;

/// A task's parameters with the changes of a merge patch, checked as a submission is.
pub async fn patched(app: &App, workflow: &Workflow, index: u32, patch: &RawValue) -> Result<Edit, Failed> {
    if !patch.get().starts_with('{') {
        return Err(invalid("`parameters` must be an object of the names and values that change"));
    }
    let over = workflow.parameters_of(index).clone();
    let before = app.engine.payload(&over).await?;
    let merged = merge(before.as_str(), patch.get())
        .map_err(|error| invalid(format!("the parameters could not be merged: {error}")))?;
    let merged = compact(&merged);
    let checked = check_edited(before.as_str(), &merged, workflow.spec.route_of(index), &app.limits)?;
    Ok(Edit { over, parameters: Payload::new(checked.as_ref()) })
}
