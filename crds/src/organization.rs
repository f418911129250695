//! The `HospitalOrganization` resource. Everything that can be refused is refused by the API server itself, by the
//! schema and CEL rules below, with a sentence that says what to do; nothing depends on a webhook.
//!
//! Where a rule has a sentence of its own, the schema's length limit is loose, because the API server checks limits
//! first and would answer without the sentence; the limit then only bounds the cost of the rule.
//!
//! A rule on a single field is not checked again while that field stays as it is, so a stricter definition does not
//! refuse the operator's writes to older objects. Rules on the whole object have no such grace: what cannot change later
//! is checked only when the object is made ([`at_creation`]), or nobody could take the finalizer off an older object.

use std::collections::BTreeMap;

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON, JSONSchemaProps},
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use kube::{CustomResource, CustomResourceExt, KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    conditions::{ConditionType, Reason},
    naming::{DatabaseName, InvalidDatabaseName},
    plans::Plan,
    texts,
};

/// The loose limit in bytes of what a person writes.
const LOOSE: usize = 65_536;

/// A rule on the object's name, which cannot change later.
fn at_creation(rule: &str) -> Rule {
    Rule::new(format!("oldSelf.hasValue() || ({rule})")).optional_old_self(true).field_path(".metadata.name")
}

/// What the hospital and its subscription should be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "chakravue.io",
    version = "v1alpha1",
    kind = "HospitalOrganization",
    namespaced,
    shortname = "horg",
    category = "chakravue",
    status = "HospitalOrganizationStatus",
    derive = "PartialEq",
    doc = "A hospital with its own MongoDB database. The operator makes the database, its six collections with validators and indexes, a database user that can reach nothing else, and a Secret with the connection; it keeps them so and records what it sees in status.",
    selectable = ".spec.plan",
    selectable = ".spec.subscription",
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.plan", description = "The subscription plan"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Where the hospital is in its life"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status", description = "Whether the hospital can be used"),
    printcolumn(name = "Database", type_ = "string", json_path = ".status.databaseName", description = "The MongoDB database"),
    printcolumn(name = "Users", type_ = "string", json_path = ".status.users.seats", description = "Users and seats of the plan"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Since when the object exists"),
    printcolumn(name = "Organization", type_ = "string", json_path = ".status.organizationId", description = "The stable id of the organization", priority = "1"),
    printcolumn(name = "Price", type_ = "integer", json_path = ".status.monthlyPriceUsd", description = "US dollars per month", priority = "1"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", description = "Why the hospital is ready or not", priority = "1"),
    validation = at_creation("self.metadata.name.size() <= 63")
        .message("must have at most 63 characters: choose a shorter name"),
    validation = at_creation("has(self.spec.databaseName) || self.metadata.name.matches('^[a-z][a-z0-9-]*$')")
        .message("no database name can be made of it: use lower-case letters, digits and hyphens starting with a letter, or set spec.databaseName"),
    validation = at_creation("has(self.spec.databaseName) || !(self.metadata.name in ['admin', 'local', 'config'] || self.metadata.name.startsWith('chakravue-'))")
        .message("the database name made of it would be reserved (admin, local, config, chakravue_*): choose another name or set spec.databaseName"),
    validation = Rule::new("(has(self.spec.databaseName) ? self.spec.databaseName : self.metadata.name.replace('-', '_')) == (has(oldSelf.spec.databaseName) ? oldSelf.spec.databaseName : oldSelf.metadata.name.replace('-', '_'))")
        .field_path(".spec.databaseName")
        .message("cannot be changed, as it names the hospital's data: restore the old value (without one, metadata.name with _ for -), or create another HospitalOrganization")
)]
#[serde(rename_all = "camelCase")]
pub struct HospitalOrganizationSpec {
    /// The hospital's name as people read it, 1 to 300 characters.
    #[schemars(length(max = LOOSE))]
    #[x_kube(
        validation = texts::DISPLAY_NAME[0].cel(),
        validation = texts::DISPLAY_NAME[1].cel(),
        validation = texts::DISPLAY_NAME[2].cel()
    )]
    pub display_name: String,

    /// How to reach the hospital's administration.
    pub contact: Contact,

    /// The subscription plan: Starter (USD 99 a month, 5 users), Professional (USD 299, 20 users) or Enterprise
    /// (USD 999, any number of users).
    pub plan: Plan,

    /// Whether the hospital has paid. PendingPayment: nothing is made for it yet. Active: database and access exist.
    /// Suspended: the data stays, access is taken away.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self != 'PendingPayment' || oldSelf == 'PendingPayment'")
        .message("cannot go back to PendingPayment, which is also the default: set it to Active, or to Suspended to take access away"))]
    pub subscription: Subscription,

    /// The MongoDB database: 1 to 63 lower-case letters, digits and underscores, starting with a letter. Default:
    /// metadata.name with underscores for hyphens. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LOOSE))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-z][a-z0-9_]{0,62}$')")
            .message("must be 1 to 63 lower-case letters, digits and underscores, starting with a letter, such as st_marys_hospital"),
        validation = Rule::new("!(self in ['admin', 'local', 'config'] || self.startsWith('chakravue_'))")
            .message("is reserved (admin, local, config and chakravue_*): choose another database name")
    )]
    pub database_name: Option<String>,

    /// What happens to the data when this object is deleted. Retain: database and claim stay and can be taken up
    /// again by an object of the same name. Delete: the database is dropped for good.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// The hospital's first administrator, who gets an invitation as soon as the hospital is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub administrator: Option<Administrator>,
}

