//! The yardsticks: what the operator has MongoDB do for one hospital, done by the raw driver and nothing else. No look
//! before a change, no Kubernetes, no Secret; the same commands, the same login, the same write concern.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use chakravue_crds::{
    OrganizationId,
    master::{ClaimState, DatabaseOrigin, ORGANIZATIONS, OrganizationFacts, OrganizationRecord, Owner},
    naming::{DatabaseName, TENANT_ROLE, tenant_user},
    organization::Phase,
    plans::Plan,
    tenant_schema::{Collection, Index, TENANT_SCHEMA},
};
use mongodb::{
    Client, ClientSession, Database,
    bson::{self, DateTime, Document, Uuid, doc},
    error::{Error, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT},
    options::{ClientOptions, WriteConcern},
};

/// More than any number of workers needs here, each of which has two commands on their way: the yardstick waits for none.
const CONNECTIONS: u32 = 64;
/// How often one transaction is tried that others got in the way of.
const ATTEMPTS: usize = 100;

/// In which order the commands are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// One after another, as a script does it.
    Script,
    /// Collections and indexes in one transaction, with role and user beside it: the fastest order known.
    Fastest,
}

impl Order {
    pub const ALL: [Self; 2] = [Self::Script, Self::Fastest];

    pub fn name(self) -> &'static str {
        match self {
            Self::Script => "one after another",
            Self::Fastest => "in a transaction",
        }
    }
}

/// The raw driver with the operator's own login.
pub struct Raw {
    client: Client,
    master: Database,
}

impl Raw {
    pub async fn connect(uri: &str, master_database: &str) -> anyhow::Result<Self> {
        let mut options = ClientOptions::parse(uri).await?;
        options.app_name = Some("bench".to_owned());
        options.write_concern = Some(WriteConcern::majority());
        options.max_pool_size = Some(CONNECTIONS);
        // As the operator's: one that may be sent again is more work for MongoDB.
        options.retry_writes = Some(false);
        let client = Client::with_options(options)?;
        Ok(Self { master: client.database(master_database), client })
    }

    /// Makes everything of one hospital: claim first, record last.
    pub async fn provision(&self, database: &DatabaseName, order: Order) -> anyhow::Result<()> {
        let record = record_of(database);
        let organizations = self.master.collection::<OrganizationRecord>(ORGANIZATIONS);
        organizations.insert_one(&record).await.context("claim")?;
        let tenant = self.client.database(database.as_str());
        match order {
            Order::Script => {
                create_access(&tenant, database).await?;
                for collection in &TENANT_SCHEMA.collections {
                    write(&tenant, create(collection)).await?;
                }
                for collection in &TENANT_SCHEMA.collections {
                    write(&tenant, create_indexes(collection)).await?;
                }
            }
            Order::Fastest => {
                tokio::try_join!(self.create_in_transaction(&tenant), create_access(&tenant, database))?;
            }
        }
        self.finish(&record).await
    }

    /// Tried again when others got in its way, as the driver's documentation wants it.
    async fn create_in_transaction(&self, tenant: &Database) -> anyhow::Result<()> {
        let mut session = self.client.start_session().await?;
        for _ in 0..ATTEMPTS {
            match Self::try_transaction(&mut session, tenant).await {
                Err(error) if error.contains_label(TRANSIENT_TRANSACTION_ERROR) => {
                    // It may have ended already.
                    session.abort_transaction().await.ok();
                }
                other => return other.context("transaction"),
            }
        }
        bail!("a transaction found others in its way {ATTEMPTS} times")
    }

