//! What is wrong with one field: a code that programs decide by and translate, its parameters, and an English sentence made
//! of both.
//!
//! serde and garde hand on nothing but text, so through them a flaw travels as its JSON ([`Flaw::carried`]) and is read where
//! the problem is made ([`Flaw::read`]).

use chakravue_crds::texts;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use utoipa::ToSchema;

use crate::subscription::payments::failure::Failure;

/// What is wrong with a field. The code never changes its meaning once published; a client that does not know one shows
/// `detail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Flaw {
    /// Nothing is there.
    #[error("is required")]
    Required,
    #[error("must have at least {min} characters")]
    TooShort { min: usize },
    #[error("must have at most {max} characters")]
    TooLong { max: usize },
    #[error("must have {min} to {max} characters")]
    WrongLength { min: usize, max: usize },
    /// A list.
    #[error("must have at most {max} entries")]
    TooMany { max: usize },
    #[error("must be at least {min}")]
    TooSmall {
        #[schema(value_type = f64)]
        min: Number,
    },
    #[error("must be at most {max}")]
    TooLarge {
        #[schema(value_type = f64)]
        max: Number,
    },
    /// None of a closed list.
    #[error("must be one of {}", allowed.join(", "))]
    NotOneOf { allowed: Vec<String> },
    /// Of another type in JSON, or of no type that can be read as what is wanted.
    #[error("must be {expected}")]
    WrongType { expected: String },
    /// `known` are the fields that may stand there.
    #[error("is not a known field; expected one of {}", known.join(", "))]
    UnknownField { known: Vec<String> },
    /// The object has a field that may not stand there, whose name is not repeated.
    #[error("has a field that is not known; expected one of {}", known.join(", "))]
    HasUnknownField { known: Vec<String> },
    #[error("is there twice")]
    Duplicate,
    /// `field` is needed as well.
    #[error("is needed together with {field}")]
    NeededWith { field: String },
    #[error("must not be there beside {field}")]
    NotBeside { field: String },
    /// Control characters, or marks that turn the direction of writing around.
    #[error("must not contain control characters: remove them")]
    ControlCharacters,
    #[error("{}", texts::EMAIL.sentence)]
    InvalidEmail,
    #[error("{}", texts::PHONE.sentence)]
    InvalidPhone,
    #[error("must be a day of the calendar such as 1980-05-17")]
    InvalidDate,
    #[error("must be a time of the day such as 08:30, up to 24:00")]
    InvalidTimeOfDay,
    #[error("must be a time of RFC 3339 with its offset, such as 2026-11-23T09:00:00Z")]
    InvalidTimestamp,
    /// In the last days before the year 10000.
    #[error("must be at most {limit}")]
    TooLate { limit: String },
    #[error("must be the IANA name of a time zone, such as Asia/Kolkata")]
    InvalidTimeZone,
    #[error("must be a language of BCP 47, such as en, pt-BR or zh-Hant")]
    InvalidLanguage,
    #[error("must be at most {max} times that end after they begin, in order and apart from each other")]
    InvalidOpeningHours { max: usize },
    #[error("must be next_cursor of a page with the same filters")]
    InvalidCursor,
    #[error("must be one ETag as the service sent it, such as \"3\"")]
    InvalidEtag,
    #[error("must have {min} letters of the hospital's name or more")]
    TooFewLetters { min: usize },
    #[error("must not be in the future")]
    InFuture,
    /// Another record has this value, and only one may.
    #[error("is taken already")]
    Taken,
    #[error("must be the id of one of the hospital's patients")]
    UnknownPatient,
    #[error("must be the user_id of a doctor who is active")]
    UnknownDoctor,
    #[error("must be later than starts_at")]
    EndsTooEarly,
    #[error("must be at most {hours} hours after starts_at")]
    EndsTooLate { hours: i64 },
    #[error("must be above diastolic_mmhg")]
    SystolicTooLow,
    #[error("must have at least one measurement")]
    NoMeasurement,
    /// For the reason that was given.
    #[error("must be above 0 for this reason")]
    NotPositive,
    /// For the reason that was given.
    #[error("must be below 0 for this reason")]
    NotNegative,
    #[error("must not be 0")]
    Zero,
    #[error("must leave at most {max}")]
    StockTooHigh { max: i64 },
    #[error("is not right")]
    WrongPassword,
    #[error("must have at least {min} characters; a few words that do not belong together are good")]
    PasswordTooShort { min: usize },
    #[error("must not contain your e-mail address")]
    ContainsEmail,
    #[error("must not contain the hospital's name")]
    ContainsHospital,
    #[error("is too easy to guess. {} Take a few words that do not belong together", why.sentence())]
    TooGuessable { why: Guess },
    #[error("must be the 12 to 19 digits of a card number; spaces and hyphens may stand between them")]
    InvalidCardNumber,
    #[error("is not a card number: a digit is wrong or two have changed places")]
    CardNumberMistyped,
    #[error("must be a string of three or four digits")]
    InvalidCardCode,
    #[error("must be month and year, such as 12/30")]
    InvalidCardExpiry,
    #[error("is past: use another card")]
    CardExpired,
    #[error("only the test numbers are accepted, such as 4242424242424242: never type a real card here")]
    NotATestCard,
    #[error("must not be sent here: give the card to Stripe's form and send the payment_method that it makes")]
    CardNotTaken,
    #[error("is for Stripe, which this installation does not use: send card_number")]
    PaymentMethodNotTaken,
    /// The provider's answer; nothing was charged.
    #[error("{}", failure.advice())]
    PaymentFailed { failure: Failure },
    #[error("must be {price}: that is the price of the plan {plan}")]
    WrongPrice { price: i64, plan: String },
    /// `right` is what the catalogue says.
    #[error("is {right} for this plan")]
    NotAsInCatalogue { right: String },
    /// Anything else; `detail` says what.
    #[error("{sentence}")]
    Invalid {
        #[serde(skip)]
        sentence: String,
    },
}

