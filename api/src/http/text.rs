//! Text that people type into a record. White space around it is dropped, since nobody means it, and letters are composed
//! (NFC), since keyboards write the same name in more than one way; whether it is of the
//! right length and free of what cannot be seen is checked together with the other fields.

use std::borrow::Cow;

use bson::Bson;
use garde::{Path, Report, Validate};
use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

use crate::http::flaw::Flaw;

/// One line of 1 to `MAX` characters.
pub type Line<const MAX: usize> = Text<MAX, false>;

/// One or more lines, together 1 to `MAX` characters.
pub type Prose<const MAX: usize> = Text<MAX, true>;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize, const LINES: bool>(String);

impl<const MAX: usize, const LINES: bool> Text<MAX, LINES> {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    fn flaw(&self) -> Option<Flaw> {
        let characters = self.0.chars().count();
        let unseen = |c: char| is_unseen(c) && !(LINES && matches!(c, '\n' | '\t'));
        if characters > MAX || self.0.chars().all(|c| is_blank(c) || is_combining_mark(c)) {
            Some(Flaw::WrongLength { min: 1, max: MAX })
        } else if self.0.chars().any(unseen) {
            Some(Flaw::ControlCharacters)
        } else {
            None
        }
    }
}

/// The same text whichever way its letters were composed (NFC).
#[must_use]
pub fn composed(text: &str) -> String {
    text.nfc().collect()
}

/// Control characters, and the marks that turn the direction of writing around: what they hide would be shown to others.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Takes no room, or shows nothing in it: nothing to read where a text has no more than that, and nobody means it at an end.
fn is_blank(c: char) -> bool {
    // Among those that Unicode takes for letters, marks or symbols are the fillers of Korean and the empty Braille pattern.
    let has_no_ink = matches!(c, '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}');
    let is_zero_width = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    c.is_whitespace() || is_zero_width || has_no_ink
}

/// The same text without what is blank around it and composed, for `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// When it is no text.
pub fn tidied<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(composed(String::deserialize(deserializer)?.trim_matches(is_blank)))
}

impl<'de, const MAX: usize, const LINES: bool> Deserialize<'de> for Text<MAX, LINES> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(tidied(deserializer)?.replace("\r\n", "\n")))
    }
}

impl<const MAX: usize, const LINES: bool> Validate for Text<MAX, LINES> {
    type Context = ();

    fn validate_into(&self, (): &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Some(flaw) = self.flaw() {
            report.append(parent(), flaw.into());
        }
    }
}

impl<const MAX: usize, const LINES: bool> From<Text<MAX, LINES>> for Bson {
    fn from(text: Text<MAX, LINES>) -> Self {
        Self::String(text.0)
    }
}

impl<const MAX: usize, const LINES: bool> PartialSchema for Text<MAX, LINES> {
    fn schema() -> RefOr<Schema> {
        // As the text is kept: something to read at both ends.
        const SEEN: &str = r"[^\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u115f\u1160\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\u2800\u3164\ufeff\uffa0]";
        let between = if LINES {
            r"[^\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]"
        } else {
            r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]"
        };
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(MAX))
            .pattern(Some(format!("^{SEEN}({between}*{SEEN})?$")))
            .into()
    }
}

impl<const MAX: usize, const LINES: bool> ToSchema for Text<MAX, LINES> {
    fn name() -> Cow<'static, str> {
        format!("{}{MAX}", if LINES { "Prose" } else { "Line" }).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line<5> {
        serde_json::from_value(text.into()).unwrap()
    }

    fn prose(text: &str) -> Prose<5> {
        serde_json::from_value(text.into()).unwrap()
    }

    #[test]
    fn white_space_around_is_dropped_and_characters_are_counted() {
        assert_eq!(line("  Zoë \n").as_str(), "Zoë");
        for right in ["a", "ééééé", "日本語です", "O'Ne", "a b c"] {
            assert!(line(right).validate().is_ok(), "{right}");
        }
        assert_eq!(line("\u{feff} a\u{200d}b \u{200b}").as_str(), "a\u{200d}b");
        for wrong in ["", "   ", "éééééé", "\u{200b}", "\u{feff} \u{ad}"] {
            assert!(line(wrong).validate().is_err(), "{wrong}");
        }
        assert_eq!(line("\u{3164}a\u{34f}").as_str(), "a");
        for wrong in ["\u{3164}", "\u{2800}", "\u{115f}", "\u{34f}", "\u{301}", "\u{301} \u{3164}\u{302}"] {
            assert!(line(wrong).validate().is_err(), "{wrong:?} shows nothing");
        }
    }

    #[test]
    fn a_name_is_the_same_however_its_letters_were_typed() {
        assert_eq!(line("Jose\u{301}").as_str(), "Jos\u{e9}");
        assert!(line(&"e\u{301}".repeat(5)).validate().is_ok(), "counted as people do");
    }

    #[test]
    fn what_cannot_be_seen_is_refused_and_lines_are_only_for_prose() {
        for wrong in ["a\0b", "a\u{202e}b", "a\u{7f}b"] {
            assert!(line(wrong).validate().is_err() && prose(wrong).validate().is_err(), "{wrong:?}");
        }
        assert!(line("a\nb").validate().is_err());
        assert!(prose("a\nb\tc").validate().is_ok());
        assert_eq!(prose("a\r\nb").as_str(), "a\nb");
    }
}
