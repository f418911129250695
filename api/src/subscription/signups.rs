//! Signing a hospital up: from its name to an object whose claim the operator holds, and the setup token.
//!
//! A record in the master database reserves the object's name while the object is made, so that many signups of the same
//! name do not meet. Every step can be repeated: a request that comes again (with its key, or the same in content after
//! one that got no answer) finds the record and goes on from there. What nobody comes back to, MongoDB removes after a
//! day, and a signup that got its token when the token has expired; the object, if it was made, goes on to hold its name.

use std::time::Duration;

use bson::{DateTime, doc};
use chakravue_crds::{
    OrganizationId, conditions::ConditionType, master::OrganizationRecord, naming::DatabaseName, plans::Plan,
};
use kube::ResourceExt as _;
use mongodb::{IndexModel, options::ReturnDocument};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{
    access::{
        blind_index::{BlindIndex, Index},
        tokens::{Token, TokenHash, TokenKind},
    },
    data::{
        database_error,
        master::{Master, Record, Store, expiring, index, unique, unique_where},
        timed::TimedCollection,
    },
    hospitals::{
        Hospital, Hospitals,
        apply::{Created, NewHospital},
        id_of,
    },
    http::{
        idempotency::{Attempt, RequestKey, under_way},
        problem::{A_MOMENT, Answer, Kind, Problem},
    },
    program::clock::{Clock, later, to_bson},
    subscription::names,
};

/// How long a name stays reserved for a signup that nobody comes back to.
const RESERVED: Duration = Duration::from_hours(24);

/// How long a setup token can be used, as an invitation: who may pay for a hospital is not always who signs it up.
const SETUP_LASTS: Duration = Duration::from_hours(7 * 24);

/// Beyond the wait for the operator, how long one attempt may take until a request of the same content may go on with
/// its reservation.
const SLACK: Duration = Duration::from_secs(30);

/// So many names are taken only if something is wrong: the ninth and later ones are random.
const ATTEMPTS: usize = 40;

/// One signup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignupRecord {
    #[serde(rename = "_id")]
    pub signup_id: String,
    /// The name that is reserved; no two records have the same.
    object_name: String,
    request: RequestKey,
    /// Stands for what was sent, so that a request without a key finds an attempt that got no answer.
    content: Index,
    /// Until when an attempt is taken to be under way.
    worked_until: DateTime,
    /// Once the operator holds the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_hash: Option<TokenHash>,
    pub created_at: DateTime,
    pub expires_at: DateTime,
}

impl Record for SignupRecord {
    const STORE: Store = Store::Signups;
}

#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    vec![
        unique("name", doc! { "object_name": 1 }),
        unique("request", doc! { "request": 1 }),
        unique_where("token", doc! { "token_hash": 1 }, doc! { "token_hash": { "$exists": true } }),
        index("content", doc! { "content": 1 }),
        expiring(),
    ]
}

/// What somebody signs up with, checked.
#[derive(Clone, Debug)]
pub struct NewSignup {
    pub organization_name: String,
    pub email: String,
    pub phone: String,
    pub plan: Plan,
}

impl NewSignup {
    /// No two different signups have the same, and nobody can try who signed up without the service's key.
    fn index(&self, blind_index: &BlindIndex) -> Index {
        blind_index.of_signup([&self.organization_name, &self.email, &self.phone, self.plan.id()])
    }

    fn named(&self, record: &SignupRecord) -> NewHospital {
        NewHospital {
            name: record.object_name.clone(),
            signup: record.signup_id.clone(),
            display_name: self.organization_name.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            plan: self.plan,
        }
    }
}

/// A hospital that has signed up.
#[derive(Clone, Debug)]
pub struct SignedUp {
    pub signup_id: String,
    pub organization_id: OrganizationId,
    pub database_name: String,
    pub setup_token: Token,
    pub created_at: DateTime,
    pub setup_expires_at: DateTime,
}

#[derive(Clone, Debug)]
pub struct Signups {
    records: TimedCollection<SignupRecord>,
    organizations: TimedCollection<OrganizationRecord>,
    blind_index: BlindIndex,
    clock: Clock,
}

impl Signups {
    #[must_use]
    pub fn new(master: &Master, blind_index: BlindIndex, clock: Clock) -> Self {
        Self { records: master.of(), organizations: master.of(), blind_index, clock }
    }

