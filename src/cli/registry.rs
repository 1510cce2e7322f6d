//! The built-in functions as REST shows them.

use serde_json::value::{RawValue, to_raw_value};

use crate::executor::functions::{self, DefaultValue, Function, Parameter};
use crate::protocol::rest::{ExampleView, FunctionView, ParameterView};

pub(super) fn views() -> Vec<FunctionView> {
    functions::all().iter().map(view).collect()
}

fn view(function: &Function) -> FunctionView {
    let json = |text: &str| RawValue::from_string(text.to_owned()).expect("a test runs every example");
    FunctionView {
        name: function.name,
        summary: function.summary,
        usage: function.usage(),
        parameters: function.signature.iter().map(parameter).collect(),
        example: ExampleView { args: json(function.example.args), result: json(function.example.result) },
    }
}

fn parameter(parameter: &Parameter) -> ParameterView {
    let default = parameter.default.map(|default| {
        let json = match default {
            DefaultValue::Integer(number) => to_raw_value(&number),
            DefaultValue::Number(number) => to_raw_value(&number),
            DefaultValue::Text(text) => to_raw_value(text),
        };
        json.expect("defaults are finite numbers and texts")
    });
    ParameterView {
        name: parameter.name,
        kind: parameter.kind.word(),
        required: parameter.default.is_none(),
        default,
        limits: parameter.kind.to_string(),
    }
}