/// How to reach the hospital's administration.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// The e-mail address for everything that concerns the account.
    #[schemars(length(max = LOOSE))]
    #[x_kube(validation = texts::EMAIL.cel())]
    pub email: String,

    /// A telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = LOOSE))]
    #[x_kube(validation = texts::PHONE.cel())]
    pub phone: Option<String>,
}

/// The hospital's first administrator.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Administrator {
    /// The e-mail address that the invitation goes to.
    #[schemars(length(max = LOOSE))]
    #[x_kube(validation = texts::EMAIL.cel())]
    pub email: String,
}

/// Whether the hospital has paid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Subscription {
    /// Nothing is made for the hospital yet.
    #[default]
    PendingPayment,
    /// Database and access exist.
    Active,
    /// The data stays, access is taken away.
    Suspended,
}

/// What happens to the data when the object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Database and claim stay.
    #[default]
    Retain,
    /// The database is dropped.
    Delete,
}

/// Where the hospital is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Waiting for payment; nothing is made yet.
    PendingPayment,
    /// The database is being made.
    Provisioning,
    /// In use.
    Active,
    /// Data kept, access taken away.
    Suspended,
    /// Somebody has to change something; the Ready condition says what.
    Failed,
    /// Being deleted.
    Terminating,
}

impl Phase {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PendingPayment => "PendingPayment",
            Self::Provisioning => "Provisioning",
            Self::Active => "Active",
            Self::Suspended => "Suspended",
            Self::Failed => "Failed",
            Self::Terminating => "Terminating",
        }
    }
}

/// What the operator sees. Written by the operator alone.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct HospitalOrganizationStatus {
    /// Where the hospital is in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// The generation of the spec that this status describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The stable id of the organization; it survives deletion and re-creation under deletionPolicy Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<String>,
    /// The MongoDB database that the organization holds the claim on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_name: Option<String>,
    /// The Secret with the connection, as the Service Binding specification wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// The version of the tenant schema that the database has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<i64>,
    /// The collections that are in place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub collections: Vec<CollectionStatus>,
    /// What somebody added to the database beside the catalogue. The operator leaves it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmanaged: Option<Unmanaged>,
    /// The password in the Secret and in MongoDB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialsStatus>,
    /// What was lost and nobody has acknowledged yet; a condition says what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_loss: Option<DataLossStatus>,
    /// Users of the hospital against the seats of its plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Users>,
    /// The price of the plan in US dollars per month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_price_usd: Option<i64>,
    /// What is true of the hospital. Ready, Reconciling and Stalled follow kstatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The Secret with the connection.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Binding {
    /// The name of a Secret in the object's namespace with the keys type, provider, host, port, uri, username,
    /// password and database.
    pub name: String,
}

/// One collection of the tenant's database.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CollectionStatus {
    /// The name of the collection.
    pub name: String,
    /// Whether the catalogue's validator checks every document that is written.
    pub documents_validated: bool,
    /// The names of the catalogue's indexes that are in place.
    #[serde(default)]
    pub indexes: Vec<String>,
}