    /// The signup that a setup token belongs to, while the token can be used.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn find_by_token(&self, hash: &TokenHash) -> Answer<Option<SignupRecord>> {
        let found = self.records.find_one(doc! { "token_hash": hash }).await?;
        Ok(found.filter(|record| record.expires_at > self.clock.now_bson()))
    }

    /// Ends a hospital's signup, and so its setup token: it has an administrator who can sign in. The request that signed it
    /// up opens nothing any more either, however late it is repeated.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn end(&self, organization: &OrganizationId) -> Answer<()> {
        self.records.delete_many(doc! { "organization_id": organization.as_str() }).await?;
        Ok(())
    }

    /// Signs a hospital up, or goes on with what an earlier attempt of the same request began.
    ///
    /// # Errors
    /// When a field is refused; `operator-unavailable` when the claim is not there within `patience`.
    pub async fn open(
        &self,
        hospitals: &Hospitals,
        attempt: &Attempt,
        new: &NewSignup,
        patience: Duration,
    ) -> Answer<SignedUp> {
        let request = &attempt.request;
        let mut names = names::candidates(&new.organization_name).take(ATTEMPTS);
        let mut record = match self.resume(request, new, patience).await? {
            Some(record) => record,
            None => self.reserve(hospitals, request, new, patience, &mut names).await?,
        };
        let mut left = patience;
        loop {
            let started = tokio::time::Instant::now();
            let hospital = match hospitals.create(&new.named(&record)).await? {
                Created::Ours(object) => self.claimed(hospitals, &record, &object, left).await?,
                Created::Taken => None,
            };
            if let Some(hospital) = hospital {
                return self.finish(attempt, &record, &hospital).await;
            }
            left = left.saturating_sub(started.elapsed());
            record = self.rename(hospitals, record, &mut names).await?;
        }
    }

    /// The record of an earlier attempt.
    async fn resume(&self, request: &RequestKey, new: &NewSignup, patience: Duration) -> Answer<Option<SignupRecord>> {
        if let Some(record) = self.records.find_one(doc! { "request": request }).await? {
            return Ok(Some(record));
        }
        // One that was given up without an answer is nobody's: no token for it exists.
        let now = self.clock.now();
        let given_up = doc! {
            "content": &new.index(&self.blind_index),
            "organization_id": { "$exists": false },
            "worked_until": { "$lte": to_bson(now) },
        };
        let ours = doc! { "$set": { "request": request, "worked_until": to_bson(later(now, patience + SLACK)) } };
        let found = self.records.find_one_and_update(given_up, ours).return_document(ReturnDocument::After).await?;
        Ok(found)
    }

    async fn reserve(
        &self,
        hospitals: &Hospitals,
        request: &RequestKey,
        new: &NewSignup,
        patience: Duration,
        names: &mut (impl Iterator<Item = String> + Send),
    ) -> Answer<SignupRecord> {
        let now = self.clock.now();
        let mut record = SignupRecord {
            signup_id: format!("sig_{}", Ulid::generate().to_string().to_ascii_lowercase()),
            object_name: String::new(),
            request: request.clone(),
            content: new.index(&self.blind_index),
            worked_until: to_bson(later(now, patience + SLACK)),
            organization_id: None,
            token_hash: None,
            created_at: to_bson(now),
            expires_at: to_bson(later(now, RESERVED)),
        };
        for name in names {
            if self.is_free(hospitals, &name).await? {
                record.object_name = name;
                match self.records.insert_one(&record).await {
                    Ok(_) => return Ok(record),
                    Err(error) if database_error::is_duplicate(&error) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(no_name_left())
    }

    /// Reserves the next free name instead.
    async fn rename(
        &self,
        hospitals: &Hospitals,
        record: SignupRecord,
        names: &mut (impl Iterator<Item = String> + Send),
    ) -> Answer<SignupRecord> {
        for name in names {
            if name == record.object_name || !self.is_free(hospitals, &name).await? {
                continue;
            }
            let renamed = self
                .records
                .find_one_and_update(doc! { "_id": &record.signup_id }, doc! { "$set": { "object_name": name } })
                .return_document(ReturnDocument::After)
                .await;
            match renamed {
                Ok(Some(renamed)) => return Ok(renamed),
                Ok(None) => return Err(too_long()),
                Err(error) if database_error::is_duplicate(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(no_name_left())
    }

    /// Whether nobody has the name: no object, and no claim on its database, not even one that is kept for a hospital that
    /// was removed. An object of that hospital's name would be given its data.
    async fn is_free(&self, hospitals: &Hospitals, name: &str) -> Answer<bool> {
        let Ok(database) = DatabaseName::derive(name) else { return Ok(false) };
        if hospitals.get_by_name(name).is_some() {
            return Ok(false);
        }
        Ok(self.organizations.find_one(doc! { "database_name": database.as_str() }).await?.is_none())
    }

    /// Waits until the operator holds the claim. `None`: it refused, and another name is to be tried.
    async fn claimed(
        &self,
        hospitals: &Hospitals,
        record: &SignupRecord,
        object: &Hospital,
        patience: Duration,
    ) -> Answer<Option<Hospital>> {
        let uid = object.uid();
        let is_decided = |seen: &Hospital| seen.uid() == uid && (id_of(seen).is_some() || is_refused(seen));
        if let Ok(seen) = hospitals.wait_until(&record.object_name, patience, is_decided).await {
            return Ok(id_of(&seen).is_some().then(|| Hospital::clone(&seen)));
        }
        // Whoever sends the same again goes on from here.
        let given_up = doc! { "$set": { "worked_until": self.clock.now_bson() } };
        self.records.update_one(doc! { "_id": &record.signup_id }, given_up).await?;
        let detail = "The hospital's name is reserved, but the platform has not taken it up yet. Send the same request \
            again in a moment; it goes on from here.";
        Err(Problem::new(Kind::OperatorUnavailable, detail).retry_after(Duration::from_secs(5)))
    }

    /// Gives out a setup token. An earlier one, whose answer was lost, is worth nothing any more; one of an attempt that took
    /// this over stays.
    async fn finish(&self, attempt: &Attempt, record: &SignupRecord, hospital: &Hospital) -> Answer<SignedUp> {
        attempt.check().await?;
        let organization_id = id_of(hospital).ok_or_else(Problem::internal)?;
        let setup_token = Token::generate(TokenKind::Setup)?;
        let setup_expires_at = to_bson(later(self.clock.now(), SETUP_LASTS));
        let update = doc! { "$set": {
            "organization_id": organization_id.as_str(),
            "token_hash": &setup_token.hash(),
            "expires_at": setup_expires_at,
        } };
        let as_read = doc! { "_id": &record.signup_id, "token_hash": record.token_hash.as_ref() };
        if self.records.update_one(as_read, update).await?.matched_count == 0 {
            let is_there = self.records.find_one(doc! { "_id": &record.signup_id }).await?.is_some();
            return Err(if is_there { under_way() } else { too_long() });
        }
        let database = hospital.status.as_ref().and_then(|status| status.database_name.clone());
        Ok(SignedUp {
            signup_id: record.signup_id.clone(),
            organization_id,
            database_name: database.unwrap_or_default(),
            setup_token,
            created_at: record.created_at,
            setup_expires_at,
        })
    }
}

/// Whether the operator has said that the object's database cannot be its own.
fn is_refused(hospital: &Hospital) -> bool {
    let conditions = hospital.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|c| c.type_ == ConditionType::ClaimHeld.as_str() && c.status == "False")
}

fn too_long() -> Problem {
    Problem::new(Kind::Conflict, "The signup took too long. Sign up again.").retry_after(A_MOMENT)
}

fn no_name_left() -> Problem {
    tracing::error!("no free name was found for a hospital");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::secret_key::SecretKey;

    #[test]
    fn only_the_same_signup_under_the_same_key_has_the_same_index() {
        let key = |key: &str| BlindIndex::new(&SecretKey::parse(key).unwrap());
        let ours = key("0123456789 abcdefghij klmnopqrst");
        let signup = |name: &str, email: &str, plan| NewSignup {
            organization_name: name.into(),
            email: email.into(),
            phone: "112".into(),
            plan,
        };
        let one = signup("St. Mary's", "a@b.example", Plan::Starter);
        assert_eq!(one.index(&ours), one.clone().index(&ours));
        assert_ne!(one.index(&ours), one.index(&key("another 0123456789 abcdefghij kl")));
        for other in [
            signup("St. Mary's", "a@b.example", Plan::Professional),
            signup("St. Mary's", "b@b.example", Plan::Starter),
            signup("St. Marys", "a@b.example", Plan::Starter),
        ] {
            assert_ne!(one.index(&ours), other.index(&ours));
        }
    }
}