    async fn try_transaction(session: &mut ClientSession, tenant: &Database) -> Result<(), Error> {
        session.start_transaction().await?;
        for collection in &TENANT_SCHEMA.collections {
            for command in [create(collection), create_indexes(collection)] {
                tenant.run_command(command).session(&mut *session).await?;
            }
        }
        loop {
            match session.commit_transaction().await {
                Err(error) if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) => {}
                other => return other,
            }
        }
    }

    /// Removes what [`Self::provision`] made, with the rights of an administrator.
    pub async fn forget(&self, administrator: &Client, name: &DatabaseName) -> anyhow::Result<()> {
        let database = administrator.database(name.as_str());
        for command in ["dropAllUsersFromDatabase", "dropAllRolesFromDatabase", "dropDatabase"] {
            database.run_command(doc! { command: 1 }).await.context(command)?;
        }
        let organizations = administrator.database(self.master.name()).collection::<Document>(ORGANIZATIONS);
        organizations.delete_one(doc! { "database_name": name.as_str() }).await.context("remove the claim")?;
        Ok(())
    }

    async fn finish(&self, record: &OrganizationRecord) -> anyhow::Result<()> {
        let facts = OrganizationFacts { status: Phase::Active, ..record.facts.clone() };
        let mut set = bson::serialize_to_document(&facts)?;
        set.insert("schema_version", TENANT_SCHEMA.version);
        set.insert("provisioned_at", DateTime::now());
        // As large as the ones that the operator notes; it sees them where it looks what there is.
        let ids = TENANT_SCHEMA.collections.iter().map(|collection| (collection.name.to_owned(), Uuid::new()));
        set.insert("collections", bson::serialize_to_bson(&ids.collect::<BTreeMap<_, _>>())?);
        let filter = doc! {
            "_id": record.organization_id.as_str(),
            "claim": "Held",
            "owner.uid": &record.owner.uid,
            "owner.cluster": &record.owner.cluster,
        };
        let organizations = self.master.collection::<Document>(ORGANIZATIONS);
        let outcome = organizations.update_one(filter, doc! { "$set": set }).await.context("record")?;
        ensure!(outcome.matched_count == 1, "the claim on {} was not found again", record.database_name);
        Ok(())
    }
}

async fn create_access(tenant: &Database, name: &DatabaseName) -> anyhow::Result<()> {
    let privileges: Vec<Document> = TENANT_SCHEMA
        .collections
        .iter()
        .map(|collection| {
            doc! {
                "resource": { "db": name.as_str(), "collection": collection.name },
                "actions": collection.access.actions(),
            }
        })
        .collect();
    write(tenant, doc! { "createRole": TENANT_ROLE, "privileges": privileges, "roles": [] }).await?;
    let user = doc! {
        "createUser": tenant_user(name),
        // As long as the operator's.
        "pwd": "0123456789012345678901234567890123456789012",
        "roles": [{ "role": TENANT_ROLE, "db": name.as_str() }],
        "mechanisms": ["SCRAM-SHA-256"],
        "customData": { "organization_id": OrganizationId::generate().as_str() },
    };
    write(tenant, user).await
}

async fn write(database: &Database, mut command: Document) -> anyhow::Result<()> {
    command.insert("writeConcern", doc! { "w": "majority" });
    let name = command.keys().next().cloned().unwrap_or_default();
    database.run_command(command).await.context(name)?;
    Ok(())
}

fn create(collection: &Collection) -> Document {
    doc! { "create": collection.name, "validator": collection.validator.clone() }
}

fn create_indexes(collection: &Collection) -> Document {
    let indexes: Vec<Document> = collection.indexes.iter().map(Index::specification).collect();
    doc! { "createIndexes": collection.name, "indexes": indexes }
}

fn record_of(database: &DatabaseName) -> OrganizationRecord {
    let organization_id = OrganizationId::generate();
    OrganizationRecord {
        database_name: database.clone(),
        owner: Owner {
            cluster: "bench".to_owned(),
            namespace: "bench".to_owned(),
            name: database.to_string(),
            uid: organization_id.to_string(),
        },
        claim: ClaimState::Held,
        database_origin: Some(DatabaseOrigin::Created),
        schema_version: None,
        schema_target: None,
        collections: BTreeMap::new(),
        data_loss: None,
        facts: OrganizationFacts {
            display_name: "A measured hospital".to_owned(),
            plan: Plan::Professional,
            monthly_price_usd: Plan::Professional.monthly_price_usd(),
            status: Phase::Provisioning,
            users: 0,
            user_limit: Plan::Professional.user_limit(),
        },
        claimed_at: DateTime::now(),
        provisioned_at: None,
        retained_at: None,
        left_behind: None,
        organization_id,
    }
}
