//! The handlers of a node and the rule that chooses one.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::Value;

use super::capability::Capability;
use super::error::TaskError;
use super::task::TaskContext;

pub(super) type HandlerFuture = Pin<Box<dyn Future<Output = Result<Value, TaskError>> + Send>>;
pub(super) type Handler = Arc<dyn Fn(TaskContext, Value) -> HandlerFuture + Send + Sync>;

#[derive(Clone, Default)]
pub(super) struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    pub(super) fn insert<F, R>(&mut self, task_type: String, handler: F)
    where
        F: Fn(TaskContext, Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, TaskError>> + Send + 'static,
    {
        self.0.insert(task_type, Arc::new(move |task, input| Box::pin(handler(task, input))));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// By the type within the service, then by the task's type, then by the first capability that has one.
    pub(super) fn choose(
        &self,
        external_task_type: Option<&str>,
        task_type: &str,
        capabilities: &[Capability],
    ) -> Option<Handler> {
        let by_name = external_task_type.into_iter().chain([task_type]);
        // The specific name of a capability goes before the general one, which several share.
        let by_capability =
            capabilities.iter().flat_map(|capability| capability.task_types().into_iter().rev());
        by_name.chain(by_capability).find_map(|name| self.0.get(name)).cloned()
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule() {
        let mut handlers = Handlers::default();
        for name in ["ml_training", "external_ml", "data_processing"] {
            handlers.insert(name.to_owned(), |_, _| async { Ok(Value::Null) });
        }
        let names = ["ml_training", "external_ml", "data_processing"];
        let chosen = |external, task_type, capabilities: &[Capability]| {
            let handler = handlers.choose(external, task_type, capabilities)?;
            names.into_iter().find(|name| Arc::ptr_eq(&handlers.0[*name], &handler))
        };
        assert_eq!(chosen(Some("ml_training"), "external_ml", &[]), Some("ml_training"));
        assert_eq!(chosen(Some("ml_inference"), "external_ml", &[]), Some("external_ml"));
        assert_eq!(chosen(Some("x"), "y", &[Capability::DataProcessing]), Some("data_processing"));
        assert_eq!(chosen(None, "y", &[Capability::ApiIntegration]), None);
    }
}
