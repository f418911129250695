//! One attempt to sign in: from an e-mail address and a password to the accounts that they are right for.
//!
//! Every refusal takes the same way: the account is looked for, one hash is computed, a failure is counted, and the answer
//! is the same. So nobody learns whether the hospital or the user is there, has a password yet, or is locked.

use std::{net::IpAddr, time::Duration};

use futures::future::join_all;

use super::{
    hashing::Verdict,
    password::Password,
    soft_lock::{Counted, Standing},
};
use crate::{
    access::accounts::{Account, Accounts},
    data::audit::{Actor, Entry},
    http::{
        problem::{Answer, Kind, Problem},
        request_id,
    },
    state::AppState,
};

/// An account that may be meant, and where it lives.
pub type Candidate = (Accounts, Account);

/// The accounts among `candidates` whose password it is; at least one.
///
/// # Errors
/// `invalid-credentials`, always the same; or that there are too many attempts, or a database is away.
pub async fn attempt(
    app: &AppState,
    counted: &Counted,
    address: IpAddr,
    candidates: impl Future<Output = Answer<Vec<Candidate>>>,
    password: &Password,
) -> Answer<Vec<Candidate>> {
    app.limits.sign_in(address, counted.index())?;
    let (before, candidates) = tokio::try_join!(app.soft_lock.look(counted), candidates)?;
    let verdicts = verify(app, &before, &candidates, password).await?;
    let is_right = |verdict: &Verdict| matches!(verdict, Verdict::Right { .. });
    if !verdicts.iter().any(is_right) || !app.soft_lock.succeeded(counted, &before).await? {
        return Err(refuse(app, counted, address, &before, candidates).await);
    }
    let mut right = Vec::new();
    for ((accounts, mut account), verdict) in candidates.into_iter().zip(verdicts) {
        if let Verdict::Right { outdated } = verdict {
            if outdated {
                renew_hash(app, &accounts, &mut account, password).await;
            }
            right.push((accounts, account));
        }
    }
    Ok(right)
}

/// One verdict for each candidate; where there is none, the time that one takes.
async fn verify(
    app: &AppState,
    before: &Standing,
    candidates: &[Candidate],
    password: &Password,
) -> Answer<Vec<Verdict>> {
    if candidates.is_empty() {
        app.hasher.verify(password.clone(), None).await?;
        return Ok(Vec::new());
    }
    let checks = candidates.iter().map(|(_, account)| {
        // During a wait no password is right.
        let stored = account.usable_password().filter(|_| before.wait.is_none());
        app.hasher.verify(password.clone(), stored)
    });
    join_all(checks).await.into_iter().collect()
}

async fn refuse(
    app: &AppState,
    counted: &Counted,
    address: IpAddr,
    before: &Standing,
    candidates: Vec<Candidate>,
) -> Problem {
    let after = match app.soft_lock.failed(counted).await {
        Ok(after) => after,
        Err(problem) => return problem,
    };
    // What happens during a wait is not counted and not recorded: it would only fill the log.
    if before.wait.is_none() {
        for (accounts, account) in candidates {
            // Not waited for: it would take longer where the user exists.
            app.under_way.spawn(request_id::carried(async move {
                let anonymous = Actor {
                    id: "anonymous".to_owned(),
                    role: "ANONYMOUS".to_owned(),
                    request_id: request_id::current(),
                };
                let entry = Entry::new("session.refuse").target("user", account.user_id());
                let entry = entry.detail("address", address.to_string());
                if let Err(problem) = accounts.record(&anonymous, entry).await {
                    tracing::error!(kind = problem.kind().slug(), "a refused sign-in could not be recorded");
                }
            }));
        }
    }
    invalid_credentials(after.wait)
}

fn invalid_credentials(wait: Option<Duration>) -> Problem {
    let detail = "E-mail address, password or hospital are not right together. If you are sure that they are, wait as long \
        as Retry-After says and try again.";
    Problem::new(Kind::InvalidCredentials, detail).retry_after(wait.unwrap_or_default())
}

/// Hashes the password anew at today's cost. That it fails is no reason to refuse a right password.
async fn renew_hash(app: &AppState, accounts: &Accounts, account: &mut Account, password: &Password) {
    let Ok(hash) = app.hasher.hash(password.clone()).await else { return };
    let same = bson::doc! { "_id": account.user_id(), "password_hash": account.password_hash.as_deref() };
    let update = bson::doc! { "$set": { "password_hash": &hash } };
    let entry = Entry::new("user.rehash_password").target("user", account.user_id());
    if let Ok(Some(renewed)) = accounts.change(&Actor::system(), same, update, entry, None).await {
        *account = renewed;
    }
}
