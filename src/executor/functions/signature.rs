//! What a function takes: names, types, limits and defaults, as data that errors and listings are made of.

use std::fmt;

/// The type of an argument, with its limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A whole number; `3.0` counts as one.
    Integer {
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    Text {
        max_bytes: usize,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of numbers. Text that reads as a number counts as one, because the cells of a CSV are text.
    Numbers {
        max_items: usize,
    },
    /// A list of texts.
    Texts {
        max_items: usize,
    },
    List {
        max_items: usize,
    },
    /// A list of objects.
    Records {
        max_items: usize,
    },
    Object,
    Any,
}

impl Kind {
    /// The type in one stable word, for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Text { .. } => "text",
            Self::Choice(_) => "choice",
            Self::Numbers { .. } => "numbers",
            Self::Texts { .. } => "texts",
            Self::List { .. } => "list",
            Self::Records { .. } => "records",
            Self::Object => "object",
            Self::Any => "any",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer { min, max: i64::MAX } => write!(f, "a whole number from {min}"),
            Self::Integer { min: i64::MIN, max } => write!(f, "a whole number up to {max}"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min, max } if *min <= f64::MIN && *max >= f64::MAX => write!(f, "a number"),
            Self::Number { min, max } if *max >= f64::MAX => write!(f, "a number from {min}"),
            Self::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Text { max_bytes } => write!(f, "a text of at most {max_bytes} bytes"),
            Self::Choice(words) => write!(f, "one of {}", words.join(", ")),
            Self::Numbers { max_items } => write!(f, "a list of at most {max_items} numbers"),
            Self::Texts { max_items } => write!(f, "a list of at most {max_items} texts"),
            Self::List { max_items } => write!(f, "a list of at most {max_items} items"),
            Self::Records { max_items } => write!(f, "a list of at most {max_items} records (objects)"),
            Self::Object => write!(f, "an object"),
            Self::Any => write!(f, "any JSON value"),
        }
    }
}

/// What an argument is when the call leaves it out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DefaultValue {
    Integer(i64),
    Number(f64),
    Text(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    /// `None`: the argument must be given.
    pub default: Option<DefaultValue>,
}

impl Parameter {
    pub(super) const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, default: None }
    }

    pub(super) const fn optional(name: &'static str, kind: Kind, default: DefaultValue) -> Self {
        Self { name, kind, default: Some(default) }
    }

    pub fn usage(&self) -> String {
        match self.default {
            None => self.name.to_owned(),
            Some(DefaultValue::Integer(value)) => format!("{}={value}", self.name),
            Some(DefaultValue::Number(value)) => format!("{}={value}", self.name),
            Some(DefaultValue::Text(value)) => format!("{}={value:?}", self.name),
        }
    }
}
