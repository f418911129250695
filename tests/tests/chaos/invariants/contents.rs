//! What MongoDB has of a hospital is what the catalogue says: collections, validators and indexes, the role's rights, and
//! one user. Compared here without the operator's own code.

use std::collections::{BTreeMap, BTreeSet};

use chakravue_crds::{
    HospitalOrganization,
    master::OrganizationRecord,
    naming::TENANT_ROLE,
    organization::Subscription,
    tenant_schema::{Collection, Index, TENANT_SCHEMA},
};
use futures::TryStreamExt as _;
use mongodb::{
    Database,
    bson::{Bson, Document, Uuid, doc},
};
use serde_json::{Value, json};

use super::{Truth, equal, said};
use crate::support::World;

pub async fn are_complete(world: &World, object: &HospitalOrganization, record: &OrganizationRecord) -> Truth {
    let handle = world.mongo.database(record.database_name.as_str());
    let cursor = handle.run_cursor_command(doc! { "listCollections": 1 }).await.map_err(said)?;
    let found: Vec<Document> = cursor.try_collect().await.map_err(said)?;
    let found: BTreeMap<&str, &Document> =
        found.iter().filter_map(|found| Some((found.get_str("name").ok()?, found))).collect();
    let wanted: BTreeSet<&str> = TENANT_SCHEMA.collections.iter().map(|collection| collection.name).collect();
    equal("collections", &found.keys().copied().collect(), &wanted)?;
    let mut ids = BTreeMap::new();
    for collection in &TENANT_SCHEMA.collections {
        let here = found[collection.name];
        is_validated(here, collection).map_err(|broken| format!("{}: {broken}", collection.name))?;
        is_indexed(&handle, collection).await.map_err(|broken| format!("{}: {broken}", collection.name))?;
        if let Some(Bson::Binary(id)) = here.get_document("info").ok().and_then(|info| info.get("uuid")) {
            ids.insert(collection.name.to_owned(), id.to_uuid().map_err(said)?);
        }
    }
    equal::<BTreeMap<String, Uuid>>("the collections that the claim remembers", &record.collections, &ids)?;
    has_its_role(&handle).await?;
    has_its_user(&handle, object, record).await
}

fn is_validated(found: &Document, collection: &Collection) -> Truth {
    equal("type", &found.get_str("type").ok(), &Some("collection"))?;
    let mut options = found.get_document("options").cloned().unwrap_or_default();
    for (default, value) in [("validationLevel", "strict"), ("validationAction", "error")] {
        let set = options.remove(default).unwrap_or_else(|| value.into());
        equal(default, &set, &value.into())?;
    }
    equal("options", &options, &doc! { "validator": &collection.validator })
}

async fn is_indexed(handle: &Database, collection: &Collection) -> Truth {
    let cursor = handle.run_cursor_command(doc! { "listIndexes": collection.name }).await.map_err(said)?;
    let found: Vec<Document> = cursor.try_collect().await.map_err(said)?;
    let found: BTreeSet<String> = found.iter().map(described).collect();
    let id = Index { name: "_id_", keys: doc! { "_id": 1 }, unique: false, case_insensitive: false };
    let wanted = collection.indexes.iter().chain([&id]);
    let wanted: BTreeSet<String> = wanted.map(|index| described(&index.specification())).collect();
    equal("indexes", &found, &wanted)
}

/// All that tells one index from another, with its keys in order.
fn described(index: &Document) -> String {
    let mut rest = index.clone();
    let keys = rest.remove("key").unwrap_or(Bson::Null);
    // Of a collation the server also tells what was not asked for.
    let collation = match rest.remove("collation") {
        Some(Bson::Document(given)) if given.get_str("locale").is_ok_and(|locale| locale != "simple") => {
            format!("{} {}", given.get("locale").unwrap_or(&Bson::Null), given.get("strength").unwrap_or(&Bson::Null))
        }
        _ => "simple".to_owned(),
    };
    rest.remove("v");
    let rest: BTreeMap<String, Bson> = rest.into_iter().collect();
    format!("{keys} {collation} {rest:?}")
}

async fn has_its_role(handle: &Database) -> Truth {
    let command = doc! { "rolesInfo": 1, "showPrivileges": true };
    let roles = rows(&handle.run_command(command).await.map_err(said)?, "roles");
    let names: Vec<_> = roles.iter().map(|role| role.get_str("role").unwrap_or_default()).collect();
    equal("roles", &names, &vec![TENANT_ROLE])?;
    for (which, roles_of) in [("privileges", "roles"), ("inheritedPrivileges", "inheritedRoles")] {
        equal(&format!("{which} of its role"), &rights(&roles[0], which), &rights_on_all_six(handle.name()))?;
        equal(&format!("{roles_of} of its role"), &rows(&roles[0], roles_of), &vec![])?;
    }
    Ok(())
}

/// One user, which can reach the six collections, each as the catalogue says, and nothing else; nothing at all while the
/// subscription is suspended.
async fn has_its_user(handle: &Database, object: &HospitalOrganization, record: &OrganizationRecord) -> Truth {
    let database = handle.name();
    let users = rows(&handle.run_command(doc! { "usersInfo": 1 }).await.map_err(said)?, "users");
    let names: Vec<_> = users.iter().map(|user| user.get_str("user").unwrap_or_default()).collect();
    equal("users", &names, &vec![database])?;
    // Only of one user at a time does the server show this.
    let command = doc! { "usersInfo": { "user": database, "db": database }, "showPrivileges": true };
    let users = rows(&handle.run_command(command).await.map_err(said)?, "users");
    let user = users.first().ok_or("its user is gone")?;
    let active = object.spec.subscription == Subscription::Active;
    let role = doc! { "role": TENANT_ROLE, "db": database };
    let roles = if active { vec![role] } else { vec![] };
    equal("roles of its user", &rows(user, "roles"), &roles)?;
    equal("all roles of its user", &rows(user, "inheritedRoles"), &roles)?;
    let wanted = if active { rights_on_all_six(database) } else { BTreeMap::new() };
    equal("rights of its user", &rights(user, "inheritedPrivileges"), &wanted)?;
    equal("mechanisms of its user", &user.get_array("mechanisms").ok(), &Some(&vec!["SCRAM-SHA-256".into()]))?;
    let organization = user.get_document("customData").ok().and_then(|data| data.get_str("organization_id").ok());
    equal("organization of its user", &organization, &Some(record.organization_id.as_str()))
}

/// What may be done to which resource.
type Rights = BTreeMap<String, BTreeSet<String>>;

fn rights(account: &Document, list: &str) -> Rights {
    let mut rights = Rights::new();
    for privilege in rows(account, list) {
        let resource: Value = json!(privilege.get_document("resource").cloned().unwrap_or_default());
        let actions = privilege.get_array("actions").into_iter().flatten().filter_map(Bson::as_str);
        rights.entry(resource.to_string()).or_default().extend(actions.map(str::to_owned));
    }
    rights
}

fn rights_on_all_six(database: &str) -> Rights {
    let of_one = |collection: &Collection| {
        let resource = json!({ "db": database, "collection": collection.name });
        (resource.to_string(), collection.access.actions().iter().map(|action| (*action).to_owned()).collect())
    };
    TENANT_SCHEMA.collections.iter().map(of_one).collect()
}

fn rows(answer: &Document, list: &str) -> Vec<Document> {
    let rows = answer.get_array(list).into_iter().flatten();
    rows.filter_map(Bson::as_document).cloned().collect()
}
