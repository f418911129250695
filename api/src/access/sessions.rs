//! Sessions: who is signed in. A session is found by the hash of its token, ends when it was idle too long or has lasted
//! too long, and can be ended at once by anybody who may.
//!
//! One that a suspension of the hospital ended is kept for as long as it would have lasted. It opens nothing, but whoever
//! has its token, and nobody else, is told why.

mod lookup;

use std::time::Duration;

use bson::{DateTime, Document, doc};
use chakravue_crds::{organization::Subscription, organization_id::OrganizationId, roles::StaffRole};
use futures::future::BoxFuture;
use jiff::Timestamp;
use mongodb::{IndexModel, options::WriteConcern};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use self::lookup::Lookup;
use crate::{
    access::tokens::{Home, Token, TokenHash, TokenKind},
    data::master::{Master, Record, Store, expiring, index, unique},
    hospitals::{Hospital, Hospitals},
    http::problem::{Answer, Kind, Problem},
    program::{
        clock::{Clock, from_bson, later, to_bson},
        settings::section::duration,
    },
};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSettings {
    /// A session ends when it was not used for this long.
    #[serde(deserialize_with = "duration")]
    pub idle: Duration,
    /// A session ends this long after the sign-in, used or not.
    #[serde(deserialize_with = "duration")]
    pub absolute: Duration,
}

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Principal {
    /// A member of a hospital's staff. The role is that of the sign-in: a change of role ends the session.
    Staff {
        organization_id: OrganizationId,
        user_id: String,
        role: StaffRole,
    },
    PlatformAdministrator {
        user_id: String,
    },
}

impl Principal {
    #[must_use]
    pub fn user_id(&self) -> &str {
        match self {
            Self::Staff { user_id, .. } | Self::PlatformAdministrator { user_id } => user_id,
        }
    }

    /// Where whoever it is lives.
    #[must_use]
    pub fn home(&self) -> Home {
        match self {
            Self::Staff { organization_id, .. } => Home::Hospital(organization_id.clone()),
            Self::PlatformAdministrator { .. } => Home::Platform,
        }
    }

    fn filter(&self) -> Document {
        match self {
            Self::Staff { organization_id, user_id, .. } => {
                doc! { "organization_id": organization_id.as_str(), "user_id": user_id }
            }
            Self::PlatformAdministrator { user_id } => doc! { "kind": "platform_administrator", "user_id": user_id },
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    #[serde(rename = "_id")]
    token_hash: TokenHash,
    /// Names the session without opening it.
    pub session_id: String,
    #[serde(flatten)]
    pub principal: Principal,
    pub created_at: DateTime,
    pub last_seen_at: DateTime,
    /// At the latest.
    pub expires_at: DateTime,
    /// The address and program that signed in, for the user's own list.
    pub address: String,
    pub user_agent: String,
    /// The generation of the hospital's object that suspended the hospital, and so ended the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspended_by: Option<i64>,
}

impl Record for Session {
    const STORE: Store = Store::Sessions;
}

#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    vec![
        unique("session", doc! { "session_id": 1 }),
        index("user", doc! { "organization_id": 1, "user_id": 1 }),
        expiring(),
    ]
}

#[derive(Clone, Debug)]
pub struct Sessions {
    master: Master,
    lookup: Lookup,
    hospitals: Hospitals,
    clock: Clock,
    idle: Duration,
    absolute: Duration,
}

impl Sessions {
    #[must_use]
    pub fn new(settings: &SessionSettings, master: Master, hospitals: Hospitals, clock: Clock) -> Self {
        let lookup = Lookup::new(master.clone());
        Self { master, lookup, hospitals, clock, idle: settings.idle, absolute: settings.absolute }
    }

