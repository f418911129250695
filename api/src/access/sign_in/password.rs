//! A password on its way from a request to the hasher.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::http::flaw::Flaw;

/// Longer than any password that the policy admits; what is longer cannot be right and is not worth normalising.
const MOST_BYTES: usize = 2048;

/// A password, normalised (NFKC) so that the same characters typed on another keyboard are the same password. It shows
/// in no Debug output and is wiped when dropped.
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    #[must_use]
    pub fn new(typed: &str) -> Self {
        Self(normalised(typed).into())
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A text as passwords are kept, to compare one with.
pub(super) fn normalised(text: &str) -> String {
    text.nfkc().collect()
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([REDACTED])")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let typed = Zeroizing::new(String::deserialize(deserializer)?);
        if typed.len() > MOST_BYTES {
            return Err(serde::de::Error::custom(Flaw::TooLong { max: MOST_BYTES }.carried()));
        }
        Ok(Self::new(&typed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_characters_are_the_same_password_however_they_are_composed() {
        assert_eq!(Password::new("Zu\u{308}rich").expose(), Password::new("Z\u{fc}rich").expose());
        assert_eq!(Password::new("\u{fb01}ne").expose(), "fine");
        assert_eq!(Password::new("two  spaces ").expose(), "two  spaces ", "spaces stay");
    }

    #[test]
    fn it_shows_nowhere_and_has_a_bound() {
        let read = |text: String| serde_json::from_value::<Password>(text.into());
        assert!(!format!("{:?}", read("marker-value".to_owned()).unwrap()).contains("marker-value"));
        assert!(!read("x".repeat(3000)).unwrap_err().to_string().contains("xxx"));
    }
}
