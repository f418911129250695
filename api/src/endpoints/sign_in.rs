//! Signing in and out.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::AppendHeaders,
};
use chakravue_crds::organization_id::OrganizationId;
use futures::future::join_all;
use garde::Validate;
use serde::{Deserialize, Deserializer};
use serde_json::json;
use tracing::Instrument as _;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{
        accounts::Accounts,
        identity::{SESSION_COOKIE, SETUP_COOKIE, Signed, clear_cookie, session_token},
        sessions::Principal,
        sign_in::{
            attempt::{Candidate, attempt},
            end::end,
            password::Password,
            soft_lock::Counted,
            start::{SignedIn, start},
        },
        tokens::Home,
    },
    http::{
        client_address::Client,
        extract::ApiJson,
        people::EmailAddress,
        problem::{Answer, Kind, Problem},
        request_id,
    },
    program::metrics::SignIn as Outcome,
    state::{App, AppState},
};

/// At more hospitals than this nobody can sign in by e-mail address alone: each costs a hash.
const MOST_HOSPITALS: usize = 8;

/// How many that may know the address are looked at; those that are gone do not count.
const MOST_NOTED: i64 = 64;

/// A sign-in by e-mail address alone waits so long for a hospital, be it just being connected, mended or rotated.
const ASKED: Duration = Duration::from_secs(1);

/// A refusal is sent a whole number of these after the attempt began; see [`step`].
const ROUNDED: Duration = Duration::from_millis(500);

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_in_to_organization)).routes(routes!(sign_in)).routes(routes!(sign_out))
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct OrganizationLogin {
    email: EmailAddress,
    #[schema(value_type = String, format = Password, example = "violet tractors sing at noon")]
    password: Password,
    #[serde(deserialize_with = "known_or_nobodys")]
    #[schema(value_type = String, pattern = "^org_[0-7][0-9a-hjkmnp-tv-z]{25}$", example = "org_01jd8x2v9t6m3k5q7r1w4y0z8a")]
    organization_id: OrganizationId,
}

/// What is no id is answered as the id of a hospital that is not there.
fn known_or_nobodys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OrganizationId, D::Error> {
    Ok(String::deserialize(deserializer)?.parse().unwrap_or_else(|_| OrganizationId::of_nobody()))
}

/// Signs in to a hospital
///
/// Answers the same, after the same time, whether the hospital or the user is unknown, the password is wrong, the user is
/// only invited or disabled, or too many attempts were made; `Retry-After` says how long to wait before the next attempt
/// counts. Every sign-in starts a new session; the one whose cookie the browser had ends.
#[utoipa::path(
    post, path = "/organization-login", tag = "sign-in",
    request_body = OrganizationLogin,
    responses(
        (status = 200, description = "Signed in", body = SignedIn, headers(("Set-Cookie" = String, description = "The session, for browsers"))),
        (status = 401, description = "Not right together, or too many attempts",
            headers(("Retry-After" = u64, description = "Seconds until the next attempt counts"))),
        (status = 429, description = "Too many requests from this address or for this account"),
        (status = 503, description = "Too many people are signing in at once, or the database is away"),
    )
)]
async fn sign_in_to_organization(
    State(app): State<App>,
    client: Client,
    ApiJson(login): ApiJson<OrganizationLogin>,
) -> Answer<SignedIn> {
    let home = Home::Hospital(login.organization_id);
    let counted_for = Counted::Account(app.blind_index.of_account(&home, login.email.as_str()));
    let sign_in = async {
        let candidates = at_home(&app, &home, &login.email);
        let right = attempt(&app, &counted_for, client.address, candidates, &login.password).await?;
        start_one(&app, right, client).await
    };
    counted(&app, sign_in.await)
}

#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
struct Login {
    email: EmailAddress,
    #[schema(value_type = String, format = Password, example = "violet tractors sing at noon")]
    password: Password,
}

