//! Signatures as the Standard Webhooks specification has them: `v1,` and the HMAC-SHA256 of id, time and body.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::Sha256;

/// Half of what the specification allows at most.
const GENERATED_BYTES: usize = 32;
/// What stands before a secret that is written in base64.
const PREFIX: &str = "whsec_";

/// The secret that sender and receiver share.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// A text that begins like an encoded secret and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret that begins with `whsec_` must go on in base64, and no secret may be empty")]
pub struct MalformedSecret;

impl WebhookSecret {
    /// `whsec_` and base64, or any other text, whose bytes are the secret.
    ///
    /// # Errors
    /// When it is empty, or begins with `whsec_` and does not go on in base64.
    pub fn parse(text: &str) -> Result<Self, MalformedSecret> {
        let bytes = match text.strip_prefix(PREFIX) {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| MalformedSecret)?,
            None => text.as_bytes().to_vec(),
        };
        Self::from_bytes(bytes)
    }

    pub(super) fn from_bytes(bytes: Vec<u8>) -> Result<Self, MalformedSecret> {
        if bytes.is_empty() { Err(MalformedSecret) } else { Ok(Self(bytes)) }
    }

    /// A new one of 256 random bits.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn generate() -> Self {
        let mut bytes = vec![0; GENERATED_BYTES];
        SystemRandom::new().fill(&mut bytes).expect("the system gives randomness");
        Self(bytes)
    }

    /// As it is written: `whsec_` and base64. For the one answer that tells it.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its length in bytes.
    pub fn strength(&self) -> usize {
        self.0.len()
    }

    /// The value of `webhook-signature`.
    pub fn signature(&self, id: &str, sent_at_seconds: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of any length will do");
        mac.update(format!("{id}.{sent_at_seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn signatures_are_those_of_the_specification() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            secret.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_plain_text_is_a_secret_by_its_bytes() {
        let plain = WebhookSecret::parse("MfKQ").unwrap();
        assert_eq!(plain, WebhookSecret::parse("whsec_TWZLUQ==").unwrap());
        for wrong in ["", "whsec_", "whsec_!"] {
            assert_eq!(WebhookSecret::parse(wrong), Err(MalformedSecret), "{wrong}");
        }
    }
}
