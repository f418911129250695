//! Days and moments as requests and answers write them. Both refuse what is no such thing without repeating it, since it
//! was typed into a patient's record.

use std::fmt;

use bson::Bson;
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type},
};

use crate::http::flaw::Flaw;
use crate::program::clock::{from_bson, to_bson};

/// A day of the calendar without a time zone, such as a birth date: `1980-05-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(Date);

impl Day {
    /// Only `YYYY-MM-DD` of a day that there is.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() == 10
            && bytes
                .iter()
                .enumerate()
                .all(|(at, byte)| if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() });
        if !shaped {
            return None;
        }
        text.parse().ok().map(Self)
    }

    /// The latest day that has begun somewhere on Earth: where it is today already while it is still yesterday here.
    #[must_use]
    pub fn latest(now: Timestamp) -> Self {
        Self(jiff::tz::Offset::constant(14).to_datetime(now).date())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(Flaw::InvalidDate.carried()))
    }
}

impl From<Day> for Bson {
    fn from(day: Day) -> Self {
        Self::String(day.to_string())
    }
}

impl PartialSchema for Day {
    fn schema() -> RefOr<Schema> {
        text_of(KnownFormat::Date, "1980-05-17")
    }
}

impl ToSchema for Day {}

/// A moment, written in RFC 3339 with any offset and answered in UTC: `2026-11-23T09:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Timestamp);

impl Moment {
    /// With the precision of the database.
    fn new(at: Timestamp) -> Self {
        Self(from_bson(to_bson(at)))
    }

    #[must_use]
    pub fn at(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Moment {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl From<bson::DateTime> for Moment {
    fn from(at: bson::DateTime) -> Self {
        Self(from_bson(at))
    }
}

impl From<Moment> for bson::DateTime {
    fn from(moment: Moment) -> Self {
        to_bson(moment.0)
    }
}

impl From<Moment> for Bson {
    fn from(moment: Moment) -> Self {
        Self::DateTime(moment.into())
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whether a text has the shape of RFC 3339, `2026-11-23T09:00:00Z`: what reads it takes more, such as years before the first
/// and offsets of more than a day.
fn is_rfc_3339(text: &str) -> bool {
    let shape = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                other => byte.eq_ignore_ascii_case(&other),
            })
    };
    let (Some(begin), Some(rest)) = (text.get(..19), text.get(19..)) else { return false };
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if rest.len() == fraction.len() {
                return false;
            }
            rest
        }
        None => rest,
    };
    let is_offset = (shape(rest, "+00:00") || shape(rest, "-00:00")) && rest[1..3] < *"24" && rest[4..] < *"60";
    shape(begin, "0000-00-00T00:00:00") && (shape(rest, "Z") || is_offset)
}

/// A moment of RFC 3339. One of the very last two days, beyond what is known here, is said to be [`Flaw::TooLate`].
fn read(text: &str) -> Result<Timestamp, Flaw> {
    if !is_rfc_3339(text) {
        return Err(Flaw::InvalidTimestamp);
    }
    match text.parse::<Timestamp>() {
        // With its offset it may be before the first year that can be written.
        Ok(at) if jiff::tz::Offset::UTC.to_datetime(at).year() >= 0 => Ok(at),
        Err(_) if text[..19].parse::<DateTime>().is_ok() => Err(Flaw::TooLate { limit: Timestamp::MAX.to_string() }),
        _ => Err(Flaw::InvalidTimestamp),
    }
}

/// The bound of a list, for `#[serde(deserialize_with = …)]`: one that is later than what is known leaves nothing out, so the
/// last moment that is known does as well.
///
/// # Errors
/// When it is no moment.
pub fn bound<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
    match read(&String::deserialize(deserializer)?) {
        Ok(at) => Ok(Some(Moment::new(at))),
        Err(Flaw::TooLate { .. }) => Ok(Some(Moment::new(Timestamp::MAX))),
        Err(flaw) => Err(de::Error::custom(flaw.carried())),
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read(&text).map(Self::new).map_err(|flaw| de::Error::custom(flaw.carried()))
    }
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        text_of(KnownFormat::DateTime, "2026-11-23T09:00:00Z")
    }
}

impl ToSchema for Moment {}

fn text_of(format: KnownFormat, example: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(format)))
        .examples([example])
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_that_there_are() {
        for right in ["1980-05-17", "2024-02-29", "0001-01-01"] {
            assert_eq!(Day::parse(right).unwrap().to_string(), right);
        }
        for wrong in
            ["2023-02-29", "1980-13-01", "1980-00-10", "1980-5-17", "19800517", "1980-05-17T00:00", "", "today"]
        {
            assert!(Day::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn today_is_where_the_day_begins_first() {
        let now = "2026-11-23T10:30:00Z".parse().unwrap();
        assert_eq!(Day::latest(now), Day::parse("2026-11-24").unwrap());
        let now = "2026-11-23T09:30:00Z".parse().unwrap();
        assert_eq!(Day::latest(now), Day::parse("2026-11-23").unwrap());
    }

    #[test]
    fn moments_have_an_offset_and_the_precision_of_the_database() {
        let moment = |text: &str| serde_json::from_value::<Moment>(text.into());
        assert_eq!(moment("2026-11-23T10:00:00.0004+01:00").unwrap().to_string(), "2026-11-23T09:00:00Z");
        for right in ["2026-11-23T09:00:00Z", "2026-11-23t09:00:00z", "2026-11-23T09:00:00.5-00:30"] {
            assert!(moment(right).is_ok(), "{right}");
        }
        for wrong in [
            "2026-11-23T09Z",
            "2026-11-23 09:00:00Z",
            "2026-11-23T09:00:00Z[UTC]",
            "-009999-01-01T00:00:00Z",
            "2026-11-23T09:00:00.Z",
            "2026-11-23T09:00:00+0100",
            "2026-11-23T09:00:00",
            "2026-11-23T24:00:00Z",
            "2026-11-23T09:00:00+24:00",
            "2026-11-23T09:00:00-23:60",
            "0000-01-01T00:00:00+14:00",
        ] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        assert_eq!(moment("0000-01-01T14:00:00+14:00").unwrap().to_string(), "0000-01-01T00:00:00Z");
        for wrong in ["2026-11-23T10:00:00", "2026-11-23", "marker-value", ""] {
            let error = moment(wrong).unwrap_err().to_string();
            assert!(error.contains("invalid_timestamp") && !error.contains("marker"), "{error}");
        }
    }

    #[test]
    fn the_end_of_all_time_bounds_a_list_and_is_no_time_of_anything() {
        let bound = |text: &str| bound(serde_json::Value::from(text)).map(|at| at.unwrap().at());
        let last = from_bson(to_bson(Timestamp::MAX));
        for end in ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999-12:00"] {
            assert_eq!(bound(end).unwrap(), last);
            let refused = serde_json::from_value::<Moment>(end.into()).unwrap_err().to_string();
            assert!(refused.contains("too_late"), "{refused}");
        }
        assert_eq!(bound("2026-11-23T09:00:00Z").unwrap().to_string(), "2026-11-23T09:00:00Z");
        for wrong in ["9999-13-31T23:59:59Z", "9999-12-31", "2026-11-23T09:00:00+24:00"] {
            assert!(bound(wrong).unwrap_err().to_string().contains("invalid_timestamp"), "{wrong}");
        }
    }
}
