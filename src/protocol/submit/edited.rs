//! Parameters that take the place of submitted ones.

use std::borrow::Cow;

use super::external::Entries;
use super::form::explicit;
use super::policy::invalid;
use crate::core::errors::{PAYLOAD_TOO_LARGE, UNKNOWN_FIELD};
use crate::core::json_text::is_deeper_than;
use crate::core::limits::SubmissionLimits;
use crate::core::rejection::Rejection;
use crate::core::spec::Route;
use crate::protocol::task_parameters;

/// Fields of a task that people take for parameters. They are settled when the workflow is submitted.
const SETTLED: [&str; 6] =
    ["timeout_seconds", "queue_timeout_seconds", "max_retries", "retry", "priority", "dependencies"];

/// Checks compact parameters as those of a submission, and gives them their form. They must lead to the same workers: which
/// these are was settled when the workflow was submitted. A name that the type does not have may only stay where it was
/// submitted, since the worker may know it: a new one is in the wrong place.
///
/// # Errors
/// What is wrong with them.
pub fn check_edited<'p>(
    before: &str,
    parameters: &'p str,
    route: &Route,
    limits: &SubmissionLimits,
) -> Result<Cow<'p, str>, Rejection> {
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
    check_names(before, parameters, &route.task_type)?;
    let work = explicit(&route.task_type, Cow::Borrowed(parameters), None)?;
    let settled = [
        ("function_name", &route.function, &work.function),
        ("external_task_type", &route.external_type, &work.external_type),
        ("service_name", &route.service, &work.service),
    ];
    match settled.into_iter().find(|(_, before, after)| before != after) {
        None => Ok(work.parameters),
        Some((key, ..)) => Err(invalid(format!(
            "`{key}` says who runs the task and cannot be edited; submit a new workflow, or skip the task with a \
             value"
        ))),
    }
}

fn check_names(before: &str, after: &str, task_type: &str) -> Result<(), Rejection> {
    let [before, after] = [before, after].map(|json| {
        let entries: Result<Entries<'_>, _> = serde_json::from_str(json);
        entries.expect("parameters are an object of JSON")
    });
    if before.json_of("external_timeout") != after.json_of("external_timeout") {
        return Err(invalid(
            "`external_timeout` is settled when the workflow is submitted and cannot be edited; submit a new workflow",
        ));
    }
    let is_new = |name: &&str| !before.names().any(|known| known == *name);
    let Some(stray) = after.names().filter(is_new).find(|name| !task_parameters::has(task_type, name)) else {
        return Ok(());
    };
    if SETTLED.contains(&stray) {
        return Err(invalid(format!(
            "`{stray}` is settled when the workflow is submitted and cannot be edited; submit a new workflow"
        )));
    }
    Err(Rejection::new(UNKNOWN_FIELD, task_parameters::misplaced(task_type, stray)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::errors::INVALID_ARGUMENT;

    fn edit(task_type: &str, before: &str, after: &str) -> Result<String, Rejection> {
        let route = Route {
            task_type: Arc::from(task_type),
            external_type: None,
            service: None,
            function: (task_type == "function").then(|| Arc::from("f")),
            requirements: None,
        };
        let checked = check_edited(before, after, &route, &SubmissionLimits::default());
        checked.map(Cow::into_owned)
    }

    #[test]
    fn a_new_name_is_one_of_the_type() {
        for (task_type, before, after, hint) in [
            (
                "external_ml",
                r#"{"external_parameters":{},"external_timeout":9}"#,
                r#"{"external_parameters":{},"external_timeout":9,"model_params":1}"#,
                "`external_parameters.model_params`",
            ),
            ("function", r#"{"function_name":"f"}"#, r#"{"function_name":"f","n":1}"#, "`kwargs.n`"),
            ("text", "{}", r#"{"model":"m"}"#, "`model_name`"),
            ("vision", "{}", r#"{"image":"m"}"#, "`image_path`"),
            ("text", "{}", r#"{"promt":"m"}"#, "did you mean `prompt`"),
            ("http", r#"{"url":"u"}"#, r#"{"url":"u","header":{}}"#, "did you mean `headers`"),
            ("file", "{}", r#"{"path":"u"}"#, "source_path"),
        ] {
            let refused = edit(task_type, before, after).unwrap_err();
            assert_eq!(refused.code, UNKNOWN_FIELD, "{after}");
            assert!(refused.message.contains(hint), "{after}: {}", refused.message);
        }
        // What was submitted is between the submitter and the worker.
        edit("text", r#"{"top_k":1}"#, r#"{"top_k":2,"prompt":"p"}"#).unwrap();
        edit("function", r#"{"function_name":"f","x":1}"#, r#"{"function_name":"f","x":2,"args":[]}"#)
            .unwrap();
    }

    #[test]
    fn what_is_settled_stays_and_what_is_taken_out_leaves_its_form() {
        for after in [
            r#"{"external_parameters":{},"external_timeout":8}"#,
            r#"{"external_parameters":{}}"#,
            r#"{"external_parameters":{},"external_timeout":9,"max_retries":1}"#,
            r#"{"external_parameters":{},"external_timeout":9,"service_name":"other"}"#,
        ] {
            let refused = edit("external_api", r#"{"external_parameters":{},"external_timeout":9}"#, after)
                .unwrap_err();
            assert_eq!(refused.code, INVALID_ARGUMENT, "{after}");
        }
        let bare = edit(
            "external_api",
            r#"{"external_parameters":{"a":1},"external_timeout":9}"#,
            r#"{"external_timeout":9}"#,
        );
        assert_eq!(bare.unwrap(), r#"{"external_parameters":{},"external_timeout":9}"#);
    }
}
