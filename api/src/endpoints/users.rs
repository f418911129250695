//! A hospital's users: invite, list, change, disable. Every user who is not disabled takes a seat of the plan, and somebody
//! who can run the hospital always stays; both are decided in the transaction that makes the change.

mod invite;
pub mod links;

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::HeaderName};
use bson::{Document, doc};
use chakravue_crds::{organization_id::OrganizationId, roles::StaffRole, tenant_schema::seated};
use futures::TryStreamExt as _;
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::organizations::Viewer;
use crate::{
    access::{accounts::end_sessions, identity::Member, permissions::may},
    data::{
        audit::{Entry, Recorded},
        tenant::{
            Fault, Records, Transaction,
            users::{User, UserStatus},
        },
    },
    http::{
        extract::{ApiJson, ApiPath, ApiQuery, IfMatch, etag},
        merge::Patch,
        paging::{self, Direction::Ascending, Order, Page, Paged},
        people,
        problem::{Answer, Kind, Problem},
        text::Line,
    },
    program::clock::from_bson,
    state::{App, AppState},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(get_user, change_user))
        .merge(invite::routes())
        .merge(links::routes())
}

/// Those who came first, first.
const ORDER: Order = Order(&[("created_at", Ascending), ("_id", Ascending)]);

/// A user of a hospital.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
struct UserView {
    #[schema(example = "user_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    user_id: String,
    #[schema(example = "doctor@stmarys.com")]
    email: String,
    #[schema(example = "Dr. Jane Miller")]
    name: Option<String>,
    #[schema(value_type = Role)]
    role: StaffRole,
    status: UserStatus,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when an invited user can accept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    invitation_expires_at: Option<Timestamp>,
    /// Counts the changes; a change needs it as `If-Match: "<version>"`.
    #[schema(example = 1)]
    version: i64,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let invitation = user.invitation.filter(|_| user.status == UserStatus::Invited);
        Self {
            user_id: user.user_id,
            email: user.email,
            name: user.name,
            role: user.role,
            status: user.status,
            last_login: user.last_login.map(from_bson),
            created_at: from_bson(user.created_at),
            invitation_expires_at: invitation.map(|link| from_bson(link.expires_at)),
            version: user.version,
        }
    }
}

type WithEtag = ([(HeaderName, String); 1], Json<UserView>);

fn answered(user: User) -> WithEtag {
    (etag(user.version), Json(user.into()))
}

/// What a member of the staff can be: the schema of `StaffRole`, whose crate knows nothing of OpenAPI. Requests may write it
/// in small letters.
#[derive(ToSchema)]
#[schema(rename_all = "UPPERCASE")]
pub enum Role {
    Admin,
    Receptionist,
    Opd,
    Doctor,
}

/// How many seats the plan has, asked in the transaction that takes one: of a smaller plan, counted in a transaction of its
/// own, this replica may not have heard yet. Of two transactions the later one begins anew behind the other.
async fn seats_now(app: &AppState, organization: &OrganizationId) -> Answer<Option<i64>> {
    Ok(app.hospitals.current(organization).await?.spec.plan.user_limit())
}

