//! Keys of users, as they are made: `gzt_` and 256 random bits in base64.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use crate::core::access::KeyDigest;

/// So that a key is known for one wherever it turns up.
const PREFIX: &str = "gzt_";
const BYTES: usize = 32;

/// A new key. Its text is for the one answer that tells it.
pub struct AccessKey(String);

impl AccessKey {
    /// # Panics
    /// When the system has no randomness.
    pub fn generate() -> Self {
        let mut bytes = [0; BYTES];
        SystemRandom::new().fill(&mut bytes).expect("the system gives randomness");
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.0)
    }

    pub fn reveal(self) -> String {
        self.0
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::AccessKey;

    #[test]
    fn every_key_is_another_one_and_none_is_printed() {
        let (one, other) = (AccessKey::generate(), AccessKey::generate());
        assert_ne!(one.digest(), other.digest());
        assert_eq!(format!("{one:?}"), "AccessKey(hidden)");
        let text = one.reveal();
        assert!(text.len() == 47 && text.starts_with("gzt_"), "{text}");
    }
}
