//! Everybody who can sign in, wherever they live: staff in their hospital's database, platform administrators in the
//! master database. Sign-in, invitations and passwords are the same for both from here on.

use std::sync::Arc;

use bson::{Document, doc};
use chakravue_crds::{HospitalOrganization, organization_id::OrganizationId, roles::StaffRole};
use futures::FutureExt as _;
use mongodb::ClientSession;

use crate::{
    access::{
        identity::PLATFORM_ADMINISTRATOR,
        links::{self, Issued, Purpose},
        platform_users::{PlatformUser, PlatformUsers},
        sessions::{Principal, Sessions},
        tokens::{Home, TokenHash},
    },
    data::{
        audit::{Actor, Entry, Recorded},
        platform_audit::{PlatformAudit, change::Work},
        tenant::{
            Fault, Records, Tenant,
            users::{Link, User, UserStatus},
        },
    },
    http::{
        problem::{Answer, Kind, Problem},
        request_id,
    },
    program::clock::Clock,
    state::AppState,
};

/// Somebody who can sign in, or will be able to.
#[derive(Clone, Debug)]
pub struct Account {
    pub principal: Principal,
    pub email: String,
    pub name: Option<String>,
    pub status: UserStatus,
    pub password_hash: Option<String>,
    pub invitation: Option<Link>,
    pub password_reset: Option<Link>,
}

impl Account {
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.principal.user_id()
    }

    /// The role in a hospital; platform administrators have none.
    #[must_use]
    pub fn role(&self) -> Option<StaffRole> {
        match &self.principal {
            Principal::Staff { role, .. } => Some(*role),
            Principal::PlatformAdministrator { .. } => None,
        }
    }

    /// The role as answers and audit entries name it.
    #[must_use]
    pub fn role_name(&self) -> &'static str {
        self.role().map_or(PLATFORM_ADMINISTRATOR, StaffRole::name)
    }

    /// The hash that a password is checked against. Whoever is invited or disabled has none.
    #[must_use]
    pub fn usable_password(&self) -> Option<&str> {
        self.password_hash.as_deref().filter(|_| self.status == UserStatus::Active)
    }

    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor { id: self.user_id().to_owned(), role: self.role_name().to_owned(), request_id: request_id::current() }
    }

    fn of_platform(user: PlatformUser) -> Self {
        Self {
            principal: Principal::PlatformAdministrator { user_id: user.user_id },
            email: user.email,
            name: user.name,
            status: user.status,
            password_hash: user.password_hash,
            invitation: user.invitation,
            password_reset: user.password_reset,
        }
    }
}

/// The place where accounts live, opened.
#[derive(Clone)]
pub enum Accounts {
    Hospital { tenant: Tenant, hospital: Arc<HospitalOrganization> },
    Platform { users: PlatformUsers, audit: PlatformAudit },
}

impl Accounts {
    /// # Errors
    /// When the hospital is not there, not ready or suspended.
    pub async fn open(app: &AppState, home: &Home) -> Answer<Self> {
        match home {
            Home::Hospital(id) => {
                let tenant = app.tenants.open(id).await?;
                Ok(Self::Hospital { tenant, hospital: app.hospitals.find(id)? })
            }
            Home::Platform => {
                Ok(Self::Platform { users: app.platform_users.clone(), audit: app.platform_audit.clone() })
            }
        }
    }

