//! What somebody changes behind the operator's back comes back, data is never lost for it, and what the operator must
//! not put right by itself it says in words.

use std::collections::BTreeMap;

use chakravue_crds::{naming::secret_name, tenant_schema::TENANT_SCHEMA};
use chakravue_testbed::OperatorOptions;
use futures::{TryStreamExt as _, future::join_all};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};

use crate::support::{USER, World, client, code, condition, eventually, is, passes, patient};

#[tokio::test]
async fn a_changed_secret_is_mended_at_once_and_keeps_its_password_where_it_has_one() {
    let world = World::new("secret").await;
    // The watch alone brings these changes: the next resync is far away.
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("secret").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("secret"));
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let first = world.secret(&name).await;

    world.secrets().delete(&secret_name(&name), &DeleteParams::default()).await.unwrap();
    let second = eventually("a new Secret whose credentials work", async || {
        let secret = world.secrets().get_opt(&secret_name(&name)).await.unwrap()?;
        let secret = decoded(&secret);
        world.logs_in(&secret["uri"], &database).await.then_some(secret)
    })
    .await;
    assert_ne!(second["password"], first["password"]);
    assert!(!world.logs_in(&first["uri"], &database).await, "the deleted password still works");

    // Whatever is changed or taken away but the password, is as before, password and all.
    let key = |key: &str| json!({ "data": { key: null } });
    for change in [
        json!({ "stringData": { "uri": "mongodb://somewhere.example/" } }),
        json!({ "stringData": { "username": "root", "database": "admin" } }),
        key("host"),
        json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": null } } }),
        json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": "Helm" } } }),
        json!({ "immutable": true, "stringData": { "port": "1" } }),
    ] {
        let whole = world.secrets().get(&secret_name(&name)).await.unwrap();
        edit_secret(&world, &name, &change).await;
        eventually(&format!("the Secret is mended after {change}"), async || {
            let now = world.secrets().get_opt(&secret_name(&name)).await.unwrap()?;
            (now.data == whole.data && now.labels() == whole.labels()).then_some(())
        })
        .await;
        assert_eq!(world.secret(&name).await, second, "{change}");
        assert!(world.logs_in(&second["uri"], &database).await, "{change}");
    }

    // A password that nobody generated is not taken: it could be anybody's guess.
    edit_secret(&world, &name, &json!({ "stringData": { "password": "secret" } })).await;
    let third = eventually("a new password that works", async || {
        let secret = world.secret(&name).await;
        (secret["password"] != "secret" && world.logs_in(&secret["uri"], &database).await).then_some(secret)
    })
    .await;
    assert_ne!(third["password"], second["password"]);
    assert!(!world.logs_in(&second["uri"], &database).await, "the password from before still works");

    // One that is nobody's any more could be anybody's too.
    edit_secret(&world, &name, &json!({ "metadata": { "ownerReferences": null } })).await;
    let fourth = eventually("a Secret that is the hospital's again, and works", async || {
        let secret = world.secrets().get_opt(&secret_name(&name)).await.unwrap()?;
        let is_owned = secret.owner_references().iter().any(|owner| Some(&owner.uid) == hospital.uid().as_ref());
        let secret = decoded(&secret);
        (is_owned && world.logs_in(&secret["uri"], &database).await).then_some(secret)
    })
    .await;
    assert_ne!(fourth["password"], third["password"]);

    // What others add is theirs, and no reason to mend anything ever again.
    let note = json!({ "metadata": { "labels": { "team": "a" }, "annotations": { "note": "b" } }, "stringData": { "extra": "c" } });
    edit_secret(&world, &name, &note).await;
    let repairs = || async {
        world
            .events(&name)
            .await
            .iter()
            .filter(|note| note.starts_with("Mended Secret"))
            .map(String::len)
            .sum::<usize>()
    };
    operator.terminate().await;
    let before = (world.secrets().get(&secret_name(&name)).await.unwrap(), repairs().await);
    let operator = every_second(&world).start().await;
    one_more_pass(&world, "secret").await;
    operator.terminate().await;
    let after = (world.secrets().get(&secret_name(&name)).await.unwrap(), repairs().await);
    assert_eq!(after, before);
    assert_eq!(before.0.labels()["team"], "a");
    assert_eq!(world.documents(&database).await["patients"].len(), 1);
    world.wait_ready(&name).await;
    world.close().await;
}