/// What somebody added to the database beside the catalogue.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Unmanaged {
    /// Collections and views that the catalogue does not have; at most the first 20 by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<String>,
    /// Indexes that the catalogue does not have, as collection.index; at most the first 20 by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<String>,
    /// Users that somebody made in the database, who may reach more or less than the hospital's own; at most the first 20 by
    /// name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// How many of these there are, also those that are not listed.
    pub count: i64,
}

/// The password in the Secret and in MongoDB.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsStatus {
    /// When the password was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated_at: Option<Time>,
    /// The value of the annotation chakravue.io/rotate-credentials that was last carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<String>,
}

/// Collections that a hospital had and that were dropped or replaced.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DataLossStatus {
    /// When the newest of the losses was seen: the value of the annotation chakravue.io/acknowledge-data-loss that
    /// confirms them.
    pub detected_at: String,
    /// The collections whose documents are gone.
    pub collections: Vec<String>,
}

/// Users of the hospital against the seats of its plan.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Users {
    /// How many users have a seat: those who are not disabled. Without the operator's second MongoDB login, all of them.
    pub current: i64,
    /// How many seats the plan has; absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Both for people: 3/20, or 3/unlimited.
    pub seats: String,
}

impl Users {
    #[must_use]
    pub fn new(current: i64, limit: Option<i64>) -> Self {
        let seats = limit.map_or_else(|| format!("{current}/unlimited"), |limit| format!("{current}/{limit}"));
        Self { current, limit, seats }
    }
}

impl HospitalOrganization {
    /// The database that the object asks for.
    ///
    /// # Errors
    /// For an object that an older resource definition let in.
    pub fn wanted_database(&self) -> Result<DatabaseName, InvalidDatabaseName> {
        match &self.spec.database_name {
            Some(name) => DatabaseName::new(name),
            None => DatabaseName::derive(self.metadata.name.as_deref().unwrap_or_default()),
        }
    }
}

/// The resource definition as it is installed: the derived one, with the default status. Without it an object that
/// the operator has not seen yet would have no Ready condition, and kstatus takes that for finished.
///
/// # Panics
/// Never on a definition that the tests have seen: they would have been the first to panic.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    let mut crd = HospitalOrganization::crd();
    for version in &mut crd.spec.versions {
        let properties = version
            .schema
            .as_mut()
            .and_then(|s| s.open_api_v3_schema.as_mut())
            .and_then(|s| s.properties.as_mut())
            .expect("the derived schema has properties");
        // A rule may only point to a field that the schema names; more than this it may not say of the metadata.
        let typed = |type_: &str| JSONSchemaProps { type_: Some(type_.to_owned()), ..JSONSchemaProps::default() };
        let name = BTreeMap::from([("name".to_owned(), typed("string"))]);
        properties.insert("metadata".to_owned(), JSONSchemaProps { properties: Some(name), ..typed("object") });
        let status = properties.get_mut("status").expect("the derived schema has a status");
        // Null is then the same as absent: the default.
        status.nullable = None;
        status.description = Some("What the operator sees. Written by the operator alone.".to_owned());
        status.default = Some(JSON(serde_json::json!({
            "conditions": [{
                "type": ConditionType::Ready.as_str(),
                "status": "Unknown",
                "reason": Reason::Pending.as_str(),
                "message": "Waiting for the operator",
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            }],
        })));
    }
    crd
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every property of the schema without a description, with its path. Those of the metadata are Kubernetes' own.
    fn undocumented(path: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                let path = format!("{path}.{name}");
                if path == ".metadata" {
                    continue;
                }
                if property["description"].as_str().is_none_or(|d| d.trim().is_empty() || d.starts_with("Auto-gen")) {
                    found.push(path.clone());
                }
                undocumented(&path, property, found);
            }
        }
        if schema["items"].is_object() {
            undocumented(&format!("{path}[]"), &schema["items"], found);
        }
    }

    #[test]
    fn every_field_is_documented() {
        let crd = serde_json::to_value(crd()).unwrap();
        let mut found = Vec::new();
        undocumented("", &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"], &mut found);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn number_formats_are_ones_that_kubernetes_knows() {
        assert!(!serde_json::to_string(&crd()).unwrap().contains("\"uint"));
    }

    #[test]
    fn seats_read_well() {
        assert_eq!(Users::new(3, Some(20)).seats, "3/20");
        assert_eq!(Users::new(3, None).seats, "3/unlimited");
    }
}
