//! What somebody may change by hand in a hospital, and whether it is whole again.

use anyhow::{Context as _, bail};
use chakravue_crds::{
    naming::{DatabaseName, secret_name},
    tenant_schema::TENANT_SCHEMA,
};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use mongodb::{
    Client, Database,
    bson::{Document, doc},
    error::ErrorKind,
    options::ClientOptions,
};
use serde_json::json;

use crate::hospital::database_of;

/// An index of the pharmacy.
const EXPIRY: &str = "expiry";
/// What MongoDB answers where there is no such collection.
const NAMESPACE_NOT_FOUND: i32 = 26;

#[derive(Clone, Copy)]
pub enum Kind {
    Index,
    /// Another one stands in its place, of the same name.
    ReplacedIndex,
    Validator,
    Collection,
    RenamedCollection,
    Database,
    User,
    Password,
    ForeignRole,
    RoleRights,
    Role,
    Secret,
    SecretPassword,
}

pub const KINDS: [(Kind, &str); 13] = [
    (Kind::Index, "an index dropped"),
    (Kind::ReplacedIndex, "an index replaced by another of its name"),
    (Kind::Validator, "a validator taken away"),
    (Kind::Collection, "a collection dropped"),
    (Kind::RenamedCollection, "a collection renamed"),
    (Kind::Database, "the database dropped"),
    (Kind::User, "the user dropped"),
    (Kind::Password, "the user's password changed"),
    (Kind::ForeignRole, "a foreign role granted"),
    (Kind::RoleRights, "the rights of the role taken away"),
    (Kind::Role, "the role dropped"),
    (Kind::Secret, "the Secret deleted"),
    (Kind::SecretPassword, "the Secret's password spoilt"),
];

/// One hospital in the hands of an administrator of both servers.
pub struct ByHand<'a> {
    administrator: &'a Client,
    secrets: &'a Api<Secret>,
    secret: String,
    pub database: DatabaseName,
}

impl<'a> ByHand<'a> {
    pub fn on(administrator: &'a Client, secrets: &'a Api<Secret>, name: &str) -> anyhow::Result<Self> {
        Ok(Self { administrator, secrets, secret: secret_name(name), database: database_of(name)? })
    }

    fn handle(&self) -> Database {
        self.administrator.database(self.database.as_str())
    }

    pub async fn change(&self, kind: Kind) -> anyhow::Result<()> {
        let user = self.database.as_str();
        let command = match kind {
            Kind::Index => doc! { "dropIndexes": "audit_logs", "index": "actor_time" },
            Kind::ReplacedIndex => return self.replace_index().await,
            Kind::Validator => doc! { "collMod": "patients", "validator": {} },
            Kind::Collection => doc! { "drop": "pharmacy" },
            Kind::RenamedCollection => {
                // The hospital may have been here before.
                let (from, to) = (format!("{user}.pharmacy"), format!("{user}.pharmacy_by_hand"));
                let rename = doc! { "renameCollection": from, "to": to, "dropTarget": true };
                self.administrator.database("admin").run_command(rename).await?;
                return Ok(());
            }
            Kind::Database => doc! { "dropDatabase": 1 },
            Kind::User => doc! { "dropUser": user },
            Kind::Password => doc! { "updateUser": user, "pwd": "by hand" },
            Kind::ForeignRole => {
                doc! { "grantRolesToUser": user, "roles": [{ "role": "readAnyDatabase", "db": "admin" }] }
            }
            Kind::RoleRights => doc! { "updateRole": "tenant", "privileges": [] },
            Kind::Role => doc! { "dropRole": "tenant" },
            Kind::Secret => {
                self.secrets.delete(&self.secret, &DeleteParams::default()).await?;
                return Ok(());
            }
            Kind::SecretPassword => {
                let spoilt = Patch::Merge(json!({ "stringData": { "password": "short" } }));
                self.secrets.patch(&self.secret, &PatchParams::default(), &spoilt).await?;
                return Ok(());
            }
        };
        self.handle().run_command(command).await?;
        Ok(())
    }

