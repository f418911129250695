//! What the role and the user of a tenant are to be, and whether what MongoDB has is so. Pure.

use chakravue_crds::{
    naming::{DatabaseName, TENANT_ROLE, tenant_user},
    organization::Subscription,
};
use mongodb::bson::{Bson, Document, doc};

use crate::{catalogue, tenant::Tenant};

/// Where MongoDB stores all users and all roles: in its database `admin`.
pub const STORED_USERS: &str = "system.users";
pub const STORED_ROLES: &str = "system.roles";

/// The id of a tenant's stored user.
pub fn stored_user(database: &DatabaseName) -> String {
    format!("{database}.{}", tenant_user(database))
}

/// The id of a tenant's stored role.
pub fn stored_role(database: &DatabaseName) -> String {
    format!("{database}.{TENANT_ROLE}")
}

/// What MongoDB has.
#[derive(Debug, Default)]
pub struct Found {
    pub(super) role: Option<Document>,
    pub(super) user: Option<Document>,
    /// The names of users that somebody else has made in the database, and restrictions of where its own may log in from.
    pub(super) others: Vec<String>,
}

impl Found {
    pub fn has_user(&self) -> bool {
        self.user.is_some()
    }

    pub fn user(&self) -> Option<&Document> {
        self.user.as_ref()
    }

    pub fn has_role(&self) -> bool {
        self.role.is_some()
    }

    /// Whose the user is, by what stands with it.
    pub fn organization(&self) -> Option<&str> {
        self.user.as_ref()?.get_document("customData").ok()?.get_str("organization_id").ok()
    }

    /// Who else can log in by the hospital's database. They may be meant, so they are told of and never touched.
    pub fn others(&self) -> &[String] {
        &self.others
    }
}

/// What the user should be, but for its password.
#[derive(Debug)]
pub struct UserFacts {
    pub(super) roles: Vec<Bson>,
    pub(super) custom_data: Document,
}

impl UserFacts {
    pub fn of(tenant: &Tenant, organization_id: &str) -> Self {
        let roles = match tenant.subscription {
            Subscription::Active => vec![doc! { "role": TENANT_ROLE, "db": tenant.database.as_str() }.into()],
            // Emptied roles take effect on the next command of every open connection, and give access back the same way.
            Subscription::Suspended | Subscription::PendingPayment => Vec::new(),
        };
        Self { roles, custom_data: doc! { "organization_id": organization_id } }
    }

    /// Whether a stored user is so.
    pub fn fit(&self, user: &Document) -> bool {
        self.roles_fit(user) && user.get_document("customData").ok() == Some(&self.custom_data)
    }

    pub(super) fn roles_fit(&self, user: &Document) -> bool {
        user.get_array("roles").map_or(self.roles.is_empty(), |roles| same_roles(roles, &self.roles))
    }
}

/// Whether a stored role gives a tenant exactly its rights.
pub fn role_is_right(role: &Document, database: &DatabaseName) -> bool {
    role_is_as_desired(role, &privileges(database))
}

/// What is to be done about the role.
pub fn role_step(found: &Found, database: &DatabaseName) -> Option<Document> {
    let privileges = privileges(database);
    match &found.role {
        Some(role) if role_is_as_desired(role, &privileges) => None,
        Some(_) => Some(doc! { "updateRole": TENANT_ROLE, "privileges": privileges, "roles": [] }),
        None => Some(doc! { "createRole": TENANT_ROLE, "privileges": privileges, "roles": [] }),
    }
}

fn privileges(database: &DatabaseName) -> Vec<Bson> {
    catalogue::current()
        .collections
        .iter()
        .map(|collection| {
            doc! {
                "resource": { "db": database.as_str(), "collection": collection.name },
                "actions": collection.access.actions(),
            }
            .into()
        })
        .collect()
}

/// Compares rights without regard to their order, which the server does not keep.
fn role_is_as_desired(role: &Document, desired: &[Bson]) -> bool {
    let inherits = role.get_array("roles").is_ok_and(|roles| !roles.is_empty());
    let found = role.get_array("privileges").map(|p| canonical_privileges(p)).unwrap_or_default();
    !inherits && found == canonical_privileges(desired)
}

fn canonical_privileges(privileges: &[Bson]) -> Vec<String> {
    let mut rows: Vec<String> = privileges
        .iter()
        .filter_map(Bson::as_document)
        .map(|privilege| {
            let mut actions: Vec<_> = privilege
                .get_array("actions")
                .map(|actions| actions.iter().filter_map(Bson::as_str).collect())
                .unwrap_or_default();
            actions.sort_unstable();
            let resource = privilege.get_document("resource").cloned().unwrap_or_default();
            let part = |name| resource.get_str(name).unwrap_or_default().to_owned();
            let other = resource.keys().filter(|key| *key != "db" && *key != "collection").count();
            format!("{}.{} {other} {actions:?}", part("db"), part("collection"))
        })
        .collect();
    rows.sort_unstable();
    rows
}

fn same_roles(found: &[Bson], desired: &[Bson]) -> bool {
    found.len() == desired.len()
        && found.iter().all(|role| desired.iter().any(|wanted| is_same_role(role, wanted)))
        && desired.iter().all(|wanted| found.iter().any(|role| is_same_role(role, wanted)))
}

pub(super) fn is_same_role(a: &Bson, b: &Bson) -> bool {
    let part = |role: &Bson, name| role.as_document().and_then(|role| role.get_str(name).ok()).map(str::to_owned);
    ["db", "role"].iter().all(|name| part(a, name).is_some() && part(a, name) == part(b, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_compared_without_order() {
        let database = DatabaseName::new("a").unwrap();
        let desired = privileges(&database);
        let mut shuffled = desired.clone();
        shuffled.reverse();
        let role = doc! { "privileges": shuffled, "roles": [] };
        assert!(role_is_as_desired(&role, &desired));
        let wider = doc! { "privileges": &desired, "roles": [{ "role": "readWrite", "db": "a" }] };
        assert!(!role_is_as_desired(&wider, &desired));
        let other = doc! { "privileges": privileges(&DatabaseName::new("b").unwrap()), "roles": [] };
        assert!(!role_is_as_desired(&other, &desired));
    }
}
