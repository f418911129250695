//! Who sends a request. Each of these extractors is a promise: a handler that takes [`Member<may::ReadPatients>`] runs only
//! for a signed-in user of the hospital in the path whose role allows that, and gets that hospital's [`Tenant`] and no
//! other's. A handler cannot forget the check, since it cannot get at the data otherwise.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, header, request::Parts},
};
use chakravue_crds::{HospitalOrganization, organization_id::OrganizationId, roles::StaffRole};
use futures::future::BoxFuture;

use crate::{
    access::{
        permissions::{Needs, Permission},
        sessions::{Principal, Session},
        tokens::{TokenHash, TokenKind, kind_of},
    },
    data::{
        audit::Actor,
        tenant::{Tenant, users::User},
    },
    http::{
        problem::{Answer, Kind, Problem},
        request_id,
    },
    state::{App, AppState},
    subscription::signups::SignupRecord,
};

/// Browsers keep the session in this cookie. `__Host-`: only this host, only over HTTPS (or to localhost), whole site.
pub const SESSION_COOKIE: &str = "__Host-chakravue-session";
/// The same for the setup token of a signup.
pub const SETUP_COOKIE: &str = "__Host-chakravue-setup";

/// The role of the platform's administrators in audit entries and in `GET /me`.
pub const PLATFORM_ADMINISTRATOR: &str = "PLATFORM_ADMINISTRATOR";
/// The role, in audit entries, of whoever holds the setup token of a signup.
pub const SETUP: &str = "SETUP";

/// Anybody who is signed in.
#[derive(Clone, Debug)]
pub struct Signed(pub Session);

impl FromRequestParts<App> for Signed {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let token = presented(&parts.headers, TokenKind::Session).ok_or_else(unauthenticated)?;
        app.sessions.authenticate(token).await.map(Self)
    }
}

impl Signed {
    #[must_use]
    pub fn actor(&self) -> Actor {
        let role = match &self.0.principal {
            Principal::Staff { role, .. } => role.name(),
            Principal::PlatformAdministrator { .. } => PLATFORM_ADMINISTRATOR,
        };
        actor(self.0.principal.user_id(), role)
    }
}

/// A member of the staff of the hospital in the path, or, in a path without one, of whichever hospital it is; with the
/// permission `P`.
#[derive(Debug)]
pub struct Member<P> {
    pub organization_id: OrganizationId,
    pub user_id: String,
    pub role: StaffRole,
    pub session: Session,
    pub hospital: Arc<HospitalOrganization>,
    pub tenant: Tenant,
    permission: PhantomData<P>,
}

impl<P: Needs> FromRequestParts<App> for Member<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let Member { organization_id, user_id, role, session, hospital, tenant, permission: PhantomData } =
            member(parts, app, P::PERMISSION).await?;
        Ok(Self { organization_id, user_id, role, session, hospital, tenant, permission: PhantomData })
    }
}

/// The member who sends the request, if the role has the permission.
fn member<'a>(parts: &'a mut Parts, app: &'a App, permission: Permission) -> BoxFuture<'a, Answer<Member<()>>> {
    Box::pin(async move {
        let Signed(session) = Signed::from_request_parts(parts, app).await?;
        let Principal::Staff { organization_id, user_id, role } = session.principal.clone() else {
            // The platform's administrators have no way into a hospital's data.
            return Err(Problem::new(Kind::Forbidden, "Only the hospital's own staff may do this."));
        };
        if in_path(parts, app).await?.is_some_and(|wanted| wanted != organization_id) {
            return Err(Problem::not_found());
        }
        // Whether the hospital may be used comes before what the role may do: who is suspended shall read that.
        let tenant = app.tenants.open(&organization_id).await?;
        permission.demand(role)?;
        let hospital = app.hospitals.find(&organization_id)?;
        Ok(Member { organization_id, user_id, role, session, hospital, tenant, permission: PhantomData })
    })
}

impl<P> Member<P> {
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor(&self.user_id, self.role.name())
    }

    /// Who sends a request that may be sent again.
    #[must_use]
    pub fn sender(&self) -> String {
        sender(&self.organization_id, &self.user_id)
    }
}

