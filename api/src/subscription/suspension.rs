//! Suspending a hospital and taking it back: through the API, or by whoever declares the hospital. In either case its
//! sessions end, and say so; that nobody reaches its data is MongoDB's doing, by the operator.

use std::sync::Arc;

use chakravue_crds::{OrganizationId, organization::Subscription};
use tokio::sync::{Mutex, broadcast::error::RecvError};

use crate::{
    access::sessions::Sessions,
    data::{
        audit::{Actor, Entry},
        platform_audit::{RESUME, SUSPEND, VERSION},
    },
    hospitals::{Hospital, Hospitals, apply::Changed, id_of, version_of},
    http::{
        problem::{Answer, Kind, Problem},
        request_id,
    },
    state::App,
};

/// Of two at once, the second finds recorded what the first did. On another replica it may not: see [`VERSION`].
static TURN: Mutex<()> = Mutex::const_new(());

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
    let _turn = TURN.lock().await;
    if app.hospitals.find(id)?.spec.subscription == Subscription::PendingPayment {
        let detail = "The hospital has not paid yet: there is nothing to suspend or to resume.";
        return Err(Problem::new(Kind::HospitalNotReady, detail));
    }
    let Changed { was, now, .. } = app.hospitals.set_subscription(id, wanted).await?;
    if wanted == Subscription::Suspended {
        app.sessions.end_of_suspended(id, &now).await?;
    }
    let (last, version) = (recorded(app, id).await?, version_of(&now));
    if lacks_step_before(was, wanted, last) {
        // Nobody repeated it, or another replica has not told of it yet. Who took it is not known here.
        record(app, id, action(was), version.map(|version| version - 1), &Actor::system()).await?;
    }
    if lacks_step(was, wanted, last) {
        record(app, id, action(wanted), version, actor).await?;
    }
    Ok(now)
}

/// Whether the log, which ends with the `last`, has nothing of how things were before a change. Where it has this change
/// already, because another replica was asked for the same, what is recorded now is overtaken by that.
fn lacks_step_before(was: Subscription, wanted: Subscription, last: &str) -> bool {
    was != wanted && last != action(was)
}

/// Whether a change is to be recorded: it was made now, or by whoever was answered 503 then, or killed.
fn lacks_step(was: Subscription, wanted: Subscription, last: &str) -> bool {
    was != wanted || last != action(wanted)
}

/// What makes a hospital that has paid so.
fn action(subscription: Subscription) -> &'static str {
    if subscription == Subscription::Suspended { SUSPEND } else { RESUME }
}

async fn record(
    app: &App,
    id: &OrganizationId,
    action: &'static str,
    version: Option<i64>,
    actor: &Actor,
) -> Answer<()> {
    let entry = Entry::new(action).target("organization", id.as_str());
    let entry = version.into_iter().fold(entry, |entry, version| entry.detail(VERSION, version));
    app.platform_audit.record(actor, entry).await
}

/// What the log was told last.
async fn recorded(app: &App, id: &OrganizationId) -> Answer<&'static str> {
    let last = app.platform_audit.last_of(&[SUSPEND, RESUME], id).await?;
    Ok(if last.is_some_and(|last| last.action == SUSPEND) { SUSPEND } else { RESUME })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_recorded_once_and_one_that_was_left_out_before_it() {
        use Subscription::{Active, Suspended};
        let lacks = |was, wanted, last| (lacks_step_before(was, wanted, last), lacks_step(was, wanted, last));
        assert_eq!(lacks(Active, Suspended, RESUME), (false, true));
        assert_eq!(lacks(Suspended, Suspended, SUSPEND), (false, false));
        assert_eq!(lacks(Suspended, Suspended, RESUME), (false, true), "it was made and not recorded");
        assert_eq!(lacks(Suspended, Active, RESUME), (true, true), "a suspension was not recorded");
        assert_eq!(lacks(Active, Suspended, SUSPEND), (true, true), "a resumption was not recorded");
    }
}
