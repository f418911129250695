//! What somebody changes in MongoDB by hand is put right at once, with the resync far away; what was lost by it is said
//! until somebody acknowledges it; and a watch that cannot watch falls back and says so.

use std::time::{Duration, Instant};

use chakravue_crds::{HospitalOrganization, annotations::ACKNOWLEDGE_DATA_LOSS, naming::secret_name};
use chakravue_testbed::{
    OperatorOptions, OperatorProcess,
    proxy::{MongoProxy, WriteLog},
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::proxied::Proxied;
use crate::support::{PATIENCE, World, client, condition, eventually, is, metric, passes, passes_in_the_end, patient};

/// The resync never comes in these tests.
const NEVER: &str = "10h";
/// Nothing that is healed at once takes this long, even on a machine that is busy with other tests.
const AT_ONCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_drift_is_healed_at_once_and_own_changes_start_nothing() {
    let world = World::new("drift").await;
    let operator = watching(&world).await;
    let hospital = world.ready_hospital("drift").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("drift"));
    assert_eq!(noticed(&operator, "stream").await, 0, "the operator's own changes start no pass:\n{}", operator.log());
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let whole = whole(&world, &database).await;
    let secret = world.secret(&name).await;

    let (handle, admin) = (world.mongo.database(&database), world.mongo.database("admin"));
    let role = doc! { "role": "readWriteAnyDatabase", "db": "admin" };
    let wide = doc! { "resource": { "db": &database, "collection": "" }, "actions": ["find", "dropCollection"] };
    let away = format!("{}_away.patients", world.sandbox.prefix());
    let mut healed = Vec::new();
    for (kind, on_admin, change) in [
        ("an index dropped", false, doc! { "dropIndexes": "appointments", "index": "doctor_time" }),
        ("all indexes dropped", false, doc! { "dropIndexes": "patients", "index": "*" }),
        ("a validator taken away", false, doc! { "collMod": "users", "validator": {} }),
        ("a collection dropped", false, doc! { "drop": "pharmacy" }),
        ("a collection renamed away", true, doc! { "renameCollection": format!("{database}.patients"), "to": &away }),
        ("the user dropped", false, doc! { "dropUser": &database }),
        ("a foreign role granted", false, doc! { "grantRolesToUser": &database, "roles": [role] }),
        ("the rights of the role widened", false, doc! { "grantPrivilegesToRole": "tenant", "privileges": [wide] }),
        ("the role dropped", false, doc! { "dropRole": "tenant" }),
        ("the password changed", false, doc! { "updateUser": &database, "pwd": "by hand" }),
        (
            "another mechanism added",
            false,
            doc! { "updateUser": &database, "pwd": "by hand", "mechanisms": ["SCRAM-SHA-1", "SCRAM-SHA-256"] },
        ),
        ("the database dropped", false, doc! { "dropDatabase": 1 }),
    ] {
        let began = Instant::now();
        if on_admin { &admin } else { &handle }.run_command(change).await.unwrap();
        let deadline = began + PATIENCE;
        loop {
            if self::whole(&world, &database).await == whole && logs_in(&secret["uri"], &database).await {
                break;
            }
            assert!(Instant::now() < deadline, "not healed: {kind}\n{}", operator.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        healed.push((kind, began.elapsed()));
    }
    for (kind, took) in &healed {
        println!("{kind}: healed after {} ms", took.as_millis());
        assert!(*took < AT_ONCE, "{kind}: {took:?}");
    }
    assert_eq!(world.secret(&name).await, secret, "nothing of it concerned the Secret");
    assert_eq!(full_comparisons(&operator).await, 0);

    // Each change starts a pass, and at most one more after it was mended; then there is peace.
    let count = u64::try_from(healed.len()).unwrap();
    let quiet = passes_in_the_end(&operator).await;
    println!("{quiet} passes for {count} changes; dropping collections and a database are several changes each");
    assert!(quiet < 4 * count, "{quiet} passes for {count} changes");
    operator.terminate().await;
    world.close().await;
}

/// The stream announces a change a moment before the server shows it, so a pass that begins at once may see nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_stream_announced_is_looked_at_twice() {
    let world = World::new("twice").await;
    let operator = watching(&world).await;
    let name = world.ready_hospital("twice").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("twice"));
    let before = passes_in_the_end(&operator).await;
    database.create_collection("ward_reports").await.unwrap();
    world.wait(&name, "told of it", |o| o.status.as_ref().is_some_and(|status| status.unmanaged.is_some())).await;
    eventually("two passes", async || (passes(&operator).await >= before + 2).then_some(())).await;
    assert_eq!(passes_in_the_end(&operator).await, before + 2, "{}", operator.log());
    assert_eq!(noticed(&operator, "stream").await, 1);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_goes_on_where_it_was_and_one_that_lost_its_place_has_everything_compared() {
    let world = World::new("stream").await;
    let own = world.sandbox.watch_mongodb_uri().await;
    let (login, place) = own.strip_prefix("mongodb://").unwrap().split_once('@').unwrap();
    let (hosts, rest) = place.split_once('/').unwrap();
    let proxy = MongoProxy::start(hosts, WriteLog::new()).unwrap();
    let uri = format!("mongodb://{login}@{}/{rest}", proxy.address());
    let operator = world.sandbox.operator().resync_interval(NEVER).watch_mongodb_uri(&uri).start().await;
    wait_open(&operator, true).await;
    let names = [world.ready_hospital("one").await.name_any(), world.ready_hospital("two").await.name_any()];

    // Away for a while: what was missed meanwhile is brought later.
    proxy.set_down(true);
    wait_open(&operator, false).await;
    drop_index(&world, &names[0]).await;
    assert!(operator.log().contains("the change stream is down"), "{}", operator.log());
    proxy.set_down(false);
    wait_open(&operator, true).await;
    wait_index(&world, &names[0]).await;
    assert_eq!(full_comparisons(&operator).await, 0, "nothing was lost");

    // The server has forgotten the place.
    proxy.fail("aggregate", 286, "ChangeStreamHistoryLost", "the resume point may no longer be in the oplog");
    proxy.set_down(true);
    wait_open(&operator, false).await;
    for name in &names {
        drop_index(&world, name).await;
    }
    proxy.set_down(false);
    proxy.clear();
    proxy.fail_after("aggregate", 0, 286, "ChangeStreamHistoryLost", "the resume point may no longer be in the oplog");
    eventually("the place is given up", async || operator.log().contains("ChangeStreamHistoryLost").then_some(()))
        .await;
    proxy.clear();
    for name in &names {
        wait_index(&world, name).await;
    }
    assert_eq!(full_comparisons(&operator).await, 1);
    assert!(operator.log().contains("every hospital is compared"), "{}", operator.log());

    // The login is taken away: said once, and everything else goes on.
    let admin = world.mongo.database("admin");
    admin.run_command(doc! { "dropUser": world.sandbox.watch_login() }).await.unwrap();
    wait_open(&operator, false).await;
    eventually("the log says that the login is refused", async || {
        operator.log().contains("MongoDB refuses its user name or password").then_some(())
    })
    .await;
    world.ready_hospital("three").await;
    drop_index(&world, &names[1]).await;
    let password = login.split_once(':').unwrap().1;
    let role = doc! { "role": world.sandbox.watch_login(), "db": "admin" };
    let user = doc! { "createUser": world.sandbox.watch_login(), "pwd": password, "roles": [role] };
    admin.run_command(user).await.unwrap();
    wait_open(&operator, true).await;
    wait_index(&world, &names[1]).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standalone_server_works_by_resync_alone_and_so_does_an_operator_without_the_second_login() {
    let world = World::new("standalone").await;
    let without = world.sandbox.operator().resync_interval(NEVER).start().await;
    without.wait_ready().await;
    assert!(without.log().contains("no MongoDB login that can watch"), "{}", without.log());
    assert!(!is_open(&without).await);
    without.terminate().await;

    let (standalone, uri) = world.sandbox.standalone_mongodb().await;
    let operator = world.sandbox.operator().mongodb_uri(&uri).watch_mongodb_uri(standalone.uri());
    let operator = operator.resync_interval("1s").start().await;
    let name = world.ready_hospital("alone").await.name_any();
    let log = operator.log();
    assert_eq!(log.matches("MongoDB is a standalone server, which has no change streams").count(), 1, "{log}");
    assert!(!is_open(&operator).await);
    let alone = client(standalone.uri()).await;
    let database = alone.database(&world.sandbox.database_name("alone"));
    let indexes = async || database.collection::<Document>("audit_logs").list_index_names().await.unwrap().len();
    let before = indexes().await;
    database.run_command(doc! { "dropIndexes": "audit_logs", "index": "time" }).await.unwrap();
    database.run_command(doc! { "dropUser": database.name() }).await.unwrap();
    eventually("the index is back", async || (indexes().await == before).then_some(())).await;
    let uri = world.secret(&name).await["uri"].clone();
    eventually("the user is back", async || logs_in(&uri, database.name()).await.then_some(())).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_of_data_is_told_until_somebody_acknowledges_that_very_loss() {
    let world = World::new("loss").await;
    let operator = watching(&world).await;
    let (name, other) = (world.ready_hospital("loss").await.name_any(), world.ready_hospital("other").await.name_any());
    let database = world.mongo.database(&world.sandbox.database_name("loss"));
    let suspected = |o: &HospitalOrganization| is(o, "DataLossSuspected", "True");
    assert!(!suspected(&world.hospitals().get(&name).await.unwrap()));

    database.collection::<Document>("patients").drop().await.unwrap();
    let told = world.wait(&name, "told of a loss", suspected).await;
    let ready = condition(&told, "Ready").unwrap();
    assert_eq!(ready.status, "True", "it can be used");
    assert!(ready.message.contains("it lost data"), "{}", ready.message);
    let first = told.status.unwrap().data_loss.unwrap();
    assert_eq!(first.collections, ["patients"]);
    let message = condition(&world.hospitals().get(&name).await.unwrap(), "DataLossSuspected").unwrap().message.clone();
    assert!(
        message.contains(&format!("{name} --overwrite {ACKNOWLEDGE_DATA_LOSS}={}", first.detected_at)),
        "{message}"
    );
    eventually("a warning tells it", async || {
        let warnings = world.warnings(&name).await;
        warnings
            .iter()
            .any(|note| note.starts_with("Collection patients was dropped or replaced in database"))
            .then_some(())
    })
    .await;
    assert_eq!(metric(&operator, "data_loss_suspected").await, 1);

    // It outlasts the operator, its status, and nonsense; nobody else is concerned.
    operator.terminate().await;
    let nothing = json!({ "status": { "dataLoss": null, "conditions": [] } });
    let merge = Patch::Merge(&nothing);
    world.hospitals().patch_status(&name, &PatchParams::default(), &merge).await.unwrap();
    for nonsense in ["true", "", "yes, I know"] {
        world.annotate(&name, ACKNOWLEDGE_DATA_LOSS, nonsense).await;
    }
    let operator = watching(&world).await;
    let still = world.wait(&name, "told of a loss again", suspected).await;
    assert_eq!(still.status.unwrap().data_loss.unwrap(), first);

    // A collection that was quickly made again is another collection: only its documents tell.
    operator.terminate().await;
    database.collection::<Document>("users").drop().await.unwrap();
    database.create_collection("users").await.unwrap();
    world.annotate(&name, ACKNOWLEDGE_DATA_LOSS, "").await;
    let operator = watching(&world).await;
    let more = |o: &HospitalOrganization| o.status.as_ref().unwrap().data_loss.as_ref() != Some(&first);
    let both = world.wait(&name, "told of the second loss", |o| suspected(o) && more(o)).await;
    let both = both.status.unwrap().data_loss.unwrap();
    assert_eq!(both.collections, ["patients", "users"]);

    // What confirms the first does not hide the second.
    world.annotate(&name, ACKNOWLEDGE_DATA_LOSS, &first.detected_at).await;
    database.run_command(doc! { "dropIndexes": "settings", "index": "*" }).await.unwrap();
    wait_index_of(&world, database.name(), "settings", "key_unique").await;
    assert!(suspected(&world.hospitals().get(&name).await.unwrap()));
    world.annotate(&name, ACKNOWLEDGE_DATA_LOSS, &both.detected_at).await;
    let over = world.wait(&name, "done with the loss", |o| condition(o, "DataLossSuspected").is_none()).await;
    assert_eq!(over.status.unwrap().data_loss, None);
    // The metric is of what the operator's watch has brought it, which may be a moment behind ours.
    eventually("the metric knows it", async || (metric(&operator, "data_loss_suspected").await == 0).then_some(()))
        .await;

    // The same annotation says nothing about the next loss: of everything.
    database.drop().await.unwrap();
    // The server drops one collection after the other: a pass in between sees some of it, and the next one the rest.
    let lost =
        |o: &HospitalOrganization| o.status.as_ref().unwrap().data_loss.as_ref().map(|loss| loss.collections.len());
    let all = world.wait(&name, "told of the loss of all six", |o| suspected(o) && lost(o) == Some(6)).await;
    assert_eq!(lost(&all), Some(6));
    assert!(!suspected(&world.hospitals().get(&other).await.unwrap()));
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_told_also_where_something_stands_in_the_way_of_the_schema() {
    let world = World::new("loss beside a conflict").await;
    let operator = watching(&world).await;
    let name = world.ready_hospital("both").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("both"));
    operator.terminate().await;
    database.run_command(doc! { "dropIndexes": "pharmacy", "index": "expiry" }).await.unwrap();
    let theirs = doc! { "name": "of_the_dba", "key": { "expires_on": 1 }, "expireAfterSeconds": 3600 };
    database.run_command(doc! { "createIndexes": "pharmacy", "indexes": [theirs] }).await.unwrap();
    let operator = watching(&world).await;
    world.wait(&name, "refused", |o| condition(o, "SchemaReady").is_some_and(|c| c.reason == "SchemaConflict")).await;
    let mut before = None;
    for loss in ["first", "second"] {
        database.collection::<Document>("patients").drop().await.unwrap();
        let of = |o: &HospitalOrganization| o.status.as_ref().unwrap().data_loss.clone();
        let told = world.wait(&name, loss, |o| of(o).is_some() && of(o) != before).await;
        before = of(&told);
        let (detected_at, lost) =
            before.as_ref().map(|loss| (loss.detected_at.clone(), loss.collections.clone())).unwrap();
        assert_eq!(lost, ["patients"], "{loss}");
        world.annotate(&name, ACKNOWLEDGE_DATA_LOSS, &detected_at).await;
        world.wait(&name, "done with it", |o| of(o).is_none()).await;
        eventually("it is made again", async || {
            world.collection_names(database.name()).await.contains(&"patients".to_owned()).then_some(())
        })
        .await;
    }
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dba_adds_is_told_in_the_status_and_left_alone() {
    let world = World::new("unmanaged").await;
    let operator = watching(&world).await;
    let name = world.ready_hospital("extra").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("extra"));
    let index = doc! { "name": "by_ward", "key": { "ward": 1 } };
    database.run_command(doc! { "createIndexes": "patients", "indexes": [index] }).await.unwrap();
    database.create_collection("ward_reports").await.unwrap();
    let wanted = json!({ "collections": ["ward_reports"], "indexes": ["patients.by_ward"], "count": 2 });
    let unmanaged = |o: &HospitalOrganization| json!(o.status.as_ref().unwrap().unmanaged);
    world.wait(&name, "told of both", |o| unmanaged(o) == wanted).await;
    // It survives that something beside it is mended.
    database.run_command(doc! { "dropIndexes": "patients", "index": "name_birth_date" }).await.unwrap();
    wait_index_of(&world, database.name(), "patients", "name_birth_date").await;
    wait_index_of(&world, database.name(), "patients", "by_ward").await;
    assert!(world.collection_names(database.name()).await.contains(&"ward_reports".to_owned()));

    database.run_command(doc! { "dropIndexes": "patients", "index": "by_ward" }).await.unwrap();
    database.collection::<Document>("ward_reports").drop().await.unwrap();
    let clean = world.wait(&name, "told of nothing", |o| unmanaged(o) == Value::Null).await;
    assert!(condition(&clean, "DataLossSuspected").is_none(), "what was never the operator's is no loss of its");

    // From where the hospital's own user may log in: at the next look, whatever has it come.
    let restrictions = doc! { "clientSource": ["10.0.0.0/8"] };
    let restrict = doc! { "updateUser": database.name(), "authenticationRestrictions": [restrictions] };
    database.run_command(restrict).await.unwrap();
    world.annotate(&name, "example.com/look", "now").await;
    let wanted = json!({ "users": [format!("{} (authenticationRestrictions)", database.name())], "count": 1 });
    world.wait(&name, "told of the restriction", |o| unmanaged(o) == wanted).await;
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_secret_and_one_with_garbage_are_mended_at_once() {
    let world = World::new("secret drift").await;
    let operator = watching(&world).await;
    let name = world.ready_hospital("secret").await.name_any();
    let database = world.sandbox.database_name("secret");
    let garbage = json!({ "data": { "password": "//79", "uri": "bm9uc2Vuc2U=" }, "metadata": { "annotations": {
        "chakravue.io/rotated-at": "yesterday", "chakravue.io/rotation": "nobody asked" } } });
    for what in ["deleted", "garbage"] {
        let before = world.secret(&name).await;
        let began = Instant::now();
        if what == "deleted" {
            world.secrets().delete(&secret_name(&name), &DeleteParams::default()).await.unwrap();
        } else {
            let merge = Patch::Merge(&garbage);
            world.secrets().patch(&secret_name(&name), &PatchParams::default(), &merge).await.unwrap();
        }
        eventually(what, async || {
            let found = world.secrets().get_opt(&secret_name(&name)).await.unwrap()?;
            let uri = String::from_utf8(found.data?.get("uri")?.0.clone()).ok()?;
            (uri != before["uri"] && uri.starts_with("mongodb://") && logs_in(&uri, &database).await).then_some(())
        })
        .await;
        println!("Secret {what}: healed after {} ms", began.elapsed().as_millis());
    }
    let status = world.wait_ready(&name).await.status.unwrap();
    assert!(status.credentials.unwrap().rotated_at.is_some());
    operator.terminate().await;
    world.close().await;
}

/// An operator with the second login, whose stream is open; the resync never comes.
async fn watching(world: &World) -> OperatorProcess {
    let options: OperatorOptions = world.sandbox.operator().resync_interval(NEVER);
    let operator = options.watch_mongodb_uri(&world.sandbox.watch_mongodb_uri().await).start().await;
    operator.wait_ready().await;
    wait_open(&operator, true).await;
    operator
}

/// What of a hospital's database can drift, but for what is new whenever something is made again.
pub async fn whole(world: &World, database: &str) -> Value {
    let mut collections = serde_json::Map::new();
    let handle = world.mongo.database(database);
    let Ok(listed) = handle.run_command(doc! { "listCollections": 1 }).await else { return Value::Null };
    for found in listed.get_document("cursor").unwrap().get_array("firstBatch").unwrap() {
        let (name, options) = (found.as_document().unwrap().get_str("name").unwrap(), &found.as_document().unwrap());
        let mut options = options.get_document("options").unwrap().clone();
        for default in ["validationLevel", "validationAction"] {
            options.remove(default);
        }
        let indexes = handle.run_command(doc! { "listIndexes": name }).await;
        let Ok(indexes) = indexes else { return Value::Null };
        let mut indexes: Vec<Value> =
            indexes.get_document("cursor").unwrap().get_array("firstBatch").unwrap().iter().map(|i| json!(i)).collect();
        indexes.sort_by_key(|index| index["name"].as_str().unwrap().to_owned());
        collections.insert(name.to_owned(), json!({ "options": options, "indexes": indexes }));
    }
    let users = handle.run_command(doc! { "usersInfo": 1 }).await.unwrap();
    let roles = handle.run_command(doc! { "rolesInfo": 1, "showPrivileges": true }).await.unwrap();
    let mut users = json!(users.get_array("users").unwrap());
    for user in users.as_array_mut().unwrap() {
        user.as_object_mut().unwrap().remove("userId");
    }
    json!({ "collections": collections, "users": users, "roles": roles.get_array("roles").unwrap() })
}

async fn logs_in(uri: &str, database: &str) -> bool {
    let patients = client(uri).await.database(database).collection::<Document>("patients");
    patients.find_one(doc! {}).await.is_ok()
}

const INDEX: (&str, &str) = ("audit_logs", "actor_time");

pub async fn drop_index(world: &World, name: &str) {
    let database = world.mongo.database(&name.replace('-', "_"));
    database.run_command(doc! { "dropIndexes": INDEX.0, "index": INDEX.1 }).await.unwrap();
}

pub async fn wait_index(world: &World, name: &str) {
    wait_index_of(world, &name.replace('-', "_"), INDEX.0, INDEX.1).await;
}

async fn wait_index_of(world: &World, database: &str, collection: &str, index: &str) {
    eventually(&format!("index {index} of {database}.{collection} is there"), async || {
        let indexes = world.indexes(database, collection).await;
        indexes.iter().any(|found| found.get_str("name").unwrap() == index).then_some(())
    })
    .await;
}

async fn wait_open(operator: &OperatorProcess, open: bool) {
    let what = if open { "the change stream is open" } else { "the change stream is down" };
    eventually(what, async || (answers(operator).await && is_open(operator).await == open).then_some(())).await;
}

async fn answers(operator: &OperatorProcess) -> bool {
    operator.status_of("/livez").await.is_some()
}

async fn is_open(operator: &OperatorProcess) -> bool {
    metric(operator, "change_stream_open").await == 1
}

async fn full_comparisons(operator: &OperatorProcess) -> u64 {
    metric(operator, "full_comparisons_total").await
}

async fn noticed(operator: &OperatorProcess, source: &str) -> u64 {
    metric(operator, &format!("drift_noticed_total{{source=\"{source}\"}}")).await
}

/// What is wrong in MongoDB needs no API server to be put right. One that hangs is worse than one that is away: nothing fails.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_has_stopped_answering_keeps_no_drift_from_being_healed() {
    let proxied = Proxied::new("silent").await;
    let world = &proxied.world;
    let operator = proxied.operator().resync_interval(NEVER).start().await;
    let name = world.ready_hospital("silent").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("silent"));
    for method in ["GET", "PATCH", "POST", "PUT", "DELETE"] {
        proxied.kube.ignore(method, "/namespaces/");
    }
    for _ in 0..2 {
        let root = doc! { "role": "root", "db": "admin" };
        database.run_command(doc! { "grantRolesToUser": database.name(), "roles": [root] }).await.unwrap();
        drop_index(world, &name).await;
        let began = Instant::now();
        eventually("the foreign role is gone", async || {
            let found = database.run_command(doc! { "usersInfo": database.name() }).await.unwrap();
            let user = found.get_array("users").unwrap()[0].as_document().unwrap().clone();
            (user.get_array("roles").unwrap().len() == 1).then_some(())
        })
        .await;
        wait_index(world, &name).await;
        assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
    }
    proxied.kube.clear();
    // What waits for an answer that never comes ends with its process.
    operator.kill();
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_loss_and_each_repair_has_an_event_that_tells_of_it_also_where_the_earlier_ones_were_deleted() {
    let world = World::new("each told").await;
    let operator = watching(&world).await;
    let name = world.ready_hospital("told").await.name_any();
    let database = world.mongo.database(&world.sandbox.database_name("told"));
    let told = async |what: &str| {
        eventually(what, async || world.warnings(&name).await.iter().any(|told| told.contains(what)).then_some(()))
            .await;
    };
    for lost in ["settings", "pharmacy"] {
        database.run_command(doc! { "drop": lost }).await.unwrap();
        told(&format!("Collection {lost} was")).await;
    }
    let events: kube::Api<k8s_openapi::api::events::v1::Event> =
        kube::Api::namespaced(world.kube.clone(), world.sandbox.namespace());
    events.delete_collection(&DeleteParams::default(), &kube::api::ListParams::default()).await.unwrap();
    database.run_command(doc! { "drop": "settings" }).await.unwrap();
    told("Collection settings was").await;
    assert!(operator.terminate().await.success());
    world.close().await;
}
