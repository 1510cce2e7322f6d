//! Templates in parameters: `{{Train Model.result.accuracy}}` or `${task_1.result.rows.0.id}`.
//!
//! A template is two braces, or a dollar sign and a brace, around the name, key or own id of a task, `.result`,
//! and a path of keys and array indexes. It may stand in any string of the parameters, however deep; keys are
//! never looked at. A string that *is* a template takes the result's own JSON type. Inside a longer string, text
//! stays text and anything else becomes compact JSON. There is one pass: what a result brings in is never read
//! as a template.
//!
//! Names may hold spaces and dots, so the longest known name that is followed by `.result` is the one meant.
//! What only looks like a template (`{{name}}`, `${HOME}`) and names no task stays as it is. With `.result` it
//! is an error unless the task is known; and a known task without `.result` is an error, because its text would
//! reach the worker as written. Braces count where they are written as such, not as `\u007b`.

mod fill;
mod path;
mod scan;

use std::collections::BTreeMap;

use super::errors::PARAMETER_SUBSTITUTION_FAILED;
use super::json_text::{Part, parts};
use super::nearest::suggestion;
use super::rejection::Rejection;
use super::spec::WorkflowSpec;

pub use fill::{OUTPUT_BYTES_MAX, Resolved, fill};
use scan::{Meaning, meaning, next_template};

/// How much of a template, or of a name in it, a message repeats.
const SHOWN_BYTES_MAX: usize = 200;

/// Whether there may be a template in `parameters`. A cheap look that never misses one.
pub fn may_occur(parameters: &str) -> bool {
    parameters.contains("{{") || parameters.contains("${")
}

/// The tasks whose results the templates in `parameters` need, ascending, each once. `find` knows the names.
pub fn references(parameters: &str, find: &dyn Fn(&str) -> Option<u32>) -> Result<Vec<u32>, BadReference> {
    let mut tasks = Vec::new();
    for part in parts(parameters) {
        let Part::Text(mut text) = part else { continue };
        while let Some(template) = next_template(text) {
            match meaning(&template.inner(), find)? {
                Meaning::Text => {}
                Meaning::Reference { found, .. } => tasks.push(found),
            }
            text = template.after;
        }
    }
    tasks.sort_unstable();
    tasks.dedup();
    Ok(tasks)
}

/// The names by which a template may refer to these tasks. Those that a task depends on are all that are needed
/// to fill its templates, because each reference was made a dependency when the workflow was submitted.
///
/// # Panics
/// When one of them is not a task of `spec`.
pub fn names_of(spec: &WorkflowSpec, tasks: impl Iterator<Item = u32>) -> BTreeMap<&str, u32> {
    let mut names = BTreeMap::new();
    for index in tasks {
        let task = spec.task(index);
        for name in [&task.name, &task.own_id, &task.key].into_iter().flatten() {
            names.insert(name.as_ref(), index);
        }
    }
    names
}

/// A template that cannot be filled, whatever the results will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadReference {
    /// What stands between the braces.
    pub inner: String,
    pub problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// No task has this name.
    UnknownTask {
        name: String,
    },
    /// A task is named, but not its result.
    NoResult {
        name: String,
    },
    TooManySteps,
}

impl BadReference {
    /// The refusal to tell the submitter. `task` is the one whose parameters hold the template, `known` are all
    /// names that could be meant.
    pub fn rejection<'n>(&self, task: &str, known: impl IntoIterator<Item = &'n str>) -> Rejection {
        let inner = shortened(&self.inner);
        let why = match &self.problem {
            Problem::UnknownTask { name } => {
                let near = suggestion(name, known);
                format!("this workflow has no task `{}`{near}", shortened(name))
            }
            Problem::NoResult { name } => {
                let name = shortened(name);
                format!("it names the task but not its result; write `{name}.result`")
            }
            Problem::TooManySteps => {
                format!("its path has more than {} steps", path::STEPS_MAX)
            }
        };
        Rejection::new(
            PARAMETER_SUBSTITUTION_FAILED,
            format!("the template `{inner}` in the parameters of task `{task}` cannot be filled: {why}"),
        )
    }
}

fn shortened(text: &str) -> &str {
    text.get(..text.floor_char_boundary(SHOWN_BYTES_MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(parameters: &str, expected: &Expect) {
        let names =
            BTreeMap::from([("A", 0), ("A.result", 1), ("Train Model", 2), ("t.1", 3), ("Modèle", 4)]);
        let found = match references(parameters, &|name| names.get(name).copied()) {
            Ok(tasks) => format!("{tasks:?}"),
            Err(bad) => bad.rejection("Report", names.keys().copied()).to_string(),
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn references_are_found_wherever_they_stand() {
        check(r#"{"a":"{{A.result}}"}"#, &expect!["[0]"]);
        check(r#"{"a":[{"b":"x ${ Train Model.result.x } {{t.1.result}}"}]}"#, &expect!["[2, 3]"]);
        check(r#"{"a":"{{A.result.result.x}} {{A.result}}"}"#, &expect!["[0, 1]"]);
        check(r#"{"a":"{\"x\": {{A.result}}}"}"#, &expect!["[0]"]);
        check(r#"{"a":"${{ A.result }} {{{A.result}}}"}"#, &expect!["[0]"]);
        check(r#"{"a":"{{ open ${A.result} }}"}"#, &expect!["[0]"]);
        check(r#"{"a":"{{Mod\u00e8le.result}}"}"#, &expect!["[4]"]);
        check(r#"{"{{B.result}}":1}"#, &expect!["[]"]);
    }

    #[test]
    fn what_names_no_task_stays_as_it_is() {
        check(r#"{"a":"{{ }} {{}} {{name}} ${HOME} {{x.results}} {{ {{ } }}"}"#, &expect!["[]"]);
    }

    #[test]
    fn bad_references_are_named() {
        check(
            r#"{"a":"{{Trian Model.result.x}}"}"#,
            &expect![
                "GZ3013: the template `Trian Model.result.x` in the parameters of task `Report` cannot be filled: this workflow has no task `Trian Model`; did you mean `Train Model`?"
            ],
        );
        check(
            r#"{"a":"${Train Model}"}"#,
            &expect![
                "GZ3013: the template `Train Model` in the parameters of task `Report` cannot be filled: it names the task but not its result; write `Train Model.result`"
            ],
        );
        check(
            r#"{"a":"{{A.rows}}"}"#,
            &expect![
                "GZ3013: the template `A.rows` in the parameters of task `Report` cannot be filled: it names the task but not its result; write `A.result`"
            ],
        );
        check(
            &format!(r#"{{"a":"{{{{A.result{}}}}}"}}"#, ".x".repeat(65)),
            &expect![
                "GZ3013: the template `A.result.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x` in the parameters of task `Report` cannot be filled: its path has more than 64 steps"
            ],
        );
    }
}
