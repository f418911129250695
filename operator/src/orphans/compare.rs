//! The comparison of everything with its counterpart. Pure.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chakravue_crds::{
    HospitalOrganizationStatus,
    conditions::{self, ConditionType, Reason},
    master::{ClaimState, OrganizationRecord, Owner},
    naming::secret_name,
};
use kube::{Resource as _, ResourceExt as _, api::ObjectMeta};

use super::orphan::{Kind, Orphan};
use crate::{echoes::Watched, pause::is_on};

/// Everything that is compared.
#[derive(Default)]
pub struct Seen {
    pub cluster: String,
    /// The one namespace that is looked at, if it is not all.
    pub namespace: Option<String>,
    pub hospitals: Vec<Arc<Watched>>,
    pub claims: Vec<OrganizationRecord>,
    pub users: HashSet<String>,
    pub roles: HashSet<String>,
    /// `None`: the login may not list them.
    pub databases: Option<HashSet<String>>,
    /// Databases without a claim that have most collections of a hospital.
    pub like_ours: HashSet<String>,
    pub secrets: Controllers,
}

/// By the namespace and name of a Secret the uid of what controls it, if something does.
pub type Controllers = HashMap<String, Option<String>>;

pub fn controlled(secret: &ObjectMeta) -> (String, Option<String>) {
    let controller = secret.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
    (place(secret), controller.map(|owner| owner.uid.clone()))
}

/// What has no counterpart, in order.
pub fn compare(seen: &Seen) -> Vec<Orphan> {
    let uids: HashSet<&str> = seen.hospitals.iter().filter_map(|hospital| hospital.meta().uid.as_deref()).collect();
    let places: HashMap<_, &Watched> =
        seen.hospitals.iter().map(|hospital| (name_of(hospital.meta()), hospital.as_ref())).collect();
    let claimed: HashMap<&str, &OrganizationRecord> =
        seen.claims.iter().map(|claim| (claim.database_name.as_str(), claim)).collect();
    let mut orphans = Vec::new();
    let mut add = |kind, name: &str, about: String| orphans.push(Orphan { kind, name: name.to_owned(), about });

    for claim in seen.claims.iter().filter(|claim| is_gone(seen, &uids, &places, claim)) {
        let Owner { namespace, name, .. } = &claim.owner;
        let about = format!(
            "claimed for HospitalOrganization {namespace}/{name}, which is gone: apply it again, and delete it in the ordinary \
             way if nobody needs its data"
        );
        let database = claim.database_name.as_str();
        add(Kind::Claim, database, about);
        let there = [
            (Kind::Database, seen.databases.as_ref().is_some_and(|databases| databases.contains(database))),
            (Kind::User, seen.users.contains(database)),
            (Kind::Role, seen.roles.contains(database)),
        ];
        for (kind, _) in there.into_iter().filter(|(_, there)| *there) {
            add(
                kind,
                database,
                format!("goes with the claim for HospitalOrganization {namespace}/{name}, which is gone"),
            );
        }
    }
    for (kind, databases) in [(Kind::User, &seen.users), (Kind::Role, &seen.roles)] {
        for database in databases {
            match claimed.get(database.as_str()) {
                Some(claim) if claim.claim != ClaimState::Retained => {}
                Some(_) => add(kind, database, format!("a {} of a database that is retained", kind.name())),
                None => {
                    let about = format!(
                        "a {} of a database that nobody claims, or an installation with another master database",
                        kind.name()
                    );
                    add(kind, database, about);
                }
            }
        }
    }
    for database in &seen.like_ours {
        let about = "has the collections of a hospital, and nobody claims it".to_owned();
        add(Kind::Database, database, about);
    }
    for (secret, controller) in &seen.secrets {
        if controller.as_deref().is_none_or(|uid| !uids.contains(uid)) {
            let about = "is labelled as a connection Secret, and its HospitalOrganization is gone".to_owned();
            add(Kind::Secret, secret, about);
        }
    }
    for hospital in seen.hospitals.iter().filter_map(|hospital| hospital.0.as_ref().ok()) {
        let Some(status) = hospital.status.as_ref().filter(|_| hospital.metadata.deletion_timestamp.is_none()) else {
            continue;
        };
        let (here, uid) = (place(&hospital.metadata), hospital.uid().unwrap_or_default());
        let Some(database) = status.database_name.as_deref().filter(|_| had_its_claim(status)) else { continue };
        if claimed.get(database).is_none_or(|claim| claim.owner.uid != uid) {
            add(Kind::HospitalWithoutClaim, &here, format!("does not hold the claim on its database {database}"));
        }
        let Some(binding) = &status.binding else { continue };
        if seen.databases.as_ref().is_some_and(|databases| !databases.contains(database)) {
            add(Kind::HospitalWithoutDatabase, &here, format!("its database {database} is not there"));
        }
        if !seen.users.contains(database) {
            add(Kind::HospitalWithoutUser, &here, format!("its database {database} has no user"));
        }
        let (namespace, _) = name_of(&hospital.metadata);
        if !seen.secrets.contains_key(&format!("{namespace}/{}", binding.name)) {
            let secret = secret_name(&hospital.name_any());
            add(Kind::HospitalWithoutSecret, &here, format!("has no Secret {secret} with the operator's label"));
        }
    }
    orphans.sort();
    orphans
}

