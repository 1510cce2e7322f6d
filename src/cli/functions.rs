//! `gleitzeit functions`: the built-in functions, without a server.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::value::RawValue;

use super::output::{Output, lines, pairs, table};
use super::{Exit, usage};
use crate::core::json_text::compact;
use crate::executor::functions::{self, Function};

/// List the built-in functions, explain one, or look for a word.
#[derive(Debug, Args)]
pub(super) struct Functions {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Explain this one.
    name: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all of them.
    List,
    /// Explain one.
    Show {
        /// The name of the function.
        name: String,
    },
    /// List those that have a word in their name, their summary or their parameters.
    Search { word: String },
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
        match (self.verb, self.name) {
            (Some(_), Some(word)) => return Err(usage(format!("`{word}` means nothing before a verb"))),
            (None | Some(Verb::List), None) => list(&self.output, functions::all().iter())?,
            (Some(Verb::Show { name }), None) | (None, Some(name)) => show(&self.output, &name)?,
            (Some(Verb::Search { word }), None) => search(&self.output, &word)?,
        }
        Ok(Exit::Ok)
    }
}

fn list<'f>(output: &Output, functions: impl Iterator<Item = &'f Function>) -> anyhow::Result<()> {
    let all: Vec<Shown> = functions.map(Shown::of).collect();
    let names = all.iter().map(|function| function.name.to_owned());
    output.print(&all, Some(&all), names, || {
        let row = |function: &Shown| vec![function.usage.clone(), function.summary.to_owned()];
        table(&["FUNCTION", "WHAT IT GIVES"], all.iter().map(row))
    })
}

fn show(output: &Output, name: &str) -> anyhow::Result<()> {
    let Some(function) = functions::find(name) else {
        let hint = functions::nearest(name).map(|near| format!("; did you mean `{near}`?"));
        bail!(
            "there is no built-in function `{name}`{}",
            hint.unwrap_or_else(|| "; `gleitzeit functions` lists them".to_owned())
        );
    };
    let shown = Shown::of(function);
    output.one(&shown, function.name, || described(&shown))
}

fn search(output: &Output, word: &str) -> anyhow::Result<()> {
    let word = word.to_lowercase();
    let holds = |function: &&Function| {
        let texts = [function.name.to_owned(), function.usage(), function.summary.to_owned()];
        texts.iter().any(|text| text.to_lowercase().contains(&word))
    };
    let found: Vec<&Function> = functions::all().iter().filter(holds).collect();
    if found.is_empty() {
        bail!("no function has the word {word:?}; `gleitzeit functions` lists them all");
    }
    list(output, found.into_iter())
}

impl Shown {
    fn of(function: &Function) -> Self {
        let json = |text: &str| {
            RawValue::from_string(compact(text).into_owned()).expect("a test runs every example")
        };
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
