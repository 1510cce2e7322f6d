//! `gleitzeit functions`: the built-in functions, without a server.

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Exit;
use super::output::{Output, lines, pairs, table};
use crate::executor::functions::{self, Function};

/// List the built-in functions, or explain one.
#[derive(Debug, Args)]
pub(super) struct Functions {
    /// The name of a function.
    name: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// A function as JSON.
#[derive(Serialize)]
struct Shown {
    name: &'static str,
    usage: String,
    summary: &'static str,
    parameters: Vec<ShownParameter>,
    example: Example,
}

#[derive(Serialize)]
struct ShownParameter {
    name: &'static str,
    takes: String,
    required: bool,
}

#[derive(Serialize)]
struct Example {
    args: Box<RawValue>,
    result: Box<RawValue>,
}

impl Functions {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let Some(name) = &self.name else {
            let all: Vec<Shown> = functions::all().iter().map(Shown::of).collect();
            let names = all.iter().map(|function| function.name.to_owned());
            self.output.print(&all, Some(&all), names, || {
                let row = |function: &Shown| vec![function.usage.clone(), function.summary.to_owned()];
                table(&["FUNCTION", "WHAT IT GIVES"], all.iter().map(row))
            })?;
            return Ok(Exit::Ok);
        };
        let Some(function) = functions::find(name) else {
            let hint = functions::nearest(name).map(|near| format!("; did you mean `{near}`?"));
            bail!(
                "there is no built-in function `{name}`{}",
                hint.unwrap_or_else(|| "; `gleitzeit functions` lists them".to_owned())
            );
        };
        let shown = Shown::of(function);
        self.output.one(&shown, function.name, || described(&shown))?;
        Ok(Exit::Ok)
    }
}

impl Shown {
    fn of(function: &Function) -> Self {
        let json = |text: &str| RawValue::from_string(text.to_owned()).expect("a test runs every example");
        let example = Example { args: json(function.example.args), result: json(function.example.result) };
        let parameter = |parameter: &functions::Parameter| ShownParameter {
            name: parameter.name,
            takes: parameter.kind.to_string(),
            required: parameter.default.is_none(),
        };
        Self {
            name: function.name,
            usage: function.usage(),
            summary: function.summary,
            parameters: function.signature.iter().map(parameter).collect(),
            example,
        }
    }
}

fn described(function: &Shown) -> String {
    let Example { args, result } = &function.example;
    let head = pairs(&[("function", function.usage.clone()), ("gives", function.summary.to_owned())]);
    let takes = |parameter: &ShownParameter| format!("  {}: {}", parameter.name, parameter.takes);
    let parameters = lines(function.parameters.iter().map(takes));
    format!("{head}{parameters}example   {args} gives {result}\n")
}
