//! The built-in functions as REST shows them.

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// One built-in function.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunctionView {
    pub name: &'static str,
    /// One sentence that also gives the shape of the result.
    pub summary: &'static str,
    /// The call as one would write it.
    pub usage: String,
    pub parameters: Vec<ParameterView>,
    pub example: ExampleView,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ParameterView {
    pub name: &'static str,
    /// `integer`, `number`, `text`, `choice`, `numbers`, `texts`, `list`, `records`, `object` or `any`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub required: bool,
    /// Null where the argument must be given.
    #[schema(value_type = Option<Value>)]
    pub default: Option<Box<RawValue>>,
    /// Type and limits in words.
    pub limits: String,
}

/// A call and its result. Of a random or timed function it is what one particular seed and clock give.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExampleView {
    #[schema(value_type = Value)]
    pub args: Box<RawValue>,
    #[schema(value_type = Value)]
    pub result: Box<RawValue>,
}
