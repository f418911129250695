//! Changing a hospital's plan: never to one with fewer seats than are in use.
//!
//! Seats are counted in the hospital's own database before the change and again after it, since somebody may be added in
//! between; a change that came too late is taken back. Where they cannot be counted, no hospital gets a smaller plan.

use std::{sync::Arc, time::Duration};

use bson::{Document, doc};
use chakravue_crds::{OrganizationId, organization::Subscription, plans::Plan, tenant_schema::seated};
use serde_json::json;

use crate::{
    data::{
        audit::{Actor, AuditRecord, Entry},
        platform_audit::{CHANGE_PLAN, SIGN_UP, VERSION},
        tenant::{Records, TenantDatabase},
    },
    hospitals::{Hospital, version_of},
    http::{
        problem::{Answer, Kind, Problem},
        request_id,
    },
    state::App,
    subscription::payments::ledger::PaymentStatus,
};

/// Where the change is recorded.
#[derive(Clone, Debug)]
pub enum Record {
    /// In the hospital's own audit log.
    Hospital(Actor, Entry),
    /// In the platform's and the hospital's. Only a smaller plan needs the hospital's; what stands is told in the platform's
    /// as soon as that can be written.
    Platform(Actor, Entry),
    /// In the platform's: whoever signs a hospital up may choose another plan until one is paid for, and it has no log of its
    /// own before.
    Signup(Actor),
}

/// Changes the plan and records it. It goes on when the client hangs up.
///
/// # Errors
/// `plan-too-small` with the seats; 503 when they cannot be counted; `managed-elsewhere` when the plan is somebody else's to
/// change; for a signup, `already-paid` or `payment-under-way` once one is paid for.
pub async fn run(app: &App, id: &OrganizationId, plan: Plan, record: Record) -> Answer<Arc<Hospital>> {
    let (app, id) = (app.clone(), id.clone());
    let change = async move { change(&app, &id, plan, record).await };
    tokio::spawn(request_id::carried(change)).await.unwrap_or_else(|_| Err(Problem::internal()))
}

async fn change(app: &App, id: &OrganizationId, plan: Plan, record: Record) -> Answer<Arc<Hospital>> {
    if let Record::Signup(actor) = &record {
        let before = app.hospitals.find(id)?;
        if before.spec.plan != plan {
            return choose(app, id, &before, plan, actor).await;
        }
        complete(app, &before, id, actor).await?;
        return Ok(before);
    }
    // Whatever this replica has heard: another one may have given the hospital a larger plan a moment ago.
    let before = app.hospitals.current(id).await?;
    let cut_short = if before.spec.plan == plan {
        let Some(from) = cut_short(app, id, &before, &record).await? else { return Ok(before) };
        Some(from)
    } else {
        None
    };
    let after = make(app, id, &before, cut_short, plan, &record).await?;
    if let Record::Platform(actor, entry) = record {
        tell(app, actor, told_of(entry, &after)).await;
    }
    Ok(after)
}

/// The plan before the present one, if whoever made the change was killed before they counted and recorded it. What then
/// stands in the hospital's log and not in the platform's is recorded there.
async fn cut_short(app: &App, id: &OrganizationId, now: &Hospital, record: &Record) -> Answer<Option<Plan>> {
    let Some(last) = recorded(app, id).await else { return Ok(None) };
    let told = plan_of(&last);
    if told != Some(now.spec.plan) {
        return Ok(told);
    }
    if let Record::Platform(actor, entry) = record {
        tell_again(app, id, &last, actor, told_of(entry.clone(), now)).await?;
    }
    Ok(None)
}

/// An entry that is written once for each version of the hospital's object.
fn told_of(entry: Entry, hospital: &Hospital) -> Entry {
    version_of(hospital).into_iter().fold(entry, |entry, version| entry.detail(VERSION, version))
}

