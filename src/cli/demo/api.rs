//! The API service: makes real HTTP calls to the one server it is configured for.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::Fault;
use crate::crypto::install_crypto_provider;

/// The server is on this machine; what takes longer is stuck.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// A receipt is short; a longer answer is not read to its end.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How much of a refusal goes into the error of the task.
const SHOWN_CHARS: usize = 200;

/// What a task asks for, in the form the workflow builders give it.
#[derive(Debug, Deserialize)]
struct Request {
    /// A path on the configured server. Whole URLs are refused: a task may not choose the server.
    endpoint: String,
    #[serde(default = "default_method")]
    method: String,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn default_method() -> String {
    "POST".to_owned()
}

#[derive(Debug)]
pub struct ApiService {
    http: Client,
    base_url: String,
}

impl ApiService {
    pub fn new(base_url: String) -> reqwest::Result<Self> {
        install_crypto_provider();
        let http = Client::builder().timeout(CALL_TIMEOUT).no_proxy().build()?;
        Ok(Self { http, base_url })
    }

    /// Does one task. The task's id is the idempotency key of the call, so that a task that runs twice is
    /// one call to the other side.
    pub async fn handle(
        &self,
        task_id: &str,
        parameters: Value,
        report: &mut (dyn FnMut(u8, &str) -> Result<(), Fault> + Send),
    ) -> Result<Value, Fault> {
        let request: Request = serde_json::from_value(parameters).map_err(|error| {
            Fault::refuse(format!("the API service cannot read the task's external_parameters: {error}"))
        })?;
        if !request.endpoint.starts_with('/') {
            return Err(Fault::refuse(format!(
                "`endpoint` is {:?} and must be a path on {}, such as /notifications",
                request.endpoint, self.base_url
            )));
        }
        let method: Method = request.method.parse().map_err(|_| {
            Fault::refuse(format!(
                "{:?} is no HTTP method; use GET, POST, PUT, PATCH or DELETE",
                request.method
            ))
        })?;
        let url = format!("{}{}", self.base_url, request.endpoint);
        report(20, &format!("{method} {url}"))?;
        let mut call = self.http.request(method, &url).header("Idempotency-Key", task_id);
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if !request.payload.is_null() {
            call = call.json(&request.payload);
        }
        let response = call.send().await.map_err(|error| call_fault(&url, &error))?;
        let status = response.status();
        report(70, &format!("{url} answered {status}"))?;
        let answer = read(response, &url).await?;
        if !status.is_success() {
            let start: String = String::from_utf8_lossy(&answer).chars().take(SHOWN_CHARS).collect();
            let message = format!("{url} answered {status}: {start}");
            return Err(if status.is_server_error() { Fault::fail(message) } else { Fault::refuse(message) });
        }
        let response = serde_json::from_slice(&answer)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&answer).into_owned()));
        Ok(json!({ "status_code": status.as_u16(), "response": response, "url": url }))
    }
}

fn call_fault(url: &str, error: &reqwest::Error) -> Fault {
    let message = format!("the call to {url} failed: {error}");
    // A request that could not even be built, by a bad header for instance, will not get better.
    if error.is_builder() { Fault::refuse(message) } else { Fault::fail(message) }
}

async fn read(mut response: Response, url: &str) -> Result<Vec<u8>, Fault> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| call_fault(url, &error))? {
        if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(Fault::refuse(format!("{url} answered with more than {MAX_ANSWER_BYTES} bytes")));
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}
