//! What a service can do, in the vocabulary that routing knows, and what its machine has.

use serde::Serialize;

/// One of the eight capabilities; each stands for the task types that the service takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    MlTraining,
    MlInference,
    DataProcessing,
    ApiIntegration,
    DatabaseOperations,
    WebhookHandling,
    FileProcessing,
    CustomProcessing,
}

impl Capability {
    /// The name on the wire, which is also the second of its task types.
    pub fn name(self) -> &'static str {
        self.task_types()[1]
    }

    /// The task types that a service with this capability registers for.
    pub fn task_types(self) -> [&'static str; 2] {
        match self {
            Self::MlTraining => ["external_ml", "ml_training"],
            Self::MlInference => ["external_ml", "ml_inference"],
            Self::DataProcessing => ["external_processing", "data_processing"],
            Self::ApiIntegration => ["external_api", "api_integration"],
            Self::DatabaseOperations => ["external_database", "database_operations"],
            Self::WebhookHandling => ["external_webhook", "webhook_handling"],
            Self::FileProcessing => ["external_custom", "file_processing"],
            Self::CustomProcessing => ["external_custom", "custom_processing"],
        }
    }
}

/// What the machine of the service has, compared with the `requirements` of tasks.
///
/// ```
/// use gleitzeit::client::node::Facts;
///
/// let facts = Facts { cpu_cores: 8, models: vec!["llama3".into()], ..Facts::default() };
/// # let _ = facts;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    pub cpu_cores: u32,
    pub memory_mb: u64,
    pub gpu_memory_mb: u64,
    pub has_gpu: bool,
    pub models: Vec<String>,
    pub tags: Vec<String>,
}
