//! For the platform's administrators: every organization, what they bring in, and suspending, resuming and changing them.
//!
//! Lists and figures come from the read model that the operator keeps in the master database; nothing here reads a
//! hospital's data.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use bson::{Bson, DateTime, Document, doc};
use chakravue_crds::{
    OrganizationId,
    master::OrganizationRecord,
    organization::{Phase, Subscription},
    plans::Plan,
};
use futures::TryStreamExt as _;
use garde::Validate;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use mongodb::{
    action::{Action as _, Find},
    options::{Collation, CollationStrength},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::identity::PlatformAdministrator,
    data::master::{InTime as _, Store},
    endpoints::{
        organizations::{Organization, PlanChangeRequest, Seats},
        plans::PlanView,
        signup::plan_of,
    },
    hospitals::status_name,
    http::{
        extract::{ApiJson, ApiPath, ApiQuery},
        flaw::Flaw,
        paging::{self, Direction, Order, Page, Paged},
        problem::{Answer, Problem},
        search,
        text::composed,
    },
    program::clock::{from_bson, to_bson},
    state::{App, AppState},
    subscription::{
        payments::ledger::{Payment, PaymentStatus},
        plan_change, suspension,
    },
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_all_organizations))
        .routes(routes!(get_any_organization))
        .routes(routes!(get_metrics))
        .routes(routes!(suspend_organization))
        .routes(routes!(resume_organization))
        .routes(routes!(change_any_plan))
}

/// What organizations are sorted by; a `-` in front turns the order round.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
enum Sort {
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameFromTheEnd,
    #[serde(rename = "status")]
    Status,
    #[serde(rename = "-status")]
    StatusFromTheEnd,
    #[serde(rename = "price")]
    Cheapest,
    #[serde(rename = "-price")]
    Dearest,
    #[serde(rename = "users")]
    FewestUsers,
    #[serde(rename = "-users")]
    MostUsers,
    #[serde(rename = "created")]
    Oldest,
    #[default]
    #[serde(rename = "-created")]
    Newest,
}

impl Sort {
    /// An id begins with the time at which the organization was made.
    fn order(self) -> Order {
        use Direction::{Ascending, Descending};
        const NEWEST_FIRST: (&str, Direction) = ("_id", Descending);
        Order(match self {
            Self::Name => &[("display_name", Ascending), NEWEST_FIRST],
            Self::NameFromTheEnd => &[("display_name", Descending), NEWEST_FIRST],
            Self::Status => &[("status", Ascending), NEWEST_FIRST],
            Self::StatusFromTheEnd => &[("status", Descending), NEWEST_FIRST],
            Self::Cheapest => &[("monthly_price_usd", Ascending), NEWEST_FIRST],
            Self::Dearest => &[("monthly_price_usd", Descending), NEWEST_FIRST],
            Self::FewestUsers => &[("users", Ascending), NEWEST_FIRST],
            Self::MostUsers => &[("users", Descending), NEWEST_FIRST],
            Self::Oldest => &[("_id", Ascending)],
            Self::Newest => &[NEWEST_FIRST],
        })
    }

    /// Names are sorted as people do, without regard to case. Nothing else is: MongoDB uses no index then.
    fn collation(self) -> Option<Collation> {
        let by_name = matches!(self, Self::Name | Self::NameFromTheEnd);
        by_name.then(|| Collation::builder().locale("en".to_owned()).strength(CollationStrength::Secondary).build())
    }
}

const PHASES: [Phase; 6] =
    [Phase::PendingPayment, Phase::Provisioning, Phase::Active, Phase::Suspended, Phase::Failed, Phase::Terminating];

