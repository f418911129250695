//! What a new password must be like: long and hard to guess. No digits or capitals are demanded, nothing is forbidden
//! but what somebody who knows the hospital and the user would try first.

use zxcvbn::{
    Score,
    feedback::{Feedback, Warning},
    zxcvbn,
};

use super::password::{Password, normalised};
use crate::http::{
    flaw::{Flaw, Guess},
    problem::{Answer, Problem},
};

const SHORTEST: usize = 15;
const LONGEST: usize = 128;
/// Stood in a description of the product as every user's password.
const PUBLISHED: &str = "default_password_123";
/// Of a name, pieces shorter than this say nothing: "St", "and", "of".
const SHORTEST_PIECE: usize = 4;
/// A whole name or address says something from here on: "SRH".
const SHORTEST_WHOLE: usize = 3;

/// Whose password it is to be.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    pub email: &'a str,
    pub name: Option<&'a str>,
    /// The name of the hospital, if it is a member of one.
    pub hospital: Option<&'a str>,
}

/// Checks a new password.
///
/// # Errors
/// At `pointer`, with each thing that is wrong.
pub fn check(pointer: &str, password: &Password, owner: &Owner<'_>) -> Answer<()> {
    let mut wrong = objections(password.expose(), owner).into_iter();
    let Some(first) = wrong.next() else { return Ok(()) };
    Err(wrong.fold(Problem::invalid(pointer, first), |problem, next| problem.field(pointer, next)))
}

fn objections(password: &str, owner: &Owner<'_>) -> Vec<Flaw> {
    let length = password.chars().count();
    if length < SHORTEST {
        return vec![Flaw::PasswordTooShort { min: SHORTEST }];
    }
    if length > LONGEST {
        return vec![Flaw::TooLong { max: LONGEST }];
    }
    let mut objections = Vec::new();
    let lower = password.to_lowercase();
    let local = owner.email.split('@').next().unwrap_or_default();
    if contains(&lower, local, SHORTEST_PIECE) || contains(&lower, owner.email, SHORTEST_WHOLE) {
        objections.push(Flaw::ContainsEmail);
    }
    if owner.hospital.is_some_and(|hospital| contains(&lower, hospital, SHORTEST_WHOLE)) {
        objections.push(Flaw::ContainsHospital);
    }
    let known = known_words(owner);
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let strength = zxcvbn(password, &known);
    if strength.score() < Score::Three {
        let why = strength.feedback().and_then(Feedback::warning);
        objections.push(Flaw::TooGuessable { why: why.map_or(Guess::Weak, guess_of) });
    }
    objections
}

fn guess_of(warning: Warning) -> Guess {
    match warning {
        Warning::StraightRowsOfKeysAreEasyToGuess | Warning::ShortKeyboardPatternsAreEasyToGuess => Guess::Keyboard,
        Warning::RepeatsLikeAaaAreEasyToGuess | Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess => {
            Guess::Repetition
        }
        Warning::ThisIsATop10Password
        | Warning::ThisIsATop100Password
        | Warning::ThisIsACommonPassword
        | Warning::ThisIsSimilarToACommonlyUsedPassword => Guess::Common,
        Warning::SequencesLikeAbcAreEasyToGuess => Guess::Sequence,
        Warning::RecentYearsAreEasyToGuess | Warning::DatesAreOftenEasyToGuess => Guess::Date,
        Warning::AWordByItselfIsEasyToGuess => Guess::Word,
        Warning::NamesAndSurnamesByThemselvesAreEasyToGuess | Warning::CommonNamesAndSurnamesAreEasyToGuess => {
            Guess::Name
        }
    }
}

/// Whether the password has the name in it, also with the spaces and signs left out. Shorter names do not count. The name is
/// normalised as the password was, so that one in full-width letters is found, too.
fn contains(password: &str, name: &str, shortest: usize) -> bool {
    let bare = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let name = bare(&normalised(name));
    name.chars().count() >= shortest && bare(password).contains(&name)
}

