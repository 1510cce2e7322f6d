//! What the builders write, and that the server's own parser reads it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{ErrorStrategy, Priority, Retry, Workflow};

fn every_builder() -> Workflow {
    let mut workflow = Workflow::new("All")
        .id("mine")
        .description("every kind")
        .error_strategy(ErrorStrategy::Skip)
        .max_parallel_tasks(4)
        .timeout(Duration::from_millis(7_200_500))
        .tag("x")
        .metadata("owner", "me");
    workflow.add_text_task("Text", "say {{Fn.result}}", "m", &["Fn"]).id("t1");
    workflow.add_vision_task("Vision", "what?", "a.png", "v", &[]).run_after_failures();
    workflow.add_python_task("Fn", "fibonacci", json!([10]), json!({}), &[]).priority(Priority::Low);
    workflow.add_http_task("Http", "http://h/", "POST", Value::Null, json!({"a": 1}), &[]).max_retries(0);
    workflow.add_file_task("File", "read", Some("a.txt"), None, Value::Null, &[]);
    workflow.add_external_task("Ext", "resize", None, json!({"w": 1}), None, &["Http"]);
    workflow.add_external_ml_task("Ml", "S", "train", json!({"k": 1}), json!([1]), &[]).tag("y");
    workflow.add_external_api_task("Api", "S", "/e", "POST", json!({}), Value::Null, &[]);
    workflow
        .add_external_database_task("Db", "S", "query", json!({"sql": "select 1"}), &[])
        .retry(Retry { base_delay: Duration::from_millis(500), ..Retry::default() })
        .metadata("n", 1);
    workflow
}

#[test]
fn the_whole_body() {
    let body = serde_json::to_value(every_builder()).unwrap();
    assert_eq!(body["timeout_seconds"], json!(7200.5));
    assert_eq!(body["error_strategy"], "skip");
    assert_eq!((&body["tags"], &body["metadata"]), (&json!(["x"]), &json!({"owner": "me"})));
    let expected = json!([
        {"id": "t1", "name": "Text", "task_type": "text", "dependencies": ["Fn"],
         "parameters": {"prompt": "say {{Fn.result}}", "model_name": "m"}},
        {"name": "Vision", "task_type": "vision", "dependencies": [], "depends_on_success": false,
         "parameters": {"prompt": "what?", "image_path": "a.png", "model_name": "v"}},
        {"name": "Fn", "task_type": "function", "dependencies": [], "priority": "low",
         "parameters": {"function_name": "fibonacci", "args": [10], "kwargs": {}}},
        {"name": "Http", "task_type": "http", "dependencies": [], "max_retries": 0,
         "parameters": {"url": "http://h/", "method": "POST", "data": {"a": 1}}},
        {"name": "File", "task_type": "file", "dependencies": [],
         "parameters": {"operation": "read", "source_path": "a.txt"}},
        {"name": "Ext", "task_type": "external_custom", "dependencies": ["Http"], "timeout_seconds": 1800,
         "parameters": {"external_task_type": "resize", "external_parameters": {"w": 1}}},
        {"name": "Ml", "task_type": "external_ml", "dependencies": [], "timeout_seconds": 3600, "tags": ["y"],
         "parameters": {"external_task_type": "ml_training", "service_name": "S", "external_parameters":
             {"operation": "train", "model_params": {"k": 1}, "data_params": [1]}}},
        {"name": "Api", "task_type": "external_api", "dependencies": [], "timeout_seconds": 300,
         "parameters": {"external_task_type": "api_integration", "service_name": "S", "external_parameters":
             {"endpoint": "/e", "method": "POST", "payload": {}}}},
        {"name": "Db", "task_type": "external_database", "dependencies": [], "timeout_seconds": 600,
         "parameters": {"external_task_type": "database_operations", "service_name": "S",
             "external_parameters": {"operation": "query", "query_params": {"sql": "select 1"}}},
         "retry": {"max_attempts": 4, "strategy": "exponential", "base_delay": 0.5, "max_delay": 60,
             "jitter": 0.2},
         "metadata": {"n": 1}},
    ]);
    for (task, expected) in body["tasks"].as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
        assert_eq!(task, expected);
    }
}

#[cfg(feature = "server")]
#[test]
fn the_server_reads_it() {
    use crate::core::limits::SubmissionLimits;
    use crate::protocol::submit::{ContentType, parse_submission};

    let body = serde_json::to_vec(&every_builder()).unwrap();
    let submission = parse_submission(&body, ContentType::Json, &SubmissionLimits::default()).unwrap();
    assert_eq!(submission.spec.total(), 9);
    assert_eq!(submission.id.as_deref(), Some("mine"));
    assert_eq!(submission.spec.timeout_ms, Some(7_200_500));
    let ml = submission.spec.find("Ml").unwrap();
    assert_eq!(submission.spec.policy_of(ml).run_timeout_ms, 3_600_000);
    assert_eq!(submission.spec.route_of(ml).service.as_deref(), Some("S"));
}