/// Signs in by e-mail address alone
///
/// For staff who have signed in to their hospital before, and for the platform's administrators. A refusal takes the same time,
/// at however many hospitals the address is known. A hospital that cannot be asked at the moment is left out. Where the
/// address and the password are right at several hospitals the answer is 409 and `organizations` lists them: sign in to one of them with
/// `POST /organization-login`.
#[utoipa::path(
    post, path = "/login", tag = "sign-in",
    request_body = Login,
    responses(
        (status = 200, description = "Signed in", body = SignedIn, headers(("Set-Cookie" = String, description = "The session, for browsers"))),
        (status = 401, description = "Not right together, or too many attempts",
            headers(("Retry-After" = u64, description = "Seconds until the next attempt counts"))),
        (status = 409, description = "Right at several hospitals, which `organizations` lists"),
        (status = 429, description = "Too many requests from this address or for this account"),
        (status = 503, description = "Too many people are signing in at once, or the database is away"),
    )
)]
async fn sign_in(State(app): State<App>, client: Client, ApiJson(login): ApiJson<Login>) -> Answer<SignedIn> {
    // Not the key of an account at one hospital: the wait must not tell at which hospitals the address is known.
    let counted_for = Counted::Address(app.blind_index.of_email(login.email.as_str()));
    let came = Instant::now();
    let sign_in = async {
        let candidates = anywhere(&app, &login.email);
        let right = match attempt(&app, &counted_for, client.address, candidates, &login.password).await {
            Err(problem) if problem.kind() == Kind::InvalidCredentials => {
                let step = step(app.hasher.time_for(MOST_HOSPITALS + 1));
                tokio::time::sleep(left_to_step(came.elapsed(), step)).await;
                return Err(problem);
            }
            outcome => outcome?,
        };
        if right.len() > 1 {
            return Err(choose(&right));
        }
        start_one(&app, right, client).await
    };
    counted(&app, sign_in.await)
}

/// A sign-in by e-mail address alone is refused so long after it came, or a whole number of times: the more hospitals know
/// the address, the more hashes are computed, and as many for everybody would cost nine times as much. Longer than all of
/// them take, and the slowest hospital.
fn step(hashes: Duration) -> Duration {
    let steps = (ASKED + hashes).as_nanos().div_ceil(ROUNDED.as_nanos());
    ROUNDED.saturating_mul(steps.try_into().unwrap_or(u32::MAX))
}

/// How long a refusal still waits.
fn left_to_step(elapsed: Duration, step: Duration) -> Duration {
    let into_step = elapsed.as_nanos() % step.as_nanos();
    step.saturating_sub(Duration::from_nanos(into_step.try_into().unwrap_or_default()))
}

fn counted(app: &AppState, answer: Answer<SignedIn>) -> Answer<SignedIn> {
    if let Some(outcome) = outcome(answer.as_ref().err().map(Problem::kind)) {
        app.metrics.sign_in(outcome);
    }
    answer
}

/// What an attempt counts as that ended with this problem, or with none. Nothing yet where a hospital is to be chosen, and
/// nothing where a database is away: those are counted as requests.
fn outcome(problem: Option<Kind>) -> Option<Outcome> {
    match problem {
        None => Some(Outcome::Succeeded),
        Some(Kind::InvalidCredentials | Kind::Unauthenticated) => Some(Outcome::Refused),
        Some(Kind::TooManyRequests) => Some(Outcome::Limited),
        Some(Kind::SignInBusy) => Some(Outcome::Shed),
        Some(_) => None,
    }
}

/// The account of the address at one place, if it can be looked for there.
///
/// # Errors
/// When a database is away.
pub async fn at_home(app: &AppState, home: &Home, email: &EmailAddress) -> Answer<Vec<Candidate>> {
    let Some(accounts) = Accounts::open_quietly(app, home).await? else { return Ok(Vec::new()) };
    let found = accounts.find_by_email(email.as_str()).await?;
    Ok(found.map(|account| (accounts, account)).into_iter().collect())
}

/// Every account of the address: as administrator of the platform and at each hospital that may know it.
///
/// # Errors
/// When the master database is away, or the hospitals are not known yet: for every address alike.
pub async fn anywhere(app: &AppState, email: &EmailAddress) -> Answer<Vec<Candidate>> {
    app.hospitals.known()?;
    let (platform, noted) =
        tokio::try_join!(at_home(app, &Home::Platform, email), app.memberships.of(email.as_str(), MOST_NOTED))?;
    let mut seen = HashSet::new();
    let there = noted.into_iter().filter(|id| app.hospitals.get(id).is_some() && seen.insert(id.clone()));
    let asked = there.take(MOST_HOSPITALS).map(|id| if_it_can_be_asked(app, id, email));
    Ok(platform.into_iter().chain(join_all(asked).await.into_iter().flatten()).collect())
}

/// The account at a hospital. One that cannot be asked must neither show that it knows the address, nor keep somebody from
/// another.
///
/// So a right password there is answered 401, as a wrong one, and not 503: of an address that nobody knows no hospital is
/// asked, so whoever reads 503 learns that somebody knows it. To answer 503 for every address as long as any hospital is away
/// would tell nothing of it, but of many hospitals one always is being mended, and then nobody would be told that a password
/// is wrong. Who names the hospital is told that it is away.
async fn if_it_can_be_asked(app: &AppState, id: OrganizationId, email: &EmailAddress) -> Vec<Candidate> {
    let home = Home::Hospital(id.clone());
    let asked = tokio::time::timeout(ASKED, at_home(app, &home, email)).await;
    asked.unwrap_or_else(|_| Err(Problem::database_away())).unwrap_or_else(|problem| {
        let (organization, kind) = (id.as_str(), problem.kind().slug());
        tracing::warn!(
            organization,
            kind,
            "a hospital could not be asked, so nobody was signed in to it by address alone"
        );
        Vec::new()
    })
}

