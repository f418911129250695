//! Documents of the master database that more than one program reads. The master database never holds patient data.

use std::collections::BTreeMap;

use bson::{DateTime, Uuid};
use serde::{Deserialize, Serialize};

use crate::{naming::DatabaseName, organization::Phase, organization_id::OrganizationId, plans::Plan};

/// The default name of the master database.
pub const MASTER_DATABASE: &str = "chakravue_master";

/// One document per organization: the claim on its database, and the read model of the object for the API.
pub const ORGANIZATIONS: &str = "organizations";

/// The object that holds a claim. The UID tells a re-created object from the one it replaces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The UID of the cluster's kube-system namespace.
    pub cluster: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
}

impl Owner {
    /// Whether both name the same object or one that was re-created in its place.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        (&self.cluster, &self.namespace, &self.name) == (&other.cluster, &other.namespace, &other.name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaimState {
    /// A live object owns the database.
    Held,
    /// The object is being deleted with `deletionPolicy: Delete` and its data is being dropped. There is no way back:
    /// until nothing is left, no other object gets the database.
    Dropping,
    /// The object was deleted with `deletionPolicy: Retain`; data and id wait for it.
    Retained,
}

/// How the database came to be the organization's. Absent until the operator has begun to make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DatabaseOrigin {
    /// It was absent when it was claimed: whatever is in it, the operator or the hospital made.
    Created,
    /// It existed without a claim and was adopted on explicit request.
    Adopted,
}

/// `organizations`: the claim (`databaseName`, `owner`, `claim`, `databaseOrigin`) and the read model (the rest).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrganizationRecord {
    #[serde(rename = "_id")]
    pub organization_id: OrganizationId,
    pub database_name: DatabaseName,
    pub owner: Owner,
    pub claim: ClaimState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_origin: Option<DatabaseOrigin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<i64>,
    /// The version that it is being migrated to. Set before anything of it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_target: Option<i64>,
    /// The catalogue's collections as the operator last left them. The server gives every collection an id when it is
    /// made, so one that was dropped and made again is told from the one that held the data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub collections: BTreeMap<String, Uuid>,
    /// What was lost and nobody has acknowledged yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_loss: Option<DataLoss>,
    #[serde(flatten)]
    pub facts: OrganizationFacts,
    pub claimed_at: DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provisioned_at: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained_at: Option<DateTime>,
    /// What stayed in MongoDB when the object went without its removal: let go by force, or its finalizer taken by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_behind: Option<LeftBehind>,
}

impl OrganizationRecord {
    /// What the organization brings each month: the price of its plan while a live object is in use, else nothing.
    #[must_use]
    pub fn monthly_revenue_usd(&self) -> i64 {
        if self.claim == ClaimState::Held && self.facts.status == Phase::Active {
            self.facts.monthly_price_usd
        } else {
            0
        }
    }
}

/// What is still in MongoDB although its object is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftBehind {
    /// When it was recorded.
    pub at: DateTime,
    /// `database`, `user`, `role`: which of them were there then.
    pub what: Vec<String>,
}

/// Collections that a hospital had and that were dropped or replaced behind the operator's back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataLoss {
    /// When the operator saw the newest of the losses.
    pub detected_at: DateTime,
    pub collections: Vec<String>,
}

/// What the platform shows of an organization without reading its database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrganizationFacts {
    pub display_name: String,
    pub plan: Plan,
    pub monthly_price_usd: i64,
    pub status: Phase,
    pub users: i64,
    /// `None`: any number.
    pub user_limit: Option<i64>,
}
