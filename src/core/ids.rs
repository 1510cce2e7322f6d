//! Newtypes for everything that is counted, named or referred to.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A position in the log: the one number that REST, server-sent events and Socket.IO share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Seq(pub u64);

impl Seq {
    /// The first record of a log, so that 0 can mean "before everything".
    pub const FIRST: Self = Self(1);

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Engine time in milliseconds since the Unix epoch. It never runs backwards, whatever the wall clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Timestamp(pub u64);

impl Timestamp {
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`, zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A workflow. Generated ids are version 7 UUIDs, so their order is the order of their creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkflowId(pub u128);

impl WorkflowId {
    /// The id that a submitter's own text stands for. A canonical lower-case UUID is itself; any other text is
    /// hashed to 122 bits, and the specification keeps the text as its label.
    pub fn from_text(text: &str) -> Self {
        canonical_uuid(text).map_or_else(|| Self(hashed(text)), Self)
    }

    /// Milliseconds since the Unix epoch inside a generated (version 7) id.
    pub fn generated_at(self) -> Option<Timestamp> {
        let uuid = Uuid::from_u128(self.0);
        (uuid.get_version_num() == 7)
            .then(|| Timestamp(u64::try_from(self.0 >> 80).expect("48 bits fit into 64")))
    }
}

impl fmt::Display for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = Uuid::encode_buffer();
        f.write_str(Uuid::from_u128(self.0).hyphenated().encode_lower(&mut buffer))
    }
}

impl fmt::Debug for WorkflowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A task: its workflow and its place in the specification. Written `<workflow>.<index>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    pub workflow: WorkflowId,
    pub index: u32,
}

impl TaskId {
    pub const fn new(workflow: WorkflowId, index: u32) -> Self {
        Self { workflow, index }
    }

    /// Parses the generated form `<uuid>.<index>`.
    pub fn parse(text: &str) -> Option<Self> {
        let (workflow, index) = text.rsplit_once('.')?;
        let workflow = WorkflowId(canonical_uuid(workflow)?);
        // A plus sign or leading zeros would give one task several spellings.
        let number = index.parse().ok()?;
        (index.len() == 1 || !index.starts_with(['0', '+'])).then_some(Self { workflow, index: number })
    }

    /// The place in the specification, as an index into a slice.
    pub const fn at(self) -> usize {
        self.index as usize
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.workflow, self.index)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One try of a task, counted from 1. It is the fencing token: a report with an older number is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct AttemptNo(pub u32);

impl AttemptNo {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for AttemptNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A webhook subscription; a version 7 UUID, so that lists are in the order of their creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubscriptionId(pub u128);

impl SubscriptionId {
    pub fn parse(text: &str) -> Option<Self> {
        canonical_uuid(text).map(Self)
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&WorkflowId(self.0), f)
    }
}

impl fmt::Debug for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key of a user; a version 7 UUID, so that lists are in the order of their creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId(pub u128);

impl KeyId {
    pub fn parse(text: &str) -> Option<Self> {
        canonical_uuid(text).map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&WorkflowId(self.0), f)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whatever runs attempts, by its stable name: the `node_id` of a service, or the built-in executor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub Arc<str>);

impl WorkerId {
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// Whether this is a worker inside the binary: `built-in`, or `built-in:` and its desk.
    pub fn is_built_in(&self) -> bool {
        self.0.strip_prefix(Self::BUILT_IN).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    /// No service may register under this id, nor under one that continues it with a colon.
    pub const BUILT_IN: &str = "built-in";

    /// Hands attempts on to receivers that answer by a callback.
    pub const WEBHOOKS: &str = "built-in:webhooks";
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One live connection of a worker. Numbers are never used twice within one run of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl SessionId {
    /// Numbers below this are those of the workers inside the binary.
    pub const FIRST_CONNECTION: Self = Self(16);

    pub const fn is_built_in(self) -> bool {
        self.0 < Self::FIRST_CONNECTION.0
    }
}

/// The first 128 bits of a SHA-256: of a submission's body, of a result, or of an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    pub fn of(bytes: &[u8]) -> Self {
        Self(first_128_bits(bytes))
    }
}

/// The value of a UUID in its canonical spelling, the only one that survives a round trip as text.
pub fn canonical_uuid(text: &str) -> Option<u128> {
    let canonical = text.len() == 36 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    canonical.then(|| Uuid::try_parse(text).ok()).flatten().map(|uuid| uuid.as_u128())
}

fn hashed(text: &str) -> u128 {
    Uuid::new_v8(first_128_bits(text.as_bytes()).to_be_bytes()).as_u128()
}

fn first_128_bits(bytes: &[u8]) -> u128 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(16).fold(0, |value, byte| value << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids_have_one_spelling() {
        let id = TaskId::new(WorkflowId::from_text("order-17"), 12);
        assert_eq!(TaskId::parse(&id.to_string()), Some(id));
        for other in ["x.1", "", ".", "0192f0c0-0000-7000-8000-000000000001.01"] {
            assert_eq!(TaskId::parse(other), None, "{other}");
        }
        assert_eq!(TaskId::parse(&format!("{}.+2", id.workflow)), None);
        assert_eq!(TaskId::parse(&format!("{}.0", id.workflow)).map(|task| task.index), Some(0));
    }

    #[test]
    fn own_ids_keep_uuids_and_hash_the_rest() {
        let uuid = "0192f0c0-0000-7000-8000-000000000001";
        assert_eq!(WorkflowId::from_text(uuid).to_string(), uuid);
        assert_ne!(WorkflowId::from_text(&uuid.to_uppercase()), WorkflowId::from_text("a"));
        assert!(WorkflowId::from_text("a").generated_at().is_none());
        assert_eq!(WorkflowId::from_text(uuid).generated_at(), Some(Timestamp(0x0192_f0c0_0000)));
    }
}
