//! The database role and the database user of a tenant. Both live in the tenant's own database, so the role cannot
//! name any other; its rights are listed collection by collection, so the user can make no seventh one.

use base64::Engine as _;
use chakravue_crds::{
    conditions::events,
    naming::{DatabaseName, TENANT_ROLE, tenant_user},
    organization::Subscription,
    tenant_schema::TENANT_SCHEMA,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use mongodb::bson::{Bson, Document, doc};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::{context::Context, error::Result, events::Change, tenant::Tenant};

/// The strongest mechanism, alone: each one costs the server time at every change of a password.
const MECHANISM: &str = "SCRAM-SHA-256";

/// What MongoDB has.
#[derive(Debug, Default)]
pub struct Found {
    role: Option<Document>,
    user: Option<Document>,
}

pub async fn find(context: &Context, database: &DatabaseName) -> Result<Found> {
    let name = database.as_str();
    let role = context.mongo.read(
        name,
        doc! { "rolesInfo": { "role": TENANT_ROLE, "db": name }, "showPrivileges": true },
        "look at the database role",
    );
    let user = context.mongo.read(
        name,
        doc! { "usersInfo": { "user": tenant_user(database), "db": name }, "showCredentials": true },
        "look at the database user",
    );
    let (role, user) = tokio::try_join!(role, user)?;
    let first = |answer: &Document, list: &str| {
        answer.get_array(list).ok().and_then(|found| found.first()).and_then(Bson::as_document).cloned()
    };
    Ok(Found { role: first(&role, "roles"), user: first(&user, "users") })
}

pub async fn ensure_role(context: &Context, tenant: &Tenant, found: &Found) -> Result<()> {
    let privileges = privileges(&tenant.database);
    let command = match &found.role {
        Some(role) if role_is_as_desired(role, &privileges) => return Ok(()),
        Some(_) => doc! { "updateRole": TENANT_ROLE, "privileges": privileges, "roles": [] },
        None => doc! { "createRole": TENANT_ROLE, "privileges": privileges, "roles": [] },
    };
    context.mongo.write(tenant.database.as_str(), command, "set the rights of the database role").await?;
    Ok(())
}

/// Makes sure that the user exists, has the Secret's password, and has the role exactly while the subscription is active.
pub async fn ensure_user(
    context: &Context,
    tenant: &Tenant,
    organization_id: &str,
    password: &SecretString,
    found: &Found,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let database = tenant.database.as_str();
    let user = tenant_user(&tenant.database);
    let roles: Vec<Bson> = match tenant.subscription {
        Subscription::Active => vec![doc! { "role": TENANT_ROLE, "db": database }.into()],
        // Emptied roles take effect on the next command of every open connection, and give access back the same way.
        Subscription::Suspended | Subscription::PendingPayment => Vec::new(),
    };
    let custom_data = doc! { "organization_id": organization_id };

    let Some(existing) = &found.user else {
        let command = doc! {
            "createUser": user,
            "pwd": password.expose_secret(),
            "roles": &roles,
            "mechanisms": [MECHANISM],
            "customData": custom_data,
        };
        context.mongo.write(database, command, "create the database user").await?;
        changes.push(Change::new(events::ACCESS_GRANTED, format!("Created user {user} of database {database}")));
        return Ok(());
    };

    let mut update = doc! { "updateUser": user };
    let had_roles = existing.get_array("roles").cloned().unwrap_or_default();
    if !same_roles(&had_roles, &roles) {
        update.insert("roles", &roles);
        let (reason, note) = if roles.is_empty() {
            (events::ACCESS_REVOKED, format!("Took the rights of user {user} away; the data stays"))
        } else {
            (events::ACCESS_GRANTED, format!("Gave user {user} its rights on database {database}"))
        };
        changes.push(Change::new(reason, note));
    }
    if !context.verified.password_is(&tenant.owner.uid, existing, password) {
        update.insert("pwd", password.expose_secret());
        update.insert("mechanisms", [MECHANISM]);
        changes.push(Change::new(
            events::CREDENTIALS_REPAIRED,
            format!("Gave user {user} the password of Secret {}", tenant.secret_name),
        ));
    }
    if existing.get_document("customData").ok() != Some(&custom_data) {
        update.insert("customData", custom_data);
    }
    if update.len() > 1 {
        context.mongo.write(database, update, "mend the database user").await?;
    }
    Ok(())
}

/// Removes the tenant's user and role; what is not there counts as removed.
pub async fn remove(context: &Context, database: &DatabaseName) -> Result<()> {
    let found = find(context, database).await?;
    if found.user.is_some() {
        let command = doc! { "dropUser": tenant_user(database) };
        context.mongo.write(database.as_str(), command, "remove the database user").await?;
    }
    if found.role.is_some() {
        let command = doc! { "dropRole": TENANT_ROLE };
        context.mongo.write(database.as_str(), command, "remove the database role").await?;
    }
    Ok(())
}

fn privileges(database: &DatabaseName) -> Vec<Bson> {
    TENANT_SCHEMA
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
    let canonical = |roles: &[Bson]| {
        let mut names: Vec<_> = roles
            .iter()
            .filter_map(Bson::as_document)
            .map(|role| {
                (role.get_str("db").unwrap_or_default().to_owned(), role.get_str("role").unwrap_or_default().to_owned())
            })
            .collect();
        names.sort_unstable();
        names
    };
    canonical(found) == canonical(desired)
}

/// Remembers which stored credentials were found to belong to which password, because the proof costs thousands of
/// hash rounds and a healthy fleet would otherwise pay them at every look.
#[derive(Default)]
pub struct Verified(std::sync::Mutex<std::collections::HashMap<String, [u8; 32]>>);

impl Verified {
    /// Whether the credentials that MongoDB stores for a user are those of `password`, without logging in.
    fn password_is(&self, uid: &str, user: &Document, password: &SecretString) -> bool {
        let Ok(stored) = user.get_document("credentials").and_then(|c| c.get_document(MECHANISM)) else {
            return false;
        };
        if user.get_array("mechanisms").is_ok_and(|m| m.len() != 1) {
            return false;
        }
        let mut fingerprint = Sha256::new();
        fingerprint.update(password.expose_secret());
        fingerprint.update(stored.get_str("salt").unwrap_or_default());
        fingerprint.update(stored.get_str("storedKey").unwrap_or_default());
        let fingerprint: [u8; 32] = fingerprint.finalize().into();

        let known = |map: &std::collections::HashMap<_, _>| map.get(uid) == Some(&fingerprint);
        if self.0.lock().is_ok_and(|map| known(&map)) {
            return true;
        }
        let proven = stored_key(stored, password.expose_secret())
            .is_some_and(|key| stored.get_str("storedKey").is_ok_and(|known| known == key));
        if proven && let Ok(mut map) = self.0.lock() {
            map.insert(uid.to_owned(), fingerprint);
        }
        proven
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        if let Ok(mut map) = self.0.lock() {
            map.remove(uid);
        }
    }
}

/// RFC 5802: `StoredKey = H(HMAC(Hi(password, salt, iterations), "Client Key"))`. Generated passwords are ASCII, so
/// `SASLprep` changes nothing.
fn stored_key(stored: &Document, password: &str) -> Option<String> {
    let base64 = &base64::engine::general_purpose::STANDARD;
    let salt = base64.decode(stored.get_str("salt").ok()?).ok()?;
    let iterations = u32::try_from(stored.get_i32("iterationCount").ok()?).ok()?;
    let mut salted = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut salted);
    let mut client_key = Hmac::<Sha256>::new_from_slice(&salted).ok()?;
    client_key.update(b"Client Key");
    Some(base64.encode(Sha256::digest(client_key.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_key_is_that_of_the_rfc_7677_example() {
        // RFC 7677 §3: password "pencil"; its stored key, computed once with another implementation.
        let stored = doc! { "salt": "W22ZaJ0SNY7soEsUEjb6gQ==", "iterationCount": 4096 };
        assert_eq!(stored_key(&stored, "pencil").unwrap(), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
        assert_ne!(stored_key(&stored, "pencils").unwrap(), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
    }

    #[test]
    fn garbage_credentials_prove_nothing() {
        for stored in [doc! {}, doc! { "salt": "!", "iterationCount": 1 }, doc! { "salt": "", "iterationCount": -1 }] {
            assert_eq!(stored_key(&stored, "x"), None);
        }
    }

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
