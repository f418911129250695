//! The indexes of the master database: each component says which its documents need.

use mongodb::IndexModel;

use crate::{
    access::{memberships, platform_users, sessions, sign_in::soft_lock},
    data::{master::Store, platform_audit},
    http::idempotency,
    subscription::{
        payments::{self, ledger},
        signups,
    },
};

/// The indexes of one collection.
#[must_use]
pub fn of(store: Store) -> Vec<IndexModel> {
    match store {
        // Read by its key, or in the order of its key; the operator makes its indexes.
        Store::Organizations | Store::AuditAnchors | Store::TestCharges => Vec::new(),
        Store::OrganizationUsers => [memberships::indexes(), platform_users::indexes()].concat(),
        Store::Sessions => sessions::indexes(),
        Store::Signups => signups::indexes(),
        Store::Payments => ledger::indexes(),
        Store::PaymentEvents => payments::indexes_of_events(),
        Store::Idempotency => idempotency::indexes(),
        Store::LoginAttempts => soft_lock::indexes(),
        Store::AuditLogs => platform_audit::indexes(),
    }
}
