//! Changing a hospital's plan: never to one with fewer seats than are in use.
//!
//! Seats are counted in the hospital's own database before the change and again after it, since somebody may be added in
//! between; a change that came too late is taken back.

use std::sync::Arc;

use chakravue_crds::{OrganizationId, organization::Subscription, plans::Plan};
use serde_json::json;

use crate::{
    audit::{Actor, Entry},
    endpoints::organizations::{seated, seats_in_use},
    hospitals::Hospital,
    problem::{Answer, Kind, Problem},
    request_id,
    state::App,
    tenant::Records,
};

/// Where the change is recorded.
#[derive(Clone, Debug)]
pub enum Record {
    /// In the hospital's own audit log.
    Hospital(Actor, Entry),
    /// In the platform's.
    Platform(Actor, Entry),
}

/// Changes the plan and records it. It goes on when the client hangs up.
///
/// # Errors
/// `plan-too-small` with the seats; `managed-elsewhere` when the plan is somebody else's to change.
pub async fn run(app: &App, id: &OrganizationId, plan: Plan, record: Record) -> Answer<Arc<Hospital>> {
    let (app, id) = (app.clone(), id.clone());
    let change = async move { change(&app, &id, plan, record).await };
    tokio::spawn(request_id::carried(change)).await.unwrap_or_else(|_| Err(Problem::internal()))
}

async fn change(app: &App, id: &OrganizationId, plan: Plan, record: Record) -> Answer<Arc<Hospital>> {
    let before = app.hospitals.find(id)?;
    if before.spec.plan == plan {
        return Ok(before);
    }
    let used = seats_in_use(app, &before).await;
    fits(plan, used)?;
    let after = app.hospitals.set_plan(id, plan).await?;
    let recorded = match &record {
        // While it is not active nobody can be added, and its database cannot be written.
        Record::Hospital(actor, entry) if after.spec.subscription == Subscription::Active => {
            recount(app, id, plan, actor, entry).await
        }
        Record::Hospital(..) => Ok(()),
        Record::Platform(actor, entry) => {
            let used = seats_in_use(app, &after).await;
            match fits(plan, used) {
                Ok(()) => app.platform_audit.record(actor, entry.clone()).await,
                Err(problem) => Err(problem),
            }
        }
    };
    if let Err(problem) = recorded {
        app.hospitals.set_plan(id, before.spec.plan).await?;
        return Err(problem);
    }
    Ok(after)
}

/// Counts once more, in the transaction that records the change.
async fn recount(app: &App, id: &OrganizationId, plan: Plan, actor: &Actor, entry: &Entry) -> Answer<()> {
    let (tenant, entry) = (app.tenants.open(id).await?, entry.clone());
    tenant
        .change(actor, move |transaction| {
            let entry = entry.clone();
            async move {
                let used = transaction.count(Records::Users, seated()).await?;
                fits(plan, i64::try_from(used).unwrap_or(i64::MAX))?;
                Ok(entry.answering(()))
            }
        })
        .await
}

fn fits(plan: Plan, used: i64) -> Answer<()> {
    match plan.user_limit() {
        Some(limit) if used > limit => {
            let detail = format!(
                "{} has {limit} seats, and {used} are in use. Disable {} users first, or choose a larger plan.",
                plan.name(),
                used - limit
            );
            Err(Problem::new(Kind::PlanTooSmall, detail).with("seats", json!({ "used": used, "limit": limit })))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_fits_up_to_its_last_seat() {
        assert!(fits(Plan::Starter, 5).is_ok());
        assert!(fits(Plan::Enterprise, 1_000_000).is_ok());
        let problem = fits(Plan::Starter, 7).unwrap_err();
        assert_eq!(problem.kind(), Kind::PlanTooSmall);
        assert!(format!("{problem:?}").contains("Disable 2 users"), "{problem:?}");
    }
}
