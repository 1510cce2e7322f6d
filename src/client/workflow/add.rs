//! The builders of tasks, with the names and arguments they have in every language. An argument that is
//! `Value::Null` is left out.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Workflow;
use super::task::Task;

const EXTERNAL_TIMEOUT: Duration = Duration::from_mins(30);
const ML_TIMEOUT: Duration = Duration::from_hours(1);
const API_TIMEOUT: Duration = Duration::from_mins(5);
const DATABASE_TIMEOUT: Duration = Duration::from_mins(10);

impl Workflow {
    /// A prompt for a language model; the result is its text.
    pub fn add_text_task(
        &mut self,
        name: &str,
        prompt: &str,
        model: &str,
        dependencies: &[&str],
    ) -> &mut Task {
        let parameters = parameters([("prompt", json!(prompt)), ("model_name", json!(model))]);
        self.add(Task::new(name, "text", parameters, dependencies))
    }

    /// A prompt about an image; the result is the model's text.
    pub fn add_vision_task(
        &mut self,
        name: &str,
        prompt: &str,
        image_path: &str,
        model: &str,
        dependencies: &[&str],
    ) -> &mut Task {
        let parameters = parameters([
            ("prompt", json!(prompt)),
            ("image_path", json!(image_path)),
            ("model_name", json!(model)),
        ]);
        self.add(Task::new(name, "vision", parameters, dependencies))
    }

    /// A registered function; `args` is a list and `kwargs` an object.
    pub fn add_python_task(
        &mut self,
        name: &str,
        function_name: &str,
        args: Value,
        kwargs: Value,
        dependencies: &[&str],
    ) -> &mut Task {
        let parameters =
            parameters([("function_name", json!(function_name)), ("args", args), ("kwargs", kwargs)]);
        self.add(Task::new(name, "function", parameters, dependencies))
    }

    /// An HTTP request; `headers` is an object and `data` the body.
    pub fn add_http_task(
        &mut self,
        name: &str,
        url: &str,
        method: &str,
        headers: Value,
        data: Value,
        dependencies: &[&str],
    ) -> &mut Task {
        let parameters = parameters([
            ("url", json!(url)),
            ("method", json!(method)),
            ("headers", headers),
            ("data", data),
        ]);
        self.add(Task::new(name, "http", parameters, dependencies))
    }

    /// A file operation inside the server's configured root: read, write, append, copy, move, delete or list.
    /// `write` and `append` need a `target_path` and `content`; the others a `source_path`.
    pub fn add_file_task(
        &mut self,
        name: &str,
        operation: &str,
        source_path: Option<&str>,
        target_path: Option<&str>,
        content: Value,
        dependencies: &[&str],
    ) -> &mut Task {
        let parameters = parameters([
            ("operation", json!(operation)),
            ("source_path", json!(source_path)),
            ("target_path", json!(target_path)),
            ("content", content),
        ]);
        self.add(Task::new(name, "file", parameters, dependencies))
    }

    /// A task for a connected service, or for a webhook when there is a `service_url`.
    pub fn add_external_task(
        &mut self,
        name: &str,
        external_task_type: &str,
        service_name: Option<&str>,
        external_parameters: Value,
        service_url: Option<&str>,
        dependencies: &[&str],
    ) -> &mut Task {
        let parameters = parameters([
            ("external_task_type", json!(external_task_type)),
            ("service_name", json!(service_name)),
            ("external_parameters", external_parameters),
            ("service_url", json!(service_url)),
        ]);
        let task = Task::new(name, task_type_of(external_task_type), parameters, dependencies);
        self.add(task).timeout(EXTERNAL_TIMEOUT)
    }

    /// Training (`operation` is `train`) or inference (any other) on an ML service; one hour at most.
    pub fn add_external_ml_task(
        &mut self,
        name: &str,
        service_name: &str,
        operation: &str,
        model_params: Value,
        data_params: Value,
        dependencies: &[&str],
    ) -> &mut Task {
        let external_task_type = if operation == "train" { "ml_training" } else { "ml_inference" };
        let inner = parameters([
            ("operation", json!(operation)),
            ("model_params", model_params),
            ("data_params", data_params),
        ]);
        self.add_external_task(name, external_task_type, Some(service_name), inner.into(), None, dependencies)
            .timeout(ML_TIMEOUT)
    }

    /// A call that an API service makes; five minutes at most.
    #[expect(clippy::too_many_arguments, reason = "the same arguments in every language")]
    pub fn add_external_api_task(
        &mut self,
        name: &str,
        service_name: &str,
        endpoint: &str,
        method: &str,
        payload: Value,
        headers: Value,
        dependencies: &[&str],
    ) -> &mut Task {
        let inner = parameters([
            ("endpoint", json!(endpoint)),
            ("method", json!(method)),
            ("payload", payload),
            ("headers", headers),
        ]);
        self.add_external_task(name, "api_integration", Some(service_name), inner.into(), None, dependencies)
            .timeout(API_TIMEOUT)
    }

    /// A query or another operation on a database service; ten minutes at most.
    pub fn add_external_database_task(
        &mut self,
        name: &str,
        service_name: &str,
        operation: &str,
        query_params: Value,
        dependencies: &[&str],
    ) -> &mut Task {
        let inner = parameters([("operation", json!(operation)), ("query_params", query_params)]);
        self.add_external_task(
            name,
            "database_operations",
            Some(service_name),
            inner.into(),
            None,
            dependencies,
        )
        .timeout(DATABASE_TIMEOUT)
    }

    fn add(&mut self, task: Task) -> &mut Task {
        self.tasks.push(task);
        self.tasks.last_mut().expect("a task was added in the line above")
    }
}

/// The task type that an external task type belongs to.
fn task_type_of(external_task_type: &str) -> &'static str {
    match external_task_type {
        "ml_training" | "ml_inference" => "external_ml",
        "data_processing" => "external_processing",
        "api_integration" => "external_api",
        "database_operations" => "external_database",
        "webhook_handling" => "external_webhook",
        _ => "external_custom",
    }
}

fn parameters<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let given = pairs.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(key, value)| (key.to_owned(), value)).collect()
}