fn take_seat(used: i64, limit: Option<i64>) -> Answer<()> {
    match limit {
        Some(limit) if used >= limit => {
            let detail = format!("All {limit} seats of the plan are taken. Disable a user or take a larger plan.");
            Err(Problem::new(Kind::SeatLimitReached, detail).with("seats", json!({ "used": used, "limit": limit })))
        }
        _ => Ok(()),
    }
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[into_params(parameter_in = Query)]
struct UsersQuery {
    /// Only users with this role.
    #[serde(default, deserialize_with = "people::optional_role")]
    #[param(value_type = Option<Role>)]
    role: Option<StaffRole>,
    /// Only users in this state.
    status: Option<UserStatus>,
    /// How many users to answer.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    cursor: Option<String>,
}

impl UsersQuery {
    fn filter(&self) -> Document {
        let mut filter = Document::new();
        if let Some(role) = self.role {
            filter.insert("role", role.name());
        }
        if let Some(status) = self.status {
            filter.insert("status", status.name());
        }
        filter
    }
}

/// The hospital's users
///
/// Disabled ones too, in the order in which they were invited.
#[utoipa::path(
    get, path = "/organization/{org_id}/users", tag = "organization",
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    params(("org_id" = String, Path, description = "The hospital's id"), UsersQuery),
    responses((status = 200, description = "A page of users", body = Paged<UserView>)),
    extensions(("x-permission" = json!("users.read"))),
)]
async fn list_users(
    State(app): State<App>,
    viewer: Viewer<may::ReadUsers>,
    ApiQuery(query): ApiQuery<UsersQuery>,
) -> Answer<Json<Paged<UserView>>> {
    let filter = query.filter();
    let page = Page { limit: query.limit, cursor: query.cursor };
    let (condition, fetch) = (page.filter(&filter, ORDER)?, page.fetch());
    let tenant = app.tenants.open(&viewer.organization_id).await?;
    let users: Vec<User> = tenant
        .read(move |db| {
            let condition = condition.clone();
            async move {
                let users = db.collection::<User>(Records::Users);
                Ok(users.find(condition).sort(ORDER.sort()).limit(fetch).await?.try_collect().await?)
            }
        })
        .await?;
    Ok(Json(page.of(users, &filter, ORDER)?.map(UserView::from)))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct UserPath {
    /// The user's id.
    #[param(example = "user_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    user_id: String,
}

/// One user
#[utoipa::path(
    get, path = "/organization/{org_id}/users/{user_id}", tag = "organization",
    security(("bearer" = []), ("cookie" = [])),
    params(("org_id" = String, Path, description = "The hospital's id"), UserPath),
    responses((status = 200, description = "The user", body = UserView, headers(("ETag" = String, description = "For If-Match")))),
    extensions(("x-permission" = json!("users.read"))),
)]
async fn get_user(
    member: Member<may::ReadUsers>,
    ApiPath(UserPath { user_id }): ApiPath<UserPath>,
) -> Answer<WithEtag> {
    let found = member
        .tenant
        .read(move |db| {
            let filter = doc! { "_id": &user_id };
            async move { Ok(db.collection::<User>(Records::Users).find_one(filter).await?) }
        })
        .await?;
    found.map(answered).ok_or_else(Problem::not_found)
}

