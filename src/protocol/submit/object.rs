//! Opaque JSON inside a submission, and the writing of small JSON objects around it.

use std::borrow::Cow;
use std::fmt::{self, Display};

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::core::json_text::compact;
use crate::protocol::fields::Text;

/// Any value that the submission carries and does not look into.
pub(super) trait Opaque<'de>: Deserialize<'de> {
    /// As compact JSON.
    fn json(&self) -> Cow<'_, str>;
}

impl<'de> Opaque<'de> for &'de RawValue {
    fn json(&self) -> Cow<'_, str> {
        compact(self.get())
    }
}

/// A value from YAML, which has no JSON text to borrow: it is written while it is read, keys in their order.
#[derive(Debug)]
pub(super) struct YamlValue(String);

impl<'de> Deserialize<'de> for YamlValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut json = String::new();
        JsonInto(&mut json).deserialize(deserializer)?;
        Ok(Self(json))
    }
}

impl Opaque<'_> for YamlValue {
    fn json(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }
}

/// Appends the JSON of what it reads.
struct JsonInto<'j>(&'j mut String);

impl JsonInto<'_> {
    fn push<E: Error>(self, value: impl Serialize) -> Result<(), E> {
        self.0.push_str(&serde_json::to_string(&value).map_err(E::custom)?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for JsonInto<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonInto<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.push(value)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.push(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.push(number)
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<(), E> {
        self.push(number)
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<(), E> {
        self.push(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.push(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.push(text)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.push(())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.push(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push('[');
        let empty = self.0.len();
        while items.next_element_seed(AfterComma { json: self.0, empty })?.is_some() {}
        self.0.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.0.push('{');
        let mut separator = "";
        while let Some(key) = entries.next_key::<Text<'de>>()? {
            self.0.push_str(separator);
            JsonInto(self.0).push(&*key)?;
            self.0.push(':');
            entries.next_value_seed(JsonInto(self.0))?;
            separator = ",";
        }
        self.0.push('}');
        Ok(())
    }
}

/// An item of a list; whether there is one before it shows in the length.
struct AfterComma<'j> {
    json: &'j mut String,
    empty: usize,
}

impl<'de> DeserializeSeed<'de> for AfterComma<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.json.len() > self.empty {
            self.json.push(',');
        }
        JsonInto(self.json).deserialize(deserializer)
    }
}

pub(super) fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

pub(super) fn is_array(json: &str) -> bool {
    json.starts_with('[')
}

/// A JSON object in the making. Absent values leave no trace.
#[derive(Debug)]
pub(super) struct ObjectWriter {
    json: String,
}

impl ObjectWriter {
    pub(super) fn new() -> Self {
        Self { json: "{".to_owned() }
    }

    /// Goes on where a compact object ends.
    pub(super) fn extend(object: &str) -> Self {
        Self { json: object.strip_suffix('}').unwrap_or("{").to_owned() }
    }

    pub(super) fn text(mut self, key: &str, text: Option<&str>) -> Self {
        if let Some(text) = text {
            self.key(key);
            self.push_text(text);
        }
        self
    }

    pub(super) fn opaque<'de>(self, key: &str, value: Option<&impl Opaque<'de>>) -> Self {
        match value {
            Some(value) => self.json(key, value.json()),
            None => self,
        }
    }

    /// `json` shows itself as JSON.
    pub(super) fn json(mut self, key: &str, json: impl Display) -> Self {
        self.key(key);
        self.json.push_str(&json.to_string());
        self
    }

    pub(super) fn finish(mut self) -> String {
        self.json.push('}');
        self.json
    }

    fn key(&mut self, key: &str) {
        if self.json.len() > 1 {
            self.json.push(',');
        }
        self.push_text(key);
        self.json.push(':');
    }

    fn push_text(&mut self, text: &str) {
        self.json.push_str(&serde_json::to_string(text).expect("text is JSON"));
    }
}
