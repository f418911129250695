//! A hospital's own record, its plan, and the directory that the sign-in page shows.

use std::{fmt, marker::PhantomData, sync::Arc};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bson::Document;
use chakravue_crds::{
    OrganizationId,
    organization::{Phase, Subscription},
    tenant_schema::seated,
};
use garde::Validate;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{
        identity::{MemberOrSetup, Signed},
        permissions::{Needs, may},
        sessions::Principal,
    },
    data::{audit::Entry, platform_audit::CHANGE_PLAN, tenant::Records},
    endpoints::{plans::PlanView, signup::plan_of},
    hospitals::{Hospital, id_of, phase_of, status_name},
    http::{
        extract::{ApiJson, ApiPath, ApiQuery},
        flaw::Flaw,
        paging::{self, Paged},
        problem::{Answer, Kind, Problem},
        search,
        text::composed,
    },
    program::settings::Directory,
    state::{App, AppState},
    subscription::plan_change,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(get_organization))
        .routes(routes!(change_own_plan))
        .routes(routes!(list_organizations))
}

/// Whoever may see the hospital in the path: of its staff who has the permission `P`, whoever signs it up, the platform's
/// administrators.
#[derive(Debug)]
pub struct Viewer<P> {
    pub organization_id: OrganizationId,
    pub is_platform_administrator: bool,
    permission: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<App> for Viewer<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        if let Ok(Signed(session)) = Signed::from_request_parts(parts, app).await
            && matches!(session.principal, Principal::PlatformAdministrator { .. })
        {
            let ApiPath(organization_id) = ApiPath::<OrganizationId>::from_request_parts(parts, app).await?;
            return Ok(Self { organization_id, is_platform_administrator: true, permission: PhantomData });
        }
        let member = MemberOrSetup::<P>::from_request_parts(parts, app).await?;
        Ok(Self { organization_id: member.organization_id, is_platform_administrator: false, permission: PhantomData })
    }
}

/// A hospital as its staff and the platform see it.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the names are those of the JSON, which clients know")]
pub struct Organization {
    #[schema(example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    organization_id: String,
    #[schema(example = "St. Mary's Hospital")]
    organization_name: String,
    #[schema(example = "admin@stmarys.com")]
    organization_email: String,
    #[schema(example = "+1-555-0000")]
    organization_phone: Option<String>,
    #[schema(example = "st_marys_hospital")]
    database_name: String,
    plan: PlanView,
    /// `pending_payment`, `provisioning`, `active`, `suspended`, `failed` or `terminating`.
    #[schema(example = "active")]
    status: &'static str,
    seats: Seats,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// What the operator says; for the platform's administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Vec<Condition>>,
}

/// Users against the plan. Disabled users take no seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Seats {
    #[schema(example = 3)]
    pub used: i64,
    /// `null`: any number.
    #[schema(example = 20, required)]
    pub limit: Option<i64>,
}

/// One thing that the operator says of a hospital.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrganizationCondition)]
struct Condition {
    #[schema(example = "Ready")]
    r#type: String,
    #[schema(example = "True")]
    status: String,
    #[schema(example = "AsDeclared")]
    reason: String,
    message: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl Organization {
    /// What stands in the object, with the seats counted in the hospital's own database where that can be reached.
    pub async fn of(app: &AppState, hospital: &Hospital, with_conditions: bool) -> Self {
        let status = hospital.status.as_ref();
        let conditions = status.into_iter().flat_map(|status| &status.conditions).map(|condition| Condition {
            r#type: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
            since: condition.last_transition_time.0,
        });
        Self {
            organization_id: id_of(hospital).map(|id| id.to_string()).unwrap_or_default(),
            organization_name: hospital.spec.display_name.clone(),
            organization_email: hospital.spec.contact.email.clone(),
            organization_phone: hospital.spec.contact.phone.clone(),
            database_name: status.and_then(|status| status.database_name.clone()).unwrap_or_default(),
            plan: hospital.spec.plan.into(),
            status: status_name(phase_of(hospital)),
            seats: Seats { used: seats_in_use(app, hospital).await, limit: hospital.spec.plan.user_limit() },
            created_at: hospital.metadata.creation_timestamp.as_ref().map(|at| at.0),
            conditions: with_conditions.then(|| conditions.collect()),
        }
    }
}

/// Counted now, or while the database cannot be reached as the operator saw it last.
async fn seats_in_use(app: &AppState, hospital: &Hospital) -> i64 {
    let counted = async {
        let tenant = app.tenants.open(&id_of(hospital).ok_or_else(Problem::not_found)?).await?;
        tenant
            .read(|database| async move {
                Ok(database.collection::<Document>(Records::Users).count_documents(seated()).await?)
            })
            .await
    };
    let seen = || hospital.status.as_ref().and_then(|status| status.users.as_ref()).map_or(0, |users| users.current);
    counted.await.map_or_else(|_: Problem| seen(), |count: u64| i64::try_from(count).unwrap_or(i64::MAX))
}

/// A hospital's record.
#[utoipa::path(
    get, path = "/organization/{org_id}", tag = "organization",
    params(("org_id" = String, Path, description = "The hospital")),
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    responses((status = 200, description = "The hospital", body = Organization)),
    extensions(("x-permission" = json!("organization.read"))),
)]
async fn get_organization(State(app): State<App>, viewer: Viewer<may::ReadOrganization>) -> Answer<Json<Organization>> {
    let hospital = app.hospitals.find(&viewer.organization_id)?;
    Ok(Json(Organization::of(&app, &hospital, viewer.is_platform_administrator).await))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PlanChange)]