/// What makes a password easy to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guess {
    /// One that many people have, or nearly.
    Common,
    Keyboard,
    Repetition,
    /// Such as abcdef.
    Sequence,
    Date,
    /// A single word.
    Word,
    /// A person's.
    Name,
    /// Several of these, none of which stands out.
    Weak,
}

impl Guess {
    fn sentence(self) -> &'static str {
        match self {
            Self::Common => "It is a common password, or nearly.",
            Self::Keyboard => "Keys that lie side by side are tried first.",
            Self::Repetition => "Repetition adds nothing.",
            Self::Sequence => "Sequences such as abcdef are tried first.",
            Self::Date => "Years and dates are tried first.",
            Self::Word => "A single word is tried first.",
            Self::Name => "Names are tried first.",
            Self::Weak => "Its parts are tried first.",
        }
    }
}

impl Flaw {
    /// As text that serde and garde hand on.
    #[must_use]
    pub fn carried(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| self.to_string())
    }

    /// What [`Flaw::carried`] made, a rule of garde's own, or a rule that the resource definition has, too.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let number = |text: &str| text.parse::<Number>().ok();
        let of_garde = || {
            let (rule, bound) = text.rsplit_once(' ')?;
            match rule {
                "length is lower than" => Some(Self::TooShort { min: bound.parse().ok()? }),
                "length is greater than" => Some(Self::TooLong { max: bound.parse().ok()? }),
                "lower than" => Some(Self::TooSmall { min: number(bound)? }),
                "greater than" => Some(Self::TooLarge { max: number(bound)? }),
                _ => None,
            }
        };
        let [long, empty, controls] = &texts::DISPLAY_NAME;
        let of_rule = || match text {
            _ if text == texts::EMAIL.sentence => Some(Self::InvalidEmail),
            _ if text == texts::PHONE.sentence => Some(Self::InvalidPhone),
            _ if text == long.sentence => Some(Self::TooLong { max: LONGEST_NAME }),
            _ if text == empty.sentence => Some(Self::Required),
            _ if text == controls.sentence => Some(Self::ControlCharacters),
            _ => None,
        };
        serde_json::from_str(text)
            .ok()
            .or_else(of_garde)
            .or_else(of_rule)
            .unwrap_or_else(|| Self::Invalid { sentence: text.to_owned() })
    }
}

/// Of a hospital, in characters.
const LONGEST_NAME: usize = 300;

impl From<Flaw> for garde::Error {
    fn from(flaw: Flaw) -> Self {
        Self::new(flaw.carried())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flaw_comes_through_serde_and_garde_as_it_was() {
        for flaw in [
            Flaw::Required,
            Flaw::TooLarge { max: Number::from_f64(0.5).unwrap() },
            Flaw::NotOneOf { allowed: vec!["a".into(), "b: c".into()] },
            Flaw::PaymentFailed { failure: Failure::ExpiredCard },
            Flaw::TooGuessable { why: Guess::Word },
        ] {
            assert_eq!(Flaw::read(&flaw.carried()), flaw);
        }
        let sentence = "must be in bloom".to_owned();
        assert_eq!(Flaw::read(&sentence), Flaw::Invalid { sentence });
    }

    #[test]
    fn the_rules_that_the_resource_definition_has_too_are_known() {
        let [long, empty, controls] = &texts::DISPLAY_NAME;
        assert!(long.admits(&"x".repeat(LONGEST_NAME)) && !long.admits(&"x".repeat(LONGEST_NAME + 1)));
        for (rule, flaw) in [
            (&texts::EMAIL, Flaw::InvalidEmail),
            (&texts::PHONE, Flaw::InvalidPhone),
            (long, Flaw::TooLong { max: 300 }),
            (empty, Flaw::Required),
            (controls, Flaw::ControlCharacters),
        ] {
            assert_eq!(Flaw::read(rule.sentence), flaw);
        }
    }
}
