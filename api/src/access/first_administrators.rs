//! Every hospital has somebody who can run it: as soon as its database is there, the address in `spec.administrator` is
//! invited as ADMIN, however the hospital came to be. The invitation goes out by mail; without mail, whoever signed up sets
//! the password with the setup token, or an administrator of the platform hands the link over.

use std::{collections::HashSet, mem, time::Duration};

use bson::doc;
use chakravue_crds::{
    HospitalOrganization,
    organization::{Phase, Subscription},
    organization_id::OrganizationId,
    roles::StaffRole,
};
use futures::{StreamExt as _, stream};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    access::{
        accounts::{Account, Accounts},
        blind_index::normal,
        links::{Issued, Purpose},
        platform_users::new_user_id,
        tokens::Home,
    },
    data::{
        audit::{Actor, Entry, Recorded},
        tenant::{
            Records,
            users::{User, UserStatus},
        },
    },
    hospitals::id_of,
    http::problem::{Answer, Kind, Problem},
    state::{App, AppState},
};

/// At the start many hospitals may have to be looked at; each costs a connection.
const AT_ONCE: usize = 4;
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Invites the hospital's first administrator, if it has none yet.
///
/// # Errors
/// When the hospital is not ready, or a database is away.
pub async fn ensure(app: &AppState, hospital: &HospitalOrganization) -> Answer<()> {
    let (Some(id), Some(administrator)) = (id_of(hospital), &hospital.spec.administrator) else { return Ok(()) };
    let email = normal(&administrator.email);
    let tenant = app.tenants.open(&id).await?;
    // Without mail nobody would ever see the link, so none is made.
    let issued = if app.mailer.is_on() {
        Some(Issued::new(Purpose::Invitation, &Home::Hospital(id.clone()), &app.clock)?)
    } else {
        None
    };
    let user = User {
        user_id: new_user_id(),
        email: email.clone(),
        name: None,
        role: StaffRole::Admin,
        status: UserStatus::Invited,
        password_hash: None,
        invitation: issued.as_ref().map(|issued| issued.stored.clone()),
        password_reset: None,
        request_key: None,
        last_login: None,
        created_at: app.clock.now_bson(),
        updated_at: None,
        version: 1,
    };
    let created = tenant
        .change(&Actor::system(), move |tx| {
            let user = user.clone();
            async move {
                let administrator = doc! { "role": StaffRole::Admin.name(), "status": { "$ne": "disabled" } };
                let has_one = tx.find_one::<User>(Records::Users, administrator).await?.is_some();
                let same_address = doc! { "email": &user.email };
                if has_one || tx.find_one_ignoring_case::<User>(Records::Users, same_address).await?.is_some() {
                    return Ok(Recorded::nothing(false));
                }
                tx.insert(Records::Users, &user).await?;
                Ok(Entry::new("user.invite").target("user", &user.user_id).detail("role", "ADMIN").answering(true))
            }
        })
        .await?;
    if let Some(issued) = issued.filter(|_| created) {
        issued.mail(&app.mailer, &app.settings.public_url, &email, Some(&hospital.spec.display_name));
    }
    Ok(())
}

/// The account of `spec.administrator`, while it has not accepted its invitation.
///
/// # Errors
/// When it has, or there is none.
pub async fn waiting(app: &AppState, id: &OrganizationId) -> Answer<(Accounts, Account)> {
    let accounts = Accounts::open(app, &Home::Hospital(id.clone())).await?;
    let hospital = app.hospitals.find(id)?;
    ensure(app, &hospital).await?;
    let Some(administrator) = &hospital.spec.administrator else {
        let detail =
            "The hospital names no administrator. Set spec.administrator.email where the hospital is declared.";
        return Err(Problem::new(Kind::Conflict, detail));
    };
    match accounts.find_by_email(&administrator.email).await? {
        Some(account) if account.status == UserStatus::Invited => Ok((accounts, account)),
        _ => Err(has_password()),
    }
}

#[must_use]
pub fn has_password() -> Problem {
    Problem::new(Kind::Conflict, "The hospital's administrator has a password already and can sign in.")
}

/// Makes a new link for the hospital's first administrator, for an administrator of the platform to hand over.
///
/// # Errors
/// When the hospital's administrator has accepted already.
pub async fn invite_again(app: &AppState, id: &OrganizationId, actor: &Actor) -> Answer<Issued> {
    let (accounts, account) = waiting(app, id).await?;
    let issued = accounts.issue(&app.clock, actor, &account, Purpose::Invitation).await?;
    issued.mail(&app.mailer, &app.settings.public_url, &account.email, accounts.hospital_name());
    Ok(issued)
}

/// Looks after every hospital that becomes ready. Runs until it is dropped.
pub async fn watch(app: App) {
    let mut changes = app.hospitals.changes();
    app.hospitals.ready().await;
    let mut to_look_at = app.hospitals.all();
    let mut done = HashSet::new();
    loop {
        to_look_at.retain(|hospital| lacks_users(hospital) && id_of(hospital).is_some_and(|id| !done.contains(&id)));
        let looked_at = stream::iter(mem::take(&mut to_look_at)).map(async |hospital| {
            let outcome = ensure(&app, &hospital).await;
            (hospital, outcome)
        });
        let mut failed = Vec::new();
        for (hospital, outcome) in looked_at.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
            match (id_of(&hospital), outcome) {
                (Some(id), Ok(())) => drop(done.insert(id)),
                (id, Err(problem)) => {
                    let (organization, kind) = (id.map(String::from), problem.kind().slug());
                    tracing::warn!(organization, kind, "a first administrator could not be invited yet");
                    failed.push(hospital);
                }
                (None, Ok(())) => {}
            }
        }
        tokio::select! {
            change = changes.recv() => match change {
                Ok(hospital) => to_look_at.push(hospital),
                Err(RecvError::Lagged(_)) => to_look_at = app.hospitals.all(),
                Err(RecvError::Closed) => return,
            },
            () = tokio::time::sleep(AGAIN_AFTER), if !failed.is_empty() => {}
        }
        to_look_at.append(&mut failed);
    }
}

/// Whether it can be used and had no user when the operator last looked.
fn lacks_users(hospital: &HospitalOrganization) -> bool {
    let Some(status) = &hospital.status else { return false };
    hospital.spec.subscription == Subscription::Active
        && status.phase == Some(Phase::Active)
        && hospital.spec.administrator.is_some()
        && status.users.as_ref().is_none_or(|users| users.current == 0)
}
