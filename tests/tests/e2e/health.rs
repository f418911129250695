//! What GitOps tools make of a hospital at each step of its life: kstatus (Flux, Helm, kpt) by its published rules, and
//! Argo CD by the script that the chart brings, both over the objects as a real operator leaves them.

use std::time::Duration;

use chakravue_crds::{
    HospitalOrganization,
    annotations::{ACKNOWLEDGE_DATA_LOSS, PAUSED},
};
use kube::ResourceExt as _;
use mlua::{Lua, LuaOptions, StdLib};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{condition, is},
};

/// What is read from each step: kstatus's word and Argo CD's.
#[rustfmt::skip] // A table: one line for each step.
const STEPS: [(&str, &str, &str); 18] = [
    ("before any operator", "InProgress", "Progressing"),
    ("waiting for payment", "InProgress", "Suspended"),
    ("declared, not looked at yet", "InProgress", "Progressing"),
    ("being made", "InProgress", "Progressing"),
    ("in use", "Current", "Healthy"),
    ("documents do not fit", "Current", "Healthy"),
    ("documents were lost", "Current", "Degraded"),
    ("suspended", "InProgress", "Suspended"),
    ("paused", "Current", "Suspended"),
    ("paused, and declared anew", "InProgress", "Suspended"),
    ("the database is another's", "Failed", "Degraded"),
    ("MongoDB says no", "InProgress", "Progressing"),
    ("there is no room", "Failed", "Degraded"),
    ("MongoDB is away", "InProgress", "Progressing"),
    ("deleted, not looked at yet", "Terminating", "Progressing"),
    ("the deletion waits for MongoDB", "Terminating", "Progressing"),
    ("the deletion is refused by MongoDB", "Terminating", "Progressing"),
    ("deleted while it is paused", "Terminating", "Progressing"),
];

