//! Nothing is there that belongs to nobody, as the servers list it: what the operator itself reports is asked elsewhere.

use std::collections::BTreeSet;

use chakravue_crds::{
    master::ClaimState,
    naming::{TENANT_ROLE, secret_name},
};
use kube::{Resource as _, ResourceExt as _};
use mongodb::bson::{Document, doc};

use super::{Seen, Truth, equal, said};
use crate::{
    hospitals::{Hospitals, database},
    support::World,
};

pub async fn are_none(world: &World, hospitals: &Hospitals, seen: &Seen) -> Truth {
    let prefix = format!("{}_", world.sandbox.prefix());
    let declared: BTreeSet<String> = hospitals.declared.keys().map(|name| database(name)).collect();

    for (name, secret) in &seen.secrets {
        let owner = seen.objects.iter().find(|(hospital, _)| secret_name(hospital) == *name);
        let (_, owner) = owner.ok_or_else(|| format!("Secret {name} belongs to nobody"))?;
        equal(
            &format!("owners of Secret {name}"),
            &secret.owner_references(),
            &&[owner.controller_owner_ref(&()).unwrap()][..],
        )?;
    }

    let ours = doc! { "db": { "$regex": format!("^{prefix}") } };
    for (kind, plural) in [("user", "users"), ("role", "roles")] {
        let stored = world.mongo.database("admin").collection::<Document>(&format!("system.{plural}"));
        let found = stored.distinct("_id", ours.clone()).await.map_err(said)?;
        let found: BTreeSet<String> = found.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
        let named = |database: &String| {
            let name = if kind == "user" { database } else { TENANT_ROLE };
            format!("{database}.{name}")
        };
        equal(plural, &found, &declared.iter().map(named).collect())?;
    }

    // What is retained has a claim, if it ever got as far as that.
    let mut claimed = declared.clone();
    for name in &hospitals.retained {
        let (database, before) = (database(name), hospitals.organizations.get(name));
        let Some(record) = seen.records.get(&database) else {
            equal(&format!("the organization of {name}, which was retained"), &before, &None)?;
            continue;
        };
        equal(&format!("the claim of {name}"), &record.claim, &ClaimState::Retained)?;
        if let Some(before) = before {
            equal(&format!("the organization of {name}"), &record.organization_id.as_str(), &before.as_str())?;
        }
        claimed.insert(database);
    }
    equal("claims", &seen.records.keys().cloned().collect(), &claimed)?;

    let databases = world.mongo.list_database_names().await.map_err(said)?;
    let databases: BTreeSet<String> = databases.into_iter().filter(|name| name.starts_with(&prefix)).collect();
    let master = world.sandbox.master_database().to_owned();
    let of_nobody: Vec<&String> =
        databases.iter().filter(|name| !claimed.contains(*name) && **name != master).collect();
    equal("databases of nobody", &of_nobody, &vec![])?;
    // One that was given up before it was made may be retained without a database.
    let organized = hospitals.organizations.keys().map(|name| database(name));
    let missing: Vec<String> = organized.chain(declared).filter(|name| !databases.contains(name)).collect();
    equal("databases that are missing", &missing, &vec![])
}