/// Records a change in the platform's log that stands in the hospital's alone: who made it was killed in between.
async fn tell_again(app: &App, id: &OrganizationId, last: &AuditRecord, actor: &Actor, entry: Entry) -> Answer<()> {
    if last.actor_role != actor.role {
        return Ok(());
    }
    let known = app.platform_audit.last_of(&[CHANGE_PLAN], id).await?;
    if known.is_some_and(|known| known.at >= last.at) {
        return Ok(());
    }
    app.platform_audit.record(actor, entry).await
}

/// How often, and how long apart, what could not be done at once is tried.
const ATTEMPTS: u32 = 120;
const APART: Duration = Duration::from_secs(5);

/// Gives a hospital back the plan that it had, unless somebody has chosen yet another one. Where Kubernetes does not take that
/// now it is tried until it does.
async fn take_back(app: &App, id: &OrganizationId, plan: Plan, before: Plan) {
    let Err(problem) = app.hospitals.take_plan_back(id, plan, before).await else { return };
    tracing::warn!(organization = %id, problem = problem.kind().slug(), "a plan that does not fit is not taken back yet");
    let (hospitals, id) = (app.hospitals.clone(), id.clone());
    app.under_way.spawn(async move {
        for _ in 0..ATTEMPTS {
            tokio::time::sleep(APART).await;
            if hospitals.take_plan_back(&id, plan, before).await.is_ok() {
                return;
            }
        }
        tracing::error!(organization = %id, "a plan that does not fit could not be taken back");
    });
}

/// Sets the plan, and counts before and after. What this attempt has set, or the one that was `cut_short` and had found the
/// hospital on that plan, is taken back where it does not fit.
async fn make(
    app: &App,
    id: &OrganizationId,
    before: &Hospital,
    cut_short: Option<Plan>,
    plan: Plan,
    record: &Record,
) -> Answer<Arc<Hospital>> {
    let mut replaced = cut_short;
    let making = async {
        let from = cut_short.unwrap_or(before.spec.plan);
        if is_smaller(plan, from) {
            check(app, id, plan, before.spec.subscription).await?;
        }
        let changed = app.hospitals.set_plan(id, plan).await.inspect_err(|problem| {
            // It may have been set all the same.
            if problem.kind() == Kind::KubernetesUnavailable {
                replaced = Some(from);
            }
        })?;
        // Somebody else may have changed it since.
        if changed.was_on != plan {
            replaced = Some(changed.was_on);
        }
        let smaller = is_smaller(plan, replaced.unwrap_or(from));
        recounted(app, id, &changed.now, smaller, record).await?;
        Ok(changed.now)
    };
    let made = making.await;
    if made.is_err()
        && let Some(replaced) = replaced
    {
        take_back(app, id, plan, replaced).await;
    }
    made
}

/// The last entry about the plan: in the hospital's own log, or in the platform's where it has none. `None` where neither
/// can say, as of a hospital that was declared.
async fn recorded(app: &App, id: &OrganizationId) -> Option<AuditRecord> {
    let find = |database: TenantDatabase| async move {
        let log = database.collection::<AuditRecord>(Records::AuditLogs);
        Ok(log.find_one(doc! { "action": CHANGE_PLAN }).sort(doc! { "sequence": -1 }).await?)
    };
    let own = match app.tenants.open(id).await {
        Ok(tenant) => tenant.read(find).await.ok()?,
        // There is no database yet.
        Err(problem) if problem.kind() == Kind::HospitalNotReady => None,
        Err(_) => return None,
    };
    match own {
        Some(own) => Some(own),
        None => app.platform_audit.last_of(&[SIGN_UP, CHANGE_PLAN], id).await.ok()?,
    }
}

fn plan_of(record: &AuditRecord) -> Option<Plan> {
    let plan = record.details.get("plan")?.as_str()?;
    Plan::ALL.into_iter().find(|known| known.id() == plan)
}

