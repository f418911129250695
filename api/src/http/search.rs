//! Searching for words that people type.

use bson::{Bson, Document, doc};

use crate::http::flaw::Flaw;

mod folded;

pub use folded::folded;

/// The longest search.
pub const LONGEST: usize = 100;

/// One condition for each word: the field contains it, in upper or lower case. Every character stands for itself.
pub fn words(field: &str, text: &str) -> impl Iterator<Item = Document> {
    text.split_whitespace().map(move |word| part(field, word))
}

/// The field contains the text, in upper or lower case.
#[must_use]
pub fn part(field: &str, text: &str) -> Document {
    matching(field, folded::pattern(text, true))
}

/// The field is the whole text, in upper or lower case.
#[must_use]
pub fn whole(field: &str, text: &str) -> Document {
    matching(field, format!("^{}$", folded::pattern(text.trim(), false)))
}

fn matching(field: &str, pattern: String) -> Document {
    doc! { field: { "$regex": pattern, "$options": "i" } }
}

/// Records that are in use, or those that were taken out of use.
#[must_use]
pub fn in_use(are_in_use: bool) -> Document {
    doc! { "deleted_at": if are_in_use { Bson::Null } else { doc! { "$ne": null }.into() } }
}

/// Checks the parameter `q`.
///
/// # Errors
/// When it is too long or has a character that no text has.
pub fn checked(text: &str, (): &()) -> garde::Result {
    if text.chars().count() > LONGEST {
        return Err(Flaw::TooLong { max: LONGEST }.into());
    }
    visible(text, &())
}

/// Checks a text that is searched for.
///
/// # Errors
/// When it has a character that no text has; MongoDB takes no pattern with a NUL.
pub fn visible(text: &str, (): &()) -> garde::Result {
    if text.chars().any(char::is_control) { Err(Flaw::ControlCharacters.into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_no_pattern() {
        let found: Vec<Document> = words("name", " o'neil  .* ").collect();
        assert_eq!(
            found,
            [
                doc! { "name": { "$regex": "o'ne[iıİ]\u{307}?l", "$options": "i" } },
                doc! { "name": { "$regex": r"\.\*", "$options": "i" } },
            ]
        );
        assert_eq!(words("n", "Jose\u{301}").collect::<Vec<_>>(), words("n", "Jos\u{e9}").collect::<Vec<_>>());
        assert_eq!(whole("n", "P(1"), doc! { "n": { "$regex": r"^p\(1$", "$options": "i" } });
    }

    #[test]
    fn a_search_is_short_and_visible() {
        assert!(checked(&"ü".repeat(LONGEST), &()).is_ok());
        assert!(checked(&"ü".repeat(LONGEST + 1), &()).is_err() && checked("a\0", &()).is_err());
    }
}