/// Whether a hospital holds its claim or did: one that lost it goes on to miss it.
fn had_its_claim(status: &HospitalOrganizationStatus) -> bool {
    conditions::holds(&status.conditions, ConditionType::ClaimHeld)
        || status.conditions.iter().any(|condition| {
            condition.type_ == ConditionType::ClaimHeld.as_str() && condition.reason == Reason::ClaimLost.as_str()
        })
}

/// Whether the object that holds a claim would be seen here if there were one. One that stands in its place takes the
/// claim up, if it is for the same database; not so while it is paused or cannot be read, which may be for ever.
fn is_gone(
    seen: &Seen,
    uids: &HashSet<&str>,
    places: &HashMap<(&str, &str), &Watched>,
    claim: &OrganizationRecord,
) -> bool {
    let Owner { cluster, namespace, name, uid } = &claim.owner;
    let here = *cluster == seen.cluster && seen.namespace.as_ref().is_none_or(|only| only == namespace);
    if !here || claim.claim == ClaimState::Retained || uids.contains(uid.as_str()) {
        return false;
    }
    let stands_there = places.get(&(namespace.as_str(), name.as_str())).and_then(|hospital| hospital.0.as_ref().ok());
    let replaced = stands_there.is_some_and(|hospital| {
        hospital.wanted_database().is_ok_and(|wanted| wanted == claim.database_name) && !is_on(hospital.meta())
    });
    !replaced
}

fn place(meta: &ObjectMeta) -> String {
    let (namespace, name) = name_of(meta);
    format!("{namespace}/{name}")
}

