//! At which hospitals an e-mail address is known, so that somebody can sign in with it alone. It is an index, not a truth:
//! an entry without a user leads nowhere, and a missing one comes back at the next sign-in.

use bson::doc;
use chakravue_crds::organization_id::OrganizationId;
use moka::future::Cache;
use mongodb::IndexModel;
use serde::{Deserialize, Serialize};

use crate::{
    access::blind_index::{BlindIndex, Index},
    data::master::{Master, Record, Store, index},
    http::problem::Answer,
};

/// In `organization_users`, beside the platform's administrators.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Membership {
    #[serde(rename = "_id")]
    user_id: String,
    kind: Kind,
    email_index: Index,
    organization_id: OrganizationId,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Member,
}

impl Record for Membership {
    const STORE: Store = Store::OrganizationUsers;
}

#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    vec![index("email", doc! { "email_index": 1 })]
}

/// How many users are remembered as noted, so that most sign-ins need not write.
const REMEMBERED: u64 = 20_000;

#[derive(Clone, Debug)]
pub struct Memberships {
    master: Master,
    blind_index: BlindIndex,
    noted: Cache<String, ()>,
}

impl Memberships {
    #[must_use]
    pub fn new(master: Master, blind_index: BlindIndex) -> Self {
        Self { master, blind_index, noted: Cache::new(REMEMBERED) }
    }

    /// Notes that a user is a member of a hospital, if that is not known yet; also one who was noted under an earlier key.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn add(&self, organization: &OrganizationId, user_id: &str, email: &str) -> Answer<()> {
        if self.noted.contains_key(user_id) {
            return Ok(());
        }
        let known = doc! {
            "kind": "member",
            "email_index": &self.blind_index.of_email(email),
            "organization_id": organization.as_str(),
        };
        let add = doc! { "$set": known };
        self.master.raw(Store::OrganizationUsers).update_one(doc! { "_id": user_id }, add).upsert(true).await?;
        self.noted.insert(user_id.to_owned(), ()).await;
        Ok(())
    }

    /// At most `limit` hospitals that may know the address, those first where it was made known last: whoever has worked at
    /// many is most likely to work at those now.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn of(&self, email: &str, limit: i64) -> Answer<Vec<OrganizationId>> {
        let filter = doc! { "kind": "member", "email_index": &self.blind_index.of_email(email) };
        let found = self.master.of::<Membership>().find(filter).sort(doc! { "_id": -1 }).limit(limit).all().await?;
        Ok(found.into_iter().map(|membership| membership.organization_id).collect())
    }
}
