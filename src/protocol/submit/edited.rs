//! Parameters that take the place of submitted ones.

use std::borrow::Cow;

use super::form::explicit;
use super::policy::invalid;
use crate::core::errors::PAYLOAD_TOO_LARGE;
use crate::core::json_text::is_deeper_than;
use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::core::spec::Route;

/// Checks compact parameters as those of a submission. They must lead to the same workers: which these are was
/// settled when the workflow was submitted.
///
/// # Errors
/// What is wrong with them.
pub fn check_edited(parameters: &str, route: &Route, limits: &SubmissionLimits) -> Result<(), Rejection> {
    if parameters.len() > limits.body_bytes_max {
        return Err(Rejection::new(
            PAYLOAD_TOO_LARGE,
            format!("the parameters have {} bytes; the limit is {}", parameters.len(), limits.body_bytes_max),
        ));
    }
    let depth = limits.json_depth_max;
    if is_deeper_than(parameters.as_bytes(), depth) {
        return Err(invalid(format!("the parameters are nested more than {depth} deep")));
    }
    let work = explicit(&route.task_type, Cow::Borrowed(parameters), None)?;
    let settled = [
        ("function_name", &route.function, &work.function),
        ("external_task_type", &route.external_type, &work.external_type),
        ("service_name", &route.service, &work.service),
    ];
    match settled.into_iter().find(|(_, before, after)| before != after) {
        None => Ok(()),
        Some((key, ..)) => Err(invalid(format!(
            "`{key}` says who runs the task and cannot be edited; submit a new workflow, or skip the task with a \
             value"
        ))),
    }
}