fn name_of(meta: &ObjectMeta) -> (&str, &str) {
    (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use chakravue_crds::{HospitalOrganization, OrganizationId};
    use kube::core::DeserializeGuard;
    use serde_json::json;

    use super::*;

    fn hospital(name: &str) -> Arc<Watched> {
        let object = json!({
            "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
            "metadata": { "name": name, "namespace": "n", "uid": format!("uid-{name}") },
            "spec": { "displayName": "A", "contact": { "email": "a@b.example" }, "plan": "Starter" },
            "status": {
                "databaseName": name, "binding": { "name": format!("{name}-mongodb") },
                "conditions": [{ "type": "ClaimHeld", "status": "True", "reason": "AsDeclared", "message": "",
                    "lastTransitionTime": "2026-01-01T00:00:00Z" }],
            },
        });
        Arc::new(DeserializeGuard(Ok(serde_json::from_value(object).unwrap())))
    }

    fn claim(name: &str, state: ClaimState, cluster: &str) -> OrganizationRecord {
        serde_json::from_value(json!({
            "_id": OrganizationId::generate().as_str(), "database_name": name,
            "owner": { "cluster": cluster, "namespace": "n", "name": name, "uid": format!("uid-{name}") },
            "claim": state, "display_name": "A", "plan": "Starter", "monthly_price_usd": 99, "status": "Active",
            "users": 0, "user_limit": 5, "claimed_at": mongodb::bson::DateTime::now(),
        }))
        .unwrap()
    }

    fn secret(name: &str) -> (String, Option<String>) {
        let owner = |uid: &str, controller: bool| {
            let version = "chakravue.io/v1alpha1";
            json!({ "apiVersion": version, "kind": "HospitalOrganization", "name": name, "uid": uid, "controller": controller })
        };
        let owners = [owner("uid-of-another", false), owner(&format!("uid-{name}"), true)];
        let meta = json!({ "name": format!("{name}-mongodb"), "namespace": "n", "ownerReferences": owners });
        controlled(&serde_json::from_value(meta).unwrap())
    }

    fn whole() -> Seen {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>();
        Seen {
            cluster: "c".into(),
            hospitals: vec![hospital("a")],
            claims: vec![claim("a", ClaimState::Held, "c"), claim("r", ClaimState::Retained, "c")],
            users: set(&["a"]),
            roles: set(&["a"]),
            databases: Some(set(&["a", "r", "admin"])),
            secrets: Controllers::from([secret("a")]),
            ..Seen::default()
        }
    }

    fn kinds(seen: &Seen) -> Vec<(&'static str, String)> {
        compare(seen).into_iter().map(|orphan| (orphan.kind.name(), orphan.name)).collect()
    }

    #[test]
    fn what_has_its_counterpart_is_no_orphan() {
        assert_eq!(kinds(&whole()), []);
        assert_eq!(super::super::told(&[]), "Everything has its counterpart.\n");
    }

    #[test]
    fn whatever_is_left_of_an_object_that_is_gone_is_told() {
        let seen = Seen { hospitals: Vec::new(), ..whole() };
        let goes_with_it = ["claim", "database", "user", "role"].map(|kind| (kind, "a".to_owned()));
        let all: Vec<_> = goes_with_it.into_iter().chain([("secret", "n/a-mongodb".to_owned())]).collect();
        assert_eq!(kinds(&seen), all);
        let unclaimed = Seen { claims: Vec::new(), hospitals: Vec::new(), secrets: Controllers::new(), ..whole() };
        assert_eq!(kinds(&unclaimed), [("user", "a".to_owned()), ("role", "a".to_owned())]);
        let like_ours = HashSet::from(["x".to_owned()]);
        assert_eq!(kinds(&Seen { like_ours, ..whole() }), [("database", "x".to_owned())]);
        let open = Seen { users: HashSet::from(["a".to_owned(), "r".to_owned()]), ..whole() };
        assert_eq!(kinds(&open), [("user", "r".to_owned())], "nobody has access to what is retained");
    }

    #[test]
    fn an_object_for_another_database_takes_no_claim_up() {
        let again = |database: &str| {
            let mut object = hospital("a").0.as_ref().unwrap().clone();
            object.metadata.uid = Some("another".to_owned());
            object.spec.database_name = Some(database.to_owned());
            object.status = None;
            Seen { hospitals: vec![Arc::new(DeserializeGuard(Ok(object)))], secrets: Controllers::new(), ..whole() }
        };
        assert_eq!(kinds(&again("a")), []);
        assert_eq!(kinds(&again("b")), ["claim", "database", "user", "role"].map(|kind| (kind, "a".to_owned())));
    }

    #[test]
    fn of_many_each_finds_its_own_counterpart() {
        let names: Vec<String> = (0..50).map(|n| format!("h{n}")).collect();
        let but = |one: &'static str| names.iter().filter(move |name| *name != one);
        let databases: HashSet<String> = names.iter().cloned().collect();
        let seen = Seen {
            cluster: "c".into(),
            hospitals: but("h7").map(|name| hospital(name)).collect(),
            claims: names.iter().map(|name| claim(name, ClaimState::Held, "c")).collect(),
            users: databases.clone(),
            databases: Some(databases),
            secrets: but("h9").map(|name| secret(name)).collect(),
            ..Seen::default()
        };
        let wanted = [
            ("claim", "h7"),
            ("database", "h7"),
            ("user", "h7"),
            ("secret", "n/h7-mongodb"),
            ("hospital_without_secret", "n/h9"),
        ];
        assert_eq!(kinds(&seen), wanted.map(|(kind, name)| (kind, name.to_owned())));
    }

    #[test]
    fn one_that_cannot_be_read_takes_no_claim_up() {
        let mut unreadable = hospital("a").meta().clone();
        unreadable.uid = Some("another".to_owned());
        let invalid = kube::core::error_boundary::InvalidObject { error: "x".to_owned(), metadata: unreadable };
        let hospitals = vec![Arc::new(DeserializeGuard(Err(invalid)))];
        let seen = Seen { hospitals, secrets: Controllers::new(), ..whole() };
        assert_eq!(kinds(&seen), ["claim", "database", "user", "role"].map(|kind| (kind, "a".to_owned())));
    }

    #[test]
    fn a_claim_that_is_known_to_be_lost_is_still_told() {
        let mut object = hospital("a").0.as_ref().unwrap().clone();
        let held = &mut object.status.as_mut().unwrap().conditions[0];
        (held.status, held.reason) = ("False".to_owned(), Reason::ClaimLost.as_str().to_owned());
        let told = |object: &HospitalOrganization| {
            let hospitals = vec![Arc::new(DeserializeGuard(Ok(object.clone())))];
            kinds(&Seen { hospitals, claims: Vec::new(), users: HashSet::new(), roles: HashSet::new(), ..whole() })
        };
        let without = ["claim", "user"].map(|what| format!("hospital_without_{what}"));
        assert_eq!(told(&object).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), without);
        // One that never had it misses nothing.
        object.status.as_mut().unwrap().conditions[0].reason = Reason::DatabaseNameTaken.as_str().to_owned();
        assert_eq!(told(&object), []);
    }

    #[test]
    fn what_cannot_be_seen_from_here_is_nobodys_orphan() {
        let elsewhere = Seen { claims: vec![claim("b", ClaimState::Held, "another cluster")], ..Seen::default() };
        assert_eq!(kinds(&elsewhere), []);
        let hidden = vec![claim("b", ClaimState::Held, "")];
        assert_eq!(kinds(&Seen { claims: hidden, namespace: Some("m".into()), ..Seen::default() }), []);
    }

    #[test]
    fn whatever_an_object_has_lost_is_told() {
        let lost = Seen {
            claims: Vec::new(),
            users: HashSet::new(),
            roles: HashSet::new(),
            databases: Some(HashSet::new()),
            secrets: Controllers::new(),
            ..whole()
        };
        let without = ["claim", "database", "user", "secret"].map(|what| format!("hospital_without_{what}"));
        let found = kinds(&lost);
        assert_eq!(found.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), without);
        assert!(found.iter().all(|(_, name)| name == "n/a"));
        let unlisted = Seen { databases: None, ..whole() };
        assert_eq!(kinds(&unlisted), [], "databases that may not be listed are not missed");
    }
}
