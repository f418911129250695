//! The platform's own database: who may sign in where, sessions, signups, payments. It never holds patient data, and the
//! API's MongoDB user reaches nothing else; see [`role`].
//!
//! Each kind of document is declared by the component that owns it, which says by [`Record`] where it is kept.

pub mod role;
mod standing;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use anyhow::Context as _;
use bson::{Document, doc};
use chakravue_crds::master::{ORGANIZATIONS, OrganizationRecord};
use futures::future::try_join_all;
use mongodb::{
    Client, Database, IndexModel,
    options::{ClientOptions, IndexOptions, ReadPreference, Tls, WriteConcern},
};
use secrecy::{ExposeSecret as _, SecretString};

use self::standing::Standing;
pub use self::standing::Unusable;
use crate::data::timed::{TimedCollection, within};

/// A collection of the master database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// The operator's: claims and the read model.
    Organizations,
    /// Platform administrators, and at which hospital an e-mail address is known.
    OrganizationUsers,
    Sessions,
    Signups,
    Payments,
    /// Events of the payment provider that were taken in.
    PaymentEvents,
    /// The books of the provider for test cards.
    TestCharges,
    Idempotency,
    LoginAttempts,
    AuditLogs,
    /// How far each audit log had come, so that a log cut off at its end is noticed.
    AuditAnchors,
}

/// A kind of document, and where it is kept.
pub trait Record: Send + Sync {
    const STORE: Store;
}

impl Record for OrganizationRecord {
    const STORE: Store = Store::Organizations;
}

impl Store {
    pub const ALL: [Self; 11] = [
        Self::Organizations,
        Self::OrganizationUsers,
        Self::Sessions,
        Self::Signups,
        Self::Payments,
        Self::PaymentEvents,
        Self::TestCharges,
        Self::Idempotency,
        Self::LoginAttempts,
        Self::AuditLogs,
        Self::AuditAnchors,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Organizations => ORGANIZATIONS,
            Self::OrganizationUsers => "organization_users",
            Self::Sessions => "sessions",
            Self::Signups => "signups",
            Self::Payments => "payments",
            Self::PaymentEvents => "payment_events",
            Self::TestCharges => "test_charges",
            Self::Idempotency => "idempotency",
            Self::LoginAttempts => "login_attempts",
            Self::AuditLogs => "audit_logs",
            Self::AuditAnchors => "audit_anchors",
        }
    }

    /// What the API's MongoDB user may do with it, and why.
    pub(crate) fn rights(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::Organizations => (&["find"], "show hospitals and their state; only the operator writes them"),
            Self::AuditLogs => {
                (&["createIndex", "find", "insert"], "record what the platform did; nobody changes an entry")
            }
            Self::AuditAnchors => (&["find", "insert", "update"], "notice an audit log that was cut off"),
            Self::OrganizationUsers => (READ_AND_WRITE, "find the account that an e-mail address belongs to"),
            Self::Sessions => (READ_AND_WRITE, "start and end sessions"),
            Self::Signups => (READ_AND_WRITE, "reserve a hospital's name while it signs up"),
            Self::Payments => (READ_AND_WRITE, "keep the ledger"),
            Self::PaymentEvents => (READ_AND_WRITE, "take each event of the payment provider once"),
            Self::TestCharges => (&["find", "insert", "update"], "remember what became of charges to test cards"),
            Self::Idempotency => (READ_AND_WRITE, "answer a repeated request as the first time"),
            Self::LoginAttempts => (READ_AND_WRITE, "slow down guessing"),
        }
    }
}

/// How long the indexes of one collection may take to be made, also of a large one.
const INDEXES: Duration = Duration::from_mins(10);

const READ_AND_WRITE: &[&str] = &["createIndex", "find", "insert", "remove", "update"];

#[must_use]
pub fn index(name: &str, keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).options(IndexOptions::builder().name(name.to_owned()).build()).build()
}