pub struct PlanChangeRequest {
    /// A `plan_id` of `GET /plans`.
    #[garde(custom(|id: &str, (): &()| plan_of(id).map(drop).map_err(Into::into)))]
    #[schema(pattern = "^(starter|professional|enterprise)$", example = "enterprise")]
    pub plan_id: String,
}

impl PlanChangeRequest {
    /// # Errors
    /// When there is no such plan.
    pub fn plan(&self) -> Answer<chakravue_crds::plans::Plan> {
        plan_of(&self.plan_id).map_err(|flaw| Problem::invalid("/plan_id", flaw))
    }
}

/// Change the hospital's plan.
///
/// Whoever signs the hospital up may do so until a plan is paid for.
#[utoipa::path(
    post, path = "/organization/{org_id}/plan", tag = "organization", request_body = PlanChangeRequest,
    params(("org_id" = String, Path, description = "The hospital")),
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    responses(
        (status = 200, description = "The hospital with its new plan", body = Organization),
        (status = 409, description = "The plan has fewer seats than are in use (`plan-too-small`, with `seats`), or the plan is managed elsewhere (`managed-elsewhere`, with `managers`); with a setup token, one is paid for (`already-paid`) or being paid for (`payment-under-way`)"),
        (status = 503, description = "The seats in use cannot be counted, so that the hospital gets no smaller plan"),
    ),
    extensions(("x-permission" = json!("subscription.manage"))),
)]
async fn change_own_plan(
    State(app): State<App>,
    caller: MemberOrSetup<may::ManageSubscription>,
    ApiJson(request): ApiJson<PlanChangeRequest>,
) -> Answer<Json<Organization>> {
    let plan = request.plan()?;
    let id = caller.organization_id;
    let record = if caller.signup.is_some() {
        plan_change::Record::Signup(caller.actor)
    } else {
        // A member of a hospital that is suspended reads that.
        app.tenants.open(&id).await?;
        let entry = Entry::new(CHANGE_PLAN).detail("plan", plan.id());
        plan_change::Record::Hospital(caller.actor, entry)
    };
    let hospital = plan_change::run(&app, &id, plan, record).await?;
    Ok(Json(Organization::of(&app, &hospital, false).await))
}

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DirectoryQuery {
    /// Part of the hospital's name.
    #[garde(inner(length(chars, max = 300)))]
    #[param(max_length = 300, example = "mary")]
    q: Option<String>,
    /// How many the page has at most.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same `q`.
    #[garde(inner(length(bytes, max = 2048)))]
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A hospital to choose at the sign-in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct DirectoryEntry {
    #[schema(example = "St. Mary's Hospital")]
    organization_name: String,
    #[schema(example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    organization_id: String,
}

/// The least letters of a search, where the directory wants one.
const LETTERS: usize = 3;

/// The hospitals that one can sign in to.
///
/// Active hospitals, by name. The service may be set up to answer only a search of three letters or more, or nothing.
#[utoipa::path(
    get, path = "/organizations", tag = "sign-in", params(DirectoryQuery),
    responses(
        (status = 200, description = "A page of hospitals", body = Paged<DirectoryEntry>),
        (status = 404, description = "The directory is switched off"),
        (status = 422, description = "The search is too short"),
    ),
)]
async fn list_organizations(
    State(app): State<App>,
    ApiQuery(query): ApiQuery<DirectoryQuery>,
) -> Answer<Json<Paged<DirectoryEntry>>> {
    let asked = composed(query.q.as_deref().unwrap_or_default().trim());
    match app.settings.directory {
        Directory::Off => {
            return Err(Problem::new(
                Kind::NotFound,
                "This platform does not list its hospitals. Sign in with your hospital's id.",
            ));
        }
        Directory::Search if asked.chars().filter(|letter| letter.is_alphanumeric()).count() < LETTERS => {
            return Err(Problem::invalid_parameter("q", Flaw::TooFewLetters { min: LETTERS }));
        }
        Directory::Search | Directory::Open => {}
    }
    let wanted = search::folded(&asked);
    let entries = app.hospitals.all().into_iter().filter_map(|hospital| entry(&hospital, &wanted)).collect();
    page(entries, query.limit, query.cursor.as_deref()).map(Json)
}

