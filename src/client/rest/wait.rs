//! Waiting for the end of a workflow.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::Client;
use super::error::ClientError;
use super::types::{WorkflowInfo, WorkflowResults};

/// A short workflow is noticed soon, and a long one costs the server one cheap request a second.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Client {
    /// Waits until a workflow has ended, and returns its results. A server that restarts meanwhile is waited
    /// for; a workflow that is still going after `limit` is an error and goes on.
    pub async fn wait_for(&self, id: &str, limit: Duration) -> Result<WorkflowResults, ClientError> {
        let deadline = Instant::now() + limit;
        let late = || ClientError::WaitTimeout { what: format!("workflow {id}"), limit };
        timeout_at(deadline, async {
            self.until_ended(id).await?;
            self.results(id).await
        })
        .await
        .unwrap_or_else(|_| Err(late()))
    }

    async fn until_ended(&self, id: &str) -> Result<WorkflowInfo, ClientError> {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.workflow(id).await {
                Ok(workflow) if workflow.status.has_ended() => return Ok(workflow),
                Ok(_) => {}
                Err(error) if error.retry_delay(pause).is_some() => {
                    tracing::debug!(workflow = id, %error, "the server is waited for");
                }
                Err(error) => return Err(error),
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}