/// A member with the permission `P`, or whoever holds the setup token of the hospital's signup. The hospital need not be
/// ready yet.
#[derive(Debug)]
pub struct MemberOrSetup<P> {
    pub organization_id: OrganizationId,
    pub actor: Actor,
    /// The signup, if it is its setup token.
    pub signup: Option<SignupRecord>,
    permission: PhantomData<P>,
}

impl<P> MemberOrSetup<P> {
    /// Who sends a request that may be sent again.
    #[must_use]
    pub fn sender(&self) -> String {
        sender(&self.organization_id, &self.actor.id)
    }
}

impl<P: Needs> FromRequestParts<App> for MemberOrSetup<P> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let wanted = in_path(parts, app).await?;
        let with = |organization_id: OrganizationId, actor, signup| {
            if wanted.as_ref().is_some_and(|wanted| *wanted != organization_id) {
                return Err(Problem::not_found());
            }
            Ok(Self { organization_id, actor, signup, permission: PhantomData })
        };
        if presented(&parts.headers, TokenKind::Session).is_some() {
            let signed = Signed::from_request_parts(parts, app).await?;
            let Principal::Staff { organization_id, role, .. } = signed.0.principal.clone() else {
                return Err(Problem::new(Kind::Forbidden, "Only the hospital itself may do this."));
            };
            P::PERMISSION.demand(role)?;
            return with(organization_id, signed.actor(), None);
        }
        let Setup { organization_id, signup } = Setup::from_request_parts(parts, app).await?;
        with(organization_id, actor(&signup.signup_id, SETUP), Some(signup))
    }
}

/// Whoever holds the setup token of a signup, until the hospital's administrator has a password.
#[derive(Debug)]
pub struct Setup {
    pub organization_id: OrganizationId,
    pub signup: SignupRecord,
}

impl FromRequestParts<App> for Setup {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let token = presented(&parts.headers, TokenKind::Setup).ok_or_else(unauthenticated)?;
        let signup = app.signups.find_by_token(&TokenHash::of(token)).await?;
        let unusable =
            || Problem::new(Kind::Unauthenticated, "The setup token is not valid any more. Sign in instead.");
        let signup = signup.ok_or_else(unusable)?;
        let organization_id = signup.organization_id.clone().ok_or_else(unusable)?;
        // Whoever set the password may have been killed before the signup was ended.
        if administrator_signs_in(app, &organization_id).await {
            app.signups.end(&organization_id).await?;
            return Err(unusable());
        }
        Ok(Self { organization_id, signup })
    }
}

/// How long a hospital's database is asked for what is nearly never so.
const ASKED: Duration = Duration::from_secs(1);

/// Whether the hospital's administrator has a password. As long as its database does not answer nobody can be added to it
/// either.
async fn administrator_signs_in(app: &App, id: &OrganizationId) -> bool {
    let Some(hospital) = app.hospitals.get(id) else { return false };
    let (Some(administrator), Ok(tenant)) = (&hospital.spec.administrator, app.tenants.open(id).await) else {
        return false;
    };
    let asked = tokio::time::timeout(ASKED, User::find_by_email(&tenant, &administrator.email)).await;
    matches!(asked, Ok(Ok(Some(User { password_hash: Some(_), .. }))))
}

impl Setup {
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor(&self.signup.signup_id, SETUP)
    }
}

/// An administrator of the platform.
#[derive(Debug)]
pub struct PlatformAdministrator {
    pub user_id: String,
    pub session: Session,
}

impl FromRequestParts<App> for PlatformAdministrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let Signed(session) = Signed::from_request_parts(parts, app).await?;
        match session.principal.clone() {
            Principal::PlatformAdministrator { user_id } => Ok(Self { user_id, session }),
            Principal::Staff { .. } => {
                Err(Problem::new(Kind::Forbidden, "Only an administrator of the platform may do this."))
            }
        }
    }
}

impl PlatformAdministrator {
    #[must_use]
    pub fn actor(&self) -> Actor {
        actor(&self.user_id, PLATFORM_ADMINISTRATOR)
    }
}

fn sender(organization: &OrganizationId, id: &str) -> String {
    format!("{organization} {id}")
}

