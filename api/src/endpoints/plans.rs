//! `GET /plans`: what a hospital can subscribe to, straight from the catalogue that the operator enforces.

use axum::{Json, extract::State};
use chakravue_crds::plans::Plan;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::App;

pub const PATH: &str = "/plans";

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_plans))
}

#[derive(Serialize, ToSchema)]
struct Plans {
    plans: Vec<PlanView>,
    /// The number of a card that pays, where this installation charges nothing. Absent where payments are real.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "4111111111111111")]
    test_card: Option<&'static str>,
}

/// A plan as every answer shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Plan)]
pub struct PlanView {
    #[schema(example = "professional")]
    pub plan_id: &'static str,
    #[schema(example = "Professional")]
    pub name: &'static str,
    /// Whole units of `currency` per `interval`.
    #[schema(example = 299)]
    pub price: i64,
    #[schema(example = "USD")]
    pub currency: &'static str,
    #[schema(example = "month")]
    pub interval: &'static str,
    /// How many users the hospital may have; `null` means no limit.
    #[schema(example = 20, required)]
    pub max_users: Option<i64>,
}

impl From<Plan> for PlanView {
    fn from(plan: Plan) -> Self {
        Self {
            plan_id: plan.id(),
            name: plan.name(),
            price: plan.monthly_price_usd(),
            currency: "USD",
            interval: "month",
            max_users: plan.user_limit(),
        }
    }
}

/// The plans that a hospital can subscribe to.
#[utoipa::path(get, path = PATH, tag = "signup", responses((status = 200, description = "The catalogue", body = Plans)))]
async fn list_plans(State(app): State<App>) -> Json<Plans> {
    let plans = Plan::ALL.iter().copied().map(PlanView::from).collect();
    Json(Plans { plans, test_card: app.payments.test_card() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::state;

    #[tokio::test]
    async fn plans_are_the_catalogue() {
        let plan = |plan_id: &str, name: &str, price: i64, max_users: Option<i64>| json!({ "plan_id": plan_id, "name": name, "price": price, "currency": "USD", "interval": "month", "max_users": max_users });
        let Json(plans) = list_plans(State(state::unreachable().await)).await;
        assert_eq!(
            serde_json::to_value(plans).unwrap(),
            json!({ "plans": [
                plan("starter", "Starter", 99, Some(5)),
                plan("professional", "Professional", 299, Some(20)),
                plan("enterprise", "Enterprise", 999, None),
            ], "test_card": "4111111111111111" })
        );
    }
}