    /// Starts a session. Its token is new, whatever the client presented before.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn start(&self, principal: Principal, address: &str, user_agent: &str) -> Answer<(Token, Session)> {
        let token = Token::generate(TokenKind::Session)?;
        let now = self.clock.now();
        let session = Session {
            token_hash: token.hash(),
            session_id: format!("ses_{}", Ulid::generate().to_string().to_ascii_lowercase()),
            principal,
            created_at: to_bson(now),
            last_seen_at: to_bson(now),
            expires_at: to_bson(later(now, self.absolute)),
            address: address.to_owned(),
            user_agent: user_agent.chars().take(200).collect(),
            suspended_by: None,
        };
        // One that a failover takes away again costs somebody a second sign-in, so it is not waited for until it is safe. What
        // follows is: the look at the account, which a server that is about to lose its office must not answer, and the
        // audit entry.
        self.master.of::<Session>().insert_one(&session).write_concern(WriteConcern::nodes(1)).await?;
        Ok((token, session))
    }

    /// The session that a token opens.
    ///
    /// # Errors
    /// `unauthenticated` when there is none (any more); `subscription-suspended` when that is what ended it.
    #[must_use]
    pub fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Answer<Session>> {
        Box::pin(async move {
            let hash = TokenHash::of(token);
            let found = self.lookup.find(hash.clone()).await?;
            let now = self.clock.now();
            let Some(session) = found.filter(|session| !self.has_expired(session, now)) else {
                return Err(Problem::new(Kind::Unauthenticated, "The session has ended. Sign in again."));
            };
            if let Some(generation) = session.suspended_by {
                return Err(self.why_ended(&session.principal, generation));
            }
            let noted = from_bson(session.last_seen_at);
            if later(noted, noted_within(self.idle)) <= now {
                let seen = doc! { "$max": { "last_seen_at": to_bson(now) } };
                self.master.of::<Session>().update_one(doc! { "_id": &hash }, seen).await?;
            }
            Ok(session)
        })
    }

    /// Whether a token opens a session now. Asking keeps none alive.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn opens(&self, token: &str) -> Answer<bool> {
        let found = self.lookup.find(TokenHash::of(token)).await?;
        let now = self.clock.now();
        Ok(found.is_some_and(|session| session.suspended_by.is_none() && !self.has_expired(&session, now)))
    }

    /// Why a suspension's sessions open nothing: it lasts, or it is over and has ended them all the same.
    fn why_ended(&self, principal: &Principal, generation: i64) -> Problem {
        let hospital = match principal {
            Principal::Staff { organization_id, .. } => self.hospitals.get(organization_id),
            Principal::PlatformAdministrator { .. } => None,
        };
        if hospital.is_none_or(|hospital| is_resumed(&hospital, generation)) {
            let detail = "The session was ended when the hospital's subscription was suspended. Sign in again.";
            return Problem::new(Kind::Unauthenticated, detail);
        }
        Problem::suspended()
    }

    fn has_expired(&self, session: &Session, now: Timestamp) -> bool {
        from_bson(session.expires_at) <= now || later(from_bson(session.last_seen_at), self.idle) <= now
    }

    /// Until when a session surely lasts if nothing more comes. The one that asks is in use now, whatever was noted of it.
    #[must_use]
    pub fn idle_until(&self, session: &Session, is_asking: bool) -> Timestamp {
        let idle_until = if is_asking {
            later(from_bson(self.clock.now_bson()), surely_idle(self.idle))
        } else {
            later(from_bson(session.last_seen_at), self.idle)
        };
        idle_until.min(from_bson(session.expires_at))
    }

    /// The sessions of one user that have not ended, the newest first.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn of_user(&self, principal: &Principal) -> Answer<Vec<Session>> {
        let mut filter = principal.filter();
        filter.insert("suspended_by", doc! { "$exists": false });
        let newest_first = doc! { "created_at": -1 };
        let mut sessions = self.master.of::<Session>().find(filter).sort(newest_first).all().await?;
        let now = self.clock.now();
        sessions.retain(|session| !self.has_expired(session, now));
        Ok(sessions)
    }

    /// Ends one session of a user. Answers whether there was one.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn end(&self, principal: &Principal, session_id: &str) -> Answer<bool> {
        let mut filter = principal.filter();
        filter.insert("session_id", session_id);
        Ok(self.master.of::<Session>().delete_one(filter).await?.deleted_count > 0)
    }

    /// Ends the session of this token, whoever's it is, and answers what it was.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn end_of_token(&self, hash: &TokenHash) -> Answer<Option<Session>> {
        Ok(self.master.of::<Session>().find_one_and_delete(doc! { "_id": hash }).await?)
    }

    /// Ends every session of a user but, where one is named, the present one.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn end_of_user(&self, principal: &Principal, except: Option<&str>) -> Answer<()> {
        let mut filter = principal.filter();
        if let Some(kept) = except {
            filter.insert("session_id", doc! { "$ne": kept });
        }
        self.master.of::<Session>().delete_many(filter).await?;
        Ok(())
    }

    /// Ends every session of a member, whatever role it was started with.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn end_of_member(&self, organization: &OrganizationId, user_id: &str) -> Answer<()> {
        let filter = doc! { "organization_id": organization.as_str(), "user_id": user_id };
        self.master.of::<Session>().delete_many(filter).await?;
        Ok(())
    }

    /// Ends every session of a hospital that is suspended. Whoever comes with the token of one is told so.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn end_of_suspended(&self, organization: &OrganizationId, hospital: &Hospital) -> Answer<()> {
        let open = doc! { "organization_id": organization.as_str(), "suspended_by": { "$exists": false } };
        let ended = doc! { "$set": { "suspended_by": hospital.metadata.generation.unwrap_or_default() } };
        self.master.of::<Session>().update_many(open, ended).await?;
        Ok(())
    }

    /// Forgets a session that a suspension has ended: its user has read why, and leaves.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn forget_suspended(&self, token: &str) -> Answer<()> {
        let ended = doc! { "_id": &TokenHash::of(token), "suspended_by": { "$exists": true } };
        self.master.of::<Session>().delete_one(ended).await?;
        Ok(())
    }
}

