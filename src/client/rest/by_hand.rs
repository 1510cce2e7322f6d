//! What people decide about tasks: results, failures, omissions, new parameters.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Client;
use super::calls::set_body;
use super::error::ClientError;
use super::types::{FailureByHand, Note, Receipt, TextFormat};

impl Client {
    /// Gives a task its result; whoever runs it is told to stop, and what depends on it goes on. The same result
    /// again changes nothing.
    pub async fn complete_task<T: Serialize + ?Sized>(
        &self,
        id: &str,
        result: &T,
        note: &Note,
    ) -> Result<Receipt, ClientError> {
        self.decide(id, "complete", json!({"result": result}), note).await
    }

    /// Has a task fail.
    pub async fn fail_task(
        &self,
        id: &str,
        failure: &FailureByHand,
        note: &Note,
    ) -> Result<Receipt, ClientError> {
        self.decide(id, "fail", serde_json::to_value(failure)?, note).await
    }

    /// Leaves a task out, and what cannot run without it.
    pub async fn skip_task(&self, id: &str, note: &Note) -> Result<Receipt, ClientError> {
        self.decide(id, "skip", json!({}), note).await
    }

    /// Leaves a task out; what depends on it runs with this value as its result.
    pub async fn skip_task_with<T: Serialize + ?Sized>(
        &self,
        id: &str,
        value: &T,
        note: &Note,
    ) -> Result<Receipt, ClientError> {
        self.decide(id, "skip", json!({"with": value}), note).await
    }

    /// Runs a failed task again with changed parameters: a JSON merge patch (RFC 7396), in which null takes a
    /// member out.
    pub async fn retry_task_with(
        &self,
        id: &str,
        parameters: &Value,
        note: &Note,
    ) -> Result<Receipt, ClientError> {
        self.decide(id, "retry", json!({"parameters": parameters}), note).await
    }

    /// Runs what failed in a workflow again, with merge patches for the parameters of some of its tasks, by their
    /// name, key or id.
    pub async fn retry_workflow_with(
        &self,
        id: &str,
        parameters: &Map<String, Value>,
        note: &Note,
    ) -> Result<Receipt, ClientError> {
        self.verb(&["api", "v1", "workflows", id, "retry"], json!({"parameters": parameters}), note).await
    }

    async fn decide(&self, id: &str, verb: &str, body: Value, note: &Note) -> Result<Receipt, ClientError> {
        self.verb(&["api", "v1", "tasks", id, verb], body, note).await
    }

    async fn verb(&self, path: &[&str], mut body: Value, note: &Note) -> Result<Receipt, ClientError> {
        if let (Value::Object(body), Value::Object(note)) = (&mut body, serde_json::to_value(note)?) {
            body.extend(note);
        }
        let mut request = self.post(path);
        set_body(&mut request.headers, TextFormat::Json);
        request.body = serde_json::to_vec(&body)?;
        self.fetch(request).await
    }
}
