//! A blocking caller of the REST interface.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Response;

use super::{PATIENCE, until};

/// Cheap to clone; keeps its connections.
#[derive(Debug, Clone)]
pub struct Rest {
    agent: Agent,
    base: String,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// `null` where the body is no JSON.
    pub body: Value,
}

impl Rest {
    pub fn new(url: &str) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self { agent: Agent::new_with_config(config), base: format!("{url}/api/v1") }
    }

    /// `Err` when there was no answer at all.
    pub fn get(&self, path: &str) -> Result<Answer, ureq::Error> {
        self.agent.get(format!("{}{path}", self.base)).call().and_then(answer)
    }

    /// `Err` when there was no answer: the request may have been carried out or not.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, ureq::Error> {
        let url = format!("{}{path}", self.base);
        let mut request = self.agent.post(url).header("Content-Type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body.to_string()).and_then(answer)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.patch(format!("{}{path}", self.base));
        let answered = request.header("Content-Type", "application/json").send(body.to_string());
        answered.and_then(answer).unwrap_or_else(|error| panic!("PATCH {path}: {error}"))
    }

    pub fn delete(&self, path: &str) -> Answer {
        let answered = self.agent.delete(format!("{}{path}", self.base)).call();
        answered.and_then(answer).unwrap_or_else(|error| panic!("DELETE {path}: {error}"))
    }

    /// A body that need not be JSON.
    pub fn post_as(&self, content_type: &str, path: &str, body: &str) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base)).header("Content-Type", content_type);
        request.send(body).and_then(answer).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// A workflow as a file holds it; returns the receipt when the workflow has ended.
    pub fn submit_yaml(&self, yaml: &str) -> Answer {
        let request = self.agent.post(format!("{}/workflows", self.base));
        let request = request.header("Content-Type", "application/yaml").header("Prefer", "wait=25");
        let sent = request.send(yaml).and_then(answer);
        let answer = sent.unwrap_or_else(|error| panic!("POST /workflows: {error}"));
        if answer.status == 201 {
            self.ended(answer.body["id"].as_str().expect("a workflow has an id"));
        }
        answer
    }

    /// Waits for the end of a workflow. A receipt that was asked for at the end comes earlier where the machine is slow.
    pub fn ended(&self, id: &str) -> Value {
        until(&format!("the end of {id}"), PATIENCE, || {
            let workflow = self.read(&format!("/workflows/{id}"));
            let status = workflow["status"].as_str().expect("a workflow has a status");
            matches!(status, "completed" | "failed" | "cancelled").then_some(workflow)
        })
    }

    /// Runs one task to its end: everything that is known of it, with its attempts.
    pub fn run_task(&self, task: &Value) -> Value {
        let body = json!({"name": "One task", "tasks": [task]});
        let answer = self.post("/workflows", &[("Prefer", "wait=25")], &body).expect("the server answers");
        assert_eq!(answer.status, 201, "{}", answer.body);
        let id = answer.body["id"].as_str().expect("a workflow has an id");
        self.ended(id);
        let tasks = self.read(&format!("/workflows/{id}/tasks"));
        let task = tasks["items"][0]["id"].as_str().expect("a task has an id").to_owned();
        self.read(&format!("/tasks/{task}"))
    }

    /// A body that is no JSON.
    pub fn post_text(&self, path: &str, content_type: &str, body: &str) -> Result<Answer, ureq::Error> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("Content-Type", content_type);
        request.send(body).and_then(answer)
    }

    /// Reads the body of a 200 without keeping it, and tells its length.
    pub fn length_of(&self, path: &str) -> u64 {
        let response = self.agent.get(format!("{}{path}", self.base)).call();
        let response = response.unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert_eq!(response.status(), 200, "GET {path}");
        std::io::copy(&mut response.into_body().into_reader(), &mut std::io::sink())
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// The body of a 200.
    pub fn read(&self, path: &str) -> Value {
        let answer = self.get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.body
    }

    /// `/health` and `/metrics` lie beside the interface.
    pub fn health(&self) -> Value {
        let url = self.base.replace("/api/v1", "/health");
        let answer = self
            .agent
            .get(url)
            .call()
            .and_then(answer)
            .unwrap_or_else(|error| panic!("GET /health: {error}"));
        answer.body
    }

    pub fn metrics(&self) -> String {
        let url = self.base.replace("/api/v1", "/metrics");
        let answered = self.agent.get(url).call().and_then(|mut answer| answer.body_mut().read_to_string());
        answered.unwrap_or_else(|error| panic!("GET /metrics: {error}"))
    }

    /// The body of a 200, of a route that has other forms as well.
    pub fn read_json(&self, path: &str) -> Value {
        let request = self.agent.get(format!("{}{path}", self.base)).header("Accept", "application/json");
        let answer = request.call().and_then(answer).unwrap_or_else(|error| panic!("GET {path}: {error}"));
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        answer.body
    }

    /// The whole log as the event stream tells it, from its first event to the one at `last`.
    pub fn events_up_to(&self, last: u64) -> Vec<Value> {
        let url = format!("{}/events?since=0", self.base);
        let response = self.agent.get(url).call().unwrap_or_else(|error| panic!("GET /events: {error}"));
        let mut events = Vec::new();
        for line in BufReader::new(response.into_body().into_reader()).lines() {
            let line = line.unwrap_or_else(|error| panic!("the stream ended before event {last}: {error}"));
            let Some(data) = line.strip_prefix("data:") else { continue };
            let event: Value = serde_json::from_str(data).expect("an event is JSON");
            let seq = event["seq"].as_u64().expect("an event has a position");
            events.push(event);
            if seq >= last {
                return events;
            }
        }
        panic!("the stream ended before event {last}");
    }
}

fn answer(mut response: Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string()?;
    Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or_default() })
}
