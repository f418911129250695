//! What every section of the settings is made with, each in the file of what it is for: how words and spans of time are read,
//! and how mistakes are named.

use std::{fmt, time::Duration};

use jiff::SignedDuration;
use serde::{
    Deserialize, Deserializer,
    de::{self, IntoDeserializer as _},
};

/// What is wrong with the settings, each with what would be right.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<(String, String)>);

impl Mistakes {
    /// `advice` is a sentence about the setting: what is wrong, what would be right. It must not repeat a secret.
    pub fn add(&mut self, setting: &str, advice: impl fmt::Display) {
        self.0.push((setting.to_owned(), advice.to_string()));
    }

    /// Whether a setting has been named already.
    #[must_use]
    pub fn concern(&self, setting: &str) -> bool {
        self.0.iter().any(|(known, _)| known == setting)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the settings' names.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        self.0.sort();
        self
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings cannot be used:")?;
        self.0.iter().try_for_each(|(setting, advice)| write!(f, "\n  {setting}: {advice}"))
    }
}

impl std::error::Error for Mistakes {}

/// A setting that is one of a few words, for `#[serde(deserialize_with = …)]`: a mistake is answered with the words.
///
/// # Errors
/// When it is none of them.
pub fn choice<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(String::deserialize(deserializer)?.into_deserializer())
}

/// A setting that is a span of time, for `#[serde(deserialize_with = …)]`: `30s`, `15m`, `1h 30m`.
///
/// # Errors
/// With a sentence that says what to write.
pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let wrong = || de::Error::custom("must be a duration of at least a millisecond, such as 500ms, 30s, 15m or 12h");
    let parsed: SignedDuration = String::deserialize(deserializer)?.parse().map_err(|_| wrong())?;
    let duration = Duration::try_from(parsed).map_err(|_| wrong())?;
    if duration < Duration::from_millis(1) { Err(wrong()) } else { Ok(duration) }
}
