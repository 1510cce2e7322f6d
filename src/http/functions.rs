//! The built-in functions.

use axum::Json;
use axum::extract::Path;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};

use super::body::Params;
use super::problem::{Failed, invalid};
use crate::core::errors::FUNCTION_NOT_FOUND;
use crate::core::nearest::suggestion;
use crate::core::rejection::Rejection;
use crate::executor::functions::{self, DefaultValue, Function, Parameter};
use crate::protocol::rest::{ExampleView, FunctionView, Page, ParameterView};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Words that the name or the summary must hold.
    q: Option<String>,
}

pub async fn list(Params(search): Params<Search>) -> Result<Json<Page<FunctionView>>, Failed> {
    let words = search.q.unwrap_or_default().to_lowercase();
    let found = |function: &&Function| {
        let text = format!("{} {}", function.usage(), function.summary).to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    };
    let items = functions::all().iter().filter(found).map(view).collect::<Result<_, Failed>>()?;
    Ok(Json(Page { items, next_cursor: None }))
}

pub async fn detail(Path(name): Path<String>) -> Result<Json<FunctionView>, Failed> {
    let function = functions::find(&name).ok_or_else(|| {
        let near = suggestion(&name, functions::all().iter().map(|function| function.name));
        Rejection::new(FUNCTION_NOT_FOUND, format!("there is no built-in function `{name}`{near}"))
    })?;
    view(function).map(Json)
}

fn view(function: &Function) -> Result<FunctionView, Failed> {
    let json = |text: &str| {
        RawValue::from_string(text.to_owned())
            .map_err(|error| invalid(format!("the example of {} is no JSON: {error}", function.name)))
    };
    Ok(FunctionView {
        name: function.name,
        summary: function.summary,
        usage: function.usage(),
        parameters: function.signature.iter().map(parameter).collect(),
        example: ExampleView { args: json(function.example.args)?, result: json(function.example.result)? },
    })
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