/// What to change. What is absent stays.
#[derive(Clone, Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schema(example = json!({ "name": "Jane Miller", "role": "DOCTOR", "status": "active" }))]
struct UserChange {
    #[serde(default)]
    #[garde(dive)]
    #[schema(value_type = Option<Line<200>>, inline)]
    name: Patch<Line<200>>,
    /// The user has to sign in again.
    #[serde(default, deserialize_with = "people::optional_role")]
    #[schema(value_type = Role, required = false)]
    role: Option<StaffRole>,
    status: Option<NewStatus>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum NewStatus {
    /// Takes a seat again. Who has no password yet is `invited` again and needs a new invitation.
    Active,
    /// Is signed out at once, cannot sign in, and takes no seat.
    Disabled,
}

/// Changes a user
///
/// A new role and `disabled` end the user's sessions at once.
#[utoipa::path(
    patch, path = "/organization/{org_id}/users/{user_id}", tag = "organization",
    security(("bearer" = []), ("cookie" = [])),
    params(
        ("org_id" = String, Path, description = "The hospital's id"), UserPath,
        ("If-Match" = String, Header, description = "The ETag of the user that was read", example = "\"1\"", pattern = "^\"[0-9]{1,18}\"$"),
    ),
    request_body = UserChange,
    responses(
        (status = 200, description = "The user as it is now", body = UserView, headers(("ETag" = String, description = "For If-Match"))),
        (status = 409, description = "No seat is free, or it is the last administrator"),
    ),
    extensions(("x-permission" = json!("users.manage"))),
)]
async fn change_user(
    State(app): State<App>,
    member: Member<may::ManageUsers>,
    ApiPath(UserPath { user_id }): ApiPath<UserPath>,
    if_match: IfMatch,
    ApiJson(change): ApiJson<UserChange>,
) -> Answer<WithEtag> {
    let organization = member.organization_id.clone();
    let actor = member.actor();
    let changed = member.tenant.change(&actor, move |tx| {
        let (app, organization) = (app.clone(), organization.clone());
        let (user_id, change) = (user_id.clone(), change.clone());
        async move {
            let before = existing(&tx, &user_id).await?;
            if_match.check(before.version)?;
            let (after, fields) = change.apply(&before);
            if fields.is_empty() {
                return Ok(Recorded::nothing(before));
            }
            keep_an_administrator(&tx, &before, Some(&after)).await?;
            if !takes_seat(&before) && takes_seat(&after) {
                let used = i64::try_from(tx.count(Records::Users, seated()).await?).unwrap_or(i64::MAX);
                take_seat(used, seats_now(&app, &organization).await?)?;
            }
            let after = User { updated_at: Some(app.clock.now_bson()), version: before.version + 1, ..after };
            tx.replace(Records::Users, doc! { "_id": &user_id }, &after).await?;
            if before.role != after.role || !takes_seat(&after) {
                end_sessions(&app.sessions, &organization, &user_id).await?;
            }
            Ok(Entry::new("user.update").target("user", &user_id).detail("fields", fields).answering(after))
        }
    });
    changed.await.map(answered)
}

impl UserChange {
    /// The user as it would be, and the names of the fields that would be different.
    fn apply(self, before: &User) -> (User, Vec<&'static str>) {
        let mut after = before.clone();
        match self.name {
            Patch::Keep => {}
            Patch::Clear => after.name = None,
            Patch::Set(name) => after.name = Some(name.into_string()),
        }
        after.role = self.role.unwrap_or(before.role);
        after.status = match self.status {
            None => before.status,
            Some(NewStatus::Disabled) => UserStatus::Disabled,
            Some(NewStatus::Active) if before.password_hash.is_some() => UserStatus::Active,
            Some(NewStatus::Active) => UserStatus::Invited,
        };
        if after.status == UserStatus::Disabled {
            // What was handed out before opens nothing any more.
            (after.invitation, after.password_reset) = (None, None);
        }
        let different = [
            ("name", before.name != after.name),
            ("role", before.role != after.role),
            ("status", before.status != after.status),
        ];
        let fields: BTreeSet<_> = different.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect();
        (after, fields.into_iter().collect())
    }
}

fn takes_seat(user: &User) -> bool {
    user.status != UserStatus::Disabled
}

/// Refuses to take away the last administrator who can sign in; as long as nobody can, the last who is invited.
async fn keep_an_administrator(tx: &Transaction, before: &User, after: Option<&User>) -> Result<(), Fault> {
    let runs = |user: &User| user.role == StaffRole::Admin && takes_seat(user);
    if !runs(before) || after.is_some_and(runs) {
        return Ok(());
    }
    let status = match before.status {
        UserStatus::Active => doc! { "$eq": UserStatus::Active.name() },
        UserStatus::Invited | UserStatus::Disabled => doc! { "$ne": UserStatus::Disabled.name() },
    };
    let others = doc! { "role": StaffRole::Admin.name(), "status": status, "_id": { "$ne": &before.user_id } };
    if tx.count(Records::Users, others).await? > 0 {
        return Ok(());
    }
    let detail = "This is the last administrator who can sign in. Make somebody else an administrator first, and let them \
        sign in.";
    Err(Problem::new(Kind::LastAdministrator, detail).into())
}

async fn existing(tx: &Transaction, user_id: &str) -> Result<User, Fault> {
    let found = tx.find_one::<User>(Records::Users, doc! { "_id": user_id }).await?;
    found.ok_or_else(|| Problem::not_found().into())
}
