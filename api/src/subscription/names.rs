//! From a hospital's name to the name of its object, and so (by the contract's rule, `-` becomes `_`) of its database:
//! `St. Mary's Hospital` → `st-marys-hospital` → `st_marys_hospital`.
//!
//! Every text gives a name that the resource definition admits. Two hospitals may come to the same one: [`candidates`]
//! then goes on with `-2`, `-3` and, where many are called alike, with random letters.

use any_ascii::any_ascii;
use chakravue_crds::naming::{DatabaseName, MAX_OBJECT_NAME};

/// Up to this number the candidates are counted; after it each has a random ending.
const COUNTED: usize = 9;

/// Characters of a random ending; with its hyphen it is the longest that is added to a name.
const RANDOM: usize = 7;

/// The longest name, with room for an ending.
const LONGEST: usize = MAX_OBJECT_NAME - RANDOM - 1;

/// What a name starts with that could not stand alone: one without letters, with a digit in front, or a reserved one.
const PREFIX: &str = "hospital";

/// The object name of a hospital before anybody else has it.
#[must_use]
pub fn object_name(hospital_name: &str) -> String {
    let slug = slug(hospital_name);
    let name = match slug.as_bytes().first() {
        None => PREFIX.to_owned(),
        Some(first) if first.is_ascii_digit() || is_reserved(&slug) => format!("{PREFIX}-{slug}"),
        Some(_) => slug,
    };
    cut(&name).to_owned()
}

/// Names to try in turn for a hospital, without end.
pub fn candidates(hospital_name: &str) -> impl Iterator<Item = String> + Send + use<> {
    let name = object_name(hospital_name);
    (1_usize..).map(move |number| match number {
        1 => name.clone(),
        2..=COUNTED => format!("{name}-{number}"),
        _ => format!("{name}-{}", random_ending()),
    })
}

/// Letters and digits of the name in ASCII, one hyphen for everything between them. Apostrophes do not part words.
fn slug(hospital_name: &str) -> String {
    let mut slug = String::new();
    for character in any_ascii(hospital_name).chars() {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => slug.push(character.to_ascii_lowercase()),
            '\'' | '`' => {}
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

/// Whether the name, alone or with an ending, would be the name of a database that belongs to somebody else.
fn is_reserved(slug: &str) -> bool {
    [slug, &format!("{slug}-2")].iter().any(|name| DatabaseName::derive(cut(name)).is_err())
}

/// The beginning of a name that is too long: up to the end of a word, unless that would be less than half of what fits.
fn cut(name: &str) -> &str {
    if name.len() <= LONGEST {
        return name;
    }
    let fits = &name[..LONGEST];
    let whole_words =
        if name.as_bytes()[LONGEST] == b'-' { fits } else { fits.rsplit_once('-').map_or(fits, |(words, _)| words) };
    let kept = if whole_words.len() * 2 < LONGEST { fits } else { whole_words };
    kept.trim_end_matches('-')
}

/// Letters and digits that cannot be mistaken for one another, without vowels, so that they make no words.
fn random_ending() -> String {
    const ALPHABET: &[u8] = b"bcdfghjkmnpqrstvwxz23456789";
    (0..RANDOM).map(|_| char::from(ALPHABET[rand::random_range(0..ALPHABET.len())])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_what_a_person_expects() {
        for (hospital, name) in [
            ("St. Mary's Hospital", "st-marys-hospital"),
            ("St. Mary’s Hospital", "st-marys-hospital"),
            ("  City  Care -- Clinic!  ", "city-care-clinic"),
            ("Smith & Sons", "smith-sons"),
            ("Universitätsklinikum Köln-Süd", "universitatsklinikum-koln-sud"),
            ("Hôpital de l'Œuvre", "hopital-de-loeuvre"),
            ("Городская больница №1", "gorodskaya-bolnitsa-no1"),
            ("Γενικό Νοσοκομείο", "geniko-nosokomeio"),
            ("مستشفى السلام", "mstshfa-lslm"),
            ("北京协和医院", "beijingxieheyiyuan"),
            ("서울병원", "seoulbyeongwon"),
            ("सिटी अस्पताल", "siti-asptal"),
            ("ＦＵＬＬ ｗｉｄｔｈ", "full-width"),
            ("Heart ❤️ 🏥", "heart-heart-hospital"),
            ("3rd Street Clinic", "hospital-3rd-street-clinic"),
            ("42", "hospital-42"),
            ("admin", "hospital-admin"),
            ("Config", "hospital-config"),
            ("ChakraVue", "hospital-chakravue"),
            ("chakravue master", "hospital-chakravue-master"),
            ("...", "hospital"),
            ("", "hospital"),
        ] {
            assert_eq!(object_name(hospital), name, "{hospital}");
        }
    }

    #[test]
    fn long_names_end_at_a_word_where_that_leaves_enough() {
        let words = object_name(&"Hospital of the Sisters ".repeat(12));
        assert!(
            words.ends_with("-the")
                || words.ends_with("-of")
                || words.ends_with("-sisters")
                || words.ends_with("-hospital"),
            "{words}"
        );
        assert!(words.len() > LONGEST / 2 && words.len() <= LONGEST, "{words}");
        assert_eq!(object_name(&"x".repeat(300)), "x".repeat(LONGEST));
        assert_eq!(object_name(&format!("a {}", "x".repeat(300))), format!("a-{}", "x".repeat(LONGEST - 2)));
        let exact = format!("{} rest of it", "x".repeat(LONGEST));
        assert_eq!(object_name(&exact), "x".repeat(LONGEST));
    }

    #[test]
    fn the_second_of_a_name_is_numbered_and_the_hundredth_is_random() {
        let names: Vec<_> = candidates("St. Mary's Hospital").take(100).collect();
        assert_eq!(names[..3], ["st-marys-hospital", "st-marys-hospital-2", "st-marys-hospital-3"]);
        assert!(names[99].len() == "st-marys-hospital-".len() + RANDOM, "{}", names[99]);
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), 100);
    }

    /// What the resource definition asks of `metadata.name` where the database is named after it.
    fn is_admitted(name: &str) -> bool {
        let edges = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        DatabaseName::derive(name).is_ok()
            && name.len() <= MAX_OBJECT_NAME
            && edges(name.as_bytes().first())
            && edges(name.as_bytes().last())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    }

    proptest! {
        #[test]
        fn every_text_gives_names_that_are_admitted(text in "\\PC{0,300}") {
            for name in candidates(&text).take(COUNTED + 2) {
                prop_assert!(is_admitted(&name), "{name}");
            }
        }

        #[test]
        fn reserved_and_nearly_reserved_words_too(text in "(admin|local|config|chakravue|ChakraVue|hospital|[0-9]{1,3})[ _.'-]{0,3}[a-z0-9]{0,60}") {
            for name in candidates(&text).take(COUNTED + 2) {
                prop_assert!(is_admitted(&name), "{name}");
            }
        }

        #[test]
        fn a_name_is_its_own(text in "\\PC{0,300}") {
            let name = object_name(&text);
            prop_assert_eq!(object_name(&name), name.clone());
        }
    }
}
