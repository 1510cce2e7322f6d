//! Secrets that the log has to keep are sealed with the secret of the data directory, so that neither a dump nor a
//! copy of the log gives them away.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::Sha256;

use super::WebhookSecret;
use crate::core::ids::SubscriptionId;
use crate::core::subscription::SealedSecret;

/// So that no other use of the same secret gives the same key.
const PURPOSE: &[u8] = b"gleitzeit seal 1";

/// Made of the secret of a data directory.
#[derive(Clone)]
pub struct SealKey(LessSafeKey);

impl SealKey {
    pub fn new(instance_secret: [u8; 32]) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(&instance_secret).expect("a key of any length will do");
        mac.update(PURPOSE);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &mac.finalize().into_bytes());
        Self(LessSafeKey::new(key.expect("the hash is as long as a key")))
    }

    /// Seals a secret for one subscription: for another one it does not open.
    ///
    /// # Panics
    /// When the system has no randomness.
    pub fn seal(&self, secret: &WebhookSecret, owner: SubscriptionId) -> SealedSecret {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).expect("the system gives randomness");
        let mut sealed = secret.bytes().to_vec();
        let owner = Aad::from(owner.0.to_be_bytes());
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), owner, &mut sealed)
            .expect("a secret is short");
        SealedSecret(nonce.into_iter().chain(sealed).collect())
    }

    /// The secret; nothing when another data directory sealed it, or for another subscription.
    pub fn open(&self, sealed: &SealedSecret, owner: SubscriptionId) -> Option<WebhookSecret> {
        let (nonce, rest) = sealed.0.split_first_chunk::<NONCE_LEN>()?;
        let mut rest = rest.to_vec();
        let owner = Aad::from(owner.0.to_be_bytes());
        let opened = self.0.open_in_place(Nonce::assume_unique_for_key(*nonce), owner, &mut rest).ok()?;
        WebhookSecret::from_bytes(opened.to_vec()).ok()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_for_its_owner_and_with_nothing_changed() {
        let (key, owner) = (SealKey::new([7; 32]), SubscriptionId(9));
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let sealed = key.seal(&secret, owner);
        assert_eq!(key.open(&sealed, owner), Some(secret.clone()));
        assert_ne!(key.seal(&secret, owner), sealed, "each seal is another one");
        assert!(!sealed.0.windows(8).any(|part| secret.bytes().starts_with(part)));
        assert_eq!(key.open(&sealed, SubscriptionId(8)), None);
        assert_eq!(SealKey::new([8; 32]).open(&sealed, owner), None);
        for at in 0..sealed.0.len() {
            let mut other = sealed.0.to_vec();
            other[at] ^= 1;
            assert_eq!(key.open(&SealedSecret(other.into()), owner), None, "changed at {at}");
            assert_eq!(key.open(&SealedSecret(sealed.0[..at].into()), owner), None, "cut at {at}");
        }
    }
}
