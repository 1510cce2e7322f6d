//! The token in a callback's URL. It names the attempt and proves that this server made it, so nothing is stored for
//! it and nobody can make one up. Whether the attempt still waits for the callback is the engine's to say.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::core::ids::{AttemptNo, TaskId, WorkflowId};

/// Workflow, index and attempt.
const NAMED_BYTES: usize = 16 + 4 + 4;
/// So that no other hash with the same key is ever a token.
const PURPOSE: &[u8] = b"gleitzeit callback 1\0";

/// Made of the secret of a data directory.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackKey([u8; 32]);

impl CallbackKey {
    pub const fn new(instance_secret: [u8; 32]) -> Self {
        Self(instance_secret)
    }

    pub fn token(&self, task: TaskId, attempt: AttemptNo) -> String {
        let mut bytes = Vec::with_capacity(NAMED_BYTES + 32);
        bytes.extend_from_slice(&task.workflow.0.to_be_bytes());
        bytes.extend_from_slice(&task.index.to_be_bytes());
        bytes.extend_from_slice(&attempt.0.to_be_bytes());
        let proof = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&proof);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The attempt that a token of this server names; nothing for any other text. Takes as long whatever part of
    /// the proof is wrong.
    pub fn open(&self, token: &str) -> Option<(TaskId, AttemptNo)> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (named, proof) = bytes.split_at_checked(NAMED_BYTES)?;
        self.mac(named).verify_slice(proof).ok()?;
        let (workflow, rest) = named.split_first_chunk::<16>()?;
        let (index, rest) = rest.split_first_chunk::<4>()?;
        let (attempt, _) = rest.split_first_chunk::<4>()?;
        let workflow = WorkflowId(u128::from_be_bytes(*workflow));
        let task = TaskId::new(workflow, u32::from_be_bytes(*index));
        Some((task, AttemptNo(u32::from_be_bytes(*attempt))))
    }

    fn mac(&self, named: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(PURPOSE);
        mac.update(named);
        mac
    }
}

impl fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_with_its_key_alone_and_with_nothing_changed() {
        let task = TaskId::new(WorkflowId::from_text("order-17"), 12);
        let key = CallbackKey::new([7; 32]);
        let token = key.token(task, AttemptNo(3));
        assert_eq!(key.open(&token), Some((task, AttemptNo(3))));
        assert_ne!(token, key.token(task, AttemptNo(4)));
        assert_eq!(CallbackKey::new([8; 32]).open(&token), None);
        assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(std::str::from_utf8(&other).unwrap()), None, "changed at {at}");
            assert_eq!(key.open(&token[..at]), None, "cut at {at}");
        }
        assert_eq!(key.open(&format!("{token}A")), None);
        assert_eq!(key.open(&format!("{token}=")), None);
    }
}
