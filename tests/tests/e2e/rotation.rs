//! A new password on request: in place, once for each request, without a failed request of a client that reads the
//! Secret again when it is refused.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use chakravue_crds::{
    HospitalOrganization,
    annotations::{LONGEST_ROTATION, ROTATE_CREDENTIALS},
    naming::secret_name,
    organization::CredentialsStatus,
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{USER, World, client, code, eventually, patient};

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_is_in_place_and_who_is_refused_reads_the_secret_once() {
    let world = World::new("rotation").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("rotation").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("rotation"));
    let mut last = credentials(&hospital);
    assert!(last.rotated_at.is_some() && last.rotation.is_none(), "{last:?}");
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let first = world.secret(&name).await;
    let open = client(&first["uri"]).await;
    let user_id = user_id(&world, &database).await;

    let (stop, done, again) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    // A connection that is open goes on.
    let old_pool = async {
        while !stop.load(Ordering::Relaxed) {
            open.database(&database).collection::<Document>("patients").find_one(doc! {}).await.unwrap();
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    // A new one reads the Secret only when it is refused. The password stands there before MongoDB hears of it, so the
    // first look finds another one, which gets in.
    let used = watch::Sender::new(first["uri"].clone());
    let new_connections = async {
        while !stop.load(Ordering::Relaxed) {
            let known = used.borrow().clone();
            if !gets_in(&known, &database).await {
                again.fetch_add(1, Ordering::Relaxed);
                let read = uri(&world, &name).await.expect("refused before there was another Secret");
                assert!(read != known, "refused with the password that stands in the Secret");
                assert!(gets_in(&read, &database).await, "refused with what was read after the refusal");
                used.send_replace(read);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // Who begins just now reads the Secret first, perhaps a moment before MongoDB hears of its password: nothing but that
    // command is to be waited for. Odd while a rotation is under way.
    let (under_way, longest) = (AtomicUsize::new(0), Mutex::new(Duration::ZERO));
    let newcomers = async {
        let mut outside = None;
        while !stop.load(Ordering::Relaxed) {
            let before = under_way.load(Ordering::SeqCst);
            let is_in = match uri(&world, &name).await {
                Some(uri) => gets_in(&uri, &database).await,
                None => false,
            };
            if is_in {
                let outside = outside.take().map(|since: Instant| since.elapsed()).unwrap_or_default();
                let mut longest = longest.lock().unwrap();
                *longest = outside.max(*longest);
            } else {
                let is_rotating = before % 2 == 1 || under_way.load(Ordering::SeqCst) != before;
                assert!(is_rotating, "refused with the Secret's password while nothing was rotated");
                outside.get_or_insert_with(Instant::now);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let rotations = async {
        for value in [Some("1"), Some("2"), Some("2026-11-23"), None, None] {
            // The times are in whole seconds; this rotation is to have one of its own.
            eventually("the next second", async || (Some(now()) > last.rotated_at).then_some(())).await;
            let begun = now();
            under_way.fetch_add(1, Ordering::SeqCst);
            match value {
                Some(value) => world.annotate(&name, ROTATE_CREDENTIALS, value).await,
                None => drop(world.secrets().delete(&secret_name(&name), &DeleteParams::default()).await.unwrap()),
            }
            // A Secret that is deleted answers what was asked for last.
            let rotation = value.map(str::to_owned).or(last.rotation.clone());
            let is_told = |o: &HospitalOrganization| {
                let told = credentials(o);
                told.rotation == rotation && told.rotated_at != last.rotated_at
            };
            let told = credentials(&world.wait(&name, value.unwrap_or("made again"), is_told).await);
            under_way.fetch_add(1, Ordering::SeqCst);
            let at = told.rotated_at.clone().unwrap();
            assert!(at >= begun && at <= now(), "{told:?} of what began at {begun:?}");
            let secret = world.secret(&name).await;
            assert!(gets_in(&secret["uri"], &database).await);
            // The one before works no more, so whoever connects has to have read this one.
            used.subscribe().wait_for(|used| *used == secret["uri"]).await.unwrap();
            let user_id_now = self::user_id(&world, &database).await;
            assert_eq!(user_id_now, user_id, "the user is the same, so open connections go on");
            last = told;
        }
        stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(old_pool, new_connections, newcomers, rotations);
    let (again, longest) = (again.into_inner(), longest.into_inner().unwrap());
    println!(
        "{} requests over open connections; {again} new ones refused, each served after one look at the Secret; a newcomer \
         waited for {longest:?} at the most",
        done.into_inner()
    );
    assert_eq!(again, 5, "one refusal for each rotation");
    assert!(longest < Duration::from_secs(2), "a newcomer waited for {longest:?}");
    let last = world.secret(&name).await;
    assert_ne!(last["password"], first["password"]);
    assert!(!gets_in(&first["uri"], &database).await, "the old password still works");
    let events = world.events(&name).await;
    for words in [ROTATE_CREDENTIALS, "Wrote new credentials into Secret"] {
        assert!(events.iter().any(|note| note.contains(words)), "{words}: {events:?}");
    }
    assert_eq!(world.documents(&database).await["patients"].len(), 1);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_carried_out_once_whatever_it_says() {
    let world = World::new("requests").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("requests");
    object["metadata"]["annotations"] = json!({ ROTATE_CREDENTIALS: "from the start" });
    let name = world.apply(&object).await.name_any();
    let database = world.sandbox.database_name("requests");
    assert_eq!(credentials(&world.wait_ready(&name).await).rotation.as_deref(), Some("from the start"));
    let mut password = world.secret(&name).await["password"].clone();

    // What is not a new value changes nothing: a Secret that was rotated for it would show within this pass.
    let long = "x".repeat(LONGEST_ROTATION);
    let cut = "y".repeat(LONGEST_ROTATION - 1);
    for (value, counts_as) in [
        ("from the start", None),
        ("", None),
        (" \n ", None),
        ("ärztin 🏥", Some("ärztin 🏥")),
        ("ärztin 🏥", None),
        (&"x".repeat(100_000), Some(long.as_str())),
        (&"x".repeat(70), None),
        ("\"}{$ne: null}\u{7f}", Some("\"}{$ne: null}")),
        // What is applied is read as YAML, which folds lines; and what counts begins and ends with no space.
        ("a \u{2028} b \u{2029}\u{85} c", Some("a  b  c")),
        ("\u{7f} d \u{1}", Some("d")),
        (&format!("{cut} e"), Some(&cut)),
        (&format!("{cut} f"), None),
    ] {
        world.annotate(&name, ROTATE_CREDENTIALS, value).await;
        one_more_pass(&world, &name).await;
        let shown: String = value.chars().take(20).collect();
        let now = world.secret(&name).await;
        assert_eq!(now["password"] != password, counts_as.is_some(), "{shown:?}");
        password.clone_from(&now["password"]);
        if let Some(rotation) = counts_as {
            let rotated = world.wait(&name, &shown, |o| credentials(o).rotation.as_deref() == Some(rotation)).await;
            assert!(credentials(&rotated).rotated_at.is_some());
        }
        assert!(gets_in(&now["uri"], &database).await, "{shown:?}");
    }

    // Neither a restart nor a lost status repeats one, and a deleted Secret answers what was asked for last.
    operator.terminate().await;
    let nothing = json!({ "status": { "credentials": null } });
    world.hospitals().patch_status(&name, &PatchParams::default(), &Patch::Merge(&nothing)).await.unwrap();
    let operator = world.sandbox.operator().start().await;
    let told = |o: &HospitalOrganization| o.status.as_ref().unwrap().credentials.is_some();
    world.wait(&name, "told of its credentials again", told).await;
    assert_eq!(world.secret(&name).await["password"], password);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_whose_annotations_somebody_changed_is_not_rotated_again_and_tells_a_time_that_can_be() {
    let world = World::new("forgotten").await;
    let operator = world.sandbox.operator().start().await;
    let mut object = world.hospital("forgotten");
    object["metadata"]["annotations"] = json!({ ROTATE_CREDENTIALS: "1" });
    let name = world.apply(&object).await.name_any();
    let rotated = credentials(&world.wait_ready(&name).await);
    let secret = world.secrets().get(&secret_name(&name)).await.unwrap();
    let whole = secret.annotations().clone();
    assert_eq!((whole[ROTATION].as_str(), &rotated.rotation), ("1", &Some("1".to_owned())));

    for change in [
        json!({ ROTATION: null, ROTATED_AT: null }),
        json!({ ROTATION: null }),
        json!({ ROTATED_AT: null }),
        json!({ ROTATED_AT: "2126-01-01T00:00:00Z" }),
        json!({ ROTATED_AT: "-000001-01-01T00:00:00Z" }),
        json!({ ROTATED_AT: "yesterday", ROTATION: " 1\u{7f}" }),
        json!({ ROTATED_AT: format!("{}.123Z", whole[ROTATED_AT].trim_end_matches('Z')) }),
    ] {
        annotate_secret(&world, &name, &change).await;
        eventually(&format!("the Secret is as before after {change}"), async || {
            let now = world.secrets().get(&secret_name(&name)).await.unwrap();
            assert_eq!(now.data, secret.data, "{change}");
            (*now.annotations() == whole).then_some(())
        })
        .await;
        one_more_pass(&world, &name).await;
        assert_eq!(credentials(&world.wait_ready(&name).await), rotated, "{change}");
    }

    // Nothing that stands in the Secret keeps the status from being written.
    annotate_secret(&world, &name, &json!({ ROTATION: format!("\u{7f}{}", "x".repeat(100_000)) })).await;
    let rotated_for_it = eventually("the Secret is rotated for what it says, once", async || {
        let now = world.secrets().get(&secret_name(&name)).await.unwrap();
        (now.data != secret.data && now.annotations()[ROTATION] == "1").then_some(now.data)
    })
    .await;
    one_more_pass(&world, &name).await;
    assert_eq!(world.secrets().get(&secret_name(&name)).await.unwrap().data, rotated_for_it);

    // A status that says more than is true keeps one rotation from being carried out, and not the next.
    let lie = json!({ "status": { "credentials": { "rotation": "2" } } });
    operator.terminate().await;
    annotate_secret(&world, &name, &json!({ ROTATION: null, ROTATED_AT: null })).await;
    world.hospitals().patch_status(&name, &PatchParams::default(), &Patch::Merge(&lie)).await.unwrap();
    world.annotate(&name, ROTATE_CREDENTIALS, "2").await;
    let operator = world.sandbox.operator().start().await;
    one_more_pass(&world, &name).await;
    assert_eq!(world.secrets().get(&secret_name(&name)).await.unwrap().data, rotated_for_it);
    world.annotate(&name, ROTATE_CREDENTIALS, "3").await;
    world.wait(&name, "rotated", |o| credentials(o).rotation.as_deref() == Some("3")).await;
    assert_ne!(world.secrets().get(&secret_name(&name)).await.unwrap().data, rotated_for_it);
    operator.terminate().await;
    world.close().await;
}

/// The operator's own annotations of the Secret.
const ROTATION: &str = "chakravue.io/rotation";
const ROTATED_AT: &str = "chakravue.io/rotated-at";

async fn annotate_secret(world: &World, name: &str, annotations: &Value) {
    let parameters = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({ "metadata": { "annotations": annotations } }));
    world.secrets().patch(&secret_name(name), &parameters, &patch).await.unwrap();
}

/// The connection string that the Secret has now, if there is one.
async fn uri(world: &World, name: &str) -> Option<String> {
    let secret = world.secrets().get_opt(&secret_name(name)).await.unwrap()?;
    Some(String::from_utf8(secret.data.unwrap().remove("uri").unwrap().0).unwrap())
}

/// The time as Kubernetes writes times: in whole seconds.
fn now() -> Time {
    Time(Timestamp::from_second(Timestamp::now().as_second()).unwrap())
}

fn credentials(object: &HospitalOrganization) -> CredentialsStatus {
    object.status.clone().unwrap().credentials.unwrap()
}

/// Returns when a pass that began after this call is over: it carries out a change of the spec.
async fn one_more_pass(world: &World, name: &str) {
    let plan = world.hospitals().get(name).await.unwrap().spec.plan;
    let other = if plan.name() == "Starter" { "Professional" } else { "Starter" };
    let patch = json!({ "spec": { "plan": other } });
    world.hospitals().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    world.wait_ready(name).await;
}

async fn gets_in(uri: &str, database: &str) -> bool {
    let patients = client(uri).await.database(database).collection::<Document>("patients");
    match code(&patients.find_one(doc! {}).await) {
        0 => true,
        18 => false,
        other => panic!("MongoDB answers {other}"),
    }
}

async fn user_id(world: &World, database: &str) -> String {
    let users = world.mongo.database(database).run_command(doc! { "usersInfo": database }).await.unwrap();
    users.get_array("users").unwrap()[0].as_document().unwrap().get("userId").unwrap().to_string()
}
