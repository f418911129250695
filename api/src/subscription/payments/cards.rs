//! What a person types from a card. Number and code live in memory alone, for as long as the charge takes: the types have
//! no `Debug` and no `Serialize`, and wipe themselves. What is kept of a card is a [`CardSummary`].

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::http::flaw::Flaw;

/// A card number that could be one: 12 to 19 digits whose check digit is right.
pub struct CardNumber(Zeroizing<String>);

impl CardNumber {
    fn parse(text: &str) -> Result<Self, Flaw> {
        let digits: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|character| !matches!(character, ' ' | '-')).collect());
        if !(12..=19).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Flaw::InvalidCardNumber);
        }
        if !passes_luhn(&digits) {
            return Err(Flaw::CardNumberMistyped);
        }
        Ok(Self(digits))
    }

    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// What may be kept and shown.
    #[must_use]
    pub fn summary(&self) -> CardSummary {
        let brand = match self.0.as_bytes() {
            [b'4', ..] => "visa",
            [b'5', b'1'..=b'5', ..] | [b'2', b'2'..=b'7', ..] => "mastercard",
            [b'3', b'4' | b'7', ..] => "amex",
            _ => "unknown",
        };
        CardSummary { brand: brand.to_owned(), last4: self.0[self.0.len() - 4..].to_owned() }
    }
}

/// The check that every card number passes: catches a wrong digit and most exchanged ones.
fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| match (u32::from(byte - b'0'), place % 2) {
            (digit, 0) => digit,
            (digit, _) => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Reads text, or a number as some clients send it.
struct Text(&'static str);

impl de::Visitor<'_> for Text {
    type Value = Zeroizing<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Zeroizing::new(number.to_string()))
    }
}

impl<'de> Deserialize<'de> for CardNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(Text("a string of digits"))?;
        Self::parse(&text).map_err(|flaw| de::Error::custom(flaw.carried()))
    }
}

/// The code on the back: three digits, or four.
pub struct CardCode(Zeroizing<String>);

impl CardCode {
    #[must_use]
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for CardCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(Text("a string of three or four digits"))?;
        let right = (3..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if right { Ok(Self(text)) } else { Err(de::Error::custom(Flaw::InvalidCardCode.carried())) }
    }
}

/// The last month in which the card is good.
#[derive(Clone, Copy)]
pub struct CardExpiry(Date);

impl CardExpiry {
    /// `12/30` or `12/2030`.
    fn parse(text: &str) -> Option<Self> {
        let (month, year) = text.trim().split_once('/')?;
        let (month, year) = (month.trim(), year.trim());
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(month) || !digits(year) || !matches!(month.len(), 1 | 2) {
            return None;
        }
        let year: i16 = match year.len() {
            2 => 2000 + year.parse::<i16>().ok()?,
            4 => year.parse().ok()?,
            _ => return None,
        };
        Date::new(year, month.parse().ok()?, 1).ok().map(Self)
    }

    #[must_use]
    pub fn is_past(self, now: Timestamp) -> bool {
        self.0.last_of_month() < now.to_zoned(TimeZone::UTC).date()
    }
}

impl<'de> Deserialize<'de> for CardExpiry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(Text("month and year, such as 12/30"))?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(Flaw::InvalidCardExpiry.carried()))
    }
}

/// What is kept of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CardSummary {
    #[schema(example = "visa")]
    pub brand: String,
    /// The last four digits.
    #[schema(example = "1111")]
    pub last4: String,
}

#[cfg(test)]
mod tests {
    use garde::Validate;
    use serde_json::{Value, json};

    use super::*;
    use crate::http::extract;

    #[derive(Deserialize, Validate)]
    #[garde(allow_unvalidated)]
    struct Form<T> {
        field: T,
    }

    /// As a client gets it: what was read, or what is said of the field.
    fn read<T: de::DeserializeOwned>(value: &Value) -> Result<T, String> {
        extract::parse::<Form<T>>(json!({ "field": value }).to_string().as_bytes())
            .map(|form| form.field)
            .map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn card_numbers_are_read_in_every_form_that_people_send() {
        for form in [json!("4111111111111111"), json!(" 4111 1111-1111 1111 "), json!(4_111_111_111_111_111_u64)] {
            let number: CardNumber = read(&form).ok().unwrap();
            assert_eq!(number.digits(), "4111111111111111", "{form}");
            assert_eq!(number.summary(), CardSummary { brand: "visa".into(), last4: "1111".into() });
        }
    }

    #[test]
    fn what_is_no_card_number_is_refused_without_repeating_it() {
        for wrong in [
            json!("4111111111111112"),
            json!("1411111111111111"),
            json!("41111111111"),
            json!("4111111111111111111111"),
            json!("4111x11111111111"),
            json!("٤١١١١١١١١١١١١١١١"),
            json!(""),
            json!(4.111_111_111_111e15),
            json!(-4_111_111_111_111_111_i64),
            json!(["4111111111111111"]),
            json!({ "$ne": "4111111111111111" }),
            json!(null),
        ] {
            let problem = read::<CardNumber>(&wrong).err().unwrap();
            assert!(problem.contains("\"must be ") || problem.contains("\"is not "), "{problem}");
            assert!(!problem.contains("111"), "{problem}");
        }
    }

    #[test]
    fn codes_have_three_or_four_digits() {
        let code = |value: Value| read::<CardCode>(&value).map(|code| code.digits().to_owned());
        assert_eq!(code(json!("012")).unwrap(), "012");
        assert_eq!(code(json!(1234)).unwrap(), "1234");
        for wrong in [json!("98"), json!("98765"), json!("98a"), json!(98.5), json!(null)] {
            let problem = code(wrong).unwrap_err();
            assert!(
                problem.contains("must be a string of three or four digits") && !problem.contains("98"),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_month() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (expiry, past) in
            [("02/28", false), ("2/2028", false), ("01/28", true), ("12/27", true), ("12 / 30", false)]
        {
            assert_eq!(CardExpiry::parse(expiry).unwrap().is_past(at("2028-02-29T23:59:59Z")), past, "{expiry}");
        }
        assert!(CardExpiry::parse("02/28").unwrap().is_past(at("2028-03-01T00:00:00Z")));
        for wrong in ["", "13/30", "00/30", "1230", "12/3", "12/030", "+1/30", "12/-1", "a/b"] {
            assert!(CardExpiry::parse(wrong).is_none(), "{wrong}");
        }
    }
}