#[derive(Debug, Deserialize, Validate, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OrganizationsQuery {
    /// Only organizations with this plan.
    #[garde(inner(custom(|id: &str, (): &()| plan_of(id).map(drop).map_err(Into::into))))]
    #[param(example = "professional")]
    plan: Option<String>,
    /// Only organizations with this status.
    #[garde(inner(custom(|name: &str, (): &()| phase_named(name).map(drop))))]
    #[param(example = "active")]
    status: Option<String>,
    /// Part of the name, of the database's name or of the id.
    #[garde(inner(length(chars, max = 300), custom(search::visible)))]
    #[param(max_length = 300, example = "mary")]
    q: Option<String>,
    /// What the list is sorted by, `-` for the other way round. The newest first, if nothing is said.
    #[garde(skip)]
    #[serde(default)]
    #[param(inline, example = "-created")]
    sort: Sort,
    /// How many the page has at most.
    #[garde(range(min = 1, max = paging::MOST))]
    #[serde(default = "paging::default_limit")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
    /// `next_cursor` of the page before, with the same filters and the same order.
    #[garde(inner(length(bytes, max = paging::LONGEST_CURSOR)))]
    #[param(max_length = 4096)]
    cursor: Option<String>,
}

fn phase_named(name: &str) -> Result<Phase, garde::Error> {
    PHASES.into_iter().find(|phase| status_name(*phase) == name).ok_or_else(|| {
        let allowed = PHASES.iter().map(|phase| status_name(*phase).to_owned()).collect();
        Flaw::NotOneOf { allowed }.into()
    })
}

impl OrganizationsQuery {
    fn filter(&self) -> Document {
        let mut filter = that_are_there();
        if let Some(plan) = self.plan.as_deref().and_then(|id| plan_of(id).ok()) {
            filter.insert("plan", plan.name());
        }
        if let Some(phase) = self.status.as_deref().and_then(|name| phase_named(name).ok()) {
            filter.insert("status", phase.as_str());
        }
        if let Some(text) = self.q.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            let text = composed(text);
            let part = |text: String| Bson::from(doc! { "$regex": escaped(&text), "$options": "i" });
            let fields = ["display_name", "database_name", "_id"];
            let alternatives: Vec<Document> = fields.iter().map(|field| doc! { *field: part(text.clone()) }).collect();
            filter.insert("$or", alternatives);
        }
        filter
    }
}

/// Of an organization that was removed, the record stays as long as its data does.
fn that_are_there() -> Document {
    doc! { "claim": { "$ne": "Retained" }, "left_behind": { "$exists": false } }
}

/// A text that a regular expression finds as it is.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut pattern, character| {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
        pattern
    })
}

/// An organization in the platform's list.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationSummary {
    #[schema(example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    organization_id: String,
    #[schema(example = "St. Mary's Hospital")]
    organization_name: String,
    #[schema(example = "st_marys_hospital")]
    database_name: String,
    plan: PlanView,
    /// `pending_payment`, `provisioning`, `active`, `suspended`, `failed` or `terminating`.
    #[schema(example = "active")]
    status: &'static str,
    /// As the operator saw them last.
    seats: Seats,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    provisioned_at: Option<Timestamp>,
}

impl From<OrganizationRecord> for OrganizationSummary {
    fn from(record: OrganizationRecord) -> Self {
        Self {
            organization_id: record.organization_id.to_string(),
            organization_name: record.facts.display_name,
            database_name: record.database_name.to_string(),
            plan: record.facts.plan.into(),
            status: status_name(record.facts.status),
            seats: Seats { used: record.facts.users, limit: record.facts.user_limit },
            created_at: from_bson(record.claimed_at),
            provisioned_at: record.provisioned_at.map(from_bson),
        }
    }
}

/// Every organization.
///
/// Hospitals whose data is only kept after their removal are not among them.
#[utoipa::path(
    get, path = "/master/all-organizations", tag = "platform", params(OrganizationsQuery),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.read"))),
    responses((status = 200, description = "A page of organizations", body = Paged<OrganizationSummary>)),
)]
async fn list_all_organizations(
    State(app): State<App>,
    _: PlatformAdministrator,
    ApiQuery(query): ApiQuery<OrganizationsQuery>,
) -> Answer<Json<Paged<OrganizationSummary>>> {
    let (filter, order) = (query.filter(), query.sort.order());
    let page = Page { limit: query.limit, cursor: query.cursor };
    let organizations = app.master.of::<OrganizationRecord>();
    let found = organizations.find(page.filter(&filter, order)?).sort(order.sort());
    let found = found.optional(query.sort.collation(), Find::collation);
    let records = found.limit(page.fetch()).in_time().await?.try_collect().in_time().await?;
    Ok(Json(page.of::<OrganizationRecord>(records, &filter, order)?.map(OrganizationSummary::from)))
}

