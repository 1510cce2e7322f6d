//! Runs a handler for one attempt and turns whatever happens into a report.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::Value;

use super::builder::NodeConfig;
use super::error::TaskError;
use super::handler::Handler;
use super::ledger::Ledger;
use super::report::Report;
use super::task::{Assignment, Cancellation};

/// Starts the attempt, which is in the ledger already. A task of its own, so that handlers run side by side.
pub(super) fn start(
    ledger: &Arc<Ledger>,
    config: &Arc<NodeConfig>,
    handler: Handler,
    assignment: Assignment<'_>,
    cancelled: Cancellation,
) {
    let (key, attempt) = (assignment.key(), assignment.attempt);
    let input = assignment.input();
    let context = assignment.context(Arc::clone(ledger), cancelled.clone(), &config.name);
    let (ledger, name) = (Arc::clone(ledger), Arc::clone(&config.name));
    tokio::spawn(async move {
        // The handler is called inside, so that a panic before its first await is caught as well.
        let work = AssertUnwindSafe(async move {
            let input = input.map_err(|error| {
                TaskError::new(format!("the parameters cannot be read: {error}")).permanent()
            })?;
            handler(context, input).await
        });
        let ended = tokio::select! {
            biased;
            () = cancelled.cancelled() => None,
            ended = work.catch_unwind() => Some(ended),
        };
        let result: Result<Value, TaskError> = match ended {
            None => return ledger.finish(Report::cancelled(&name, key, attempt)),
            Some(Ok(result)) => result,
            Some(Err(panic)) => Err(TaskError::new(format!("the handler panicked: {}", words(&*panic)))),
        };
        ledger.finish(Report::of(&name, key, attempt, result.as_ref()));
    });
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
