//! `GET /master/metrics`: the platform in figures.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use bson::{Bson, DateTime, Document, doc};
use chakravue_crds::{organization::Phase, plans::Plan};
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::that_are_there;
use crate::{
    access::identity::PlatformAdministrator,
    data::master::Store,
    endpoints::plans::PlanView,
    http::problem::{Answer, Problem},
    program::clock::to_bson,
    state::{App, AppState},
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_metrics))
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
    let documents = app.master.raw(Store::Organizations).aggregate(pipeline).await?;
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
}
