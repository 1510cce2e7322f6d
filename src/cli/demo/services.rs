//! The services as the server sees them: three nodes that connect over Socket.IO like any other.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::Value;

use super::api::ApiService;
use super::database::DatabaseService;
use super::fault::Fault;
use super::ml::MlService;
use super::receiver::Receiver;
use crate::client::node::{Capability, ExternalServiceNode, NodeHandle, TaskContext, TaskError};

/// As workflows name them.
pub const ML_SERVICE: &str = "ML Service";
pub const DATABASE_SERVICE: &str = "Database Service";
pub const API_SERVICE: &str = "API Service";

/// All services of the demo, and the server that the API service calls.
#[derive(Debug)]
pub struct Services {
    nodes: Vec<NodeHandle>,
    receiver: Receiver,
}

impl Services {
    /// Opens what the services keep under `directory` and connects them to the server at `url`. Their node
    /// ids are always the same, so that a server that outlived a crash of the demo knows them again.
    pub async fn start(url: &str, token: Option<&str>, directory: &Path) -> anyhow::Result<Self> {
        let receiver = Receiver::start(&directory.join("notifications.jsonl"))
            .await
            .context("the demo's receiver of notifications cannot start")?;
        let ml =
            MlService::open(directory.join("models")).context("the ML service cannot open its models")?;
        let database = DatabaseService::open(&directory.join("demo.sqlite"))
            .context("the database service cannot open its file")?;
        let api = ApiService::new(receiver.url()).context("the API service cannot make an HTTP client")?;
        let connect = |node: ExternalServiceNode| {
            let node = node.url(url);
            match token {
                Some(token) => node.token(token).start(),
                None => node.start(),
            }
        };
        let nodes = vec![connect(ml_node(ml))?, connect(database_node(database))?, connect(api_node(api))?];
        for node in &nodes {
            node.registered().await?;
        }
        Ok(Self { nodes, receiver })
    }

    /// How many notifications the outside world has received.
    pub fn notifications(&self) -> usize {
        self.receiver.count()
    }

    /// Leaves the server in order, so that nothing is assigned to a service that is gone.
    pub async fn stop(&self) {
        for node in &self.nodes {
            node.stop().await;
        }
    }
}

fn ml_node(service: MlService) -> ExternalServiceNode {
    let service = Arc::new(service);
    let handler = move |task: TaskContext, input: Value| {
        let service = Arc::clone(&service);
        blocking(task, move |report| service.handle(input, report))
    };
    ExternalServiceNode::new(ML_SERVICE)
        .node_id("demo-ml")
        .capability(Capability::MlTraining)
        .capability(Capability::MlInference)
        .max_concurrent_tasks(2)
        .handler("external_ml", handler)
}

fn database_node(service: DatabaseService) -> ExternalServiceNode {
    let service = Arc::new(service);
    let handler = move |task: TaskContext, input: Value| {
        let service = Arc::clone(&service);
        let task_id = task.task_id().to_owned();
        blocking(task, move |report| service.handle(&task_id, input, report))
    };
    ExternalServiceNode::new(DATABASE_SERVICE)
        .node_id("demo-database")
        .capability(Capability::DatabaseOperations)
        .handler("external_database", handler)
}

fn api_node(service: ApiService) -> ExternalServiceNode {
    let service = Arc::new(service);
    let handler = move |task: TaskContext, input: Value| {
        let service = Arc::clone(&service);
        async move {
            let mut report = |percent: u8, message: &str| {
                task.progress(percent, message, None);
                Ok(())
            };
            Ok(service.handle(task.task_id(), input, &mut report).await?)
        }
    };
    ExternalServiceNode::new(API_SERVICE)
        .node_id("demo-api")
        .capability(Capability::ApiIntegration)
        .handler("external_api", handler)
}

/// Runs work that computes or waits for a disk off the async threads. It ends at its next report when the
/// task was cancelled.
async fn blocking(
    task: TaskContext,
    work: impl FnOnce(super::Report) -> Result<Value, Fault> + Send + 'static,
) -> Result<Value, TaskError> {
    let run = move || {
        work(&mut |percent, message| {
            if task.cancellation().is_cancelled() {
                return Err(Fault::fail("the task was cancelled"));
            }
            task.progress(percent, message, None);
            Ok(())
        })
    };
    let outcome = tokio::task::spawn_blocking(run).await.map_err(io::Error::other)?;
    Ok(outcome?)
}