/// An organization with what the operator says of it and what it has paid.
#[derive(Debug, Serialize, ToSchema)]
struct OrganizationDetails {
    #[serde(flatten)]
    organization: Organization,
    payments: PaymentsSummary,
}

#[derive(Debug, Serialize, ToSchema)]
struct PaymentsSummary {
    /// Payments that succeeded.
    #[schema(example = 1)]
    succeeded: i64,
    /// Their sum, in US dollars.
    #[schema(example = 299)]
    total: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
}

/// One organization.
#[utoipa::path(
    get, path = "/master/organizations/{org_id}", tag = "platform",
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.read"))),
    responses((status = 200, description = "The organization", body = OrganizationDetails)),
)]
async fn get_any_organization(
    State(app): State<App>,
    _: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
) -> Answer<Json<OrganizationDetails>> {
    details(&app, &id).await.map(Json)
}

async fn details(app: &AppState, id: &OrganizationId) -> Answer<OrganizationDetails> {
    let hospital = app.hospitals.find(id)?;
    let (organization, payments) = tokio::join!(Organization::of(app, &hospital, true), payments_of(app, id));
    Ok(OrganizationDetails { organization, payments: payments? })
}

async fn payments_of(app: &AppState, id: &OrganizationId) -> Answer<PaymentsSummary> {
    let filter = doc! { "organization_id": id.as_str(), "status": PaymentStatus::Succeeded.name() };
    let found: Vec<Payment> = app.master.of::<Payment>().find(filter).in_time().await?.try_collect().in_time().await?;
    Ok(PaymentsSummary {
        succeeded: i64::try_from(found.len()).unwrap_or(i64::MAX),
        total: found.iter().map(|payment| payment.amount).sum(),
        last_at: found.iter().filter_map(|payment| payment.succeeded_at).max().map(from_bson),
    })
}

/// Suspend a hospital: its data stays, nobody reaches it, its sessions end.
#[utoipa::path(
    post, path = "/master/organizations/{org_id}/suspend", tag = "platform",
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.manage"))),
    responses(
        (status = 200, description = "The organization", body = OrganizationDetails),
        (status = 409, description = "It has not paid yet, or its subscription is managed elsewhere (`managed-elsewhere`, with `managers`)"),
    ),
)]
async fn suspend_organization(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
) -> Answer<Json<OrganizationDetails>> {
    suspension::set(&app, &id, Subscription::Suspended, administrator.actor()).await?;
    details(&app, &id).await.map(Json)
}

/// Give a suspended hospital its access back.
#[utoipa::path(
    post, path = "/master/organizations/{org_id}/resume", tag = "platform",
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.manage"))),
    responses(
        (status = 200, description = "The organization", body = OrganizationDetails),
        (status = 409, description = "It has not paid yet, or its subscription is managed elsewhere (`managed-elsewhere`, with `managers`)"),
    ),
)]
async fn resume_organization(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
) -> Answer<Json<OrganizationDetails>> {
    suspension::set(&app, &id, Subscription::Active, administrator.actor()).await?;
    details(&app, &id).await.map(Json)
}

/// Change a hospital's plan.
#[utoipa::path(
    post, path = "/master/organizations/{org_id}/plan", tag = "platform", request_body = PlanChangeRequest,
    params(("org_id" = String, Path, description = "The organization")),
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.manage"))),
    responses(
        (status = 200, description = "The organization", body = OrganizationDetails),
        (status = 409, description = "The plan has fewer seats than are in use (`plan-too-small`, with `seats`), it is managed elsewhere (`managed-elsewhere`, with `managers`), or a suspended hospital should get a smaller one"),
        (status = 503, description = "The seats in use cannot be counted, so that the hospital gets no smaller plan"),
    ),
)]
async fn change_any_plan(
    State(app): State<App>,
    administrator: PlatformAdministrator,
    ApiPath(id): ApiPath<OrganizationId>,
    ApiJson(request): ApiJson<PlanChangeRequest>,
) -> Answer<Json<OrganizationDetails>> {
    let plan = request.plan()?;
    let entry = plan_change::entry(&id, plan);
    plan_change::run(&app, &id, plan, plan_change::Record::Platform(administrator.actor(), entry)).await?;
    details(&app, &id).await.map(Json)
}