#[tokio::test]
async fn a_changed_user_or_role_gets_exactly_its_rights_and_the_secrets_password_again() {
    let world = World::new("access").await;
    let operator = every_second(&world).start().await;
    let hospital = world.ready_hospital("access").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("access"));
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let secret = world.secret(&name).await;
    let belongings = world.belongings(&name, &database).await;
    let role = doc! { "role": "tenant", "db": &database };
    let wide = doc! { "resource": { "db": &database, "collection": "" }, "actions": ["find", "dropCollection"] };

    for change in [
        doc! { "dropUser": &database },
        doc! { "grantRolesToUser": &database, "roles": [{ "role": "readWriteAnyDatabase", "db": "admin" }] },
        doc! { "updateUser": &database, "roles": [{ "role": "dbOwner", "db": &database }] },
        doc! { "revokeRolesFromUser": &database, "roles": [&role] },
        doc! { "updateUser": &database, "pwd": "by hand" },
        doc! { "updateUser": &database, "customData": {} },
        doc! { "grantPrivilegesToRole": "tenant", "privileges": [wide] },
        doc! { "grantRolesToRole": "tenant", "roles": [{ "role": "dbAdmin", "db": &database }] },
        doc! { "updateRole": "tenant", "privileges": [] },
        doc! { "dropRole": "tenant" },
    ] {
        let what = format!("after {change}");
        world.mongo.database(&database).run_command(change).await.unwrap();
        eventually(&what, async || {
            let same = |now: &BTreeMap<_, Value>| {
                now["roles"] == belongings["roles"] && without_keys(&now["users"]) == without_keys(&belongings["users"])
            };
            let now = world.belongings(&name, &database).await;
            (same(&now) && world.logs_in(&secret["uri"], &database).await).then_some(())
        })
        .await;
        assert_eq!(world.secret(&name).await, secret, "{what}");
    }
    let by_hand = secret["uri"].replace(&secret["password"], "by%20hand");
    assert_ne!(by_hand, secret["uri"]);
    assert!(!world.logs_in(&by_hand, &database).await, "the password set by hand still works");
    assert_eq!(world.documents(&database).await["patients"].len(), 1);
    assert!(is(&world.hospitals().get(&name).await.unwrap(), "Ready", "True"));

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_changed_schema_comes_back_and_what_the_administrator_adds_stays() {
    let world = World::new("schema").await;
    let operator = every_second(&world).start().await;
    let hospital = world.ready_hospital("schema").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("schema"));
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let handle = world.mongo.database(&database);
    // An index that the operator has begun to build is listed already and in the way of some commands.
    let run = async |command: Document| {
        eventually(&format!("{command}"), async || match handle.run_command(command.clone()).await {
            Err(error) if code::<()>(&Err(error.clone())) == 12587 => None,
            other => Some(other.map(drop)),
        })
        .await
    };
    let whole = world.structure(&database).await;
    let healed = async |what: &str| {
        eventually(what, async || (world.structure(&database).await == whole).then_some(())).await;
    };

    run(doc! { "dropIndexes": "patients", "index": "record_number_unique" }).await.unwrap();
    healed("a dropped index is back").await;
    run(doc! { "dropIndexes": "users", "index": "*" }).await.unwrap();
    healed("all dropped indexes are back").await;
    eventually("the name of an index is taken by another", async || {
        // The operator may be faster with the dropped one.
        run(doc! { "dropIndexes": "pharmacy", "index": "expiry" }).await.ok();
        let other = doc! { "key": { "batch": 1 }, "name": "expiry" };
        run(doc! { "createIndexes": "pharmacy", "indexes": [other] }).await.ok()
    })
    .await;
    healed("the index of that name is the catalogue's").await;
    run(doc! { "collMod": "patients", "index": { "name": "name_birth_date", "hidden": true } }).await.unwrap();
    healed("a hidden index serves again").await;
    for change in [
        doc! { "collMod": "patients", "validator": {} },
        doc! { "collMod": "patients", "validationAction": "warn" },
        doc! { "collMod": "patients", "validationLevel": "moderate" },
        doc! { "collMod": "patients", "validationLevel": "off" },
        doc! { "collMod": "patients", "validator": { "name": "x" } },
        doc! { "drop": "settings" },
    ] {
        let what = format!("the schema is whole after {change}");
        run(change).await.unwrap();
        healed(&what).await;
    }
    assert_eq!(code(&world.patients(&database).insert_one(doc! {}).await), 121);
    // The hospital's user reaches what was made anew.
    let settings = world.tenant(&name).await.database(&database).collection::<Document>("settings");
    settings.insert_one(doc! { "key": "a", "value": 1 }).await.unwrap();

    // An index that does the same under another name serves as well; what is not in the catalogue is the DBA's.
    operator.terminate().await;
    run(doc! { "dropIndexes": "appointments", "index": ["time", "doctor_time"] }).await.unwrap();
    let same = doc! { "key": { "starts_at": 1, "_id": 1 }, "name": "of_the_dba" };
    run(doc! { "createIndexes": "appointments", "indexes": [same] }).await.unwrap();
    let more = doc! { "key": { "phone": 1 }, "name": "phone", "sparse": true };
    run(doc! { "createIndexes": "patients", "indexes": [more] }).await.unwrap();
    handle.collection("ward").insert_one(doc! { "beds": 12 }).await.unwrap();
    let operator = every_second(&world).start().await;
    one_more_pass(&world, "schema").await;
    operator.terminate().await;
    let names = async |collection| {
        let indexes = world.indexes(&database, collection).await;
        let mut names: Vec<_> = indexes.iter().map(|i| i.get_str("name").unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("appointments").await, ["_id_", "doctor_time", "of_the_dba", "patient_time"]);
    assert_eq!(names("patients").await, ["_id_", "name_birth_date", "phone", "record_number_unique"]);
    let documents = world.documents(&database).await;
    assert_eq!((documents["patients"].len(), documents["ward"].len()), (1, 1));
    let hospital = world.wait_ready(&name).await;
    assert!(is(&hospital, "SchemaReady", "True"));
    assert!(hospital.status.unwrap().collections.iter().all(|c| c.documents_validated));
    world.close().await;
}

