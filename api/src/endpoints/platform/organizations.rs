//! `GET /master/all-organizations`: every organization, by plan, status and words, sorted.

use axum::{Json, extract::State};
use bson::Document;
use chakravue_crds::{master::OrganizationRecord, organization::Phase};
use garde::Validate;
use jiff::Timestamp;
use mongodb::options::{Collation, CollationStrength};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::that_are_there;
use crate::{
    access::identity::PlatformAdministrator,
    endpoints::{organizations::Seats, plans::PlanView, signup::plan_of},
    hospitals::status_name,
    http::{
        extract::ApiQuery,
        flaw::Flaw,
        paging::{self, Direction, Order, Page, Paged},
        problem::Answer,
        search,
    },
    program::clock::from_bson,
    state::App,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_all_organizations))
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
            let fields = ["display_name", "database_name", "_id"];
            let alternatives: Vec<Document> = fields.iter().map(|field| search::part(field, text)).collect();
            filter.insert("$or", alternatives);
        }
        filter
    }
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
    let records = found.collation(query.sort.collation()).limit(page.fetch()).all().await?;
    Ok(Json(page.of::<OrganizationRecord>(records, &filter, order)?.map(OrganizationSummary::from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_its_text_and_no_pattern() {
        let found = search::part("_id", "St. Mary's (new)*");
        assert_eq!(found.get_document("_id").unwrap().get_str("$regex").unwrap(), r"st\. mary's \(new\)\*");
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
        let alternatives = filter.get_array("$or").unwrap();
        assert_eq!((alternatives.len(), &alternatives[2]), (3, &search::part("_id", "a.b").into()));
        assert!(phase_named("Active").is_err() && phase_named("pending_payment").is_ok());
    }
}
