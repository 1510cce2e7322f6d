//! The built-in functions that a `function` task may call, and the one door to call them.
//!
//! A function is pure: it sees its arguments, one reading of the clock and a seed, and nothing else. None
//! of them opens a file, a socket or the environment. Each has a typed signature that is checked before it
//! runs, limits that are named constants, and an example that a test runs.
#![expect(clippy::unnecessary_wraps, reason = "every function has the one type that the registry holds")]

mod bind;
mod encoding;
mod gathering;
mod generate;
mod grouping;
mod integers;
mod json;
mod signature;
mod statistics;
mod tables;
#[cfg(test)]
mod tests;
mod text;
mod waiting;

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::core::errors::{Code, FUNCTION_NOT_FOUND, INTERNAL_ERROR, INVALID_ARGUMENT};
use crate::core::nearest;

use bind::Bound;
pub use signature::{DefaultValue, Kind, Parameter};

/// What a call may know of the world. Both are given, so that the same call gives the same result.
#[derive(Debug, Clone, Copy)]
pub struct CallContext {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: u64,
    /// Where randomness comes from; different for each attempt of each task.
    pub seed: u64,
}

/// Why a call gave no value. None of these is mended by calling again with the same arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// `FUNCTION_NOT_FOUND`, `INVALID_ARGUMENT` (missing, unknown, of the wrong type, outside its limits, or
    /// without a result that fits), or `INTERNAL_ERROR` when a function broke.
    pub code: Code,
    pub message: String,
}

impl FunctionError {
    fn bad_argument(message: impl Into<String>) -> Self {
        Self { code: INVALID_ARGUMENT, message: message.into() }
    }
}

/// What a call costs the thread that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// Microseconds: runs where it is called.
    Light,
    /// Grows with its input: runs on the pool of blocking threads.
    Heavy,
    /// Spends its time waiting, and costs nothing meanwhile.
    Waiting,
}

type Outcome = Result<Value, FunctionError>;
type WaitingOutcome = Pin<Box<dyn Future<Output = Outcome> + Send>>;

#[derive(Debug, Clone, Copy)]
enum Run {
    Light(fn(Bound, CallContext) -> Outcome),
    Heavy(fn(Bound, CallContext) -> Outcome),
    Waiting(fn(Bound, CallContext) -> WaitingOutcome),
}

/// A call and its result, each as JSON text. A test runs every one of them.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The positional arguments, a JSON list.
    pub args: &'static str,
    /// The result; of a random or timed function what one particular seed and clock give.
    pub result: &'static str,
}

/// One built-in function.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    /// One sentence that also gives the shape of the result.
    pub summary: &'static str,
    pub signature: &'static [Parameter],
    pub example: Example,
    run: Run,
}

impl Function {
    /// The call as one would write it: `histogram(numbers, bins=10)`.
    pub fn usage(&self) -> String {
        let parameters: Vec<String> = self.signature.iter().map(Parameter::usage).collect();
        format!("{}({})", self.name, parameters.join(", "))
    }

    pub fn cost(&self) -> Cost {
        match self.run {
            Run::Light(_) => Cost::Light,
            Run::Heavy(_) => Cost::Heavy,
            Run::Waiting(_) => Cost::Waiting,
        }
    }
}

static ALL: LazyLock<Vec<Function>> = LazyLock::new(|| {
    let mut functions = [
        integers::FUNCTIONS,
        statistics::FUNCTIONS,
        text::FUNCTIONS,
        encoding::FUNCTIONS,
        generate::FUNCTIONS,
        waiting::FUNCTIONS,
        json::FUNCTIONS,
        tables::FUNCTIONS,
        grouping::FUNCTIONS,
        gathering::FUNCTIONS,
    ]
    .concat();
    functions.sort_unstable_by_key(|function| function.name);
    functions
});

/// Every function, in the order of their names.
pub fn all() -> &'static [Function] {
    &ALL
}

pub fn find(name: &str) -> Option<&'static Function> {
    let index = ALL.binary_search_by_key(&name, |function| function.name).ok()?;
    ALL.get(index)
}

/// The known name that is most like `name`, if one is like it at all.
pub fn nearest(name: &str) -> Option<&'static str> {
    nearest::nearest(name, ALL.iter().map(|function| function.name))
}

/// Checks the arguments against the signature and runs the function. Positional arguments come first, as
/// in Python; the same argument given twice is an error. What is heavy leaves the calling thread free.
pub async fn call(name: &str, args: Vec<Value>, kwargs: Map<String, Value>, context: CallContext) -> Outcome {
    let function = find(name).ok_or_else(|| unknown(name))?;
    let bound = bind::bind(function, args, kwargs)?;
    match function.run {
        Run::Light(run) => run(bound, context),
        Run::Heavy(run) => match tokio::task::spawn_blocking(move || run(bound, context)).await {
            Ok(outcome) => outcome,
            Err(error) => Err(FunctionError {
                code: INTERNAL_ERROR,
                message: format!(
                    "{name} broke: {error}; this is a defect of the function, please report the arguments"
                ),
            }),
        },
        Run::Waiting(run) => run(bound, context).await,
    }
}

fn unknown(name: &str) -> FunctionError {
    let hint = nearest::suggestion(name, ALL.iter().map(|function| function.name));
    FunctionError {
        code: FUNCTION_NOT_FOUND,
        message: format!(
            "there is no built-in function `{name}`{hint}; `gleitzeit functions` lists all {}",
            ALL.len()
        ),
    }
}