/// A value that stands in documents and may stand nowhere else.
const MARKER: &str = "jane-7f3a1c";

#[tokio::test]
async fn documents_that_violate_the_schema_are_counted_not_quoted_and_cost_no_outage() {
    let world = World::new("violations").await;
    let operator = every_second(&world).start().await;
    let hospital = world.ready_hospital("untidy").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("untidy"));
    let whole = world.structure(&database).await;
    operator.terminate().await;

    // Two patients without a name, three users of whom two share an address but for its case.
    let handle = world.mongo.database(&database);
    let unfit = [1, 2].map(|n| doc! { "record_number": format!("{MARKER}-{n}") });
    world.patients(&database).insert_many(unfit).bypass_document_validation(true).await.unwrap();
    handle.run_command(doc! { "collMod": "patients", "validator": {} }).await.unwrap();
    handle.run_command(doc! { "dropIndexes": "users", "index": "email_unique" }).await.unwrap();
    let users = handle.collection::<Document>("users");
    for name in ["twice", "Twice", "once"] {
        users.insert_one(user(&format!("{name}@{MARKER}.example"))).await.unwrap();
    }
    let untidy = world.documents(&database).await;

    let operator = every_second(&world).rust_log("trace").start().await;
    let told = world
        .wait(&name, "told of its documents", |o| {
            condition(o, "SchemaReady").is_some_and(|c| c.status == "False" && c.reason == "DocumentsViolateSchema")
        })
        .await;
    let message = &condition(&told, "SchemaReady").unwrap().message;
    assert!(message.contains("2 documents of patients"), "{message}");
    assert!(message.contains("1 value") && message.contains("in users"), "{message}");
    assert_eq!(
        condition(&told, "Ready").map(|c| (c.status.as_str(), c.reason.as_str())),
        Some(("True", "DocumentsViolateSchema"))
    );
    let status = told.status.as_ref().unwrap();
    assert_eq!(status.phase.unwrap().as_str(), "Active");
    let validated = |name: &str| status.collections.iter().find(|c| c.name == name).unwrap().documents_validated;
    assert!(!validated("patients") && validated("users"));

    // The hospital goes on working, with the documents that it has.
    let tenant = world.tenant(&name).await.database(&database);
    let patients = tenant.collection::<Document>("patients");
    patients.insert_one(patient("3")).await.unwrap();
    patients.delete_one(doc! { "record_number": "3" }).await.unwrap();
    tenant.collection::<Document>("users").insert_one(user("third@other.example")).await.unwrap();
    users.delete_one(doc! { "email": "third@other.example" }).await.unwrap();
    assert_eq!(world.documents(&database).await, untidy);

    // As soon as one kind is mended it is enforced; then the other.
    patients.update_many(doc! {}, doc! { "$set": patient_but_for_its_number() }).await.unwrap();
    let told = world
        .wait(&name, "told of users only", |o| {
            condition(o, "SchemaReady").is_some_and(|c| c.status == "False" && !c.message.contains("patients"))
        })
        .await;
    assert!(condition(&told, "SchemaReady").unwrap().message.contains("in users"));
    assert_eq!(code(&patients.insert_one(doc! { "record_number": "4" }).await), 121);
    users.delete_one(doc! { "email": format!("Twice@{MARKER}.example") }).await.unwrap();
    let healed = world.wait(&name, "healed", |o| is(o, "SchemaReady", "True")).await;
    assert_eq!(condition(&healed, "Ready").unwrap().reason, "AsDeclared");
    assert_eq!(code(&users.insert_one(user(&format!("ONCE@{MARKER}.example"))).await), 11000);
    assert_eq!(world.structure(&database).await, whole);
    let documents = world.documents(&database).await;
    assert_eq!((documents["patients"].len(), documents["users"].len()), (2, 2));

    // Everything was told without quoting a document.
    let quotes = |text: &str| text.to_lowercase().contains(MARKER);
    assert!(!quotes(&serde_json::to_string(&world.hospitals().get(&name).await.unwrap()).unwrap()));
    assert!(!quotes(&serde_json::to_string(&told).unwrap()));
    for event in world.events(&name).await {
        assert!(!quotes(&event), "an Event quotes a document: {event}");
    }
    let log = operator.log();
    assert!(log.contains("TRACE"), "the log has not everything");
    for line in log.lines() {
        assert!(!quotes(line), "the log quotes a document: {line}");
    }
    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn what_stands_in_the_way_is_named_kept_and_no_hindrance_once_it_is_gone() {
    let world = World::new("in the way").await;
    let operator = world.sandbox.operator().start().await;
    let names = ["secret", "removed", "view", "capped"].map(|name| world.sandbox.object_name(name));
    let [secret, removed, view, capped] = &names;
    for name in [secret, removed] {
        let foreign = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": secret_name(name) }, "stringData": { "theirs": "value" },
        });
        world.secrets().create(&PostParams::default(), &serde_json::from_value(foreign).unwrap()).await.unwrap();
    }
    let theirs = async |name: &str| world.secrets().get(&secret_name(name)).await.unwrap();
    let before = (theirs(secret).await, theirs(removed).await);
    join_all(["secret", "removed", "view", "capped"].map(async |name| world.apply(&world.hospital(name)).await)).await;
    tokio::join!(world.wait_ready(view), world.wait_ready(capped));

    // Somebody else's Secret is not overwritten, not even when the hospital goes.
    for name in [secret, removed] {
        let told = blocked(&world, name, "CredentialsReady", "SecretNotOurs").await;
        assert!(condition(&told, "CredentialsReady").unwrap().message.contains(&secret_name(name)));
        assert!(is(&told, "SchemaReady", "True"), "the other half does not wait for it");
        assert_eq!(told.status.unwrap().binding, None);
    }
    world.delete_and_wait(removed).await;
    assert_eq!((theirs(secret).await, theirs(removed).await), before);

    // Neither is a view or a capped collection turned into something else.
    operator.terminate().await;
    let database = |name| world.mongo.database(&world.sandbox.database_name(name));
    database("view").run_command(doc! { "drop": "users" }).await.unwrap();
    database("view").run_command(doc! { "create": "users", "viewOn": "patients", "pipeline": [] }).await.unwrap();
    database("capped").run_command(doc! { "drop": "settings" }).await.unwrap();
    database("capped").run_command(doc! { "create": "settings", "capped": true, "size": 4096 }).await.unwrap();
    database("capped").collection("settings").insert_one(doc! { "key": "a", "value": 1 }).await.unwrap();
    let operator = world.sandbox.operator().start().await;
    for (name, words) in [(view, "users is a view"), (capped, "settings is a capped collection")] {
        let told = blocked(&world, name, "SchemaReady", "SchemaConflict").await;
        let message = &condition(&told, "SchemaReady").unwrap().message;
        assert!(message.contains(words), "{message:?} does not say {words:?}");
    }
    assert_eq!(world.documents(&world.sandbox.database_name("capped")).await["settings"].len(), 1);

    // Out of the way, and everything goes on by itself.
    world.secrets().delete(&secret_name(secret), &DeleteParams::default()).await.unwrap();
    database("view").run_command(doc! { "drop": "users" }).await.unwrap();
    let capped_settings = format!("{}.settings", world.sandbox.database_name("capped"));
    let rename =
        doc! { "renameCollection": &capped_settings, "to": capped_settings.replace(".settings", ".old_settings") };
    world.mongo.database("admin").run_command(rename).await.unwrap();
    tokio::join!(world.wait_ready(secret), world.wait_ready(view), world.wait_ready(capped));
    assert!(world.logs_in(&world.secret(secret).await["uri"], &world.sandbox.database_name("secret")).await);
    assert_eq!(world.documents(&world.sandbox.database_name("capped")).await["old_settings"].len(), 1);

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_garbled_secret_that_somebodys_finalizer_keeps_is_told_until_it_goes() {
    let world = World::new("kept").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("kept").await.name_any();
    let keep = json!(["backup.example/keep", "other.example/too"]);
    let garbled = json!({ "immutable": true, "stringData": { "uri": "mongodb://somewhere.example/" }, "metadata": { "finalizers": keep } });
    edit_secret(&world, &name, &garbled).await;
    let told = blocked(&world, &name, "CredentialsReady", "SecretTerminating").await;
    let message = &condition(&told, "CredentialsReady").unwrap().message;
    for part in [&secret_name(&name), "backup.example/keep, other.example/too"] {
        assert!(message.contains(part), "{message:?} does not say {part:?}");
    }
    assert!(is(&told, "SchemaReady", "True"), "the other half does not wait for it");

    edit_secret(&world, &name, &json!({ "metadata": { "finalizers": null } })).await;
    world.wait_ready(&name).await;
    assert!(world.logs_in(&world.secret(&name).await["uri"], &world.sandbox.database_name("kept")).await);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn names_that_the_api_server_does_not_take_are_told_in_a_way_that_it_does() {
    let world = World::new("names").await;
    let operator = every_second(&world).start().await;
    let name = world.ready_hospital("names").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("names"));
    database.create_collection("ward\u{7f}").await.unwrap();
    let mut extra = vec![doc! { "key": { "phone": 1 }, "name": "by\u{ffff}\u{85}\u{2028} phone\n" }];
    extra.push(doc! { "key": { "phone": -1 }, "name": "x".repeat(2_000_000) });
    database.run_command(doc! { "createIndexes": "patients", "indexes": extra }).await.unwrap();
    database.run_command(doc! { "createUser": "nurse\u{9f}", "pwd": "by hand", "roles": [] }).await.unwrap();

    let told = world
        .wait(&name, "told of them", |o| {
            let unmanaged = o.status.as_ref().and_then(|status| status.unmanaged.as_ref());
            unmanaged.is_some_and(|unmanaged| unmanaged.count == 4)
        })
        .await;
    let unmanaged = told.status.unwrap().unmanaged.unwrap();
    assert_eq!(unmanaged.collections, [r"ward\u{7f}"]);
    assert_eq!(unmanaged.users, [r"nurse\u{9f}"]);
    assert_eq!(unmanaged.indexes[0], r"patients.by\u{ffff}\u{85}\u{2028} phone\u{a}");
    assert!(unmanaged.indexes[1].ends_with("xxx…") && unmanaged.indexes[1].len() < 1000, "{}", unmanaged.indexes[1]);

    // The status goes on to be true, and is not written again and again.
    one_more_pass(&world, "names").await;
    let before = world.wait_ready(&name).await.metadata.resource_version;
    let done = passes(&operator).await;
    eventually("three more passes", async || (passes(&operator).await >= done + 3).then_some(())).await;
    assert_eq!(world.hospitals().get(&name).await.unwrap().metadata.resource_version, before);
    let plan = json!({ "spec": { "plan": "Professional" } });
    world.hospitals().patch(&name, &PatchParams::default(), &Patch::Merge(&plan)).await.unwrap();
    world.wait(&name, "of another plan", |o| o.status.as_ref().unwrap().monthly_price_usd == Some(299)).await;
    operator.terminate().await;
    world.close().await;
}

