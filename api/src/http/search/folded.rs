//! Which letters are alike whatever case they are in, for a text at hand and for a pattern that MongoDB matches. Its `i`
//! alone leaves names unfound: it tells İ from i and ß from SS, and knows no capitals that came later than itself.

use std::iter;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::http::text::composed;

/// The dot that the small letter of İ keeps.
const DOT: char = '\u{307}';

/// The text with one letter for all that are alike. Each letter counts for itself: a Σ is the same at a word's end.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    // Taken apart, since some letters with a mark are one character in one case only.
    let mut letters = text.nfd().peekable();
    while let Some(letter) = letters.next() {
        // With a mark it is another letter, and composed with it.
        let is_bare = letters.peek().is_none_or(|next| !is_combining_mark(*next));
        match letter {
            'ß' | 'ẞ' if is_bare => folded.push_str("ss"),
            DOT if is_bare && folded.ends_with('i') => {}
            'ı' if !is_bare => folded.push(letter),
            _ if is_combining_mark(letter) => folded.push(letter),
            // Only their capital shows that ς and σ are one, or ı and i.
            _ => folded.push(lower(upper(lower(letter)))),
        }
    }
    composed(&folded)
}

fn lower(letter: char) -> char {
    only(letter.to_lowercase()).unwrap_or(letter)
}

fn upper(letter: char) -> char {
    only(letter.to_uppercase()).unwrap_or(letter)
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

/// A pattern for MongoDB's `i` that finds what is folded as the text is. Every character stands for itself. Where the
/// text may go on, its last letter may be half of an ß.
#[must_use]
pub fn pattern(text: &str, goes_on: bool) -> String {
    let folded = folded(text);
    let mut pattern = String::with_capacity(2 * folded.len());
    let mut letters = folded.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            'i' => {
                letters.next_if_eq(&DOT);
                pattern.push_str("[iıİ]\u{307}?");
            }
            's' => {
                let run = 1 + iter::from_fn(|| letters.next_if_eq(&'s')).count();
                pattern.push_str(&run_of_s(run, goes_on && letters.peek().is_none()));
            }
            'σ' => pattern.push_str("[σςΣ]"),
            _ if letter.is_ascii() => pattern.push_str(&regex::escape(letter.encode_utf8(&mut [0; 4]))),
            _ => pattern.push_str(&cases(letter)),
        }
    }
    pattern
}

/// As many s, of which any two may be an ß; one at the end of what was typed may be its first half.
fn run_of_s(run: usize, goes_on: bool) -> String {
    match run {
        1 if goes_on => "[sßẞ]".to_owned(),
        1 => "s".to_owned(),
        2 => "(?:ss|[ßẞ])".to_owned(),
        // In which of the many places an ß is would make the pattern grow without bound.
        _ => format!("[sßẞ]{{{},{run}}}", run.div_ceil(2)),
    }
}

/// A letter or its capital, which may be more than one character.
fn cases(letter: char) -> String {
    let capital = composed(&letter.to_uppercase().collect::<String>());
    let small = letter.to_string();
    if capital == small || folded(&capital) != small {
        regex::escape(&small)
    } else if only(capital.chars()).is_some() {
        format!("[{small}{capital}]")
    } else {
        format!("(?:{small}|{capital})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::{Regex, RegexBuilder};

    use super::*;

    fn compiled(wanted: &str) -> Regex {
        RegexBuilder::new(&pattern(&composed(wanted), true)).case_insensitive(true).build().unwrap()
    }

    fn is_found(name: &str, wanted: &str) -> bool {
        let in_memory = folded(name).contains(&folded(wanted));
        assert_eq!(compiled(wanted).is_match(&composed(name)), in_memory, "{wanted} in {name}");
        in_memory
    }

    #[test]
    fn a_name_is_found_in_either_case_and_no_other_is() {
        for (name, alike, other) in [
            ("İbrahim Işık", &["ibrahim", "IBRAHIM", "İBRAHİM", "i\u{307}brahi\u{307}m", "ışık", "IŞIK"][..], "isik"),
            ("IBRAHIM", &["İbrahim", "ıbrahım"], "brahıma"),
            ("თამარ", &["ᲗᲐᲛᲐᲠ", "თამარ"], "ᲗᲐᲛᲣᲠ"),
            ("Strauß", &["STRAUSS", "strauss", "STRAUẞ", "straus"], "strausse"),
            ("STRAUSS", &["strauß", "Strauss"], "straß"),
            ("Großstadt", &["grossstadt", "GROẞSTADT"], "grosstadt a"),
            ("ΙΑΣΙΣ Κλινική", &["ΙΑΣ", "ιας", "ιασ", "ιασις", "κλινικ"], "ιασα"),
            ("Μαΐου", &["ΜΑΪ\u{301}ΟΥ", "μαΐου"], "μαιου"),
            ("J\u{30c}an", &["ǰan"], "jan"),
            ("5 µg", &["μG", "ΜG"], "ug"),
            ("ÉCOLE", &["école", "e\u{301}cole"], "ecole"),
        ] {
            for wanted in alike {
                assert!(is_found(name, wanted), "{wanted} in {name}");
            }
            assert!(!is_found(name, other), "{other} in {name}");
        }
        let whole = Regex::new(&format!("^(?i:{})$", pattern("B1s", false))).unwrap();
        assert!(whole.is_match("b1S") && !whole.is_match("b1ß"), "half a letter is none at an end");
    }

    #[test]
    fn what_is_typed_is_no_pattern() {
        for typed in (' '..'\u{80}').filter(char::is_ascii_punctuation) {
            let found = compiled(&typed.to_string());
            assert!(found.is_match(&typed.to_string()) && !found.is_match("a1\u{e9}"), "{typed}");
        }
        assert_eq!(pattern("Joe Smith.", true), "joe sm[iıİ]\u{307}?th\\.");
    }

    #[test]
    fn a_pattern_is_at_most_a_few_times_as_long_as_its_text() {
        // MongoDB refuses one of more than 32 764 bytes.
        for letter in char::MIN..=char::MAX {
            let length = pattern(letter.encode_utf8(&mut [0; 4]), true).len();
            assert!(length <= 40, "{letter:?}: {length}");
        }
        assert!(pattern(&"sx".repeat(150), true).len() < 600 && pattern(&"ßx".repeat(150), true).len() < 3000);
    }

    proptest! {
        #[test]
        fn whatever_is_typed_finds_itself_in_any_case(text in "([ısSßẞσςΣǰაᲐΐñÑx]|x[iIİe\u{307}\u{301}]{0,3}x){0,5}") {
            for name in [text.clone(), text.to_uppercase(), text.to_lowercase()] {
                prop_assert_eq!(folded(&name), folded(&text));
                prop_assert!(compiled(&text).is_match(&composed(&name)), "{} in {}", text, name);
            }
        }
    }
}
