//! The documents of a hospital's staff.

use bson::{DateTime, doc};
use chakravue_crds::roles::StaffRole;
use serde::{Deserialize, Serialize};

use super::{Records, Tenant, ignoring_case};
use crate::{
    access::{blind_index::normal, tokens::TokenHash},
    http::problem::Answer,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    #[serde(rename = "_id")]
    pub user_id: String,
    pub email: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub role: StaffRole,
    pub status: UserStatus,
    /// Argon2id in PHC format. An invited user has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Link>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_reset: Option<Link>,
    /// The request that made the user, so that the same request repeated does not make another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login: Option<DateTime>,
    pub created_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime>,
    #[serde(default)]
    pub version: i64,
}

impl User {
    /// Whoever has the address at this hospital.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn find_by_email(tenant: &Tenant, email: &str) -> Answer<Option<Self>> {
        let email = normal(email);
        tenant
            .read(move |database| {
                let filter = doc! { "email": &email };
                async move {
                    let users = database.collection::<Self>(Records::Users);
                    Ok(users.find_one(filter).collation(ignoring_case()).await?)
                }
            })
            .await
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Has no password yet; takes a seat.
    Invited,
    Active,
    /// Cannot sign in; takes no seat.
    Disabled,
}

impl UserStatus {
    /// The name in documents and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Disabled => "disabled",
        }
    }
}

/// A link that was handed out and can be used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub token_hash: TokenHash,
    pub expires_at: DateTime,
}
