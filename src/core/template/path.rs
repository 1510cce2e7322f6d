//! Paths into results. Results stay text: each array or object that a path goes through is cut into its parts
//! once, however many templates go through it, and numbers keep their spelling.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Each step may read the rest of a result once, so this bounds the work of one template.
pub(super) const STEPS_MAX: usize = 64;

/// How many keys of an object a message lists.
const KEYS_SHOWN_MAX: usize = 12;

/// The arrays and objects that were cut so far, by the place in memory where they begin.
#[derive(Debug, Default)]
pub(super) struct Opened<'r> {
    containers: BTreeMap<usize, Container<'r>>,
}

#[derive(Debug)]
enum Container<'r> {
    Object(BTreeMap<String, &'r RawValue>),
    Array(Vec<&'r RawValue>),
    /// Nothing inside: a number, a text, a literal.
    Scalar,
}

impl<'r> Opened<'r> {
    /// Follows `path`, which is empty or begins with a dot. The error says what there is instead.
    pub(super) fn follow(&mut self, json: &'r str, path: &str) -> Result<&'r str, String> {
        let mut value = json;
        for step in path.split('.').skip(1) {
            value = self.open(value).step(step)?;
        }
        Ok(value)
    }

    fn open(&mut self, json: &'r str) -> &Container<'r> {
        self.containers.entry(json.as_ptr().addr()).or_insert_with(|| Container::cut(json))
    }
}

impl<'r> Container<'r> {
    fn cut(json: &'r str) -> Self {
        let object = || serde_json::from_str(json).ok().map(Self::Object);
        let array = || serde_json::from_str(json).ok().map(Self::Array);
        match json.trim_start().as_bytes().first() {
            Some(b'{') => object().unwrap_or(Self::Scalar),
            Some(b'[') => array().unwrap_or(Self::Scalar),
            _ => Self::Scalar,
        }
    }

    fn step(&self, step: &str) -> Result<&'r str, String> {
        let found = match self {
            Self::Object(fields) => fields.get(step),
            Self::Array(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
            Self::Scalar => None,
        };
        found
            .map(|value| value.get())
            .ok_or_else(|| format!("there is no `{step}` in it: it {}", self.describe()))
    }

    fn describe(&self) -> String {
        match self {
            Self::Object(fields) if fields.is_empty() => "is an empty object".to_owned(),
            Self::Object(fields) => {
                let shown: Vec<_> = fields
                    .keys()
                    .take(KEYS_SHOWN_MAX)
                    .map(|key| format!("`{}`", super::shortened(key)))
                    .collect();
                let more = if fields.len() > shown.len() { " and more" } else { "" };
                format!("has {}{more}", shown.join(", "))
            }
            Self::Array(items) => format!("is an array of {}, counted from 0", items.len()),
            Self::Scalar => "is neither an object nor an array".to_owned(),
        }
    }
}
