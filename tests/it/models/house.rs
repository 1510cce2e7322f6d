//! The real binary, configured for scripted peers.

use serde_json::{Value, json};
use tempfile::TempDir;

pub use crate::harness::PATIENCE;
use crate::harness::{Rest, Server, until};

pub struct House {
    pub server: Server,
    pub rest: Rest,
    pub folder: TempDir,
}

/// An endpoint as the file has it; `more` are lines of TOML.
pub fn endpoint(name: &str, kind: &str, url: &str, more: &str) -> String {
    format!("[[models.endpoints]]\nname = '{name}'\nkind = '{kind}'\nurl = '{url}'\n{more}\n")
}

impl House {
    /// `models` are lines of the `[models]` table, followed by endpoints.
    pub fn new(models: &str) -> Self {
        Self::with(models, &[])
    }

    pub fn with(models: &str, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("gleitzeit.toml");
        let text = format!("[models]\nhealth_interval_seconds = 0.1\n{models}");
        std::fs::write(&file, text).unwrap();
        let flags = [&["--config", file.to_str().unwrap()], flags].concat();
        let server = Server::start(&folder.path().join("data"), &flags);
        let rest = server.rest();
        Self { server, rest, folder }
    }

    /// The id of a workflow with one task for each set of parameters. A failed task is tried `tries` times, soon.
    pub fn submit(&self, task_type: &str, tries: u32, parameters: &[Value]) -> String {
        let retry = json!({"max_attempts": tries, "strategy": "fixed", "base_delay": 0.05});
        let task =
            |parameters: &Value| json!({"task_type": task_type, "parameters": parameters, "retry": retry});
        let tasks: Vec<Value> = parameters.iter().map(task).collect();
        self.submit_tasks(&json!(tasks))
    }

    pub fn submit_tasks(&self, tasks: &Value) -> String {
        let answer = self.rest.post("/workflows", &[], &json!({"name": "w", "tasks": tasks})).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// The task in full, once it is over.
    pub fn ended(&self, workflow: &str, index: usize) -> Value {
        let path = format!("/tasks/{workflow}.{index}");
        until(&format!("the end of {path}"), PATIENCE, || {
            let task = self.rest.read(&path);
            let over =
                ["completed", "failed", "cancelled", "skipped"].contains(&task["status"].as_str().unwrap());
            over.then_some(task)
        })
    }

    /// Runs one task to its end.
    pub fn run(&self, task_type: &str, parameters: Value) -> Value {
        let workflow = self.submit(task_type, 1, &[parameters]);
        self.ended(&workflow, 0)
    }

    pub fn why(&self, workflow: &str) -> String {
        let why = self.rest.read(&format!("/tasks/{workflow}.0/why"));
        why["summary"].as_str().unwrap().to_owned()
    }

    /// The task types that the desk of the models offers now.
    pub fn offered(&self) -> Vec<Value> {
        let services = self.rest.read("/services");
        let desk =
            services["items"].as_array().unwrap().iter().find(|worker| worker["id"] == "built-in:models");
        desk.unwrap()["task_types"].as_array().unwrap().clone()
    }

    /// Waits until the usable endpoints have so many slots. Health is looked at while some task waits for a model.
    pub fn until_slots(&self, slots: u64) {
        let waits = json!([{"prompt": "p", "requirements": {"required_models": ["one that nobody has"]}}]);
        self.submit_tasks(&waits);
        until(&format!("{slots} slots"), PATIENCE, || {
            let services = self.rest.read("/services");
            let desk =
                services["items"].as_array().unwrap().iter().find(|worker| worker["id"] == "built-in:models");
            (desk.unwrap()["capacity"] == slots && !self.offered().is_empty()).then_some(())
        });
    }

    pub fn until_offered(&self) {
        until("a usable endpoint", PATIENCE, || (!self.offered().is_empty()).then_some(()));
    }
}