fn actor(id: &str, role: &str) -> Actor {
    Actor { id: id.to_owned(), role: role.to_owned(), request_id: request_id::current() }
}

fn unauthenticated() -> Problem {
    Problem::new(Kind::Unauthenticated, "Sign in, and send the token as Authorization: Bearer or as the cookie.")
}

/// The hospital in the path, where the path has one.
async fn in_path(parts: &mut Parts, app: &App) -> Answer<Option<OrganizationId>> {
    let parameters = RawPathParams::from_request_parts(parts, app).await.map_err(|_| Problem::not_found())?;
    let found = parameters.iter().find(|(name, _)| *name == "org_id");
    found.map(|(_, id)| id.parse().map_err(|_| Problem::not_found())).transpose()
}

/// The session's token that the request presents, whether or not it opens anything.
#[must_use]
pub fn session_token(headers: &HeaderMap) -> Option<&str> {
    presented(headers, TokenKind::Session)
}

/// The session whose cookie a browser has, whether or not it opens anything. What replaces the cookie ends the session too:
/// nobody could get at it any more. A program says itself when it is done with a token.
#[must_use]
pub fn session_in_cookie(headers: &HeaderMap) -> Option<TokenHash> {
    let token = cookie(headers, SESSION_COOKIE).filter(|token| kind_of(token) == Some(TokenKind::Session))?;
    Some(TokenHash::of(token))
}

/// Whether what the request presented opens anything now. Where that cannot be told it does: nobody is cut off because a
/// database is away.
pub async fn still_opens(headers: &HeaderMap, app: &AppState) -> bool {
    let opens = match (session_token(headers), presented(headers, TokenKind::Setup)) {
        (Some(token), _) => app.sessions.opens(token).await,
        (None, Some(token)) => app.signups.find_by_token(&TokenHash::of(token)).await.map(|signup| signup.is_some()),
        (None, None) => Ok(false),
    };
    opens.unwrap_or(true)
}

/// The token of this kind that the request presents: as a bearer token (programs) or in its cookie (browsers).
fn presented(headers: &HeaderMap, kind: TokenKind) -> Option<&str> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    if let Some(token) = bearer {
        // A program says which token it means; what a cookie holds besides is not asked.
        return Some(token).filter(|token| kind_of(token) == Some(kind));
    }
    let name = match kind {
        TokenKind::Session => SESSION_COOKIE,
        TokenKind::Setup => SETUP_COOKIE,
        TokenKind::Invitation | TokenKind::Reset => return None,
    };
    cookie(headers, name).filter(|token| kind_of(token) == Some(kind))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The value of `Set-Cookie` that gives a browser the token, until it is closed; the server decides when it ends.
#[must_use]
pub fn set_cookie(name: &str, token: &str) -> String {
    format!("{name}={token}; Path=/; Secure; HttpOnly; SameSite=Lax")
}

/// The value of `Set-Cookie` that takes it away.
#[must_use]
pub fn clear_cookie(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_token_is_taken_from_bearer_or_cookie() {
        let bearer = headers(&[(header::AUTHORIZATION, "bearer chs_a")]);
        assert_eq!(presented(&bearer, TokenKind::Session), Some("chs_a"));
        assert_eq!(presented(&bearer, TokenKind::Setup), None);
        let cookies =
            headers(&[(header::COOKIE, "x=y; __Host-chakravue-session=chs_b; __Host-chakravue-setup=cset_c")]);
        assert_eq!(presented(&cookies, TokenKind::Session), Some("chs_b"));
        assert_eq!(presented(&cookies, TokenKind::Setup), Some("cset_c"));
        // A bearer token of one kind hides the cookies of every kind.
        let both =
            headers(&[(header::AUTHORIZATION, "Bearer cset_a"), (header::COOKIE, "__Host-chakravue-session=chs_b")]);
        assert_eq!(presented(&both, TokenKind::Session), None);
        assert_eq!(presented(&both, TokenKind::Setup), Some("cset_a"));
        assert_eq!(session_in_cookie(&both), Some(TokenHash::of("chs_b")));
        assert_eq!(session_in_cookie(&bearer), None);
        assert_eq!(presented(&headers(&[(header::AUTHORIZATION, "Basic chs_a")]), TokenKind::Session), None);
    }
}