impl World {
    /// Whether the hospital's user gets in with this and can read its data.
    async fn logs_in(&self, uri: &str, database: &str) -> bool {
        let patients = client(uri).await.database(database).collection::<Document>("patients");
        match code(&patients.find_one(doc! {}).await) {
            0 => true,
            13 | 18 => false,
            other => panic!("MongoDB answers {other}"),
        }
    }

    /// Options and indexes of every collection of the catalogue, without what differs from one creation to the next.
    async fn structure(&self, database: &str) -> BTreeMap<String, (Document, Vec<Document>)> {
        let collections = self.mongo.database(database).list_collections().await.unwrap();
        let collections: Vec<_> = collections.try_collect().await.unwrap();
        let mut structure = BTreeMap::new();
        for collection in collections {
            if TENANT_SCHEMA.collections.iter().any(|c| c.name == collection.name) {
                let mut options = mongodb::bson::serialize_to_document(&collection.options).unwrap();
                // What the server leaves out is what it takes for granted.
                options.entry("validationLevel".to_owned()).or_insert_with(|| "strict".into());
                options.entry("validationAction".to_owned()).or_insert_with(|| "error".into());
                let indexes = self.mongo.database(database).run_command(doc! { "listIndexes": &collection.name }).await;
                // It can be gone again, when it is being replaced.
                let Ok(indexes) = indexes else { continue };
                let indexes = indexes.get_document("cursor").unwrap().get_array("firstBatch").unwrap().clone();
                let mut indexes: Vec<_> = indexes.iter().map(|i| i.as_document().unwrap().clone()).collect();
                indexes.sort_by_key(|index| index.get_str("name").unwrap().to_owned());
                structure.insert(collection.name, (options, indexes));
            }
        }
        structure
    }
}

