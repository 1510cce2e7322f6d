//! The built-in functions as REST shows them.

use serde::Serialize;
use serde_json::value::RawValue;

/// One built-in function.
#[derive(Debug, Serialize)]
pub struct FunctionView {
    pub name: &'static str,
    /// One sentence that also gives the shape of the result.
    pub summary: &'static str,
    /// The call as one would write it.
    pub usage: String,
    pub parameters: Vec<ParameterView>,
    pub example: ExampleView,
}

#[derive(Debug, Serialize)]
pub struct ParameterView {
    pub name: &'static str,
    /// `integer`, `number`, `text`, `choice`, `numbers`, `texts`, `list`, `records`, `object` or `any`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub required: bool,
    /// Null where the argument must be given.
    pub default: Option<Box<RawValue>>,
    /// Type and limits in words.
    pub limits: String,
}

/// A call and its result. Of a random or timed function it is what one particular seed and clock give.
#[derive(Debug, Serialize)]
pub struct ExampleView {
    pub args: Box<RawValue>,
    pub result: Box<RawValue>,
}