/// The words that a guess would begin with.
fn known_words(owner: &Owner<'_>) -> Vec<String> {
    let texts = [Some("ChakraVue"), Some(PUBLISHED), Some(owner.email), owner.name, owner.hospital];
    let mut words = Vec::new();
    for text in texts.into_iter().flatten().map(normalised) {
        words.push(text.to_lowercase());
        let pieces = text.split(|c: char| !c.is_alphanumeric()).filter(|piece| piece.chars().count() >= SHORTEST_PIECE);
        words.extend(pieces.map(str::to_lowercase));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: Owner<'static> =
        Owner { email: "jane.miller@stmarys.com", name: Some("Jane Miller"), hospital: Some("St. Mary's Hospital") };

    fn refused(password: &str) -> bool {
        !objections(password, &OWNER).is_empty()
    }

    #[test]
    fn long_unusual_passwords_of_any_characters_are_taken() {
        for password in [
            "correct horse battery staple",
            "lamp  violin gravel oyster",
            "Grüße an 17 Möwen im Nebel",
            "春の海ひねもすのたりのたりかな",
            "🦆 seven 🎻 purple 🚲 quarries",
            &"lamp violin gravel oyster teapot ".repeat(3)[..90],
        ] {
            assert_eq!(objections(password, &OWNER), Vec::<Flaw>::new(), "{password}");
        }
    }

    #[test]
    fn length_counts_characters() {
        assert!(refused("lamp violin gr"));
        assert!(!refused("lamp violin gra"));
        assert!(refused("ééééééé"), "14 bytes, 7 characters");
        assert!(!refused(&"lamp violin gravel oyster teapot ".repeat(4)[..128]));
        assert!(refused(&"lamp violin gravel oyster teapot ".repeat(4)[..129]));
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        for password in [
            "aaaaaaaaaaaaaaaaaaaa",
            "passwordpassword",
            "123456789012345678",
            "qwertyuiopasdfghjkl",
            "chakravuechakravue",
            "default_password_123",
            "janemillerjanemiller",
            "JaneMiller1980!",
        ] {
            assert!(refused(password), "{password}");
        }
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        for password in
            ["lamp St. Mary's Hospital oyster", "violin-stmaryshospital-gravel", "oyster JANE.miller gravel lamp"]
        {
            let objections = objections(password, &OWNER);
            assert!(
                objections.iter().any(|objection| matches!(objection, Flaw::ContainsEmail | Flaw::ContainsHospital)),
                "{password}: {objections:?}"
            );
        }
        let wide = Owner { hospital: Some("Ｍｅｒｃｙ　Ｇｅｎｅｒａｌ"), ..OWNER };
        let objections = objections(Password::new("oyster-ｍｅｒｃｙ general-violin").expose(), &wide);
        assert_eq!(objections, [Flaw::ContainsHospital]);
        assert!(known_words(&wide).contains(&"mercy general".to_owned()), "{:?}", known_words(&wide));
        // A local part of two letters is in half of all words.
        assert!(!contains("sturdy", "st", SHORTEST_PIECE));
    }

    #[test]
    fn a_short_address_or_name_is_found_as_a_whole() {
        let objection = |password: &str, hospital: &'static str| {
            objections(password, &Owner { email: "jo@srh.de", name: None, hospital: Some(hospital) })
        };
        for password in ["lamp jo@SRH.de oyster gravel", "violin josrhde gravel oyster"] {
            assert_eq!(objection(password, "General"), [Flaw::ContainsEmail], "{password}");
        }
        for (password, hospital) in
            [("lamp SRH oyster gravel", "SRH"), ("灯 市病院 牡蠣 砂利 提琴 紅茶 鶴 亀 松", "市病院")]
        {
            assert_eq!(objection(password, hospital), [Flaw::ContainsHospital], "{password}");
        }
        assert_eq!(objection("join the oyster for violin gravel", "St"), Vec::<Flaw>::new());
    }

    #[test]
    fn every_objection_points_at_the_field() {
        let problem = check("/new_password", &Password::new("short"), &OWNER).unwrap_err();
        assert_eq!(problem.errors()[0].pointer.as_deref(), Some("/new_password"));
        assert!(check("/password", &Password::new("correct horse battery staple"), &OWNER).is_ok());
    }
}
