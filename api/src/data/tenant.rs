//! The only door to a hospital's data.
//!
//! A [`Tenant`] is had from [`Tenants::open`] alone, which logs in to MongoDB with what stands in that hospital's own Secret.
//! So a request cannot reach another hospital's data, whatever its handler asks for: MongoDB itself refuses (code 13).
//!
//! There are three ways through the door. [`Tenant::read`] reads. [`Tenant::read_patients`] reads what is a patient's and
//! answers only after the reading stands in the audit log. [`Tenant::change`] runs a transaction that holds the change
//! together with its audit entry: neither is ever there without the other.

mod abandoned;
pub mod appointments;
mod bounds;
mod chain;
mod connection;
pub mod patients;
pub mod pharmacy;
pub mod settings;
mod tenants;
mod transaction;
pub mod users;
mod words;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chakravue_crds::organization_id::OrganizationId;
use futures::future::BoxFuture;
use mongodb::{
    Collection, Database,
    options::{Collation, CollationStrength},
};
use tokio::time::Instant;

pub use self::{bounds::TenantSettings, chain::noted, tenants::Tenants, transaction::Transaction};
use self::{chain::Chain, connection::Connection};
use crate::{
    data::{
        audit::{Actor, Entry, Recorded},
        database_error,
    },
    http::{
        problem::{Answer, Kind, Problem},
        request_id,
    },
};

/// How long a request waits for new credentials to work, in a rotation: a deleted Secret comes back in a moment, and MongoDB
/// hears of its password a moment later.
const ROTATION: Duration = Duration::from_secs(5);

/// How long one piece of work on a hospital's database may take. MongoDB may say that it is there and answer nothing else, as
/// where its disk hangs: whoever waits is told, and nobody waits behind them for ever.
const TURN: Duration = Duration::from_secs(15);

/// A collection of a hospital's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Records {
    Users,
    Patients,
    Appointments,
    Pharmacy,
    Settings,
    AuditLogs,
}

impl Records {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => chakravue_crds::tenant_schema::USERS,
            Self::Patients => "patients",
            Self::Appointments => "appointments",
            Self::Pharmacy => "pharmacy",
            Self::Settings => "settings",
            Self::AuditLogs => "audit_logs",
        }
    }
}

/// Why work on a hospital's database ended early. The two are told apart because credentials may have been rotated.
#[derive(Debug)]
pub enum Fault {
    Database(mongodb::error::Error),
    Problem(Problem),
}

impl From<mongodb::error::Error> for Fault {
    fn from(error: mongodb::error::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Database(error) => error.into(),
            Fault::Problem(problem) => problem,
        }
    }
}

/// An id for a new record: `prefix_` and a ULID, so that ids sort by the time at which they were made.
#[must_use]
pub fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", ulid::Ulid::generate().to_string().to_ascii_lowercase())
}

/// The collation of the case-insensitive indexes: a query uses such an index only if it names the same.
#[must_use]
pub fn ignoring_case() -> Collation {
    Collation::builder().locale("en").strength(CollationStrength::Secondary).build()
}

/// A hospital's database, logged in as the hospital.
#[derive(Clone, Debug)]
pub struct TenantDatabase(Database);

impl TenantDatabase {
    #[must_use]
    pub fn collection<T: Send + Sync>(&self, records: Records) -> Collection<T> {
        self.0.collection(records.name())
    }
}

/// One hospital's data.
#[derive(Clone, Debug)]
pub struct Tenant(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    organization_id: OrganizationId,
    tenants: Tenants,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    chain: Chain,
}

impl Tenant {
    fn new(organization_id: OrganizationId, tenants: Tenants) -> Self {
        Self(Arc::new(Inner {
            organization_id,
            tenants,
            connection: tokio::sync::Mutex::new(None),
            chain: Chain::default(),
        }))
    }

    #[must_use]
    pub fn organization_id(&self) -> &OrganizationId {
        &self.0.organization_id
    }

    /// Reads. `work` may be run again after a rotation of the credentials.
    ///
    /// # Errors
    /// What `work` answers, or that the hospital cannot be reached.
    pub async fn read<T, F, W>(&self, work: F) -> Answer<T>
    where
        F: Fn(TenantDatabase) -> W,
        W: Future<Output = Result<T, Fault>>,
    {
        self.in_turn(self.connected(|connection| work(TenantDatabase(connection.database().clone())))).await?
    }

    /// Reads what is a patient's. The entry stands in the audit log before the answer goes out.
    ///
    /// # Errors
    /// What `work` answers, that the hospital cannot be reached, or that the log cannot be written.
    pub async fn read_patients<T, F, W>(&self, actor: &Actor, work: F) -> Answer<T>
    where
        F: Fn(TenantDatabase) -> W,
        W: Future<Output = Result<Recorded<T>, Fault>>,
    {
        let Recorded { entry, value } = self.read(work).await?;
        if let Some(entry) = entry {
            self.record(actor, entry).await?;
        }
        Ok(value)
    }

