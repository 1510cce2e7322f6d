//! Paths into results. Results stay text, and numbers keep their spelling. The first path that goes through an array
//! or an object only reads it, and copies nothing but what it leads to; the second one has it cut into its parts, so
//! that any number of paths read it no more than twice.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Each step may read the rest of a result once, so this bounds the work of one template.
pub(super) const STEPS_MAX: usize = 64;

/// How many keys of an object a message lists.
const KEYS_SHOWN_MAX: usize = 12;

/// The arrays and objects that paths went through so far, by the place in memory where they begin.
#[derive(Debug, Default)]
pub(super) struct Opened<'r> {
    read: BTreeSet<usize>,
    cut: BTreeMap<usize, Container<'r>>,
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
            value = self.step(value, step)?;
        }
        Ok(value)
    }

    fn step(&mut self, json: &'r str, step: &str) -> Result<&'r str, String> {
        let place = json.as_ptr().addr();
        let is_first = self.read.insert(place);
        if let (true, Some(found)) = (is_first, find(json, step)) {
            return Ok(found);
        }
        self.cut.entry(place).or_insert_with(|| Container::cut(json)).step(step)
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

/// What `step` leads to, found by reading. Nothing is built, and an array is read no further than to its item.
fn find<'r>(json: &'r str, step: &str) -> Option<&'r str> {
    let mut finder = Finder { step, index: step.parse().ok(), found: None };
    let mut reader = serde_json::Deserializer::from_str(json);
    // Reading stops with an error where the rest does not matter.
    drop(reader.deserialize_any(&mut finder));
    finder.found.map(RawValue::get)
}

struct Finder<'s, 'r> {
    step: &'s str,
    index: Option<usize>,
    found: Option<&'r RawValue>,
}

impl<'r> Visitor<'r> for &mut Finder<'_, 'r> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    /// Of a key that stands there twice the last one counts.
    fn visit_map<A: MapAccess<'r>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            if key == self.step {
                self.found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'r>>(self, mut items: A) -> Result<(), A::Error> {
        let Some(index) = self.index else { return Ok(()) };
        for _ in 0..index {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        self.found = items.next_element()?;
        Ok(())
    }
}

/// Borrowed wherever it is written without escapes.
#[derive(serde::Deserialize)]
struct Key<'k>(#[serde(borrow)] Cow<'k, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_and_cutting_find_the_same() {
        let json = r#" {"a": [10, {"b\"": "x"}, [ ]], "\u0061": {"twice": 1, "c": {}, "twice": 2}, "1": "one", "": 0} "#;
        let paths =
            [".a", ".a.twice", ".a.c", ".a.0", ".1", ".", ".a.c.x", ".1.x", ".b", ".a.twice.0", ".1.0", ""];
        for path in paths {
            let mut opened = Opened::default();
            let read = opened.follow(json, path);
            assert_eq!(read, opened.follow(json, path), "{path}");
        }
        let rows = "[1, [2, 3], {\"a\": [4]}]";
        for (path, expected) in [
            (".0", Some("1")),
            (".1.1", Some("3")),
            (".2.a.0", Some("4")),
            (".3", None),
            (".-1", None),
            (".x", None),
            (".0.0", None),
        ] {
            let mut opened = Opened::default();
            for _ in 0..2 {
                assert_eq!(opened.follow(rows, path).ok(), expected, "{path}");
            }
        }
    }

    #[test]
    fn one_path_builds_nothing() {
        let json = format!("{{\"rows\": [{}7], \"last\": 1}}", "0,".repeat(100_000));
        let mut opened = Opened::default();
        assert_eq!(opened.follow(&json, ".rows.100000"), Ok("7"));
        assert!(opened.cut.is_empty());
        assert_eq!(opened.follow(&json, ".rows.100000"), Ok("7"));
        assert_eq!(opened.cut.len(), 2);
    }
}
