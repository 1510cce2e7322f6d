//! Keeps the engine's picture of the language models true: what endpoints say changes what the desk of the models
//! offers.

use std::sync::Arc;

use super::Executor;
use super::desk::{Desk, MODEL_TASKS};
use crate::core::command::{Claim, Command};
use crate::core::rejection::Rejection;
use crate::engine::EngineHandle;

/// Runs as long as the engine does.
pub(super) async fn keep(executor: Arc<Executor>) {
    let models = &executor.tools.models;
    let mut changes = models.changes();
    let mut told = models.offer();
    models.look().await;
    loop {
        let offer = models.offer();
        if offer != told {
            if register_again(&executor).await.is_err() {
                return;
            }
            told = offer;
        }
        let look = tokio::select! {
            // The sender lives in the models, which this task holds.
            _ = changes.changed() => false,
            () = tokio::time::sleep(models.next_look()) => true,
        };
        // Nobody needs to know how endpoints fare while nothing waits for them.
        if look {
            match is_wanted(&executor.engine).await {
                Ok(true) => models.look().await,
                Ok(false) => {}
                Err(_) => return,
            }
        }
    }
}

/// What the desk runs goes on running: a list of it could miss what is on its way here, so there is none.
async fn register_again(executor: &Executor) -> Result<(), Rejection> {
    let facts = Arc::new(Desk::Models.facts(&executor.tools));
    let registration =
        Command::RegisterWorker { session: Desk::Models.session(), facts, active: None, claim: Claim::Any };
    executor.engine.submit(registration).await.map(drop)
}

/// Whether a workflow in memory has a task for a language model.
async fn is_wanted(engine: &EngineHandle) -> Result<bool, Rejection> {
    engine
        .query(|view| view.state.ready.routes().any(|(_, route)| MODEL_TASKS.contains(&&*route.task_type)))
        .await
}