    pub async fn is_whole(&self, kind: Kind) -> anyhow::Result<bool> {
        Ok(match kind {
            Kind::Index => self.indexes("audit_logs").await?.len() == 4,
            Kind::ReplacedIndex => {
                let expiry = doc! { "expires_on": 1 };
                let is_as_before = |index: &Document| {
                    index.get_str("name").is_ok_and(|name| name == EXPIRY)
                        && index.get_document("key").is_ok_and(|key| *key == expiry)
                };
                self.indexes("pharmacy").await?.iter().any(is_as_before)
            }
            Kind::Validator => {
                let options =
                    self.listed("patients").await?.and_then(|found| found.get_document("options").ok().cloned());
                options.is_some_and(|options| {
                    options.contains_key("validator")
                        && options.get_str("validationAction").unwrap_or("error") == "error"
                })
            }
            Kind::Collection => self.listed("pharmacy").await?.is_some(),
            Kind::RenamedCollection => self.indexes("pharmacy").await?.len() == 3,
            Kind::Database => {
                for collection in &TENANT_SCHEMA.collections {
                    // Beside those of the catalogue there is the one of `_id`.
                    if self.indexes(collection.name).await?.len() != collection.indexes.len() + 1 {
                        return Ok(false);
                    }
                }
                true
            }
            Kind::User | Kind::ForeignRole => self.user_has_its_role().await?,
            Kind::RoleRights => self.role_is_whole().await?,
            // It went from the user with the role.
            Kind::Role => self.role_is_whole().await? && self.user_has_its_role().await?,
            Kind::Password | Kind::Secret | Kind::SecretPassword => self.secret_logs_in().await?,
        })
    }

    /// The operator may see that the index is gone before another can take its name; then it is done again.
    async fn replace_index(&self) -> anyhow::Result<()> {
        let other = doc! { "key": { "batch": 1 }, "name": EXPIRY };
        for _ in 0..100 {
            // Not there, or not yet whole: the next command tells.
            let drop = doc! { "dropIndexes": "pharmacy", "index": EXPIRY };
            self.handle().run_command(drop).await.ok();
            let create = doc! { "createIndexes": "pharmacy", "indexes": [&other] };
            if self.handle().run_command(create).await.is_ok() {
                return Ok(());
            }
        }
        bail!("the operator was always faster than we with another index")
    }

    /// The indexes of a collection; none where there is no such collection.
    async fn indexes(&self, collection: &str) -> anyhow::Result<Vec<Document>> {
        match self.handle().run_command(doc! { "listIndexes": collection }).await {
            Ok(answer) => {
                let first = answer.get_document("cursor")?.get_array("firstBatch")?;
                Ok(first.iter().filter_map(|index| index.as_document().cloned()).collect())
            }
            Err(error) if matches!(&*error.kind, ErrorKind::Command(error) if error.code == NAMESPACE_NOT_FOUND) => {
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn user_has_its_role(&self) -> anyhow::Result<bool> {
        let user = doc! { "usersInfo": self.database.as_str() };
        Ok(self.length_of_first(user, "users", "roles").await? == 1)
    }

    async fn role_is_whole(&self) -> anyhow::Result<bool> {
        let role = doc! { "rolesInfo": "tenant", "showPrivileges": true };
        Ok(self.length_of_first(role, "roles", "privileges").await? == TENANT_SCHEMA.collections.len())
    }

    async fn listed(&self, collection: &str) -> anyhow::Result<Option<Document>> {
        let command = doc! { "listCollections": 1, "filter": { "name": collection } };
        let answer = self.handle().run_command(command).await?;
        let first = answer.get_document("cursor")?.get_array("firstBatch")?.first();
        Ok(first.and_then(|found| found.as_document().cloned()))
    }

    /// How long a list is in the first document that a command answers.
    async fn length_of_first(&self, command: Document, documents: &str, list: &str) -> anyhow::Result<usize> {
        let answer = self.handle().run_command(command).await?;
        let first = answer.get_array(documents)?.first().and_then(|found| found.as_document());
        Ok(first.and_then(|found| found.get_array(list).ok()).map(Vec::len).unwrap_or_default())
    }

    /// Whether the Secret is there, its fields agree, and MongoDB lets in who comes with it.
    async fn secret_logs_in(&self) -> anyhow::Result<bool> {
        let Some(secret) = self.secrets.get_opt(&self.secret).await? else { return Ok(false) };
        let field = |name: &str| {
            let value = secret.data.as_ref().and_then(|data| data.get(name)).map(|value| value.0.clone());
            String::from_utf8(value.with_context(|| format!("Secret {} has no {name}", self.secret))?)
                .with_context(|| format!("{name} of Secret {} is no text", self.secret))
        };
        let (uri, password) = (field("uri")?, field("password")?);
        if !uri.contains(&password) {
            return Ok(false);
        }
        let client = Client::with_options(ClientOptions::parse(uri).await?)?;
        let found = client.database(self.database.as_str()).list_collection_names().authorized_collections(true).await;
        client.shutdown().await;
        Ok(found.is_ok())
    }
}