/// The objects as they were, by step.
#[derive(Default)]
struct Recorded(Vec<(&'static str, Value)>);

impl Recorded {
    fn push(&mut self, step: &'static str, object: &HospitalOrganization) {
        self.0.push((step, json!(object)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gitops_tools_read_every_step_of_a_hospitals_life_rightly() {
    let proxied = Proxied::new("health").await;
    let mut recorded = Recorded::default();
    life(&proxied, &mut recorded).await;
    proxied.world.close().await;
    let steps: Vec<_> = recorded.0.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, STEPS.map(|(step, ..)| step));
    let mut wrong = Vec::new();
    for ((step, object), (_, kstatus_says, argo_cd_says)) in recorded.0.iter().zip(STEPS) {
        let (by_kstatus, by_argo_cd) = (kstatus(object), argo_cd(object));
        if (by_kstatus, by_argo_cd.as_str()) != (kstatus_says, argo_cd_says) {
            wrong.push(format!("{step}: {by_kstatus} and {by_argo_cd}, of {:#}", object["status"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Leads hospitals through everything that can happen to one, with a real operator.
async fn life(proxied: &Proxied, recorded: &mut Recorded) {
    let world = &proxied.world;
    let mut hospital = world.hospital("watched");
    hospital["spec"]["subscription"] = json!("PendingPayment");
    let name = world.apply(&hospital).await.name_any();
    recorded.push("before any operator", &world.hospitals().get(&name).await.unwrap());

    let operator = proxied.operator().resync_interval("1s").start().await;
    let because = |reason: &'static str| {
        move |object: &HospitalOrganization| condition(object, "Ready").is_some_and(|ready| ready.reason == reason)
    };
    recorded.push("waiting for payment", &world.wait(&name, "unpaid", because("PendingPayment")).await);
    hospital["spec"]["subscription"] = json!("Active");
    // Six of them: for longer than a hospital that is being made says nothing.
    proxied.mongo.delay("createIndexes", Duration::from_secs(1));
    recorded.push("declared, not looked at yet", &world.apply(&hospital).await);
    recorded.push("being made", &world.wait(&name, "being made", |o| is(o, "Reconciling", "True")).await);
    proxied.mongo.clear();
    recorded.push("in use", &world.wait_ready(&name).await);

    let database = world.mongo.database(&world.sandbox.database_name("watched"));
    database.run_command(doc! { "collMod": "patients", "validator": {} }).await.unwrap();
    let unfit = doc! { "name": "of no record" };
    world.patients(database.name()).insert_one(unfit).bypass_document_validation(true).await.unwrap();
    let told = |o: &HospitalOrganization| {
        condition(o, "SchemaReady").is_some_and(|c| c.reason == "DocumentsViolateSchema")
            && condition(o, "Reconciling").is_none()
    };
    recorded.push("documents do not fit", &world.wait(&name, "told of its documents", told).await);
    world.patients(database.name()).delete_many(doc! {}).await.unwrap();
    world.wait(&name, "mended", |o| is(o, "SchemaReady", "True")).await;
    database.collection::<Document>("pharmacy").drop().await.unwrap();
    let told = |o: &HospitalOrganization| is(o, "DataLossSuspected", "True") && is(o, "SchemaReady", "True");
    let lost = world.wait(&name, "told of its loss", told).await;
    recorded.push("documents were lost", &lost);
    let when = json!(lost.status.unwrap().data_loss)["detectedAt"].clone();
    hospital["metadata"]["annotations"] = json!({ ACKNOWLEDGE_DATA_LOSS: when });
    world.apply(&hospital).await;
    world.wait(&name, "done with the loss", |o| condition(o, "DataLossSuspected").is_none()).await;

    hospital["metadata"]["annotations"] = json!({});
    hospital["spec"]["subscription"] = json!("Suspended");
    world.apply(&hospital).await;
    recorded.push("suspended", &world.wait(&name, "suspended", because("Suspended")).await);
    hospital["spec"]["subscription"] = json!("Active");
    world.apply(&hospital).await;
    world.wait_ready(&name).await;

    hospital["metadata"]["annotations"] = json!({ PAUSED: "true" });
    world.apply(&hospital).await;
    recorded.push("paused", &world.wait(&name, "paused", |object| is(object, "Paused", "True")).await);
    hospital["spec"]["displayName"] = json!("A name that waits");
    recorded.push("paused, and declared anew", &world.apply(&hospital).await);
    hospital["metadata"]["annotations"] = json!({});
    world.apply(&hospital).await;
    world.wait_ready(&name).await;

    let mut second = world.hospital("second");
    second["spec"]["databaseName"] = json!(database.name());
    let second = world.apply(&second).await.name_any();
    let refused = world.wait(&second, "refused", |object| is(object, "Stalled", "True")).await;
    recorded.push("the database is another's", &refused);
    proxied.mongo.fail("createUser", 13, "Unauthorized", "not authorized on it");
    let third = world.apply(&world.hospital("third")).await.name_any();
    let failed = world.wait(&third, "refused by MongoDB", because("MongoDbPrivilegesMissing")).await;
    recorded.push("MongoDB says no", &failed);
    proxied.mongo.clear();
    world.wait_ready(&third).await;
    operator.terminate().await;

    let operator = proxied.operator().resync_interval("1s").arg("--max-tables").arg("1").start().await;
    let fourth = world.apply(&world.hospital("fourth")).await.name_any();
    recorded.push("there is no room", &world.wait(&fourth, "without room", because("CapacityExhausted")).await);

    proxied.mongo.set_down(true);
    hospital["spec"]["displayName"] = json!("Another name");
    world.apply(&hospital).await;
    let away = world.wait(&name, "without MongoDB", because("MongoDbUnavailable")).await;
    recorded.push("MongoDB is away", &away);
    world.delete(&name).await;
    recorded.push("deleted, not looked at yet", &world.hospitals().get(&name).await.unwrap());
    let is_going = |object: &HospitalOrganization| object.metadata.deletion_timestamp.is_some();
    let held = |reason| move |o: &HospitalOrganization| is_going(o) && because(reason)(o);
    let waits = world.wait(&name, "held up by MongoDB", held("MongoDbUnavailable")).await;
    recorded.push("the deletion waits for MongoDB", &waits);
    proxied.mongo.fail("dropUser", 13, "Unauthorized", "not authorized on it");
    proxied.mongo.set_down(false);
    let refused = world.wait(&name, "refused by MongoDB", held("MongoDbPrivilegesMissing")).await;
    recorded.push("the deletion is refused by MongoDB", &refused);
    hospital["metadata"]["annotations"] = json!({ PAUSED: "true" });
    world.apply(&hospital).await;
    recorded.push("deleted while it is paused", &world.wait(&name, "paused", |o| is(o, "Paused", "True")).await);
    proxied.mongo.clear();
    hospital["metadata"]["annotations"] = json!({});
    world.apply(&hospital).await;
    world.wait_gone(&name).await;
    operator.terminate().await;
}

#[test]
fn what_no_operator_wrote_is_judged_too() {
    let at = |generation: i64, conditions: Value| json!({ "metadata": { "generation": generation }, "status": { "observedGeneration": 1, "conditions": conditions } });
    let with = |conditions: Value| at(1, conditions);
    let told = |type_: &str, status: &str| json!({ "type": type_, "status": status, "reason": "R", "message": "m" });
    for (what, object, kstatus_says, argo_cd_says) in [
        ("no status", json!({ "metadata": { "generation": 1 } }), "Current", "Progressing"),
        ("no conditions", with(json!([])), "Current", "Progressing"),
        ("begun", with(json!([told("Ready", "False"), told("Reconciling", "True")])), "InProgress", "Progressing"),
        ("lost data", with(json!([told("Ready", "True"), told("DataLossSuspected", "True")])), "Current", "Degraded"),
        ("stalled", with(json!([told("Ready", "True"), told("Stalled", "True")])), "Failed", "Degraded"),
        ("paused", with(json!([told("Ready", "True"), told("Paused", "True")])), "Current", "Suspended"),
        ("paused, changed", at(2, json!([told("Ready", "True"), told("Paused", "True")])), "InProgress", "Suspended"),
        (
            "paused, lost data before",
            at(2, json!([told("Ready", "True"), told("DataLossSuspected", "True"), told("Paused", "True")])),
            "InProgress",
            "Degraded",
        ),
        ("not stalled any more", with(json!([told("Ready", "True"), told("Stalled", "False")])), "Current", "Healthy"),
    ] {
        assert_eq!((kstatus(&object), argo_cd(&object).as_str()), (kstatus_says, argo_cd_says), "{what}");
    }
}

/// The rules of kstatus for a custom resource, in their order (sigs.k8s.io/cli-utils, pkg/kstatus/status: `Compute`).
fn kstatus(object: &Value) -> &'static str {
    if object["metadata"]["deletionTimestamp"].as_str().is_some_and(|time| !time.is_empty()) {
        return "Terminating";
    }
    let generation = object["metadata"]["generation"].as_i64();
    let observed = object["status"]["observedGeneration"].as_i64();
    if generation.is_some() && observed.is_some() && generation != observed {
        return "InProgress";
    }
    let none = Vec::new();
    let conditions = object["status"]["conditions"].as_array().unwrap_or(&none);
    for condition in conditions {
        match (condition["type"].as_str(), condition["status"].as_str()) {
            (Some("Reconciling"), Some("True")) => return "InProgress",
            (Some("Stalled"), Some("True")) => return "Failed",
            _ => {}
        }
    }
    match conditions.iter().find(|condition| condition["type"] == "Ready").map(|ready| ready["status"].as_str()) {
        Some(Some("False" | "Unknown")) => "InProgress",
        _ => "Current",
    }
}

/// Runs the chart's script as Argo CD does: Lua 5.1, the object in `obj`, without files or processes.
fn argo_cd(object: &Value) -> String {
    let script = include_str!("../../../charts/chakravue/files/argocd-health.lua");
    let lua = Lua::new_with(StdLib::TABLE | StdLib::STRING, LuaOptions::default()).unwrap();
    lua.globals().set("obj", to_lua(&lua, object)).unwrap();
    let health: mlua::Table = lua.load(script).eval().unwrap();
    assert!(!health.get::<String>("message").unwrap().is_empty());
    health.get("status").unwrap()
}

fn to_lua(lua: &Lua, value: &Value) -> mlua::Value {
    match value {
        Value::Null => mlua::Value::Nil,
        Value::Bool(truth) => mlua::Value::Boolean(*truth),
        Value::Number(number) => mlua::Value::Number(number.as_f64().unwrap()),
        Value::String(text) => mlua::Value::String(lua.create_string(text).unwrap()),
        Value::Array(items) => {
            mlua::Value::Table(lua.create_sequence_from(items.iter().map(|item| to_lua(lua, item))).unwrap())
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (key.as_str(), to_lua(lua, value)));
            mlua::Value::Table(lua.create_table_from(fields).unwrap())
        }
    }
}
