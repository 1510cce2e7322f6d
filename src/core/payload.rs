//! Inputs and results: JSON text that the engine carries and never looks into, except to fill templates.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ids::Seq;

/// Payloads up to this size stay inside their event and in memory; larger ones are written as a part of their
/// record and are referred to. 512 bytes keep 100,000 waiting tasks within 50 MiB.
pub const INLINE_PAYLOAD_MAX: usize = 512;

/// One JSON value as text. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Arc<str>);

impl Payload {
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub fn null() -> Self {
        Self::new("null")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// Where a payload is. An event is created with `Inline` and `Own` payloads only; once its position in the log
/// is known, [`Stored::settled`] turns `Own` into `Logged`, and the large text is no longer held in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stored {
    /// Small enough to be kept beside its task.
    Inline(Payload),
    /// A part of the very record that mentions it. The text is absent after decoding.
    Own(OwnPart),
    /// A part of an earlier record.
    Logged { seq: Seq, part: u32, len: u32 },
}

/// A large payload inside its own event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnPart {
    pub part: u32,
    pub len: u32,
    #[serde(skip)]
    pub text: Option<Payload>,
}

impl Stored {
    /// A payload of a new event. `next_part` counts the large payloads of that event.
    pub fn fresh(payload: Payload, next_part: &mut u32) -> Self {
        if payload.as_str().len() <= INLINE_PAYLOAD_MAX {
            return Self::Inline(payload);
        }
        let part = *next_part;
        *next_part += 1;
        let len = u32::try_from(payload.as_str().len()).expect("a record is below 4 GiB");
        Self::Own(OwnPart { part, len, text: Some(payload) })
    }

    /// The same payload, seen from outside the record at `seq`.
    #[must_use]
    pub fn settled(&self, seq: Seq) -> Self {
        match self {
            Self::Inline(payload) => Self::Inline(payload.clone()),
            Self::Own(own) => Self::Logged { seq, part: own.part, len: own.len },
            Self::Logged { seq, part, len } => Self::Logged { seq: *seq, part: *part, len: *len },
        }
    }

    /// The text of a large payload that belongs to the record being written.
    pub fn own_text(&self) -> Option<&Payload> {
        match self {
            Self::Own(own) => own.text.as_ref(),
            Self::Inline(_) | Self::Logged { .. } => None,
        }
    }

    /// Lets go of the text of a large payload, once its record has been written.
    pub fn drop_text(&mut self) {
        match self {
            Self::Own(own) => own.text = None,
            Self::Inline(_) | Self::Logged { .. } => {}
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Inline(payload) => payload.as_str().len(),
            Self::Own(own) => own.len as usize,
            Self::Logged { len, .. } => *len as usize,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
