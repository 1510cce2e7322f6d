//! Good and bad submissions, as tables: each file holds bodies and what becomes of them.

mod limits;

use std::collections::BTreeSet;
use std::fmt::Write;

use expect_test::{ExpectFile, expect_file};
use serde::Deserialize;
use serde::de::IgnoredAny;
use utoipa::PartialSchema;

use super::*;
use crate::core::payload::Stored;
use crate::core::spec::{Policy, Priority, RetryPolicy, RetryStrategy, Route, Trigger};
use crate::protocol::rest::{RequirementsBody, RetryBody, TaskBody, WorkflowBody};

/// The description of a body is written apart from what reads it.
#[test]
fn the_keys_that_are_read_are_those_that_are_described() {
    fn members<T: PartialSchema>() -> BTreeSet<String> {
        let schema = serde_json::to_value(T::schema()).unwrap();
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    }
    fn check(described: &BTreeSet<String>, read: impl Fn(&str) -> String) {
        let listed = read("no_such_key");
        let known: BTreeSet<String> =
            listed.split('`').skip(1).step_by(2).skip(1).map(str::to_owned).collect();
        assert!(known.len() > 4 && known.is_subset(described), "{known:?} against {described:?}");
        for member in described {
            let said = read(member);
            assert!(!said.contains("unknown field"), "{member}: {said}");
        }
    }
    fn said<'de, T: Deserialize<'de>>(text: &'de str) -> String {
        serde_json::from_str::<T>(text).err().map_or_else(String::new, |error| error.to_string())
    }
    let object = |key: &str| format!("{{\"{key}\": null}}");
    check(&members::<WorkflowBody>(), |key| said::<body::Key>(&format!("\"{key}\"")));
    check(&members::<TaskBody>(), |key| said::<task::RawTask<'_, IgnoredAny>>(&object(key)));
    check(&members::<RetryBody>(), |key| said::<policy::RawRetry<'_>>(&object(key)));
    check(&members::<RequirementsBody>(), |key| said::<policy::RawRequirements<'_>>(&object(key)));
}

#[test]
fn json_bodies() {
    check(&expect_file!["tests/bodies.txt"], |body| {
        parse_submission(body.as_bytes(), ContentType::Json, &SubmissionLimits::default())
    });
}

#[test]
fn tasks_in_json() {
    check(&expect_file!["tests/tasks.txt"], |tasks| {
        let body = format!(r#"{{"name": "w", "tasks": [{tasks}]}}"#);
        parse_submission(body.as_bytes(), ContentType::Json, &SubmissionLimits::default())
    });
}

#[test]
fn yaml_bodies() {
    check(&expect_file!["tests/yaml.txt"], |body| {
        parse_submission(body.as_bytes(), ContentType::Yaml, &SubmissionLimits::default())
    });
}

#[test]
fn submit_events() {
    check(&expect_file!["tests/events.txt"], |payload| {
        parse_submit_event(payload, &SubmissionLimits::default())
    });
}

#[test]
fn the_examples_are_taken() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/workflows");
    // The batch of the examples is about the files of `examples/data`.
    let data = |wanted: &Wanted<'_>| {
        let (folder, files) = (wanted.folder.to_owned(), vec!["README.md".to_owned(), "iris.csv".to_owned()]);
        Ok(Found { absolute: format!("/files/{folder}"), folder, files })
    };
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let body = std::fs::read(&path).unwrap();
        let taken = parse_with_files(&body, ContentType::Yaml, &SubmissionLimits::default(), &data);
        assert!(taken.is_ok(), "{}: {taken:?}", path.display());
        read += 1;
    }
    assert!(read > 0, "there are examples in {folder}");
}

/// Runs every case of a file, which is a body, a line `----`, and the outcome; `====` stands between cases.
fn check(file: &ExpectFile, parse: impl Fn(&str) -> Result<Submission, Rejection>) {
    let outcomes: Vec<String> = file
        .data()
        .split("\n====\n")
        .map(|case| {
            let (body, _) = case.split_once("\n----").expect("a case has a body and an outcome");
            format!("{body}\n----\n{}", describe(parse(body)))
        })
        .collect();
    file.assert_eq(&(outcomes.join("\n====\n") + "\n"));
}

/// A workflow in a few lines: its own fields, then each task with names, route, what of its policy is not the
/// default, dependencies and parameters.
fn describe(submission: Result<Submission, Rejection>) -> String {
    let Submission { id, spec, .. } = match submission {
        Ok(submission) => submission,
        Err(rejection) => return rejection.to_string(),
    };
    let mut text = head(id.as_deref(), &spec);
    for (index, task) in (0..).zip(&spec.tasks) {
        let Route { task_type, external_type, service, function, requirements } = spec.route_of(index);
        let names = [&task.name, &task.key, &task.own_id].map(|name| name.as_deref().unwrap_or("-"));
        write!(text, "\n{} {task_type}", names.join("/")).unwrap();
        for part in [external_type, service, function].into_iter().flatten() {
            write!(text, ":{part}").unwrap();
        }
        if let Some(requirements) = requirements {
            write!(text, " {requirements:?}").unwrap();
        }
        text += &policy(spec.policy_of(index));
        let parameters = match &task.parameters {
            Stored::Inline(payload) => payload.as_str(),
            Stored::Own(_) | Stored::Logged { .. } => task.parameters.own_text().unwrap().as_str(),
        };
        let templates = if task.has_templates { " templates" } else { "" };
        write!(text, " {:?}{templates} {parameters}", task.dependencies).unwrap();
    }
    text
}

fn head(id: Option<&str>, spec: &WorkflowSpec) -> String {
    let mut text = format!("`{}` {}", spec.name, spec.error_strategy.name());
    for (what, value) in [
        ("id", id.map(str::to_owned)),
        ("label", spec.label.as_deref().map(str::to_owned)),
        ("description", spec.description.as_deref().map(str::to_owned)),
        ("at once", spec.max_parallel_tasks.map(|count| count.to_string())),
        ("ms", spec.timeout_ms.map(|ms| ms.to_string())),
        ("tags", (!spec.tags.is_empty()).then(|| spec.tags.join(","))),
        ("metadata", spec.metadata.as_ref().map(|metadata| metadata.as_str().to_owned())),
        ("trace", spec.traceparent.as_deref().map(str::to_owned)),
    ] {
        if let Some(value) = value {
            write!(text, ", {what} {value}").unwrap();
        }
    }
    text
}

fn policy(policy: &Policy) -> String {
    let mut text = String::new();
    if policy.priority != Priority::Normal {
        write!(text, " {}", policy.priority.name()).unwrap();
    }
    if policy.trigger == Trigger::OnEnd {
        text += " on end";
    }
    if policy.run_timeout_ms != 300_000 {
        write!(text, " {} ms", policy.run_timeout_ms).unwrap();
    }
    if let Some(ms) = policy.queue_timeout_ms {
        write!(text, " queue {ms} ms").unwrap();
    }
    let RetryPolicy { max_attempts, strategy, base_delay_ms, max_delay_ms, jitter_permille } = policy.retry;
    if (max_attempts, strategy, base_delay_ms) != (4, RetryStrategy::Exponential, 1_000)
        || (max_delay_ms, jitter_permille) != (60_000, 200)
    {
        write!(text, " {max_attempts}x {strategy:?} {base_delay_ms}..{max_delay_ms} ~{jitter_permille}")
            .unwrap();
    }
    text
}