fn entry(hospital: &Arc<Hospital>, wanted: &str) -> Option<(Position, DirectoryEntry)> {
    // One that is refused something, as by an operator older than its schema, has its database all the same.
    let is_bound = hospital.status.as_ref().is_some_and(|status| status.binding.is_some());
    let is_in_use = match phase_of(hospital) {
        Phase::Active => true,
        Phase::Failed => is_bound,
        _ => false,
    };
    let is_open = hospital.spec.subscription == Subscription::Active && is_in_use;
    if !is_open || hospital.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let organization_name = hospital.spec.display_name.clone();
    let name = search::folded(&organization_name);
    if !name.contains(wanted) {
        return None;
    }
    let organization_id = id_of(hospital)?.to_string();
    Some((Position(name, organization_id.clone()), DirectoryEntry { organization_name, organization_id }))
}

/// Where an entry stands in the directory: by name, and among equals by id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Position(String, String);

impl Position {
    fn of_cursor(cursor: &str) -> Answer<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Problem::invalid_parameter("cursor", Flaw::InvalidCursor))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(self).map_err(|_| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

fn page(
    mut entries: Vec<(Position, DirectoryEntry)>,
    limit: i64,
    cursor: Option<&str>,
) -> Answer<Paged<DirectoryEntry>> {
    if let Some(cursor) = cursor {
        let after = Position::of_cursor(cursor)?;
        entries.retain(|(position, _)| *position > after);
    }
    entries.sort_unstable();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next_cursor = entries.last().filter(|_| more).map(|(position, _)| position.to_string());
    Ok(Paged { items: entries.into_iter().map(|(_, entry)| entry).collect(), next_cursor })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hospital(name: &str, phase: &str) -> Arc<Hospital> {
        let mut hospital = crate::hospitals::tests::hospital("a", 1);
        hospital.spec.display_name = name.to_owned();
        let is_active = phase != "Suspended";
        hospital.spec.subscription = if is_active { Subscription::Active } else { Subscription::Suspended };
        let id = OrganizationId::generate();
        hospital.status = serde_json::from_value(json!({ "phase": phase, "organizationId": id.as_str() })).unwrap();
        Arc::new(hospital)
    }

    fn names(page: &Paged<DirectoryEntry>) -> Vec<&str> {
        page.items.iter().map(|entry| entry.organization_name.as_str()).collect()
    }

    #[test]
    fn the_directory_has_active_hospitals_by_name_in_pages() {
        let hospitals = ["Mercy", "alpine", "Zürich", "Mercy", "ÄRZTEHAUS"].map(|name| hospital(name, "Active"));
        // One that is being made has no database yet, and one that could not be made has none.
        let closed = ["Suspended", "Provisioning", "Failed"].map(|phase| hospital(phase, phase));
        let listed = |wanted: &str| -> Vec<_> {
            hospitals.iter().chain(&closed).filter_map(|hospital| entry(hospital, wanted)).collect()
        };
        let first = page(listed(""), 2, None).unwrap();
        assert_eq!(names(&first), ["alpine", "Mercy"]);
        let second = page(listed(""), 2, first.next_cursor.as_deref()).unwrap();
        assert_eq!(names(&second), ["Mercy", "Zürich"]);
        let third = page(listed(""), 2, second.next_cursor.as_deref()).unwrap();
        assert_eq!((names(&third), third.next_cursor.clone()), (vec!["ÄRZTEHAUS"], None));
        assert_eq!(names(&page(listed("ärz"), 9, None).unwrap()), ["ÄRZTEHAUS"]);
        assert!(entry(&hospital("A\u{308}rztehaus", "Active"), "ärz").is_some(), "however it is composed");
        for (name, wanted) in
            [("İstanbul Hastanesi", "ISTANBUL"), ("ΙΑΣΙΣ Κλινική", "ΙΑΣ"), ("Straßenklinik", "STRASSE")]
        {
            assert!(entry(&hospital(name, "Active"), &search::folded(wanted)).is_some(), "{wanted} in {name}");
        }
        assert!(page(listed(""), 2, Some("nonsense")).is_err());

        let mut ailing = hospital("Ailing", "Failed");
        let status = Arc::make_mut(&mut ailing).status.as_mut().unwrap();
        status.binding = serde_json::from_value(json!({ "name": "ailing-mongodb" })).unwrap();
        assert!(entry(&ailing, "").is_some(), "it can be worked in");
    }
}
