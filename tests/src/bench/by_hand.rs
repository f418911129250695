//! What somebody may change by hand in a hospital, and whether it is whole again.

use anyhow::Context as _;
use chakravue_crds::naming::{DatabaseName, secret_name};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use mongodb::{
    Client, Database,
    bson::{Document, doc},
    options::ClientOptions,
};
use serde_json::json;

use crate::hospital::database_of;

#[derive(Clone, Copy)]
pub enum Kind {
    Index,
    Validator,
    Collection,
    User,
    Password,
    ForeignRole,
    RoleRights,
    Secret,
    SecretPassword,
}

pub const KINDS: [(Kind, &str); 9] = [
    (Kind::Index, "an index dropped"),
    (Kind::Validator, "a validator taken away"),
    (Kind::Collection, "a collection dropped"),
    (Kind::User, "the user dropped"),
    (Kind::Password, "the user's password changed"),
    (Kind::ForeignRole, "a foreign role granted"),
    (Kind::RoleRights, "the rights of the role taken away"),
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
            Kind::Validator => doc! { "collMod": "patients", "validator": {} },
            Kind::Collection => doc! { "drop": "pharmacy" },
            Kind::User => doc! { "dropUser": user },
            Kind::Password => doc! { "updateUser": user, "pwd": "by hand" },
            Kind::ForeignRole => {
                doc! { "grantRolesToUser": user, "roles": [{ "role": "readAnyDatabase", "db": "admin" }] }
            }
            Kind::RoleRights => doc! { "updateRole": "tenant", "privileges": [] },
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
            Kind::Index => {
                let indexes = self.handle().run_command(doc! { "listIndexes": "audit_logs" }).await?;
                indexes.get_document("cursor")?.get_array("firstBatch")?.len() == 4
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
            Kind::User | Kind::ForeignRole => {
                self.length_of_first(doc! { "usersInfo": self.database.as_str() }, "users", "roles").await? == 1
            }
            Kind::RoleRights => {
                let role = doc! { "rolesInfo": "tenant", "showPrivileges": true };
                self.length_of_first(role, "roles", "privileges").await? == 6
            }
            Kind::Password | Kind::Secret | Kind::SecretPassword => self.secret_logs_in().await?,
        })
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
