//! From the JSON of a call to arguments that fit the signature. After this nothing has to be checked again
//! but what one argument asks of another.

use serde_json::{Map, Number, Value};

use super::signature::{DefaultValue, Kind, Parameter};
use super::{Function, FunctionError};
use crate::core::nearest;

/// How much of a wrong text an error shows. Enough to recognise it, too little to flood a log.
const SHOWN_CHARS: usize = 60;

#[derive(Debug)]
enum Argument {
    Integer(i64),
    Number(f64),
    Text(String),
    Numbers(Vec<Number>),
    Texts(Vec<String>),
    List(Vec<Value>),
    Records(Vec<Map<String, Value>>),
    Object(Map<String, Value>),
    Any(Value),
    Taken,
}

/// The arguments of one call, each of the type its parameter names. A function takes each of them out once.
#[derive(Debug)]
pub(super) struct Bound {
    function: &'static Function,
    arguments: Vec<Argument>,
}

/// Fits a call to the signature, or says which argument is wrong, what was given and what is expected.
pub(super) fn bind(
    function: &'static Function,
    args: Vec<Value>,
    mut kwargs: Map<String, Value>,
) -> Result<Bound, FunctionError> {
    let signature = function.signature;
    if args.len() > signature.len() {
        return Err(refuse(
            function,
            &format!("takes at most {} arguments, and {} were given", signature.len(), args.len()),
        ));
    }
    let mut positional = args.into_iter();
    let mut arguments = Vec::with_capacity(signature.len());
    for parameter in signature {
        let named = kwargs.remove(parameter.name);
        let given = match (positional.next(), named) {
            (Some(_), Some(_)) => {
                return Err(refuse(
                    function,
                    &format!("was given argument `{}` both by position and by name", parameter.name),
                ));
            }
            (Some(value), None) | (None, Some(value)) => Some(value),
            (None, None) => None,
        };
        arguments.push(fit_or_default(function, parameter, given)?);
    }
    match kwargs.keys().next() {
        None => Ok(Bound { function, arguments }),
        Some(name) => {
            let hint = nearest::suggestion(name, signature.iter().map(|parameter| parameter.name));
            Err(refuse(function, &format!("has no argument `{name}`{hint}")))
        }
    }
}

fn fit_or_default(
    function: &Function,
    parameter: &Parameter,
    given: Option<Value>,
) -> Result<Argument, FunctionError> {
    match (given, parameter.default) {
        (Some(value), _) => fit(parameter.kind, value).map_err(|given| {
            let Parameter { name, kind, .. } = parameter;
            refuse(function, &format!("expects {kind} as argument `{name}`, and {given} was given"))
        }),
        (None, Some(DefaultValue::Integer(value))) => Ok(Argument::Integer(value)),
        (None, Some(DefaultValue::Number(value))) => Ok(Argument::Number(value)),
        (None, Some(DefaultValue::Text(value))) => Ok(Argument::Text(value.to_owned())),
        (None, None) => {
            let Parameter { name, kind, .. } = parameter;
            Err(refuse(function, &format!("needs the argument `{name}`, {kind}")))
        }
    }
}

/// The error is a description of what was given.
fn fit(kind: Kind, value: Value) -> Result<Argument, String> {
    match (kind, value) {
        (Kind::Integer { min, max }, Value::Number(number)) => match whole(&number) {
            Some(whole) if (min..=max).contains(&whole) => Ok(Argument::Integer(whole)),
            Some(_) | None => Err(number.to_string()),
        },
        (Kind::Number { min, max }, Value::Number(number)) => match number.as_f64() {
            Some(float) if (min..=max).contains(&float) => Ok(Argument::Number(float)),
            Some(_) | None => Err(number.to_string()),
        },
        (Kind::Text { max_bytes }, Value::String(text)) if text.len() <= max_bytes => {
            Ok(Argument::Text(text))
        }
        (Kind::Text { .. }, Value::String(text)) => Err(format!("a text of {} bytes", text.len())),
        (Kind::Choice(words), Value::String(text)) if words.contains(&text.as_str()) => {
            Ok(Argument::Text(text))
        }
        (Kind::Numbers { max_items }, Value::Array(items)) if items.len() <= max_items => {
            each(items, numeric).map(Argument::Numbers)
        }
        (Kind::Texts { max_items }, Value::Array(items)) if items.len() <= max_items => {
            each(items, text).map(Argument::Texts)
        }
        (Kind::List { max_items }, Value::Array(items)) if items.len() <= max_items => {
            Ok(Argument::List(items))
        }
        (Kind::Records { max_items }, Value::Array(items)) if items.len() <= max_items => {
            each(items, object).map(Argument::Records)
        }
        (Kind::Object, Value::Object(object)) => Ok(Argument::Object(object)),
        (Kind::Any, value) => Ok(Argument::Any(value)),
        (
            Kind::Integer { .. }
            | Kind::Number { .. }
            | Kind::Text { .. }
            | Kind::Choice(_)
            | Kind::Numbers { .. }
            | Kind::Texts { .. }
            | Kind::List { .. }
            | Kind::Records { .. }
            | Kind::Object,
            value,
        ) => Err(describe(&value)),
    }
}

