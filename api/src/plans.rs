//! `GET /plans`: what a hospital can subscribe to, straight from the catalogue that the operator enforces.

use axum::{Json, Router, routing::get};
use chakravue_crds::plans::Plan;
use serde::Serialize;

pub fn routes() -> Router {
    Router::new().route("/plans", get(list))
}

#[derive(Serialize)]
struct Plans {
    plans: Vec<PlanView>,
}

#[derive(Serialize)]
struct PlanView {
    plan_id: &'static str,
    name: &'static str,
    /// Whole units of `currency` per `interval`.
    price: i64,
    currency: &'static str,
    interval: &'static str,
    /// How many users the hospital may have; `null` means no limit.
    max_users: Option<i64>,
}

async fn list() -> Json<Plans> {
    let plans = Plan::ALL.iter().map(|plan| PlanView {
        plan_id: plan.id(),
        name: plan.name(),
        price: plan.monthly_price_usd(),
        currency: "USD",
        interval: "month",
        max_users: plan.user_limit(),
    });
    Json(Plans { plans: plans.collect() })
}
