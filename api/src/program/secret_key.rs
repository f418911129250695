//! The one secret of the service. Every key is derived from it, each for one purpose, so that there is a single thing to
//! keep and to rotate, and no key tells anything about another.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hkdf::Hkdf;
use secrecy::{ExposeSecret as _, SecretSlice};
use serde::{Deserialize, Deserializer, de};
use sha2::Sha256;
use zeroize::{Zeroize as _, Zeroizing};

/// As strong as the keys that are made of it.
const SHORTEST: usize = 32;
/// Thirty-two random bytes have nearly always more than twenty different values; a repeated word has not.
const FEWEST_DIFFERENT: usize = 10;

/// At least 32 random bytes. `Debug` does not show them.
#[derive(Clone, Debug)]
pub struct SecretKey(SecretSlice<u8>);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it must be at least 32 random bytes in base64; make one with: openssl rand -base64 32")]
pub struct WeakKey;

impl SecretKey {
    /// Base64 where it decodes to enough bytes, else the characters themselves.
    ///
    /// # Errors
    /// When there are too few bytes, or they are plainly not random.
    pub fn parse(text: &str) -> Result<Self, WeakKey> {
        let text = text.trim();
        let bytes = match BASE64_STANDARD.decode(text) {
            Ok(bytes) if bytes.len() >= SHORTEST => bytes,
            _ => text.as_bytes().to_vec(),
        };
        let mut different = bytes.clone();
        different.sort_unstable();
        different.dedup();
        let enough = bytes.len() >= SHORTEST && different.len() >= FEWEST_DIFFERENT;
        different.zeroize();
        if enough { Ok(Self(bytes.into())) } else { Err(WeakKey) }
    }

    /// The key for one purpose, such as `blind index`: always the same one, and unlike that of any other purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        self.derive_with(&[], purpose)
    }

    /// The key for one purpose and one `salt`: for whoever lacks the salt there is no telling the key.
    ///
    /// # Panics
    /// Never: HKDF gives 255 times as much.
    #[must_use]
    pub fn derive_with(&self, salt: &[u8], purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(Some(salt), self.0.expose_secret())
            .expand_multi_info(&[b"chakravue-api ", purpose.as_bytes()], key.as_mut_slice())
            .expect("HKDF with SHA-256 gives up to 8160 bytes");
        key
    }
}

impl<'de> Deserialize<'de> for SecretKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "c2l4dHkgZm91ciBieXRlcyBmb3IgYSBrZXkgdGhhdCBub2JvZHkgdXNlcw==";

    #[test]
    fn base64_and_raw_bytes_are_taken() {
        assert!(SecretKey::parse(KEY).is_ok());
        assert!(SecretKey::parse("not base64! but long enough to be a key, \u{e9}").is_ok());
        let (with, without) = (SecretKey::parse(&format!("{KEY}\n")).unwrap(), SecretKey::parse(KEY).unwrap());
        assert_eq!(with.derive("x"), without.derive("x"), "a line break at the end of a file is none of the key");
    }

    #[test]
    fn weak_keys_are_refused() {
        let zeros = BASE64_STANDARD.encode([0; 32]);
        for text in ["", "changeme", "changemechangemechangemechangemechangeme", &zeros] {
            assert_eq!(SecretKey::parse(text).unwrap_err(), WeakKey, "{text}");
        }
    }

    #[test]
    fn every_purpose_has_a_key_of_its_own_that_stays() {
        let key = SecretKey::parse(KEY).unwrap();
        assert_eq!(key.derive("one"), key.clone().derive("one"));
        assert_ne!(key.derive("one"), key.derive("two"));
        assert_ne!(key.derive_with(b"salt", "one"), key.derive("one"));
        assert!(!format!("{key:?}").contains("sixty"));
    }
}
