//! A hospital's settings: a closed catalogue, each with its type and its default. A setting that was never set, or was
//! reset, has its default.

mod values;

use axum::{
    Json,
    extract::{FromRequestParts, Request, State},
    http::{HeaderName, StatusCode, header, request::Parts},
};
use bson::doc;
use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::values::{AnyValue, DEFAULT_MINUTES};
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