/// An operator whose resync finds within a second or two what no watch brings.
fn every_second(world: &World) -> OperatorOptions {
    world.sandbox.operator().resync_interval("1s")
}

/// Returns when the operator has looked at this hospital after this call: it mends what is broken here.
async fn one_more_pass(world: &World, name: &str) {
    let database = world.mongo.database(&world.sandbox.database_name(name));
    database.run_command(doc! { "dropIndexes": "audit_logs", "index": "actor_time" }).await.unwrap();
    eventually("a dropped index is back", async || {
        let indexes = world.indexes(database.name(), "audit_logs").await;
        indexes.iter().any(|index| index.get_str("name").unwrap() == "actor_time").then_some(())
    })
    .await;
}

async fn blocked(world: &World, name: &str, type_: &str, reason: &str) -> chakravue_crds::HospitalOrganization {
    let blocked = world
        .wait(name, reason, |o| condition(o, type_).is_some_and(|c| c.status == "False" && c.reason == reason))
        .await;
    for (type_, status) in [("Ready", "False"), ("Stalled", "True")] {
        let condition = condition(&blocked, type_).unwrap();
        assert_eq!((condition.status.as_str(), condition.reason.as_str()), (status, reason), "{type_} of {name}");
    }
    blocked
}

async fn edit_secret(world: &World, name: &str, change: &Value) {
    let parameters = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
    world.secrets().patch(&secret_name(name), &parameters, &Patch::Merge(change)).await.unwrap();
}

fn decoded(secret: &Secret) -> BTreeMap<String, String> {
    let data = secret.data.clone().unwrap_or_default();
    data.into_iter().map(|(key, value)| (key, String::from_utf8(value.0).unwrap())).collect()
}

/// Users as MongoDB describes them, but for what a new user or a newly set password always changes.
fn without_keys(users: &Value) -> Value {
    let mut users = users.clone();
    for user in users.as_array_mut().unwrap() {
        for field in ["userId", "credentials"] {
            user.as_object_mut().unwrap().remove(field);
        }
    }
    users
}

fn user(email: &str) -> Document {
    doc! { "email": email, "role": "DOCTOR", "status": "active", "created_at": DateTime::now() }
}

/// What a patient needs to fit the schema who has a number already.
fn patient_but_for_its_number() -> Document {
    let mut patient = patient("");
    patient.remove("record_number");
    patient
}