    /// The same where nobody may learn whether the hospital is there and usable.
    ///
    /// # Errors
    /// When a database is away.
    pub async fn open_quietly(app: &AppState, home: &Home) -> Answer<Option<Self>> {
        match Self::open(app, home).await {
            Ok(accounts) => Ok(Some(accounts)),
            Err(problem) if is_about_the_hospital(&problem) => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// The same for whoever has a link, which says where it leads: a hospital that is not there any more has no links.
    ///
    /// # Errors
    /// When the hospital cannot be used now.
    pub async fn open_for_link(app: &AppState, home: &Home) -> Answer<Self> {
        Self::open(app, home).await.map_err(|problem| match problem.kind() {
            Kind::NotFound => links::unusable(),
            _ => problem,
        })
    }

    #[must_use]
    pub fn hospital(&self) -> Option<&Arc<HospitalOrganization>> {
        match self {
            Self::Hospital { hospital, .. } => Some(hospital),
            Self::Platform { .. } => None,
        }
    }

    /// The hospital's name as people read it.
    #[must_use]
    pub fn hospital_name(&self) -> Option<&str> {
        self.hospital().map(|hospital| hospital.spec.display_name.as_str())
    }

    #[must_use]
    pub fn home(&self) -> Home {
        match self {
            Self::Hospital { tenant, .. } => Home::Hospital(tenant.organization_id().clone()),
            Self::Platform { .. } => Home::Platform,
        }
    }

    /// # Errors
    /// When the database is away.
    pub async fn find_by_email(&self, email: &str) -> Answer<Option<Account>> {
        match self {
            Self::Hospital { tenant, .. } => {
                let found = User::find_by_email(tenant, email).await?;
                Ok(found.map(|user| of_staff(tenant, user)))
            }
            Self::Platform { users, .. } => Ok(users.find_by_email(email).await?.map(Account::of_platform)),
        }
    }

    /// # Errors
    /// When the database is away.
    pub async fn find(&self, user_id: &str) -> Answer<Option<Account>> {
        self.find_where(doc! { "_id": user_id }).await
    }

    /// Whose link it is. It may have expired.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn find_by_link(&self, purpose: Purpose, token: &str) -> Answer<Option<Account>> {
        self.find_where(having_link(purpose, token)).await
    }

    async fn find_where(&self, filter: Document) -> Answer<Option<Account>> {
        match self {
            Self::Hospital { tenant, .. } => {
                let found = tenant
                    .read(move |db| {
                        let filter = filter.clone();
                        async move { Ok(db.collection::<User>(Records::Users).find_one(filter).await?) }
                    })
                    .await?;
                Ok(found.map(|user| of_staff(tenant, user)))
            }
            Self::Platform { users, .. } => Ok(users.find(filter).await?.map(Account::of_platform)),
        }
    }

    /// Changes the account that matches, together with its audit entry, and answers it as it is afterwards. Its sessions
    /// end where `sessions` is given.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn change(
        &self,
        actor: &Actor,
        filter: Document,
        update: Document,
        entry: Entry,
        sessions: Option<&Sessions>,
    ) -> Answer<Option<Account>> {
        match self {
            Self::Hospital { tenant, .. } => {
                let (sessions, organization) = (sessions.cloned(), tenant.organization_id().clone());
                let changed = tenant
                    .change(actor, move |tx| {
                        let (filter, update, entry) = (filter.clone(), versioned(update.clone()), entry.clone());
                        let (sessions, organization) = (sessions.clone(), organization.clone());
                        async move {
                            let Some(user) = tx.update::<User>(Records::Users, filter, update).await? else {
                                return Ok(Recorded::nothing(None));
                            };
                            if let Some(sessions) = sessions {
                                end_sessions(&sessions, &organization, &user.user_id).await?;
                            }
                            Ok(entry.answering(Some(user)))
                        }
                    })
                    .await?;
                Ok(changed.map(|user| of_staff(tenant, user)))
            }
            Self::Platform { users, audit } => {
                let work: Work<'_, Account> = &|session: &mut ClientSession| {
                    let (users, filter, update) = (users.clone(), filter.clone(), update.clone());
                    let (sessions, entry) = (sessions.cloned(), entry.clone());
                    async move {
                        let Some(user) = users.update_in(session, filter, update).await? else { return Ok(None) };
                        let account = Account::of_platform(user);
                        // As of a member of a hospital: see `end_sessions`.
                        if let Some(sessions) = sessions {
                            sessions.end_of_user(&account.principal, None).await?;
                        }
                        Ok(Some((account, entry)))
                    }
                    .boxed()
                };
                audit.change(actor, work).await
            }
        }
    }

    /// Gives an account a new link. An earlier one is worth nothing any more.
    ///
    /// # Errors
    /// When the account is not one that such a link is for.
    pub async fn issue(&self, clock: &Clock, actor: &Actor, account: &Account, purpose: Purpose) -> Answer<Issued> {
        let issued = Issued::new(purpose, &self.home(), clock)?;
        let (status, action, refusal) = match purpose {
            Purpose::Invitation => {
                ("invited", "user.invite", "The user has accepted already, or is disabled. There is nothing to accept.")
            }
            Purpose::PasswordReset => {
                ("active", "user.reset_password", "The user has no password yet, or is disabled. Send an invitation.")
            }
        };
        let filter = doc! { "_id": account.user_id(), "status": status };
        let update = doc! { "$set": { purpose.field(): issued.document(), "updated_at": clock.now_bson() } };
        let entry = Entry::new(action).target("user", account.user_id());
        match self.change(actor, filter, update, entry, None).await? {
            Some(_) => Ok(issued),
            None => Err(Problem::new(Kind::Conflict, refusal)),
        }
    }

    /// Notes a sign-in, if the account still has the password that was checked and the same role. Answers `false` if not:
    /// it was changed meanwhile.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn note_sign_in(&self, account: &Account, at: bson::DateTime) -> Answer<bool> {
        let mut filter = doc! {
            "_id": account.user_id(),
            "status": "active",
            "password_hash": account.password_hash.as_deref(),
        };
        if let Some(role) = account.role() {
            filter.insert("role", role.name());
        }
        let update = doc! { "$set": { "last_login": at } };
        match self {
            Self::Hospital { tenant, .. } => {
                // No change of the record that anybody edits, so it has no version and waits for no transaction. The
                // sign-in itself stands in the audit log.
                tenant
                    .read(move |db| {
                        let (filter, update) = (filter.clone(), update.clone());
                        async move {
                            let users = db.collection::<User>(Records::Users);
                            Ok(users.update_one(filter, update).await?.matched_count > 0)
                        }
                    })
                    .await
            }
            Self::Platform { users, .. } => Ok(users.update(filter, update).await?.is_some()),
        }
    }

    /// Writes an audit entry that goes with no change.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub async fn record(&self, actor: &Actor, entry: Entry) -> Answer<()> {
        match self {
            Self::Hospital { tenant, .. } => tenant.record(actor, entry).await,
            Self::Platform { audit, .. } => audit.record(actor, entry).await,
        }
    }
}

