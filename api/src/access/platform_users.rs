//! The platform's administrators. They live in the master database, since they belong to no hospital, and can reach no
//! hospital's data.

use bson::{DateTime, Document, doc};
use mongodb::{ClientSession, IndexModel, options::ReturnDocument};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::{
    access::{
        blind_index::{BlindIndex, Index},
        links::{Issued, Purpose},
        tokens::Home,
    },
    data::{
        master::{Master, Record, Store, unique_where},
        tenant::{
            Fault,
            users::{Link, UserStatus},
        },
    },
    http::problem::{Answer, Problem},
    program::clock::Clock,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlatformUser {
    #[serde(rename = "_id")]
    pub user_id: String,
    kind: Kind,
    pub email: String,
    email_index: Index,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub status: UserStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_reset: Option<Link>,
    pub created_at: DateTime,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    PlatformAdministrator,
}

const KIND: &str = "platform_administrator";

impl Record for PlatformUser {
    const STORE: Store = Store::OrganizationUsers;
}

/// One administrator per e-mail address.
#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    vec![unique_where("administrator", doc! { "email_index": 1, "kind": 1 }, doc! { "kind": KIND })]
}

#[derive(Clone, Debug)]
pub struct PlatformUsers {
    master: Master,
    blind_index: BlindIndex,
    clock: Clock,
}

impl PlatformUsers {
    #[must_use]
    pub fn new(master: Master, blind_index: BlindIndex, clock: Clock) -> Self {
        Self { master, blind_index, clock }
    }

    /// # Errors
    /// When the master database is away.
    pub async fn find_by_email(&self, email: &str) -> Answer<Option<PlatformUser>> {
        self.find(doc! { "email_index": &self.blind_index.of_email(email) }).await
    }

    /// # Errors
    /// When the master database is away.
    pub async fn find(&self, filter: Document) -> Answer<Option<PlatformUser>> {
        Ok(self.master.of::<PlatformUser>().find_one(of_kind(filter)).await?)
    }

    /// Updates one and answers it as it is afterwards.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn update(&self, filter: Document, update: Document) -> Answer<Option<PlatformUser>> {
        let users = self.master.of::<PlatformUser>();
        Ok(users.find_one_and_update(of_kind(filter), update).return_document(ReturnDocument::After).await?)
    }

    /// Updates one within a transaction and answers it as it is afterwards.
    ///
    /// # Errors
    /// When MongoDB does.
    pub async fn update_in(
        &self,
        session: &mut ClientSession,
        filter: Document,
        update: Document,
    ) -> mongodb::error::Result<Option<PlatformUser>> {
        let users = self.master.of::<PlatformUser>();
        let update =
            users.in_transaction().find_one_and_update(of_kind(filter), update).return_document(ReturnDocument::After);
        update.session(session).await
    }

    /// Invites an administrator, or again one who has not accepted yet; one who has gets a link for a new password. An
    /// earlier link is worth nothing any more. Answers with the user's id.
    ///
    /// # Errors
    /// When MongoDB does.
    pub async fn invite_in(&self, session: &mut ClientSession, email: &str) -> Result<(String, Issued), Fault> {
        let users = self.master.of::<PlatformUser>();
        let by_email = of_kind(doc! { "email_index": &self.blind_index.of_email(email) });
        if let Some(known) = users.in_transaction().find_one(by_email).session(&mut *session).await? {
            let purpose =
                if known.status == UserStatus::Invited { Purpose::Invitation } else { Purpose::PasswordReset };
            let issued = Issued::new(purpose, &Home::Platform, &self.clock)?;
            let link = doc! { "$set": { purpose.field(): issued.document() } };
            self.update_in(session, doc! { "_id": &known.user_id }, link).await?.ok_or_else(Problem::internal)?;
            return Ok((known.user_id, issued));
        }
        let issued = Issued::new(Purpose::Invitation, &Home::Platform, &self.clock)?;
        let user = PlatformUser {
            user_id: new_user_id(),
            kind: Kind::PlatformAdministrator,
            email: email.to_owned(),
            email_index: self.blind_index.of_email(email),
            name: None,
            status: UserStatus::Invited,
            password_hash: None,
            invitation: Some(issued.stored.clone()),
            password_reset: None,
            created_at: self.clock.now_bson(),
        };
        // Where somebody else invites the same address in the same moment, everything is looked at again.
        users.in_transaction().insert_one(&user).session(session).await?;
        Ok((user.user_id, issued))
    }
}

fn of_kind(mut filter: Document) -> Document {
    filter.insert("kind", KIND);
    filter
}

/// Of a hospital's user as of a platform administrator.
#[must_use]
pub fn new_user_id() -> String {
    format!("user_{}", Ulid::generate().to_string().to_ascii_lowercase())
}
