//! What people write about a hospital: the rules for its name, e-mail address and telephone number. The resource
//! definition has them as CEL, the API checks them before it makes an object; both from the same patterns and with the
//! same sentences.

use std::sync::LazyLock;

use kube::core::Rule;
use regex::Regex;

/// One rule for a text, and the sentence that says what would be right.
#[derive(Debug)]
pub struct TextRule {
    /// In characters.
    longest: Option<usize>,
    pattern: Option<(Must, &'static str)>,
    /// Compiled when the first text is checked.
    regex: LazyLock<Option<Regex>>,
    pub sentence: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Must {
    Match,
    NotMatch,
}

/// A pattern in the syntax that Go's RE2 and Rust's regex share.
macro_rules! pattern {
    ($must:ident $pattern:expr, $longest:expr, $sentence:expr) => {
        TextRule {
            longest: $longest,
            pattern: Some((Must::$must, $pattern)),
            regex: LazyLock::new(|| Regex::new($pattern).ok()),
            sentence: $sentence,
        }
    };
}

/// As browsers check it, with a dot in the domain.
pub static EMAIL: TextRule = pattern!(
    Match r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$",
    Some(254),
    "must be an e-mail address such as admin@stmarys.com (at most 254 characters)"
);

/// Digits with the usual separators.
pub static PHONE: TextRule = pattern!(
    Match r"^\+?[0-9(][0-9 ()./-]{1,29}[0-9]$",
    None,
    "must be a telephone number such as +1-555-0000 (3 to 32 digits, spaces, parentheses, dots, slashes or hyphens)"
);

/// The rules for `spec.displayName`.
pub static DISPLAY_NAME: [TextRule; 3] = [
    TextRule {
        longest: Some(300),
        pattern: None,
        regex: LazyLock::new(|| None),
        sentence: "must have at most 300 characters: shorten the hospital's name",
    },
    // Beside spaces and marks, the letters and signs that show nothing: the fillers of Korean, the empty Braille pattern.
    pattern!(Match r"[^\p{Z}\p{C}\p{M}\x{115f}\x{1160}\x{2800}\x{3164}\x{ffa0}]", None, "must not be empty: write the hospital's name"),
    // Also the marks that turn the direction of writing around: what they hide would be shown to every user. And what is no
    // character anywhere, which the API server refuses in everything that is applied.
    pattern!(
        NotMatch r"[\p{Cc}\p{Zl}\p{Zp}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{feff}\x{fffe}\x{ffff}]",
        None,
        "must not contain control characters such as line breaks or tabs: remove them"
    ),
];

impl TextRule {
    #[must_use]
    pub fn admits(&self, text: &str) -> bool {
        let short_enough = self.longest.is_none_or(|longest| text.chars().count() <= longest);
        let matches = self.regex.as_ref().is_some_and(|regex| regex.is_match(text));
        short_enough && self.pattern.is_none_or(|(must, _)| matches == (must == Must::Match))
    }

    /// The rule as the API server checks it.
    #[must_use]
    pub fn cel(&self) -> Rule {
        let size = self.longest.map(|longest| format!("self.size() <= {longest}"));
        let matches = self.pattern.map(|(must, pattern)| {
            let not = if must == Must::NotMatch { "!" } else { "" };
            // In a CEL string literal.
            format!("{not}self.matches('{}')", pattern.replace('\\', r"\\").replace('\'', r"\'"))
        });
        let rule: Vec<String> = size.into_iter().chain(matches).collect();
        Rule::new(rule.join(" && ")).message(self.sentence)
    }
}

/// What the first broken rule says.
///
/// # Errors
/// With the sentence of the first rule that does not admit the text.
pub fn check<'a>(rules: impl IntoIterator<Item = &'a TextRule>, text: &str) -> Result<(), &'static str> {
    match rules.into_iter().find(|rule| !rule.admits(text)) {
        None => Ok(()),
        Some(broken) => Err(broken.sentence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_judged_as_the_api_server_judges_them() {
        let x = |count| "x".repeat(count);
        let name = |text: &str| check(&DISPLAY_NAME, text);
        for right in
            ["x", "St. Mary's Hospital", "مستشفى", "בית\u{200f} חולים", "👩🏽\u{200d}⚕\u{fe0f}", &"🏥".repeat(300)]
        {
            assert_eq!(name(right), Ok(()), "{right}");
        }
        for (wrong, rule) in [
            (x(301), 0),
            (String::new(), 1),
            ("\u{a0}\u{200b}".into(), 1),
            ("\u{3164}\u{2800} \u{115f}".into(), 1),
            ("\u{34f}".into(), 1),
            ("\u{301}".into(), 1),
            ("a\nb".into(), 2),
            ("a\u{202e}b".into(), 2),
        ] {
            assert_eq!(name(&wrong), Err(DISPLAY_NAME[rule].sentence), "{wrong:?}");
        }
        for right in ["admin@stmarys.com", "o'neill@stmarys.co.uk", "a@b.example"] {
            assert!(EMAIL.admits(right), "{right}");
        }
        for wrong in [
            "",
            "admin",
            "admin@stmarys",
            "admin@stmarys.com\n",
            "admin@münchen.example",
            &format!("{}@b.example", x(250)),
        ] {
            assert!(!EMAIL.admits(wrong), "{wrong:?}");
        }
        for (right, wrong) in [("112", "12"), ("+1-555-0000", "++1 555"), ("(555) 000-0000", "1-555-CALL-NOW")] {
            assert!(PHONE.admits(right) && !PHONE.admits(wrong), "{right} {wrong}");
        }
    }
}