/// Ends a member's sessions inside the transaction that takes away what they rest on, after the user's document was
/// written: a sign-in that looked at the document before has its session by now, and one that looks later waits for the
/// transaction and finds the change. If the transaction fails, somebody has to sign in again, which is no harm.
///
/// # Errors
/// When the master database is away.
pub async fn end_sessions(sessions: &Sessions, organization: &OrganizationId, user_id: &str) -> Result<(), Fault> {
    Ok(sessions.end_of_member(organization, user_id).await?)
}

/// Matches the account that a link was made for.
#[must_use]
pub fn having_link(purpose: Purpose, token: &str) -> Document {
    doc! { format!("{}.token_hash", purpose.field()): &TokenHash::of(token) }
}

fn of_staff(tenant: &Tenant, user: User) -> Account {
    Account {
        principal: Principal::Staff {
            organization_id: tenant.organization_id().clone(),
            user_id: user.user_id,
            role: user.role,
        },
        email: user.email,
        name: user.name,
        status: user.status,
        password_hash: user.password_hash,
        invitation: user.invitation,
        password_reset: user.password_reset,
    }
}

/// The same update, counted as a change of the record.
fn versioned(mut update: Document) -> Document {
    update.insert("$inc", doc! { "version": 1_i64 });
    update
}

/// Whether a hospital cannot be used, which is nobody's fault and nobody's business.
fn is_about_the_hospital(problem: &Problem) -> bool {
    matches!(problem.kind(), Kind::NotFound | Kind::HospitalNotReady | Kind::SubscriptionSuspended)
}
