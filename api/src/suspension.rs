//! Suspending a hospital and taking it back: through the API, or by whoever declares the hospital. In either case its
//! sessions end, and say so; that nobody reaches its data is MongoDB's doing, by the operator.

use std::sync::Arc;

use chakravue_crds::{OrganizationId, organization::Subscription};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    audit::{Actor, Entry},
    hospitals::{Hospital, Hospitals, id_of},
    platform_audit::{RESUME, SUSPEND},
    problem::{Answer, Kind, Problem},
    request_id,
    sessions::Sessions,
    state::App,
};

/// Suspends or resumes a hospital that has paid, and records it. It goes on when the client hangs up.
///
/// # Errors
/// When the hospital has not paid yet; `managed-elsewhere` when the subscription is somebody else's to change.
pub async fn set(app: &App, id: &OrganizationId, wanted: Subscription, actor: Actor) -> Answer<Arc<Hospital>> {
    let (app, id) = (app.clone(), id.clone());
    let change = async move { change(&app, &id, wanted, &actor).await };
    tokio::spawn(request_id::carried(change)).await.unwrap_or_else(|_| Err(Problem::internal()))
}

async fn change(app: &App, id: &OrganizationId, wanted: Subscription, actor: &Actor) -> Answer<Arc<Hospital>> {
    let before = app.hospitals.find(id)?;
    if before.spec.subscription == Subscription::PendingPayment {
        let detail = "The hospital has not paid yet: there is nothing to suspend or to resume.";
        return Err(Problem::new(Kind::HospitalNotReady, detail));
    }
    let after = app.hospitals.set_subscription(id, wanted).await?;
    if wanted == Subscription::Suspended {
        app.sessions.end_of_suspended(id, &after).await?;
    }
    let was = before.spec.subscription;
    if was != wanted && lacks(app, id, action(was)).await? {
        // The step before this one, which nobody repeated. Who took it is not known any more.
        record(app, id, action(was), &Actor::system()).await?;
    }
    if was != wanted || lacks(app, id, action(wanted)).await? {
        record(app, id, action(wanted), actor).await?;
    }
    Ok(after)
}

/// What makes a hospital that has paid so.
fn action(subscription: Subscription) -> &'static str {
    if subscription == Subscription::Suspended { SUSPEND } else { RESUME }
}

async fn record(app: &App, id: &OrganizationId, action: &'static str, actor: &Actor) -> Answer<()> {
    app.platform_audit.record(actor, Entry::new(action).target("organization", id.as_str())).await
}

/// Whether the log has not been told yet that this is how things are: whoever did it was answered 503, or killed.
async fn lacks(app: &App, id: &OrganizationId, action: &str) -> Answer<bool> {
    let last = app.platform_audit.last_of(&[SUSPEND, RESUME], id).await?;
    Ok(last.map_or(action == SUSPEND, |last| last.action != action))
}

/// Ends the sessions of every hospital that is found suspended, whoever suspended it.
pub async fn end_sessions(hospitals: Hospitals, sessions: Sessions) {
    let mut changes = hospitals.changes();
    hospitals.ready().await;
    let mut to_look_at = hospitals.all();
    loop {
        for hospital in to_look_at.drain(..) {
            // What is known now counts: it may be resumed since, and somebody signed in again.
            let Some(hospital) = id_of(&hospital).and_then(|id| hospitals.get(&id)) else { continue };
            let suspended = hospital.spec.subscription == Subscription::Suspended;
            let Some(id) = id_of(&hospital).filter(|_| suspended) else { continue };
            if let Err(problem) = sessions.end_of_suspended(&id, &hospital).await {
                // They are of no use meanwhile: every request asks whether the hospital may be used.
                tracing::warn!(organization = %id, ?problem, "the sessions of a suspended hospital could not be ended");
            }
        }
        match changes.recv().await {
            Ok(hospital) => to_look_at.push(hospital),
            Err(RecvError::Lagged(_)) => to_look_at = hospitals.all(),
            Err(RecvError::Closed) => return,
        }
    }
}
