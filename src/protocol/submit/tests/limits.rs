//! Bodies at and above the limits.

use proptest::prelude::*;

use super::super::*;

fn json_with(body: &str, limits: &SubmissionLimits) -> Result<Submission, Rejection> {
    parse_submission(body.as_bytes(), ContentType::Json, limits)
}

fn json(body: &str) -> Result<Submission, Rejection> {
    json_with(body, &SubmissionLimits::default())
}

fn yaml(body: &str) -> Result<Submission, Rejection> {
    parse_submission(body.as_bytes(), ContentType::Yaml, &SubmissionLimits::default())
}

fn workflow(tasks: &[String]) -> String {
    format!(r#"{{"name": "w", "tasks": [{}]}}"#, tasks.join(","))
}

/// Each task waits for the one before it.
fn chain(length: u32) -> Vec<String> {
    let task = |i: u32| {
        let before = i.checked_sub(1).map_or(String::new(), |before| format!(r#""t{before}""#));
        format!(
            r#"{{"id": "t{i}", "name": "Task {i}", "dependencies": [{before}], "function": "f", "args": [{i}]}}"#
        )
    };
    (0..length).map(task).collect()
}

#[test]
fn large_workflows_are_taken() {
    let spec = json(&workflow(&chain(100_000))).unwrap().spec;
    assert_eq!((spec.total(), spec.routes.len(), spec.policies.len()), (100_000, 1, 1));
    assert_eq!(spec.tasks[99_999].dependencies, [99_998]);
}

#[test]
fn a_long_circle_makes_no_long_message() {
    let mut circle = chain(1_000);
    circle[0] = r#"{"id": "t0", "function": "f", "dependencies": ["Task 999"]}"#.to_owned();
    let refusal = json(&workflow(&circle)).unwrap_err().to_string();
    assert!(
        refusal.starts_with("GZ3003: tasks wait for each other in a circle: `t0` -> `Task 1`"),
        "{refusal}"
    );
    assert!(refusal.len() < 500, "{refusal}");
}

#[test]
fn large_parameters_are_parts_of_the_record() {
    let long = "x".repeat(600);
    let task = format!(r#"{{"function": "f", "args": ["{long}"]}}"#);
    let spec = json(&workflow(&[task.clone(), r#"{"function": "f"}"#.to_owned(), task])).unwrap().spec;
    let parts: Vec<_> = spec.tasks.iter().map(|task| task.parameters.own_text().is_some()).collect();
    assert_eq!(parts, [true, false, true]);
}

#[test]
fn limits_are_named() {
    let limits = SubmissionLimits {
        body_bytes_max: 2_000,
        json_depth_max: 8,
        name_bytes_max: 10,
        tasks_max: 3,
        dependencies_max: 1,
    };
    let task = |id: u32, dependencies: &str| {
        format!(r#"{{"id": "{id}", "function": "f", "dependencies": [{dependencies}]}}"#)
    };
    for (body, expected) in [
        (
            workflow(&[task(1, ""), task(2, ""), task(3, ""), task(4, "")]),
            "GZ3001: the workflow has more than 3 tasks; split it into several workflows",
        ),
        (
            workflow(&[task(1, ""), task(2, ""), task(3, r#""1", "2""#)]),
            "GZ3001: task `3` depends on 2 tasks; the limit is 1: gather them in several steps",
        ),
        (" ".repeat(2_001), "GZ7002: the body has 2001 bytes; the limit is 2000"),
        (
            "[".repeat(9),
            "GZ3007: the body is nested more than 8 deep; flatten the parameters or pass them as text",
        ),
    ] {
        assert_eq!(json_with(&body, &limits).unwrap_err().to_string(), expected);
    }
    assert!(json_with(&workflow(&[task(1, "")]), &limits).is_ok());
    assert!(json_with(&workflow(&[task(12_345_678, ""), task(1_234_567_890, "")]), &limits).is_ok());
}

#[test]
fn depth_is_bounded_in_both_languages() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [10_000, 1_000_000] {
        let json_body = workflow(&[format!(r#"{{"function": "f", "args": {}}}"#, nested(depth))]);
        assert!(json(&json_body).unwrap_err().to_string().starts_with("GZ3007"), "{depth}");
        let flow = format!("name: w\ntasks:\n  - function: f\n    args: {}\n", nested(depth));
        assert!(yaml(&flow).unwrap_err().to_string().starts_with("GZ7010"), "{depth}");
    }
    let blocks = format!("name: w\ntasks:\n  - function: f\n    args: {}x", "- ".repeat(10_000));
    assert!(yaml(&blocks).is_err());
    assert!(json(&workflow(&[format!(r#"{{"function": "f", "args": {}}}"#, nested(100))])).is_ok());
    assert!(yaml(&format!("name: w\ntasks:\n  - function: f\n    args: {}\n", nested(100))).is_ok());
}

#[test]
fn a_repeated_anchor_does_not_fill_the_memory() {
    let body = format!(
        "name: w\ntasks:\n  - function: f\n    args:\n      - &a {}\n{}",
        "x".repeat(1 << 20),
        "      - *a\n".repeat(40_000)
    );
    assert!(yaml(&body).unwrap_err().to_string().starts_with("GZ7010: YAML document too large"));
}

#[test]
fn content_types() {
    for (header, expected) in [
        (None, Some(ContentType::Json)),
        (Some("application/json; charset=utf-8"), Some(ContentType::Json)),
        (Some("Application/YAML"), Some(ContentType::Yaml)),
        (Some("text/x-yaml"), Some(ContentType::Yaml)),
        (Some("text/plain"), None),
        (Some(""), None),
    ] {
        assert_eq!(ContentType::parse(header).ok(), expected, "{header:?}");
    }
}

#[test]
fn bodies_that_are_not_text() {
    let refusal = parse_submission(b"{\"name\": \"\xff\"}", ContentType::Json, &SubmissionLimits::default());
    assert_eq!(refusal.unwrap_err().to_string(), "GZ3007: the body is not UTF-8 at byte 10");
}

proptest! {
    #[test]
    fn no_body_brings_it_down(body in r#"([\[\]{}:,"\n -]|name|tasks|prompt|args|&a|\*a|"a"|: |null|1e9|\{\{a.result\}\}){0,40}"#) {
        let _ = (json(&body), yaml(&body), parse_submit_event(&body, &SubmissionLimits::default()));
    }
}