fn each<T>(items: Vec<Value>, fit: fn(Value) -> Result<T, Value>) -> Result<Vec<T>, String> {
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            fit(item).map_err(|item| format!("a list with {} at position {index}", describe(&item)))
        })
        .collect()
}

fn numeric(value: Value) -> Result<Number, Value> {
    match value {
        Value::Number(number) => Ok(number),
        Value::String(text) => parse_number(&text).ok_or(Value::String(text)),
        other @ (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => Err(other),
    }
}

fn text(value: Value) -> Result<String, Value> {
    match value {
        Value::String(text) => Ok(text),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Err(other)
        }
    }
}

fn object(value: Value) -> Result<Map<String, Value>, Value> {
    match value {
        Value::Object(object) => Ok(object),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::String(_)) => {
            Err(other)
        }
    }
}

/// A number written as text, whole if it is written without a fraction. Words such as `inf` are none.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    let text = text.trim();
    let whole = text.parse::<i128>().ok().and_then(Number::from_i128);
    whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

/// The value of a number that is whole, however it is written, if a float holds it exactly.
pub(super) fn whole(number: &Number) -> Option<i64> {
    /// 2^53: up to here every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_i64() {
        Some(whole) => Some(whole),
        None => number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT).map(|float| {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked above")]
            let whole = float as i64;
            whole
        }),
    }
}

/// A value in words, short however large it is.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.chars().count() > SHOWN_CHARS => {
            let start: String = text.chars().take(SHOWN_CHARS).collect();
            format!("the text {start:?}... of {} bytes", text.len())
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(items) => format!("a list of {} items", items.len()),
        Value::Object(object) => format!("an object of {} fields", object.len()),
    }
}

fn refuse(function: &Function, problem: &str) -> FunctionError {
    FunctionError::bad_argument(format!("{} {problem}; usage: {}", function.name, function.usage()))
}

/// One method a kind, which takes an argument out.
macro_rules! takers {
    ($($method:ident: $kind:ident => $type:ty;)*) => {
        impl Bound {$(
            pub(super) fn $method(&mut self, name: &str) -> $type {
                let Argument::$kind(value) = self.take(name) else {
                    panic!("parameter `{name}` is of another kind than its function reads, or read twice")
                };
                value
            }
        )*}
    };
}

takers! {
    integer: Integer => i64;
    number: Number => f64;
    text: Text => String;
    numbers: Numbers => Vec<Number>;
    texts: Texts => Vec<String>;
    list: List => Vec<Value>;
    records: Records => Vec<Map<String, Value>>;
    object: Object => Map<String, Value>;
    any: Any => Value;
}

impl Bound {
    /// A refusal of what only the function itself can judge, in the form of all others.
    pub(super) fn refuse(&self, problem: &str) -> FunctionError {
        refuse(self.function, problem)
    }

    fn take(&mut self, name: &str) -> Argument {
        self.function
            .signature
            .iter()
            .position(|parameter| parameter.name == name)
            .and_then(|index| self.arguments.get_mut(index))
            .map(|argument| std::mem::replace(argument, Argument::Taken))
            .expect("a function asks only for parameters of its own signature")
    }

    /// A whole number whose parameter allows none below zero.
    pub(super) fn count(&mut self, name: &str) -> usize {
        usize::try_from(self.integer(name)).expect("the signature allows no negative count")
    }
}