/// Records a change in the platform's log. It is not taken back where that fails: the entry may have been written all the
/// same, and would tell what is not so. So it is written once, as soon as that can be.
async fn tell(app: &App, actor: Actor, entry: Entry) {
    let Err(problem) = app.platform_audit.record(&actor, entry.clone()).await else { return };
    tracing::warn!(problem = problem.kind().slug(), "a change of plan is not in the platform's audit log yet");
    let audit = app.platform_audit.clone();
    app.under_way.spawn(async move {
        for _ in 0..ATTEMPTS {
            tokio::time::sleep(APART).await;
            if audit.record(&actor, entry.clone()).await.is_ok() {
                return;
            }
        }
        tracing::error!(?entry, "a change of plan is missing in the platform's audit log");
    });
}

/// Another plan for a signup. Once it is paid for nothing is changed, nor taken back: the hospital becomes active on the plan
/// that was paid.
async fn choose(app: &App, id: &OrganizationId, before: &Hospital, plan: Plan, actor: &Actor) -> Answer<Arc<Hospital>> {
    unpaid(app, id, before).await?;
    let after = match app.hospitals.choose_plan(id, plan).await {
        Err(problem) if problem.kind() == Kind::AlreadyPaid => return Err(paid()),
        outcome => outcome?,
    };
    // A payment that began meanwhile is one for the plan before.
    if let Err(problem) = unpaid(app, id, &after).await {
        if let Err(stays) = app.hospitals.choose_plan(id, before.spec.plan).await {
            tracing::warn!(organization = %id, problem = stays.kind().slug(), "a choice of plan is not taken back");
        }
        return Err(problem);
    }
    // Not taken back where this fails: the entry may have been written all the same. Whoever repeats the choice completes it.
    app.platform_audit.record(actor, entry(id, plan)).await?;
    Ok(after)
}

/// What the platform's log has of a change.
#[must_use]
pub fn entry(id: &OrganizationId, plan: Plan) -> Entry {
    Entry::new(CHANGE_PLAN).target("organization", id.as_str()).detail("plan", plan.id())
}

/// Records what a signup chose before, if whoever did so was killed before it was written.
async fn complete(app: &App, hospital: &Hospital, id: &OrganizationId, actor: &Actor) -> Answer<()> {
    if hospital.spec.subscription != Subscription::PendingPayment {
        return Ok(());
    }
    let plan = hospital.spec.plan;
    let last = app.platform_audit.last_of(&[SIGN_UP, CHANGE_PLAN], id).await?;
    if last.is_some_and(|last| last.details.get("plan").is_some_and(|known| known == plan.id())) {
        return Ok(());
    }
    app.platform_audit.record(actor, entry(id, plan)).await
}

/// Before anything is changed: whether the seats in use fit.
async fn check(app: &App, id: &OrganizationId, plan: Plan, subscription: Subscription) -> Answer<()> {
    match subscription {
        // There is no database, so nobody has a seat.
        Subscription::PendingPayment => Ok(()),
        Subscription::Active => match counted(app, id).await {
            // Nor is there one yet.
            Err(problem) if problem.kind() == Kind::HospitalNotReady => Ok(()),
            counted => fits(plan, counted.map_err(uncounted)?),
        },
        Subscription::Suspended => Err(while_suspended()),
    }
}

/// Counts once more after a change, and in doing so records it in the hospital's log.
async fn recounted(app: &App, id: &OrganizationId, after: &Hospital, smaller: bool, record: &Record) -> Answer<()> {
    // While it is not active nobody can be added, and its database cannot be written.
    if after.spec.subscription != Subscription::Active {
        return Ok(());
    }
    let plan = after.spec.plan;
    match record {
        Record::Hospital(actor, entry) => recount(app, id, plan, actor, entry).await,
        // What a signup chooses is recorded where it is chosen.
        Record::Signup(_) => Ok(()),
        Record::Platform(actor, _) => {
            match recount(app, id, plan, actor, &Entry::new(CHANGE_PLAN).detail("plan", plan.id())).await {
                // It has no database yet, so there is nothing to count, and no log.
                Err(problem) if problem.kind() == Kind::HospitalNotReady => Ok(()),
                Err(problem) if smaller || problem.kind() == Kind::PlanTooSmall => Err(uncounted(problem)),
                // A larger plan takes nothing from anybody, so it does not wait for the hospital's database.
                Err(problem) => {
                    tracing::warn!(
                        organization = %id, problem = problem.kind().slug(),
                        "a change of plan stands in the platform's audit log and not in the hospital's"
                    );
                    Ok(())
                }
                Ok(()) => Ok(()),
            }
        }
    }
}

