//! Every call, in the order of the API.

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Client;
use super::error::ClientError;
use super::events::FeedEvent;
use super::transport::{self, Request};
use super::types::{
    Health, Page, PageRequest, Receipt, Service, Shutdown, Stats, SubmitOptions, Submitted, TaskInfo,
    TextFormat, Validation, Why, WorkflowFilter, WorkflowInfo, WorkflowResults, WorkflowStatus,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");

impl Client {
    /// Submits a workflow: a [`Workflow`](crate::client::workflow::Workflow), or anything else that becomes
    /// the same JSON. Returns once the workflow is on disk.
    pub async fn submit<T: Serialize + ?Sized>(&self, workflow: &T) -> Result<Submitted, ClientError> {
        self.submit_with(workflow, &SubmitOptions::default()).await
    }

    /// Submits with an idempotency key of the caller's, or waits for the end.
    pub async fn submit_with<T: Serialize + ?Sized>(
        &self,
        workflow: &T,
        options: &SubmitOptions,
    ) -> Result<Submitted, ClientError> {
        let body = serde_json::to_vec(workflow)?;
        self.fetch(self.submission(body, TextFormat::Json, options)?).await
    }

    /// Submits a workflow that was written by hand.
    pub async fn submit_text(
        &self,
        text: impl Into<String>,
        format: TextFormat,
        options: &SubmitOptions,
    ) -> Result<Submitted, ClientError> {
        self.fetch(self.submission(text.into().into_bytes(), format, options)?).await
    }

    pub(super) fn submission(
        &self,
        body: Vec<u8>,
        format: TextFormat,
        options: &SubmitOptions,
    ) -> Result<Request, ClientError> {
        let mut request = self.post(&["api", "v1", "workflows"]);
        let key = options.idempotency_key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let key = HeaderValue::from_str(&key).map_err(|_| {
            ClientError::Config(format!(
                "the idempotency key {key:?} has characters that no header can carry"
            ))
        })?;
        request.headers.insert(IDEMPOTENCY_KEY, key);
        if let Some(wait) = options.wait {
            let prefer = format!("wait={}", wait.as_secs());
            request.headers.insert(PREFER, HeaderValue::from_str(&prefer).expect("digits fit into a header"));
            request.patience = wait;
        }
        request.repeatable = true;
        set_body(&mut request.headers, format);
        request.body = body;
        Ok(request)
    }

    /// Has the server take in a run of another server, from the file that `gleitzeit export` wrote.
    pub async fn import(&self, file: Vec<u8>) -> Result<Submitted, ClientError> {
        let mut request = self.post(&["api", "v1", "import"]);
        request.repeatable = true;
        set_body(&mut request.headers, TextFormat::Json);
        request.body = file;
        self.fetch(request).await
    }

    /// A workflow as it can be submitted again.
    pub async fn definition(&self, id: &str) -> Result<Map<String, Value>, ClientError> {
        self.fetch(self.get(&["api", "v1", "workflows", id, "definition"])).await
    }

    /// Has the server check a workflow without storing anything; what is wrong comes back as a problem.
    pub async fn validate<T: Serialize + ?Sized>(&self, workflow: &T) -> Result<Validation, ClientError> {
        self.validate_bytes(serde_json::to_vec(workflow)?, TextFormat::Json).await
    }

    /// Has the server check a workflow that was written by hand.
    pub async fn validate_text(
        &self,
        text: impl Into<String>,
        format: TextFormat,
    ) -> Result<Validation, ClientError> {
        self.validate_bytes(text.into().into_bytes(), format).await
    }

    async fn validate_bytes(&self, body: Vec<u8>, format: TextFormat) -> Result<Validation, ClientError> {
        let mut request = self.post(&["api", "v1", "validate"]);
        request.repeatable = true;
        set_body(&mut request.headers, format);
        request.body = body;
        self.fetch(request).await
    }

    /// The workflows, newest first.
    pub async fn workflows(&self, filter: &WorkflowFilter) -> Result<Page<WorkflowInfo>, ClientError> {
        let mut request = self.get(&["api", "v1", "workflows"]);
        let statuses: Vec<&str> = filter.statuses.iter().map(WorkflowStatus::name).collect();
        let statuses = (!statuses.is_empty()).then(|| statuses.join(","));
        query(
            &mut request.url,
            &[
                ("status", statuses.as_deref()),
                ("name", filter.name.as_deref()),
                ("text", filter.text.as_deref()),
                ("created_after", filter.created_after.as_deref()),
                ("created_before", filter.created_before.as_deref()),
            ],
        );
        for tag in &filter.tags {
            query(&mut request.url, &[("tag", Some(tag))]);
        }
        for (key, value) in &filter.metadata {
            query(&mut request.url, &[(&format!("metadata.{key}"), Some(value))]);
        }
        page(&mut request.url, &filter.page);
        self.fetch(request).await
    }

    pub async fn workflow(&self, id: &str) -> Result<WorkflowInfo, ClientError> {
        self.fetch(self.get(&["api", "v1", "workflows", id])).await
    }

    /// The tasks of a workflow, in the order of its specification.
    pub async fn tasks(&self, id: &str, request: &PageRequest) -> Result<Page<TaskInfo>, ClientError> {
        self.page_of(&["api", "v1", "workflows", id, "tasks"], request).await
    }

    /// The results so far; they are final once the status is.
    pub async fn results(&self, id: &str) -> Result<WorkflowResults, ClientError> {
        self.fetch(self.get(&["api", "v1", "workflows", id, "results"])).await
    }

    /// What has happened to a workflow.
    pub async fn workflow_events(
        &self,
        id: &str,
        request: &PageRequest,
    ) -> Result<Page<FeedEvent>, ClientError> {
        self.page_of(&["api", "v1", "workflows", id, "events"], request).await
    }

    /// Ends a workflow; what runs is stopped.
    pub async fn cancel_workflow(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("workflows", id, "cancel").await
    }

    /// Starts no further task of a workflow; what runs goes on.
    pub async fn pause_workflow(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("workflows", id, "pause").await
    }

    pub async fn resume_workflow(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("workflows", id, "resume").await
    }

    /// Runs what failed in a workflow again.
    pub async fn retry_workflow(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("workflows", id, "retry").await
    }

    pub async fn task(&self, id: &str) -> Result<TaskInfo, ClientError> {
        self.fetch(self.get(&["api", "v1", "tasks", id])).await
    }

    /// What a task waits for.
    pub async fn why(&self, id: &str) -> Result<Why, ClientError> {
        self.fetch(self.get(&["api", "v1", "tasks", id, "why"])).await
    }

    pub async fn cancel_task(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("tasks", id, "cancel").await
    }

    /// Runs a failed task again.
    pub async fn retry_task(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("tasks", id, "retry").await
    }

    /// A worker by its id, or by its name when no other has it.
    pub async fn service(&self, id: &str) -> Result<Service, ClientError> {
        self.fetch(self.get(&["api", "v1", "services", id])).await
    }

    /// Gives a worker no further task; what it runs goes on.
    pub async fn drain_service(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("services", id, "drain").await
    }

    /// Gives a drained worker tasks again.
    pub async fn resume_service(&self, id: &str) -> Result<Receipt, ClientError> {
        self.act("services", id, "resume").await
    }

    pub async fn stats(&self) -> Result<Stats, ClientError> {
        self.fetch(self.get(&["api", "v1", "stats"])).await
    }

    /// Tells the server to stop; it answers before it does.
    pub async fn shutdown(&self, who: Shutdown) -> Result<(), ClientError> {
        let mut request = self.post(&["api", "v1", "shutdown"]);
        set_body(&mut request.headers, TextFormat::Json);
        let services = who == Shutdown::WithServices;
        request.body = serde_json::to_vec(&serde_json::json!({"services": services}))?;
        self.send(&self.http, &request).await.map(drop)
    }

    /// How the server is. One that is not well answers as well.
    pub async fn health(&self) -> Result<Health, ClientError> {
        let response = self.exchange(&self.http, &self.get(&["health"])).await?;
        transport::read(response).await
    }

    /// Whether the process answers at all.
    pub async fn is_live(&self) -> bool {
        self.send(&self.http, &self.get(&["livez"])).await.is_ok()
    }

    /// Whether the server takes requests.
    pub async fn is_ready(&self) -> bool {
        self.send(&self.http, &self.get(&["readyz"])).await.is_ok()
    }

    pub(super) async fn act(&self, kind: &str, id: &str, verb: &str) -> Result<Receipt, ClientError> {
        self.fetch(self.post(&["api", "v1", kind, id, verb])).await
    }

    async fn page_of<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        wanted: &PageRequest,
    ) -> Result<Page<T>, ClientError> {
        let mut request = self.get(segments);
        page(&mut request.url, wanted);
        self.fetch(request).await
    }
}

pub(super) fn set_body(headers: &mut HeaderMap, format: TextFormat) {
    let media = match format {
        TextFormat::Json => "application/json",
        TextFormat::Yaml => "application/yaml",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
}

pub(super) fn page(url: &mut Url, request: &PageRequest) {
    let limit = request.limit.map(|limit| limit.to_string());
    query(url, &[("cursor", request.cursor.as_deref()), ("limit", limit.as_deref())]);
}

pub(super) fn query(url: &mut Url, pairs: &[(&str, Option<&str>)]) {
    for (key, value) in pairs {
        if let Some(value) = value {
            url.query_pairs_mut().append_pair(key, value);
        }
    }
}