#[must_use]
pub fn unique(name: &str, keys: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// Unique among the documents that match `filter`.
#[must_use]
pub fn unique_where(name: &str, keys: Document, filter: Document) -> IndexModel {
    let options = IndexOptions::builder().name(name.to_owned()).unique(true).partial_filter_expression(filter).build();
    IndexModel::builder().keys(keys).options(options).build()
}

/// MongoDB removes a document some time after its `expires_at`.
#[must_use]
pub fn expiring() -> IndexModel {
    let options = IndexOptions::builder().name("expiry".to_owned()).expire_after(Duration::ZERO).build();
    IndexModel::builder().keys(doc! { "expires_at": 1 }).options(options).build()
}

/// What is acknowledged outlasts a failover, and what is asked is what holds now: whatever the URI or the cluster's defaults
/// say, which are weaker where a replica set has arbiters.
pub fn make_durable(options: &mut ClientOptions) {
    options.write_concern = Some(WriteConcern::majority());
    options.selection_criteria = Some(ReadPreference::Primary.into());
}

/// A connection to the master database.
#[derive(Clone, Debug)]
pub struct Master {
    database: Database,
    standing: Arc<Standing>,
    certificate_authority: Option<PathBuf>,
}

impl Master {
    /// Connects lazily: a MongoDB that is away is told by [`Master::usable`], not here. `indexes` are those that each
    /// collection needs.
    ///
    /// # Errors
    /// When the URI cannot be understood.
    pub async fn new(
        uri: &SecretString,
        database: &str,
        indexes: fn(Store) -> Vec<IndexModel>,
    ) -> anyhow::Result<Self> {
        let mut options = ClientOptions::parse(uri.expose_secret()).await.context("the MongoDB URI cannot be used")?;
        options.app_name = Some("chakravue-api".to_owned());
        options.server_selection_timeout = options.server_selection_timeout.or(Some(Duration::from_secs(3)));
        options.connect_timeout = Some(Duration::from_secs(3));
        options.max_pool_size = options.max_pool_size.or(Some(64));
        make_durable(&mut options);
        let certificate_authority = match &options.tls {
            Some(Tls::Enabled(tls)) => tls.ca_file_path.clone(),
            _ => None,
        };
        let client = Client::with_options(options).context("the MongoDB URI cannot be used")?;
        let standing = Arc::new(Standing::new(indexes));
        Ok(Self { database: client.database(database), standing, certificate_authority })
    }

    /// The file with the authority that MongoDB's certificate comes from, where it is none that everybody knows.
    #[must_use]
    pub fn certificate_authority(&self) -> Option<&Path> {
        self.certificate_authority.as_deref()
    }

    #[must_use]
    pub fn of<T: Record>(&self) -> TimedCollection<T> {
        self.database.collection(T::STORE.name()).into()
    }

    /// The collection without its type, for updates and counts.
    #[must_use]
    pub fn raw(&self, store: Store) -> TimedCollection<Document> {
        self.database.collection(store.name()).into()
    }

    /// Makes the indexes that are missing. Several replicas may do so at once.
    ///
    /// # Errors
    /// When MongoDB is away, or an index of the same name has other keys.
    pub async fn prepare(&self) -> mongodb::error::Result<()> {
        let prepare = Store::ALL.into_iter().map(async |store| {
            let indexes = (self.standing.indexes)(store);
            if !indexes.is_empty() {
                let collection = self.database.collection::<Document>(store.name());
                within(INDEXES, collection.create_indexes(indexes)).await?;
            }
            Ok::<_, mongodb::error::Error>(())
        });
        try_join_all(prepare).await?;
        self.standing.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether the indexes are there. What is counted, charged or reserved once is so by a unique index, so nothing may
    /// rely on one before.
    #[must_use]
    pub fn is_prepared(&self) -> bool {
        self.standing.prepared.load(Ordering::Acquire)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        self.database.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn no_uri_makes_what_is_acknowledged_less_than_durable_or_what_is_read_old() {
        let uri =
            "mongodb://mongodb.example/?w=1&journal=false&readPreference=secondaryPreferred&readConcernLevel=local";
        let mut options = ClientOptions::parse(uri).await.unwrap();
        make_durable(&mut options);
        assert_eq!(options.write_concern, Some(WriteConcern::majority()));
        assert_eq!(options.selection_criteria, Some(ReadPreference::Primary.into()));
        assert!(options.read_concern.is_some(), "it is the URI's");
    }
}