async fn start_one(app: &App, mut right: Vec<Candidate>, client: Client) -> Answer<SignedIn> {
    let (this, candidate) = (app.clone(), right.pop().ok_or_else(Problem::internal)?);
    // In a task of its own: a session is there with its entry in the audit log, or not at all.
    let started = async move { start(&this, candidate, &client).await };
    app.under_way
        .spawn(request_id::carried(started.in_current_span()))
        .await
        .unwrap_or_else(|_| Err(Problem::internal()))
}

fn choose(right: &[Candidate]) -> Problem {
    let organizations: Vec<_> = right
        .iter()
        .filter_map(|(accounts, account)| match &account.principal {
            Principal::Staff { organization_id, .. } => Some(json!({
                "organization_id": organization_id.as_str(),
                "organization_name": accounts.hospital_name(),
            })),
            Principal::PlatformAdministrator { .. } => None,
        })
        .collect();
    Problem::new(Kind::ChooseOrganization, "The password is right at several hospitals. Sign in to one of them.")
        .with("organizations", organizations)
}

/// Ends the session
///
/// The token opens nothing any more from now on.
#[utoipa::path(
    post, path = "/logout", tag = "sign-in",
    security(("bearer" = []), ("cookie" = [])),
    responses((status = 204, description = "Signed out", headers(
        ("Clear-Site-Data" = String, description = "What a browser forgets"),
        ("Set-Cookie" = String, description = "Takes the cookie away"),
    )))
)]
async fn sign_out(
    State(app): State<App>,
    signed: Answer<Signed>,
    headers: HeaderMap,
) -> Answer<(StatusCode, AppendHeaders<[(HeaderName, String); 3]>)> {
    match signed {
        Ok(Signed(session)) => end(&app, &session).await?,
        // Over already, but kept to say why. Whoever leaves has read that.
        Err(problem) if problem.kind() == Kind::SubscriptionSuspended => {
            app.sessions.forget_suspended(session_token(&headers).unwrap_or_default()).await?;
        }
        Err(problem) => return Err(problem),
    }
    let headers = AppendHeaders([
        (HeaderName::from_static("clear-site-data"), "\"cache\"".to_owned()),
        (header::SET_COOKIE, clear_cookie(SESSION_COOKIE)),
        (header::SET_COOKIE, clear_cookie(SETUP_COOKIE)),
    ]);
    Ok((StatusCode::NO_CONTENT, headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_counts_as_what_became_of_it() {
        for (problem, counts) in [
            (None, Some(Outcome::Succeeded)),
            (Some(Kind::InvalidCredentials), Some(Outcome::Refused)),
            (Some(Kind::TooManyRequests), Some(Outcome::Limited)),
            (Some(Kind::SignInBusy), Some(Outcome::Shed)),
            (Some(Kind::ChooseOrganization), None),
            (Some(Kind::DatabaseUnavailable), None),
        ] {
            assert_eq!(outcome(problem), counts, "{problem:?}");
        }
    }

    #[test]
    fn every_refusal_ends_with_a_step() {
        let of = Duration::from_millis;
        for (elapsed, left) in [(0, 500), (1, 499), (180, 320), (499, 1), (500, 500), (1260, 240)] {
            assert_eq!(left_to_step(of(elapsed), of(500)), of(left), "{elapsed}");
        }
    }

    #[test]
    fn a_step_is_longer_than_the_slowest_hospital_and_all_hashes() {
        for (hashes, whole) in [(0, 1000), (1, 1500), (450, 1500), (501, 2000), (9000, 10_000)] {
            assert_eq!(step(Duration::from_millis(hashes)), Duration::from_millis(whole), "{hashes}");
        }
    }

    #[test]
    fn what_is_no_hospitals_id_is_nobodys() {
        let login = |id: &str| {
            let body = json!({ "email": "jane@clinic.example", "password": "violet tractors", "organization_id": id });
            crate::http::extract::parse::<OrganizationLogin>(body.to_string().as_bytes()).unwrap().organization_id
        };
        assert_eq!(login("St. Mary's"), OrganizationId::of_nobody());
        assert_eq!(login("org_01jd8x2v9t6m3k5q7r1w4y0z8a").as_str(), "org_01jd8x2v9t6m3k5q7r1w4y0z8a");
    }
}
