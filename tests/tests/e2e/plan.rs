//! `chakravue-operator plan` and `orphans`: what they say is what is so, for a person and for a machine, and they write
//! nothing to either server.

mod orphans;

use std::{fs::File, path::PathBuf, process::Stdio};

use chakravue_crds::{HospitalOrganization, naming::secret_name};
use chakravue_testbed::{OperatorOptions, proxy::KubeProxy};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Event, Secret},
    rbac::v1::{ClusterRole, PolicyRule},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use mongodb::bson::{Document, doc};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    invalid::{in_a_loosened_world, untyped},
    proxied::Proxied,
    support::{USER, World, eventually, is},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_would_be_done_and_does_none_of_it() {
    let proxied = Proxied::new("plan").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    for name in ["healthy", "broken", "suspended", "leaving", "waiting"] {
        let mut object = world.hospital(name);
        if name == "leaving" {
            object["spec"]["deletionPolicy"] = json!("Delete");
        }
        world.apply(&object).await;
    }
    let names = ["healthy", "broken", "suspended", "leaving", "waiting"].map(|name| world.sandbox.object_name(name));
    for name in &names {
        world.wait_ready(name).await;
    }
    // Somebody else keeps it, so that its deletion can be planned.
    let held = json!({ "metadata": { "finalizers": ["chakravue.io/tenant", "example.com/somebody"] } });
    let by = PatchParams { field_manager: Some(USER.to_owned()), ..PatchParams::default() };
    world.hospitals().patch(&names[3], &by, &Patch::Merge(&held)).await.unwrap();
    let mut second = world.hospital("second");
    second["spec"]["databaseName"] = json!(world.sandbox.database_name("healthy"));
    let second = world.apply(&second).await.name_any();
    world.wait(&second, "refused", |o| is(o, "Stalled", "True")).await;
    operator.terminate().await;

    let database = |name: &str| world.mongo.database(&world.sandbox.database_name(name));
    let broken = database("broken");
    broken.run_command(doc! { "dropIndexes": "patients", "index": "name_birth_date" }).await.unwrap();
    broken.run_command(doc! { "collMod": "users", "validator": {} }).await.unwrap();
    broken.run_command(doc! { "dropUser": broken.name() }).await.unwrap();
    broken.collection::<Document>("pharmacy").drop().await.unwrap();
    world.secrets().delete(&format!("{}-mongodb", names[1]), &DeleteParams::default()).await.unwrap();
    let mut suspended = world.hospital("suspended");
    suspended["spec"]["subscription"] = json!("Suspended");
    world.apply(&suspended).await;
    world.delete(&names[3]).await;

    let before = everything(&proxied).await;
    let (well, text, errors) = proxied.operator().print(&["plan", "--all"]).await;
    assert!(!well, "one is refused: {errors}");
    let (_, json, _) = proxied.operator().print(&["plan", "--all", "-o", "json"]).await;
    let plans: Value = serde_json::from_str(&json).unwrap();
    let plans = plans["hospitals"].as_array().unwrap();
    assert_eq!(plans.len(), 6);
    let of = |name: &str| {
        let wanted = world.sandbox.object_name(name);
        plans.iter().find(|plan| plan["name"] == wanted.as_str()).unwrap()
    };
    assert_eq!((&of("healthy")["outcome"], actions(of("healthy"))), (&json!("unchanged"), vec![]));
    let mut found = actions(of("broken"));
    found.sort();
    let user = world.sandbox.database_name("broken");
    let secret = format!("create Secret {}-mongodb", names[1]);
    let mut wanted = vec![
        "create collection pharmacy".to_owned(),
        "create index patients.name_birth_date".to_owned(),
        "update validator users".to_owned(),
        format!("create user {user}"),
        secret,
    ];
    wanted.sort();
    assert_eq!(found, wanted);
    assert!(of("broken")["notes"][0].as_str().unwrap().contains("loss of data: pharmacy"));
    let suspension = actions(of("suspended"));
    assert_eq!(suspension.len(), 2, "{suspension:?}");
    assert!(suspension[0].starts_with("update user"), "{suspension:?}");
    let leaving = actions(of("leaving"));
    assert_eq!(leaving.iter().filter(|action| action.starts_with("delete collection")).count(), 6, "{leaving:?}");
    assert!(leaving.iter().any(|action| action.starts_with("delete claim")), "{leaving:?}");
    assert_eq!((&of("second")["outcome"], &of("second")["reason"]), (&json!("refused"), &json!("DatabaseNameTaken")));
    for words in ["nothing to do", "+ collection pharmacy", "~ validator users", "! DatabaseNameTaken", "- collection"]
    {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
    unchanged(&proxied, &before, "plan --all").await;

    // What the plan said is what the operator does.
    let operator = proxied.operator().start().await;
    world.wait_ready(&names[1]).await;
    world.wait(&names[2], "suspended", |o| is(o, "SubscriptionActive", "False") && !is(o, "Reconciling", "True")).await;
    let gone =
        || async { (world.collection_names(&world.sandbox.database_name("leaving")).await.is_empty()).then_some(()) };
    eventually("what leaves is dropped", gone).await;
    operator.terminate().await;
    let (_, json, _) = proxied.operator().print(&["plan", "--all", "-o", "json"]).await;
    let plans: Value = serde_json::from_str(&json).unwrap();
    for plan in plans["hospitals"].as_array().unwrap() {
        assert!(plan["name"] == second.as_str() || plan["outcome"] == "unchanged", "{plan}");
    }
    let without = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    world.hospitals().patch(&names[3], &PatchParams::default(), &without).await.unwrap();
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_planned_as_it_would_be_applied() {
    let proxied = Proxied::new("plan of a file").await;
    let world = &proxied.world;
    let person = Person::new(&proxied).await;
    let operator = proxied.operator().start().await;
    let old = world.ready_hospital("old").await.name_any();
    operator.terminate().await;

    let mut changed = world.hospital("old");
    changed["spec"]["plan"] = json!("Enterprise");
    changed["metadata"]["annotations"] = json!({ "chakravue.io/rotate-credentials": "now" });
    let mut unpaid = world.hospital("unpaid");
    unpaid["spec"]["subscription"] = json!("PendingPayment");
    let file = write(world, "three.yaml", &[&world.hospital("new"), &changed, &unpaid]);
    let before = everything(&proxied).await;
    for (who, options) in [("a person", person.with(&proxied)), ("the operator's own login", proxied.operator())] {
        let arguments = ["plan", "-f", file.to_str().unwrap(), "-o", "json"];
        let (well, json, errors) = options.print(&arguments).await;
        assert!(well, "{who}: {errors}\n{json}");
        let plans: Value = serde_json::from_str(&json).unwrap();
        let [new, old, unpaid] = [0, 1, 2].map(|n| &plans["hospitals"][n]);
        let new = actions(new);
        assert_eq!(new.iter().filter(|action| action.starts_with("create collection")).count(), 6, "{who}: {new:?}");
        for kind in ["HospitalOrganization", "finalizer", "claim", "Secret", "role", "user"] {
            let start = format!("create {kind} ");
            assert_eq!(new.iter().filter(|action| action.starts_with(&start)).count(), 1, "{who}: {kind} in {new:?}");
        }
        let old = actions(old);
        let kinds: Vec<&str> = old.iter().map(|action| action.rsplit_once(' ').unwrap().0).collect();
        assert_eq!(kinds, ["update Secret", "update user", "update organization"], "{who}");
        assert!(unpaid["notes"].as_array().unwrap().iter().any(|n| n.as_str().unwrap().contains("subscription")));
        unchanged(&proxied, &before, who).await;
    }

    // What the API server is asked is only asked, and by way of the proxy that would have seen a write.
    person.kube.fail("PATCH", "dryRun=All", 500, "etcd is tired");
    let (well, text, errors) = person.with(&proxied).print(&["plan", "-f", file.to_str().unwrap()]).await;
    assert!(!well && text.contains("etcd is tired"), "{text}{errors}");
    assert!(proxied.log.refused().iter().any(|refusal| refusal.injected), "{:?}", proxied.log.refused());
    person.kube.clear();

    // On standard input it is the same.
    let (_, of_file, _) = person.with(&proxied).print(&["plan", "-f", file.to_str().unwrap()]).await;
    let piped = Stdio::from(File::open(&file).unwrap());
    let (well, of_input, errors) = person.with(&proxied).print_given(piped, &["plan", "-f", "-"]).await;
    assert!(well, "{errors}");
    assert_eq!(of_input, of_file);

    // Without a hospital there is nothing to plan.
    let foreign = write(world, "foreign.yaml", &[&json!({ "apiVersion": "v1", "kind": "Secret" })]);
    let broken = world.sandbox.folder().join("broken.yaml");
    std::fs::write(&broken, format!("{}\n---\na: [", world.hospital("new"))).unwrap();
    for (file, words) in [
        (foreign.clone(), "v1 Secret is not planned"),
        (foreign, "has no HospitalOrganization"),
        (broken, "no YAML"),
        (world.sandbox.folder().join("nowhere.yaml"), "cannot read"),
    ] {
        let (well, text, errors) = person.with(&proxied).print(&["plan", "-f", file.to_str().unwrap()]).await;
        assert!(!well && text.is_empty() && errors.contains(words), "{text}{errors}");
    }
    // A MongoDB that is away is told, not guessed about.
    proxied.mongo.set_down(true);
    let (well, text, _) = proxied.operator().print(&["plan", "--all"]).await;
    assert!(!well && text.contains("MongoDbUnavailable"), "{text}");
    proxied.mongo.set_down(false);
    unchanged(&proxied, &before, "what fails").await;

    // What the file leaves out goes, as it would for whoever applied it, and the API server says what it thinks of that.
    let mut suspended = world.hospital("old");
    suspended["spec"]["subscription"] = json!("Suspended");
    world.apply(&suspended).await;
    let operator = proxied.operator().start().await;
    world.wait(&old, "suspended", |o| is(o, "SubscriptionActive", "False") && !is(o, "Reconciling", "True")).await;
    operator.terminate().await;
    let mut plain = world.hospital("old");
    plain["spec"].as_object_mut().unwrap().remove("subscription");
    let plain = write(world, "plain.yaml", &[&plain]);
    let (well, text, _) = person.with(&proxied).print(&["plan", "-f", plain.to_str().unwrap()]).await;
    assert!(!well && text.contains("cannot go back to PendingPayment"), "{text}");

    assert!(world.hospitals().get_opt(&world.sandbox.object_name("new")).await.unwrap().is_none());
    assert_eq!(world.hospitals().get(&old).await.unwrap().spec.plan.name(), "Starter");
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_of_a_file_that_is_refused_stops_no_other() {
    let proxied = Proxied::new("plan of a mixed file").await;
    let world = &proxied.world;
    let person = Person::new(&proxied).await;
    let changed = |name: &str, field: &str, value: Value| {
        let mut object = world.hospital(name);
        *object.pointer_mut(field).unwrap() = value;
        object
    };
    let named = |name: &str, database: &str| {
        let mut object = world.hospital(name);
        object["spec"]["databaseName"] = json!(database);
        object
    };
    let database = |name: &str| world.sandbox.database_name(name);
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "clinics" } });
    let mut of_a_list = world.hospital("listed");
    of_a_list.as_object_mut().unwrap().retain(|field, _| field == "metadata" || field == "spec");
    let list = json!({
        "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganizationList", "items": [of_a_list],
    });
    let mut labelled = world.hospital("labelled");
    labelled["metadata"]["labels"] = json!({ "a": 5 });
    let objects = [
        &namespace,
        &world.hospital("good"),
        &named("capitals", "Capitals"),
        &named("twin", &database("good")),
        &changed("gold", "/spec/plan", json!("Gold")),
        &changed("mistyped", "/spec/displayName", json!(5)),
        &changed("unspecified", "/spec", Value::Null),
        &changed("misspelt", "/spec/contact", json!({ "email": "a@b.example", "fone": "5" })),
        &labelled,
        &changed("nowhere", "/metadata/namespace", json!("nowhere-at-all")),
        &changed("nameless", "/metadata", json!({})),
        &changed("spaced", "/metadata/name", json!("a b")),
        &list,
        // Applied twice, it is still one object with one database.
        &world.hospital("good"),
    ];
    let file = write(world, "mixed.yaml", &objects);
    let before = everything(&proxied).await;
    let (well, json, errors) = person.with(&proxied).print(&["plan", "-f", file.to_str().unwrap(), "-o", "json"]).await;
    assert!(!well, "{errors}");
    assert_eq!(errors.lines().filter(|line| line.contains("is not planned")).count(), 1, "{errors}");
    assert!(errors.contains("v1 Namespace clinics is not planned: it is not a HospitalOrganization"), "{errors}");
    let plans: Value = serde_json::from_str(&json).unwrap();
    let good = format!("HospitalOrganization {}/{}", world.sandbox.namespace(), world.sandbox.object_name("good"));
    let wanted = [
        ("changes", None, ""),
        ("refused", Some("Invalid"), "must be 1 to 63 lower-case letters"),
        ("refused", Some("DatabaseNameTaken"), &good),
        ("refused", Some("Invalid"), "spec.plan"),
        ("refused", Some("Invalid"), "displayName"),
        ("refused", Some("Invalid"), "spec"),
        ("refused", Some("Invalid"), "fone"),
        ("refused", Some("Invalid"), "labels"),
        ("refused", Some("NotFound"), "nowhere-at-all"),
        ("refused", Some("Invalid"), "metadata.name"),
        ("refused", Some("Invalid"), "metadata.name"),
        ("changes", None, ""),
        ("changes", None, ""),
    ];
    let plans = plans["hospitals"].as_array().unwrap();
    assert_eq!(plans.len(), wanted.len(), "{json}");
    for (plan, (outcome, reason, words)) in plans.iter().zip(wanted) {
        assert_eq!((plan["outcome"].as_str(), plan["reason"].as_str()), (Some(outcome), reason), "{plan}");
        assert!(plan["message"].as_str().unwrap_or_default().contains(words), "{words:?} is not in {plan}");
    }
    let (well, text, _) = person.with(&proxied).print(&["plan", "-f", file.to_str().unwrap()]).await;
    assert!(!well && text.contains("! Invalid: ") && text.contains("! DatabaseNameTaken: "), "{text}");
    assert!(text.contains("/(no name): refused") && text.contains("+ collection patients"), "{text}");
    unchanged(&proxied, &before, "a mixed file").await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_may_not_apply_is_told_what_was_not_asked() {
    let proxied = Proxied::new("plan of a reader").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    let old = world.ready_hospital("old").await;
    operator.terminate().await;
    // The operator's own login, without the right to change a hospital.
    let roles = Api::<ClusterRole>::all(world.kube.clone());
    let name = world.sandbox.object_name("operator");
    let mut rights = roles.get(&name).await.unwrap();
    let is_wanted = |rule: &&mut PolicyRule| rule.resources == Some(vec!["hospitalorganizations".to_owned()]);
    let on_hospitals = rights.rules.iter_mut().flatten().find(is_wanted).unwrap();
    on_hospitals.verbs.retain(|verb| verb != "patch");
    roles.replace(&name, &PostParams::default(), &rights).await.unwrap();

    // One as kubectl shows it, one with its status but another name, one that would be of other data.
    let shown = json!(old);
    let mut copy = shown.clone();
    copy["metadata"]["name"] = json!(world.sandbox.object_name("copy"));
    let mut moved = world.hospital("old");
    moved["spec"]["databaseName"] = json!(world.sandbox.database_name("elsewhere"));
    let mut gold = world.hospital("gold");
    gold["spec"]["plan"] = json!("Gold");
    let file = write(world, "shown.yaml", &[&shown, &copy, &moved, &gold]);
    let plans = eventually("the API server knows that it may not", async || {
        let arguments = ["plan", "-f", file.to_str().unwrap(), "-o", "json"];
        let (well, json, errors) = proxied.operator().print(&arguments).await;
        assert!(!well, "{errors}");
        let plans = serde_json::from_str::<Value>(&json).unwrap()["hospitals"].as_array().unwrap().clone();
        plans[0]["notes"][0].is_string().then_some(plans)
    })
    .await;
    let told =
        |plan: &Value| (plan["outcome"].as_str().unwrap().to_owned(), plan["reason"].as_str().map(str::to_owned));
    let told: Vec<_> = plans.iter().map(told).collect();
    let refused = |reason: &str| ("refused".to_owned(), Some(reason.to_owned()));
    let wanted =
        [("unchanged".to_owned(), None), ("changes".to_owned(), None), refused("Invalid"), refused("InvalidSpec")];
    assert_eq!(told, wanted, "{plans:?}");
    for plan in &plans[..2] {
        let note = plan["notes"][0].as_str().unwrap();
        assert!(note.contains("schema, rules, namespace") && note.contains("were not asked"), "{note}");
    }
    assert!(plans[2]["message"].as_str().unwrap().contains("as it names the hospital's data"), "{}", plans[2]);
    assert!(plans[3]["message"].as_str().unwrap().contains("spec.plan"), "{}", plans[3]);

    // Who may apply reads the same of an object with a status.
    let person = proxied.operator().kubeconfig(world.sandbox.testbed().kubeconfig());
    let file = write(world, "copied.yaml", &[&shown, &copy]);
    let (well, text, errors) = person.print(&["plan", "-f", file.to_str().unwrap()]).await;
    assert!(well && text.contains("nothing to do") && !text.contains("ClaimLost"), "{text}{errors}");
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_somebody_edited_is_mended_and_its_password_stays() {
    let world = World::new("plan of an edit").await;
    let operator = world.sandbox.operator().start().await;
    let name = world.ready_hospital("edited").await.name_any();
    operator.terminate().await;
    let secret = secret_name(&name);
    let patch = json!({ "metadata": { "labels": { "app.kubernetes.io/managed-by": null } } });
    world.secrets().patch(&secret, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    let (well, json, errors) = world.sandbox.operator().print(&["plan", "--all", "-o", "json"]).await;
    let plans: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(actions(&plans["hospitals"][0]), [format!("update Secret {secret}")], "{well} {json} {errors}");
    let (_, orphans, _) = world.sandbox.operator().print(&["orphans"]).await;
    assert!(orphans.contains(&format!("has no Secret {secret} with the operator's label")), "{orphans}");
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_cannot_be_read_are_in_the_plan() {
    in_a_loosened_world("plan of the unreadable", async |world| {
        let mut gold = world.hospital("gold");
        gold["spec"]["plan"] = json!("Gold");
        untyped(world).create(&PostParams::default(), &serde_json::from_value(gold).unwrap()).await.unwrap();
        world.apply(&world.hospital("well")).await;
        let (well, json, errors) = world.sandbox.operator().print(&["plan", "--all", "-o", "json"]).await;
        assert!(!well, "{errors}");
        let plans: Value = serde_json::from_str(&json).unwrap();
        let plans = plans["hospitals"].as_array().unwrap();
        let of = |name: &str| plans.iter().find(|plan| plan["name"] == world.sandbox.object_name(name)).unwrap();
        assert_eq!((plans.len(), &of("well")["outcome"]), (2, &json!("changes")));
        assert_eq!((&of("gold")["outcome"], &of("gold")["reason"]), (&json!("refused"), &json!("InvalidSpec")));
        assert!(of("gold")["message"].as_str().unwrap().contains("Gold"), "{}", of("gold"));
        let (well, text, _) = world.sandbox.operator().print(&["plan", "--all"]).await;
        assert!(!well && text.contains("! InvalidSpec: ") && text.contains("+ claim"), "{text}");

        // A file that mends it is planned, and one that does not is refused as the other is.
        let mended = write(world, "mended.yaml", &[&world.hospital("gold"), &world.hospital("well")]);
        let person = world.sandbox.operator().kubeconfig(world.sandbox.testbed().kubeconfig());
        let (well, text, errors) = person.print(&["plan", "-f", mended.to_str().unwrap()]).await;
        assert!(well && !text.contains("refused"), "{text}{errors}");
    })
    .await;
}

/// A person's own login, which may apply hospitals, by way of a proxy that counts what it writes.
struct Person {
    kube: KubeProxy,
    kubeconfig: PathBuf,
}

impl Person {
    async fn new(proxied: &Proxied) -> Self {
        let sandbox = &proxied.world.sandbox;
        let kube = KubeProxy::start(sandbox.testbed().kubeconfig(), proxied.log.clone()).await.unwrap();
        let kubeconfig = kube.kubeconfig(sandbox.folder()).unwrap();
        Self { kube, kubeconfig }
    }

    /// The program with that login; MongoDB by way of its proxy, too.
    fn with(&self, proxied: &Proxied) -> OperatorOptions {
        proxied.operator().kubeconfig(&self.kubeconfig)
    }
}

/// The actions of a plan, as `create collection patients`.
fn actions(plan: &Value) -> Vec<String> {
    let action = |a: &Value| ["verb", "kind", "name"].map(|part| a[part].as_str().unwrap().to_owned()).join(" ");
    plan["actions"].as_array().unwrap().iter().map(action).collect()
}

/// Everything that a plan could have changed; from here on the proxies count.
async fn everything(proxied: &Proxied) -> Value {
    proxied.log.settled().await;
    proxied.log.clear();
    state(proxied).await
}

async fn state(proxied: &Proxied) -> Value {
    let world = &proxied.world;
    let mut databases = serde_json::Map::new();
    for name in world.mongo.list_database_names().await.unwrap() {
        if name.starts_with(world.sandbox.prefix()) {
            let users = world.users_and_roles(&name).await;
            databases.insert(
                name.clone(),
                json!([world.documents(&name).await, users, world.collection_names(&name).await]),
            );
        }
    }
    let (hospitals, secrets) = (versions::<HospitalOrganization>(world).await, versions::<Secret>(world).await);
    let (events, leases) = (versions::<Event>(world).await, versions::<Lease>(world).await);
    json!([hospitals, secrets, databases, events, leases])
}

/// Every object of a kind in the sandbox, with what changes at each write.
async fn versions<K>(world: &World) -> Vec<(String, Option<String>)>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    let all = Api::<K>::namespaced(world.kube.clone(), world.sandbox.namespace()).list(&ListParams::default()).await;
    all.unwrap().iter().map(|object| (object.name_any(), object.resource_version())).collect()
}

async fn unchanged(proxied: &Proxied, before: &Value, by: &str) {
    proxied.log.settled().await;
    assert_eq!(proxied.log.writes(), [], "written by {by}");
    assert_eq!(proxied.log.events(), [], "written by {by}");
    // Kubernetes may collect garbage meanwhile; nothing is added or altered.
    let now = state(proxied).await;
    for kind in [0, 2, 3, 4] {
        assert_eq!(now[kind], before[kind], "{by}");
    }
}

fn write(world: &World, name: &str, objects: &[&Value]) -> PathBuf {
    let path = world.sandbox.folder().join(name);
    let text: Vec<String> = objects.iter().map(|object| serde_json::to_string_pretty(object).unwrap()).collect();
    // JSON is YAML.
    std::fs::write(&path, text.join("\n---\n")).unwrap();
    path
}