    /// Writes an entry that goes with no change of data, such as a refused sign-in.
    ///
    /// # Errors
    /// When the log cannot be written.
    #[must_use]
    pub fn record(&self, actor: &Actor, entry: Entry) -> BoxFuture<'static, Answer<()>> {
        let (tenant, record) = (self.clone(), actor.recording(entry, self.0.tenants.clock()));
        // In a task of its own: a client that goes away must not leave a batch half-written that others wait for.
        spawned(async move { tenant.0.chain.append(&tenant, record).await })
    }

    /// Changes data. The writes and their audit entry are one transaction; `work` is run again as a whole when another
    /// change came between, so it must do nothing outside of the transaction. All changes of one hospital happen one
    /// after another, so what `work` counts stays true until its writes are in.
    ///
    /// The work goes on although the client has gone away, but nothing is committed after it was told that it took too long.
    ///
    /// # Errors
    /// What `work` answers, with nothing changed; or that the hospital cannot be reached.
    pub async fn change<T, F, W>(&self, actor: &Actor, work: F) -> Answer<T>
    where
        T: Send + 'static,
        F: Fn(Transaction) -> W + Send + Sync + 'static,
        W: Future<Output = Result<Recorded<T>, Fault>> + Send + 'static,
    {
        let (tenant, actor) = (self.clone(), actor.clone());
        // What the attempt that is committed answers; so the transaction itself need not know its type.
        let answer = Arc::new(Mutex::new(None));
        let slot = answer.clone();
        let work = move |transaction| -> BoxFuture<'static, Result<Option<Entry>, Fault>> {
            let (done, slot) = (work(transaction), slot.clone());
            Box::pin(async move {
                let Recorded { entry, value } = done.await?;
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
                Ok(entry)
            })
        };
        spawned(async move { transaction::run(&tenant, &actor, &work).await }).await?;
        let answered = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answered.ok_or_else(Problem::internal)
    }

    /// Does `work`, if it takes no longer than its turn.
    async fn in_turn<T>(&self, work: impl Future<Output = T>) -> Answer<T> {
        tokio::time::timeout(TURN, work).await.map_err(|_| {
            let organization = self.0.organization_id.as_str();
            tracing::warn!(organization, seconds = TURN.as_secs(), "MongoDB does not do a hospital's work in time");
            Problem::database_away()
        })
    }

    /// Runs `work` with a connection, again while the fault may be that of a rotation of the credentials.
    async fn connected<T, F, W>(&self, work: F) -> Answer<T>
    where
        F: Fn(Arc<Connection>) -> W,
        W: Future<Output = Result<T, Fault>>,
    {
        let mut rotation = Rotation::default();
        let mut refused = None;
        loop {
            let connection = match self.connection(refused.as_ref()).await {
                Ok(connection) => connection,
                // The Secret was deleted, or spoilt: the operator is about to put it right.
                Err(problem) if problem.kind() == Kind::DatabaseUnavailable => {
                    rotation.pause().await.map_err(|Over| problem)?;
                    continue;
                }
                Err(problem) => return Err(problem),
            };
            if refused.as_ref().is_some_and(|refused| connection.same_credentials(refused)) {
                // MongoDB has not heard of the new password yet, or is just being given back its rights.
                rotation.pause().await.map_err(|Over| self.refused())?;
            }
            match work(connection.clone()).await {
                Ok(value) => return Ok(value),
                Err(Fault::Database(error)) if database_error::is_refused(&error) => {
                    // Suspended in the meantime, or deleted? Then this says so.
                    self.0.tenants.usable(&self.0.organization_id)?;
                    refused = Some(connection);
                }
                // The refusal met another request: the driver gives up all that wait for a connection with it.
                Err(Fault::Database(error)) if database_error::is_pool_cleared(&error) => {
                    rotation.pause().await.map_err(|Over| error)?;
                }
                Err(fault) => return Err(fault.into()),
            }
        }
    }

    fn refused(&self) -> Problem {
        tracing::error!(organization = %self.0.organization_id.as_str(), "MongoDB refuses the hospital's credentials");
        let detail = "The hospital's database does not accept its credentials at the moment. Try again.";
        Problem::new(Kind::DatabaseUnavailable, detail).retry_after(Duration::from_secs(5))
    }

    /// The present connection, or a new one in place of the `refused`. Only one request makes it; the others wait for it.
    fn connection<'a>(&'a self, refused: Option<&'a Arc<Connection>>) -> BoxFuture<'a, Answer<Arc<Connection>>> {
        Box::pin(async move {
            let mut slot = self.0.connection.lock().await;
            if let Some(present) = slot.as_ref()
                && refused.is_none_or(|refused| !Arc::ptr_eq(refused, present))
            {
                return Ok(present.clone());
            }
            let fresh = Arc::new(self.0.tenants.connect(&self.0.organization_id).await?);
            tracing::debug!(organization = self.0.organization_id.as_str(), "connecting to the hospital's database");
            *slot = Some(fresh.clone());
            Ok(fresh)
        })
    }
}

/// A rotation of the credentials that a request may have run into.
#[derive(Debug)]
struct Rotation {
    deadline: Instant,
    wait: Duration,
}

impl Default for Rotation {
    fn default() -> Self {
        Self { deadline: Instant::now() + ROTATION, wait: Duration::from_millis(25) }
    }
}

/// The rotation has taken too long to be one.
struct Over;

impl Rotation {
    /// Waits a little, and longer each time.
    async fn pause(&mut self) -> Result<(), Over> {
        if Instant::now() + self.wait > self.deadline {
            return Err(Over);
        }
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(Duration::from_millis(400));
        Ok(())
    }
}

/// Runs `work` to its end, whether or not anybody still waits for it: the driver does not like to be dropped half-way.
fn spawned(work: impl Future<Output = Answer<()>> + Send + 'static) -> BoxFuture<'static, Answer<()>> {
    let task = tokio::spawn(request_id::carried(tracing::Instrument::in_current_span(work)));
    Box::pin(async move { task.await.unwrap_or_else(|_| Err(Problem::internal())) })
}