/// A signup chooses its plan before it pays. What it pays for afterwards is the hospital's administrator's to change.
async fn unpaid(app: &App, id: &OrganizationId, hospital: &Hospital) -> Answer<()> {
    if hospital.spec.subscription != Subscription::PendingPayment {
        return Err(paid());
    }
    match app.payments.ledger().open_or_paid_of(id).await? {
        None => Ok(()),
        Some(payment) if payment.status == PaymentStatus::Succeeded => Err(paid()),
        Some(_) => {
            let detail = "A payment for the plan is under way. Wait for it, and change the plan afterwards.";
            Err(Problem::new(Kind::PaymentUnderWay, detail).retry_after(Duration::from_secs(5)))
        }
    }
}

fn paid() -> Problem {
    Problem::new(Kind::AlreadyPaid, "The hospital is paid for. Its administrator changes the plan, once signed in.")
}

/// Whether a hospital can lose seats.
fn is_smaller(plan: Plan, before: Plan) -> bool {
    match (plan.user_limit(), before.user_limit()) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(limit), Some(before)) => limit < before,
    }
}

async fn counted(app: &App, id: &OrganizationId) -> Answer<i64> {
    let count = |database: TenantDatabase| async move {
        Ok(database.collection::<Document>(Records::Users).count_documents(seated()).await?)
    };
    let used: u64 = app.tenants.open(id).await?.read(count).await?;
    Ok(i64::try_from(used).unwrap_or(i64::MAX))
}

/// Why seats are not counted. Only a database that is away is worth another attempt.
fn uncounted(problem: Problem) -> Problem {
    match problem.kind() {
        Kind::DatabaseUnavailable => {}
        // Since the first look at it.
        Kind::SubscriptionSuspended => return while_suspended(),
        _ => return problem,
    }
    tracing::warn!(problem = problem.kind().slug(), "the seats in use cannot be counted");
    let detail = "The hospital's database does not say now how many seats are in use, so the plan was not changed. Try \
        again in a moment.";
    Problem::new(Kind::DatabaseUnavailable, detail).retry_after(Duration::from_secs(5))
}

fn while_suspended() -> Problem {
    let detail = "While the hospital is suspended its users cannot be counted, so it cannot get a smaller plan. Resume \
        it first.";
    Problem::new(Kind::Conflict, detail)
}

/// Counts once more, in the transaction that records the change: whoever is added at the same time is counted here, or
/// finds the new plan.
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
    fn a_plan_with_fewer_seats_is_smaller() {
        let smaller = |plan, before| is_smaller(plan, before);
        assert!(smaller(Plan::Starter, Plan::Professional) && smaller(Plan::Professional, Plan::Enterprise));
        assert!(!smaller(Plan::Professional, Plan::Starter) && !smaller(Plan::Enterprise, Plan::Professional));
    }

    #[test]
    fn a_plan_fits_up_to_its_last_seat() {
        assert!(fits(Plan::Starter, 5).is_ok());
        assert!(fits(Plan::Enterprise, 1_000_000).is_ok());
        let problem = fits(Plan::Starter, 7).unwrap_err();
        assert_eq!(problem.kind(), Kind::PlanTooSmall);
        assert!(format!("{problem:?}").contains("Disable 2 users"), "{problem:?}");
    }
}
