//! What GitOps tools make of a hospital at each step of its life: kstatus (Flux, Helm, kpt) by its published rules, and
//! Argo CD by the script that the chart brings, both over the objects as a real operator leaves them.

use chakravue_crds::{HospitalOrganization, annotations::PAUSED};
use kube::ResourceExt as _;
use mlua::{Lua, LuaOptions, StdLib};
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{condition, is},
};

#[tokio::test(flavor = "multi_thread")]
async fn gitops_tools_read_every_step_of_a_hospitals_life_rightly() {
    let proxied = Proxied::new("health").await;
    let world = &proxied.world;
    let mut hospital = world.hospital("watched");
    hospital["spec"]["subscription"] = json!("PendingPayment");
    let name = world.apply(&hospital).await.name_any();
    let new = world.hospitals().get(&name).await.unwrap();
    judged("before any operator", &new, "InProgress", "Progressing");

    let operator = proxied.operator().start().await;
    let because = |reason: &'static str| {
        move |object: &HospitalOrganization| condition(object, "Ready").is_some_and(|ready| ready.reason == reason)
    };
    let unpaid = world.wait(&name, "unpaid", because("PendingPayment")).await;
    judged("waiting for payment", &unpaid, "InProgress", "Suspended");

    hospital["spec"]["subscription"] = json!("Active");
    let applied = world.apply(&hospital).await;
    judged("declared, not looked at yet", &applied, "InProgress", "Progressing");
    let ready = world.wait_ready(&name).await;
    judged("in use", &ready, "Current", "Healthy");

    hospital["spec"]["subscription"] = json!("Suspended");
    world.apply(&hospital).await;
    let suspended = world.wait(&name, "suspended", because("Suspended")).await;
    judged("suspended", &suspended, "InProgress", "Suspended");
    hospital["spec"]["subscription"] = json!("Active");
    world.apply(&hospital).await;
    world.wait_ready(&name).await;

    hospital["metadata"]["annotations"] = json!({ PAUSED: "true" });
    world.apply(&hospital).await;
    let paused = world.wait(&name, "paused", |object| is(object, "Paused", "True")).await;
    judged("paused", &paused, "Current", "Suspended");
    hospital["spec"]["displayName"] = json!("A name that waits");
    let waiting = world.apply(&hospital).await;
    judged("paused, and declared anew", &waiting, "InProgress", "Suspended");
    hospital["metadata"]["annotations"] = json!({});
    world.apply(&hospital).await;
    world.wait_ready(&name).await;

    let mut second = world.hospital("second");
    second["spec"]["databaseName"] = json!(world.sandbox.database_name("watched"));
    let second = world.apply(&second).await.name_any();
    let refused = world.wait(&second, "refused", |object| is(object, "Stalled", "True")).await;
    judged("refused", &refused, "Failed", "Degraded");

    proxied.mongo.set_down(true);
    hospital["spec"]["displayName"] = json!("Another name");
    world.apply(&hospital).await;
    let away = world.wait(&name, "without MongoDB", because("MongoDbUnavailable")).await;
    judged("MongoDB is away", &away, "InProgress", "Progressing");
    world.delete(&name).await;
    let leaving = world.wait(&name, "leaving", |object| object.metadata.deletion_timestamp.is_some()).await;
    judged("being deleted", &leaving, "Terminating", "Progressing");
    proxied.mongo.set_down(false);
    world.wait_gone(&name).await;

    operator.terminate().await;
    proxied.world.close().await;
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

fn judged(step: &str, object: &HospitalOrganization, kstatus_says: &str, argo_cd_says: &str) {
    let object = serde_json::to_value(object).unwrap();
    let judged = (kstatus(&object), argo_cd(&object));
    assert_eq!((judged.0, judged.1.as_str()), (kstatus_says, argo_cd_says), "{step}: {object:#}");
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