/// The platform in figures. Hospitals whose data is only kept after their removal are not among them.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct Metrics {
    organizations: OrganizationFigures,
    /// US dollars that active hospitals pay per month.
    #[schema(example = 398)]
    monthly_revenue: i64,
    #[schema(example = "USD")]
    currency: &'static str,
    plans: Vec<PlanFigures>,
    users: UserFigures,
    signups: SignupFigures,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
struct OrganizationFigures {
    total: i64,
    active: i64,
    pending_payment: i64,
    provisioning: i64,
    suspended: i64,
    failed: i64,
    terminating: i64,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct PlanFigures {
    plan: PlanView,
    organizations: i64,
    active: i64,
    /// US dollars that the active ones pay per month.
    monthly_revenue: i64,
    users: i64,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct UserFigures {
    total: i64,
    /// Hospitals by how many users they have.
    distribution: Vec<UserBucket>,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct UserBucket {
    /// At least so many users.
    from: i64,
    /// At most so many; `null`: no limit.
    #[schema(required)]
    to: Option<i64>,
    organizations: i64,
}

#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct SignupFigures {
    /// The last 30 days, in UTC, the oldest first.
    per_day: Vec<SignupCount>,
    /// The last 12 months, in UTC, the oldest first.
    per_month: Vec<SignupCount>,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
struct SignupCount {
    /// A day (`2026-11-23`) or a month (`2026-11`).
    #[schema(example = "2026-11-23")]
    period: String,
    organizations: i64,
}

/// The platform in figures: organizations, monthly revenue, plans, users, signups.
#[utoipa::path(
    get, path = "/master/metrics", tag = "platform",
    security(("bearer" = []), ("cookie" = [])),
    extensions(("x-permission" = json!("platform.hospitals.read"))),
    responses((status = 200, description = "The figures", body = Metrics)),
)]
async fn get_metrics(State(app): State<App>, _: PlatformAdministrator) -> Answer<Json<Metrics>> {
    let now = app.clock.now();
    let (groups, sizes, days) = tokio::try_join!(
        aggregated::<Group>(&app, by_status_and_plan()),
        aggregated::<Size>(&app, by_size()),
        aggregated::<Day>(&app, by_day(months_ago(now, 11))),
    )?;
    Ok(Json(figures(&groups, &sizes, &days, now)))
}

async fn aggregated<T: DeserializeOwned>(app: &AppState, pipeline: Vec<Document>) -> Answer<Vec<T>> {
    let found = app.master.raw(Store::Organizations).aggregate(pipeline).in_time().await?;
    let documents: Vec<Document> = found.try_collect().in_time().await?;
    let read = |document| {
        bson::deserialize_from_document(document).map_err(|error| {
            tracing::error!(%error, "a figure of the organizations cannot be read");
            Problem::internal()
        })
    };
    documents.into_iter().map(read).collect()
}

#[derive(Debug, Deserialize)]
struct Group {
    #[serde(rename = "_id")]
    of: StatusAndPlan,
    organizations: i64,
    users: i64,
}

#[derive(Debug, Deserialize)]
struct StatusAndPlan {
    status: Phase,
    plan: Plan,
}

#[derive(Debug, Deserialize)]
struct Size {
    #[serde(rename = "_id")]
    from: i64,
    organizations: i64,
}

#[derive(Debug, Deserialize)]
struct Day {
    #[serde(rename = "_id")]
    date: String,
    organizations: i64,
}

fn count() -> Document {
    doc! { "$sum": Bson::Int64(1) }
}

fn by_status_and_plan() -> Vec<Document> {
    vec![
        doc! { "$match": that_are_there() },
        doc! { "$group": {
            "_id": { "status": "$status", "plan": "$plan" },
            "organizations": count(),
            "users": { "$sum": { "$toLong": "$users" } },
        } },
    ]
}

/// Where the sizes of hospitals begin, by users: those that their plans make.
const SIZES: [i64; 5] = [0, 1, 6, 21, 101];

fn by_size() -> Vec<Document> {
    let mut boundaries = SIZES.to_vec();
    boundaries.push(i64::MAX);
    vec![
        doc! { "$match": that_are_there() },
        doc! { "$bucket": { "groupBy": { "$toLong": "$users" }, "boundaries": boundaries, "output": { "organizations": count() } } },
    ]
}

fn by_day(since: Timestamp) -> Vec<Document> {
    let since: DateTime = to_bson(since);
    let mut since_then = that_are_there();
    since_then.insert("claimed_at", doc! { "$gte": since });
    vec![
        doc! { "$match": since_then },
        doc! { "$group": {
            "_id": { "$dateToString": { "format": "%Y-%m-%d", "date": "$claimed_at" } },
            "organizations": count(),
        } },
    ]
}

/// The beginning of a month.
fn months_ago(now: Timestamp, months: i64) -> Timestamp {
    let month = now.to_zoned(TimeZone::UTC).date().first_of_month();
    let month = month.checked_sub(months.months()).unwrap_or(month);
    month.to_zoned(TimeZone::UTC).map_or(now, |at| at.timestamp())
}

fn figures(groups: &[Group], sizes: &[Size], days: &[Day], now: Timestamp) -> Metrics {
    let sum =
        |wanted: &dyn Fn(&Group) -> bool| groups.iter().filter(|group| wanted(group)).map(|g| g.organizations).sum();
    let in_phase = |phase: Phase| sum(&|group: &Group| group.of.status == phase);
    let plans: Vec<PlanFigures> = Plan::ALL
        .into_iter()
        .map(|plan| {
            let active: i64 = sum(&|group: &Group| group.of.plan == plan && group.of.status == Phase::Active);
            PlanFigures {
                plan: plan.into(),
                organizations: sum(&|group: &Group| group.of.plan == plan),
                active,
                monthly_revenue: active * plan.monthly_price_usd(),
                users: groups.iter().filter(|group| group.of.plan == plan).map(|group| group.users).sum(),
            }
        })
        .collect();
    Metrics {
        organizations: OrganizationFigures {
            total: sum(&|_: &Group| true),
            active: in_phase(Phase::Active),
            pending_payment: in_phase(Phase::PendingPayment),
            provisioning: in_phase(Phase::Provisioning),
            suspended: in_phase(Phase::Suspended),
            failed: in_phase(Phase::Failed),
            terminating: in_phase(Phase::Terminating),
        },
        monthly_revenue: plans.iter().map(|plan| plan.monthly_revenue).sum(),
        currency: "USD",
        plans,
        users: UserFigures { total: groups.iter().map(|group| group.users).sum(), distribution: distribution(sizes) },
        signups: signups(days, now),
    }
}

fn distribution(sizes: &[Size]) -> Vec<UserBucket> {
    let organizations = |from: i64| sizes.iter().find(|size| size.from == from).map_or(0, |size| size.organizations);
    SIZES
        .iter()
        .enumerate()
        .map(|(at, from)| UserBucket {
            from: *from,
            to: SIZES.get(at + 1).map(|next| next - 1),
            organizations: organizations(*from),
        })
        .collect()
}

/// Every day and month has its place, also those without a signup.
fn signups(days: &[Day], now: Timestamp) -> SignupFigures {
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |ago: i64| today.checked_sub(ago.days()).unwrap_or(today).to_string();
    let month = |ago: i64| months_ago(now, ago).strftime("%Y-%m").to_string();
    let mut per_day: BTreeMap<String, i64> = (0..30).map(|ago| (day(ago), 0)).collect();
    let mut per_month: BTreeMap<String, i64> = (0..12).map(|ago| (month(ago), 0)).collect();
    for Day { date, organizations } in days {
        if let Some(count) = per_day.get_mut(date) {
            *count += organizations;
        }
        if let Some(count) = date.get(..7).and_then(|month| per_month.get_mut(month)) {
            *count += organizations;
        }
    }
    let counts = |counts: BTreeMap<String, i64>| {
        counts.into_iter().map(|(period, organizations)| SignupCount { period, organizations }).collect()
    };
    SignupFigures { per_day: counts(per_day), per_month: counts(per_month) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(status: Phase, plan: Plan, organizations: i64, users: i64) -> Group {
        Group { of: StatusAndPlan { status, plan }, organizations, users }
    }

    #[test]
    fn revenue_counts_active_hospitals_only() {
        let now: Timestamp = "2026-11-23T05:00:00Z".parse().unwrap();
        let groups = [
            group(Phase::Active, Plan::Professional, 1, 3),
            group(Phase::Active, Plan::Starter, 1, 2),
            group(Phase::PendingPayment, Plan::Enterprise, 1, 0),
            group(Phase::Suspended, Plan::Enterprise, 2, 40),
        ];
        let metrics = figures(&groups, &[], &[], now);
        assert_eq!(metrics.monthly_revenue, 398);
        assert_eq!(
            (metrics.organizations.total, metrics.organizations.active, metrics.organizations.suspended),
            (5, 2, 2)
        );
        let by_plan: Vec<_> = metrics.plans.iter().map(|plan| (plan.organizations, plan.monthly_revenue)).collect();
        assert_eq!(by_plan, [(1, 99), (1, 299), (3, 0)]);
        assert_eq!(metrics.users.total, 45);
    }

    #[test]
    fn signups_fall_into_days_and_months() {
        let now: Timestamp = "2026-03-01T00:30:00Z".parse().unwrap();
        let days = [("2026-03-01", 2), ("2026-02-28", 3), ("2025-04-01", 4), ("2025-03-31", 9)]
            .map(|(date, organizations)| Day { date: date.into(), organizations });
        let figures = signups(&days, now);
        assert_eq!((figures.per_day.len(), figures.per_month.len()), (30, 12));
        let last = |counts: &[SignupCount], at: usize| (counts[at].period.clone(), counts[at].organizations);
        assert_eq!(last(&figures.per_day, 29), ("2026-03-01".into(), 2));
        assert_eq!(last(&figures.per_day, 28), ("2026-02-28".into(), 3));
        assert_eq!(last(&figures.per_month, 11), ("2026-03".into(), 2));
        assert_eq!(last(&figures.per_month, 10), ("2026-02".into(), 3));
        assert_eq!(last(&figures.per_month, 0), ("2025-04".into(), 4));
    }

    #[test]
    fn hospitals_fall_into_sizes() {
        let sizes = [Size { from: 1, organizations: 7 }, Size { from: 101, organizations: 1 }];
        let buckets = distribution(&sizes);
        let shown: Vec<_> = buckets.iter().map(|bucket| (bucket.from, bucket.to, bucket.organizations)).collect();
        assert_eq!(shown, [(0, Some(0), 0), (1, Some(5), 7), (6, Some(20), 0), (21, Some(100), 0), (101, None, 1)]);
    }

    #[test]
    fn a_search_finds_its_text_and_no_pattern() {
        assert_eq!(escaped("St. Mary's (new)*"), r"St\. Mary\'s \(new\)\*");
        let query = OrganizationsQuery {
            plan: Some("starter".into()),
            status: Some("active".into()),
            q: Some(" a.b ".into()),
            sort: Sort::default(),
            limit: 1,
            cursor: None,
        };
        let filter = query.filter();
        assert_eq!((filter.get_str("plan").unwrap(), filter.get_str("status").unwrap()), ("Starter", "Active"));
        assert_eq!(filter.get_array("$or").unwrap().len(), 3);
        assert!(phase_named("Active").is_err() && phase_named("pending_payment").is_ok());
    }
}