/// How long after one request that was noted the next ones are not: what is a minute old is fresh enough for a time of a
/// quarter of an hour.
fn noted_within(idle: Duration) -> Duration {
    (idle / 10).min(Duration::from_mins(1))
}

/// How long after a request a session lasts at the least: the request that was noted may be an earlier one.
fn surely_idle(idle: Duration) -> Duration {
    idle.saturating_sub(noted_within(idle))
}

/// Whether a hospital that this generation of its object suspended is suspended no more. What is known of it may be older
/// than that: another replica may have ended the session.
fn is_resumed(hospital: &Hospital, generation: i64) -> bool {
    hospital.spec.subscription != Subscription::Suspended
        && hospital.metadata.generation.is_some_and(|known| known > generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_promised_more_idle_time_than_there_is() {
        for idle in [Duration::from_mins(15), Duration::from_mins(5), Duration::from_secs(10)] {
            let start = Timestamp::UNIX_EPOCH;
            let mut noted = start;
            for second in 0..300 {
                let now = later(start, Duration::from_secs(second));
                if later(noted, noted_within(idle)) <= now {
                    noted = now;
                }
                let (promised, ends) = (later(now, surely_idle(idle)), later(noted, idle));
                assert!(promised <= ends, "{idle:?}, {second} s: until {promised}, but it ends at {ends}");
            }
            assert!(surely_idle(idle) >= idle * 9 / 10, "{idle:?}");
        }
    }

    #[test]
    fn a_suspension_is_over_when_a_later_declaration_says_so() {
        let hospital = |subscription, generation| {
            let mut hospital = crate::hospitals::tests::hospital("a", 1);
            hospital.spec.subscription = subscription;
            hospital.metadata.generation = Some(generation);
            hospital
        };
        assert!(!is_resumed(&hospital(Subscription::Suspended, 3), 3));
        assert!(!is_resumed(&hospital(Subscription::Suspended, 5), 3), "suspended once more");
        assert!(!is_resumed(&hospital(Subscription::Active, 2), 3), "the suspension is not known here yet");
        assert!(is_resumed(&hospital(Subscription::Active, 4), 3));
    }
}
