//! A MongoDB that is nearly full gets no further hospital, and lives; whoever is refused is told why and gets its turn
//! when there is room.

use chakravue_testbed::OperatorProcess;
use futures::future::join_all;
use kube::ResourceExt as _;
use mongodb::bson::doc;
use serde_json::json;

use crate::support::{PATIENCE, World, client, condition, eventually, is};

/// For about a dozen hospitals: enough to see a line, few enough to make quickly.
const FILES: u32 = 700;
const WANTED: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn a_mongod_with_few_file_descriptors_is_filled_up_to_the_line_and_lives() {
    let world = World::new("capacity").await;
    let (mongod, uri) = world.sandbox.mongodb_with_few_files(FILES).await;
    let operator = world.sandbox.operator().mongodb_uri(&uri).start().await;
    operator.wait_ready().await;

    // All at once, so that many passes decide at the same time.
    let names: Vec<String> = (0..WANTED).map(|n| world.sandbox.object_name(&format!("full-{n:02}"))).collect();
    let objects: Vec<_> = (0..WANTED)
        .map(|n| {
            let mut object = world.hospital(&format!("full-{n:02}"));
            object["spec"]["deletionPolicy"] = json!("Delete");
            object
        })
        .collect();
    join_all(objects.iter().map(|object| world.apply(object))).await;
    let settled = join_all(
        names
            .iter()
            .map(|name| world.wait(name, "ready or refused", |o| is(o, "Ready", "True") || is(o, "Stalled", "True"))),
    )
    .await;
    let (ready, refused): (Vec<_>, Vec<_>) = settled.into_iter().partition(|object| is(object, "Ready", "True"));
    let open = mongod.open_files();
    println!("{} of {WANTED} hospitals with {FILES} file descriptors, of which {open} are in use", ready.len());
    assert!(mongod.ended().is_none(), "{:?}", mongod.ended());
    assert!(!ready.is_empty() && !refused.is_empty(), "{} ready, {} refused", ready.len(), refused.len());
    assert!(open < FILES as usize * 9 / 10, "{open} of {FILES}");
    for object in &refused {
        let told = condition(object, "Ready").unwrap();
        assert_eq!((told.status.as_str(), told.reason.as_str()), ("False", "CapacityExhausted"));
        for words in ["file descriptors", "ulimit -n", "no room for database"] {
            assert!(told.message.contains(words), "{}", told.message);
        }
        assert!(is(object, "ClaimHeld", "True"), "the name is kept for it");
        let name = object.name_any();
        assert_eq!(world.secrets().get_opt(&format!("{name}-mongodb")).await.unwrap(), None, "nothing was made");
    }
    let waiting = i64::try_from(refused.len()).unwrap();
    eventually("the metric counts who waits", async || {
        (value(&operator, "capacity_refused").await == Some(waiting)).then_some(())
    })
    .await;
    assert_eq!(
        value(&operator, "capacity_budget{resource=\"file_descriptors\"}").await,
        Some(i64::from(FILES / 10 * 8))
    );
    // What was just made is counted twice until the next look; connections come and go.
    eventually("the metric says that it is full", async || {
        let used = value(&operator, "capacity_used{resource=\"file_descriptors\"}").await?;
        (used - i64::from(FILES / 10 * 8)).abs().lt(&60).then_some(())
    })
    .await;

    // Everything in it still works, and nobody who is in is turned out.
    let database = client(&world.secret(&ready[0].name_any()).await["uri"]).await;
    let patients =
        database.database(&ready[0].name_any().replace('-', "_")).collection::<mongodb::bson::Document>("patients");
    patients.find_one(doc! {}).await.unwrap();

    // Room for one.
    world.delete_and_wait(&ready[0].name_any()).await;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut now_ready = 0;
        for object in &refused {
            now_ready += usize::from(is(&world.hospitals().get(&object.name_any()).await.unwrap(), "Ready", "True"));
        }
        if now_ready > 0 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "nobody got the room: {}", operator.metrics().await);
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert!(mongod.ended().is_none(), "{:?}", mongod.ended());
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_that_the_operator_was_told_are_kept() {
    let world = World::new("budget").await;
    for (flag, words, cure) in [
        ("--max-tables", "tables (collections and indexes)", "--max-tables"),
        ("--max-open-files", "file descriptors", "ulimit -n"),
        ("--max-database-users", "database users", "--max-database-users"),
    ] {
        let operator = world.sandbox.operator().arg(flag).arg("1").start().await;
        let name = world.apply(&world.hospital("over")).await.name_any();
        let says = |o: &chakravue_crds::HospitalOrganization| {
            let ready = condition(o, "Ready").filter(|ready| ready.reason == "CapacityExhausted");
            ready.is_some_and(|ready| ready.message.contains(words) && ready.message.contains(cure))
        };
        let told = world.wait(&name, &format!("refused for its {words}"), says).await;
        assert!(is(&told, "Stalled", "True"));
        let claim = world.claim_on(&world.sandbox.database_name("over")).await.unwrap();
        assert_eq!(claim.get_str("status").unwrap(), "Failed", "the platform sees it too");
        // It has no database, whatever somebody writes.
        let lie = json!({ "status": {
            "binding": { "name": "another-secret" }, "schemaVersion": 2, "credentials": { "rotatedAt": "2026-01-01T00:00:00Z" },
            "collections": [{ "name": "patients", "documentsValidated": true, "indexes": ["record_number"] }],
            "conditions": [
                { "type": "CredentialsReady", "status": "True", "reason": "AsDeclared", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" },
            ],
        } });
        let by_hand = kube::api::Patch::Merge(&lie);
        world.hospitals().patch_status(&name, &kube::api::PatchParams::default(), &by_hand).await.unwrap();
        let is_true = |o: &chakravue_crds::HospitalOrganization| {
            let status = o.status.as_ref().unwrap();
            let has_nothing = status.binding.is_none() && status.credentials.is_none() && status.collections.is_empty();
            has_nothing && status.schema_version.is_none() && condition(o, "CredentialsReady").is_none() && says(o)
        };
        world.wait(&name, "told as it is", is_true).await;
        operator.terminate().await;
    }
    let operator = world.sandbox.operator().start().await;
    world.wait_ready(&world.sandbox.object_name("over")).await;
    let claim = world.claim_on(&world.sandbox.database_name("over")).await.unwrap();
    assert_eq!(claim.get_str("status").unwrap(), "Active");
    operator.terminate().await;
    world.close().await;
}

/// A metric of the operator.
async fn value(operator: &OperatorProcess, metric: &str) -> Option<i64> {
    let metrics = operator.metrics().await;
    let start = format!("chakravue_operator_{metric} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)).map(|value| value.parse().unwrap())
}
