//! Names of task types, their aliases, and the types that capabilities stand for.

pub const EXTERNAL_ML: &str = "external_ml";
pub const EXTERNAL_API: &str = "external_api";
pub const EXTERNAL_DATABASE: &str = "external_database";
pub const EXTERNAL_PROCESSING: &str = "external_processing";
pub const EXTERNAL_WEBHOOK: &str = "external_webhook";
pub const EXTERNAL_CUSTOM: &str = "external_custom";

/// What the server itself asks for where a task of [`EXTERNAL_WEBHOOK`] has an address of its own. No service that
/// connects is given these.
pub const WEBHOOK_DELIVERY: &str = "webhook_delivery";

/// Every accepted name and the type it means.
const NAMES: [(&str, &str); 19] = [
    ("text", "text"),
    ("text_prompt", "text"),
    ("ollama_text", "text"),
    ("vision", "vision"),
    ("vision_task", "vision"),
    ("ollama_vision", "vision"),
    ("function", "function"),
    ("python_function", "function"),
    ("python_code", "function"),
    ("http", "http"),
    ("http_request", "http"),
    ("file", "file"),
    ("file_operation", "file"),
    (EXTERNAL_ML, EXTERNAL_ML),
    (EXTERNAL_API, EXTERNAL_API),
    (EXTERNAL_DATABASE, EXTERNAL_DATABASE),
    (EXTERNAL_PROCESSING, EXTERNAL_PROCESSING),
    (EXTERNAL_WEBHOOK, EXTERNAL_WEBHOOK),
    (EXTERNAL_CUSTOM, EXTERNAL_CUSTOM),
];

/// Each capability stands for a general type and for itself.
const CAPABILITIES: [(&str, [&str; 2]); 8] = [
    ("ml_training", [EXTERNAL_ML, "ml_training"]),
    ("ml_inference", [EXTERNAL_ML, "ml_inference"]),
    ("data_processing", [EXTERNAL_PROCESSING, "data_processing"]),
    ("api_integration", [EXTERNAL_API, "api_integration"]),
    ("database_operations", [EXTERNAL_DATABASE, "database_operations"]),
    ("webhook_handling", [EXTERNAL_WEBHOOK, "webhook_handling"]),
    ("file_processing", [EXTERNAL_CUSTOM, "file_processing"]),
    ("custom_processing", [EXTERNAL_CUSTOM, "custom_processing"]),
];

/// The type that a name means.
pub fn canonical(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(alias, _)| *alias == name).map(|(_, canonical)| *canonical)
}

/// Every accepted name.
pub fn names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(alias, _)| *alias)
}

/// The types that a service with this capability runs. A capability of its own is a kind of custom task.
pub fn of_capability(capability: &str) -> [&str; 2] {
    let known = CAPABILITIES.iter().find(|(name, _)| *name == capability);
    known.map_or([EXTERNAL_CUSTOM, capability], |(_, types)| *types)
}

/// Every capability that stands for a general type.
pub fn capabilities() -> impl Iterator<Item = &'static str> {
    CAPABILITIES.iter().map(|(name, _)| *name)
}
