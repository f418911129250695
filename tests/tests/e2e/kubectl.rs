//! The resource definition as people meet it: what kubectl shows, explains, selects, waits for and deletes.

use std::collections::BTreeMap;

use chakravue_crds::conditions::events;
use chakravue_testbed::Kubectl;
use serde_json::{Value, json};

use crate::support::{World, eventually};

const SAMPLE: &str = include_str!("../../samples/st-marys-hospital.yaml");

/// kubectl in the namespace of a test.
struct Shell {
    kubectl: Kubectl,
    namespace: String,
}

impl Shell {
    fn of(world: &World) -> Self {
        Self { kubectl: world.sandbox.kubectl(), namespace: world.sandbox.namespace().to_owned() }
    }

    /// Runs a command as one types it, with `input` for `-f -`.
    async fn run(&self, command: &str, input: &str) -> Result<String, String> {
        let mut arguments = vec!["--namespace", &self.namespace];
        arguments.extend(command.split_whitespace());
        self.kubectl.run(&arguments, input).await
    }

    async fn ok(&self, command: &str, input: &str) -> String {
        self.run(command, input).await.unwrap_or_else(|error| panic!("kubectl {command}: {error}"))
    }
}

/// The header of what `kubectl get` prints, and its only row, by column.
fn table(printed: &str) -> (Vec<&str>, BTreeMap<&str, &str>) {
    let (header, row) = printed.split_once('\n').unwrap_or_else(|| panic!("no row in {printed}"));
    assert_eq!(row.lines().count(), 1, "one row in {printed}");
    let columns: Vec<&str> = header.split_whitespace().collect();
    let starts = columns.iter().map(|column| header.find(&format!("{column} ")).or(header.find(column)).unwrap());
    let starts: Vec<usize> = starts.chain([row.len().max(header.len())]).collect();
    let cell = |from: usize, to: usize| row.get(from..to.min(row.len())).unwrap_or_default().trim();
    let cells = starts.windows(2).map(|bounds| cell(bounds[0], bounds[1]));
    (columns.clone(), columns.into_iter().zip(cells).collect())
}

#[tokio::test]
async fn the_sample_is_applied_shown_and_deleted_with_kubectl_alone() {
    let world = World::new("kubectl").await;
    let operator = world.sandbox.operator().start().await;
    let shell = Shell::of(&world);
    let (name, database) = (world.sandbox.object_name("st-marys"), world.sandbox.database_name("st_marys"));
    let sample = SAMPLE
        .replace("namespace: hospitals", &format!("namespace: {}", world.sandbox.namespace()))
        .replace("st-marys-hospital", &name)
        .replace("st_marys_hospital", &database);

    let applied = shell.ok("apply -f -", &sample).await;
    assert_eq!(applied, format!("hospitalorganization.chakravue.io/{name} created"));
    shell.ok(&format!("wait --for=condition=Ready --timeout=60s horg/{name}"), "").await;

    let printed = shell.ok("get horg", "").await;
    let (columns, row) = table(&printed);
    assert_eq!(columns, ["NAME", "PLAN", "PHASE", "READY", "DATABASE", "USERS", "AGE"]);
    let cells = columns[..6].iter().map(|column| row[column]).collect::<Vec<_>>();
    assert_eq!(cells, [&name, "Professional", "Active", "True", &database, "0/20"]);
    assert!(row["AGE"].starts_with(|c: char| c.is_ascii_digit()), "{printed}");

    let printed = shell.ok("get horg --output wide", "").await;
    let (columns, row) = table(&printed);
    let wide = ["ORGANIZATION", "PRICE", "MESSAGE"];
    assert_eq!(columns[7..], wide, "{printed}");
    let id = shell.ok(&format!("get horg {name} --output jsonpath={{.status.organizationId}}"), "").await;
    assert!(id.starts_with("org_"), "{id}");
    assert_eq!(wide.map(|column| row[column]), [id.as_str(), "299", &format!("Database {database} is ready")]);

    // Whoever applies the same again, or compares, sees nothing that the operator changed.
    let again = shell.ok("apply -f -", &sample).await;
    assert_eq!(again, format!("hospitalorganization.chakravue.io/{name} unchanged"));
    assert_eq!(shell.ok("diff -f -", &sample).await, "");

    let wanted = [events::CLAIMED, events::CREDENTIALS_ISSUED, events::SCHEMA_APPLIED];
    eventually("kubectl describe shows an Event for each thing that was made", || async {
        let described = shell.ok(&format!("describe horg {name}"), "").await;
        let (_, shown) = described.rsplit_once("Events:").unwrap();
        wanted.iter().all(|reason| shown.contains(reason)).then_some(())
    })
    .await;

    let deleted = shell.ok(&format!("delete horg {name} --timeout=60s"), "").await;
    assert!(deleted.starts_with(&format!("hospitalorganization.chakravue.io \"{name}\" deleted")), "{deleted}");
    let gone = shell.run(&format!("get horg {name}"), "").await.unwrap_err();
    assert!(gone.contains("NotFound"), "{gone}");

    assert!(operator.terminate().await.success());
    world.close().await;
}

#[tokio::test]
async fn a_hospital_that_no_operator_has_seen_says_ready_unknown_from_its_first_moment() {
    let world = World::new("kubectl, unseen").await;
    let shell = Shell::of(&world);
    let unknown = json!([{
        "type": "Ready", "status": "Unknown", "reason": "Pending", "message": "Waiting for the operator",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }]);
    let commands = [
        ("create", "create -f -"),
        ("apply", "apply -f -"),
        ("server-side", "apply --server-side -f -"),
        ("null", "create -f -"),
        ("empty", "create -f -"),
    ];
    for (label, command) in commands {
        let mut object = world.hospital(label);
        match label {
            "null" => object["status"] = Value::Null,
            "empty" => object["status"] = json!({ "conditions": [] }),
            _ => {}
        }
        let name = object["metadata"]["name"].as_str().unwrap();
        let answer = shell.ok(&format!("{command} --output json"), &object.to_string()).await;
        let stored = shell.ok(&format!("get horg {name} --output json"), "").await;
        for (what, text) in [("the answer", answer), ("what is stored", stored)] {
            let object: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(object["status"]["conditions"], unknown, "{label}: {what}");
        }
        let printed = shell.ok(&format!("get horg {name} --output wide"), "").await;
        let (_, row) = table(&printed);
        let cells = ["PLAN", "PHASE", "READY", "DATABASE", "MESSAGE"].map(|column| row[column]);
        assert_eq!(cells, ["Starter", "", "Unknown", "", "Waiting for the operator"], "{printed}");
    }
    world.close().await;
}

#[tokio::test]
async fn hospitals_are_found_by_short_name_category_plan_and_subscription() {
    let world = World::new("kubectl, names").await;
    let shell = Shell::of(&world);
    let mut names = BTreeMap::new();
    for (label, plan, subscription) in
        [("small", "Starter", "Active"), ("big", "Enterprise", "Suspended"), ("new", "Starter", "PendingPayment")]
    {
        let mut object = world.hospital(label);
        object["spec"]["plan"] = json!(plan);
        object["spec"]["subscription"] = json!(subscription);
        let name = world.apply(&object).await.metadata.name.unwrap();
        names.insert(label, format!("hospitalorganization.chakravue.io/{name}"));
    }
    for (command, wanted) in [
        ("get horg", vec!["big", "new", "small"]),
        ("get hospitalorganization", vec!["big", "new", "small"]),
        ("get hospitalorganizations.chakravue.io", vec!["big", "new", "small"]),
        ("get chakravue", vec!["big", "new", "small"]),
        ("get horg --field-selector spec.plan=Starter", vec!["new", "small"]),
        ("get horg --field-selector spec.plan=Enterprise", vec!["big"]),
        ("get horg --field-selector spec.plan=Professional", vec![]),
        ("get horg --field-selector spec.subscription=PendingPayment", vec!["new"]),
        ("get horg --field-selector spec.plan=Starter,spec.subscription!=PendingPayment", vec!["small"]),
    ] {
        let printed = shell.ok(&format!("{command} --output name"), "").await;
        let wanted: Vec<&str> = wanted.into_iter().map(|label| names[label].as_str()).collect();
        assert_eq!(printed.lines().collect::<Vec<_>>(), wanted, "kubectl {command}");
    }
    world.close().await;
}

/// Every field below a schema, with the description that it has.
fn fields(path: &str, schema: &Value, schemas: &Value, found: &mut BTreeMap<String, String>) {
    // A reference stands alone or, beside a description of its own, in `allOf`.
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    let referred = reference.map(|reference| &schemas[reference.rsplit('/').next().unwrap()]);
    if !path.is_empty() {
        let description = schema["description"].as_str().or_else(|| referred?["description"].as_str());
        found.insert(path.to_owned(), description.unwrap_or_default().trim().to_owned());
    }
    for schema in referred.into_iter().chain([schema, &schema["items"]]) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            fields(&format!("{path}.{name}"), property, schemas, found);
        }
    }
}

#[tokio::test]
async fn kubectl_explain_says_something_about_every_field() {
    let world = World::new("kubectl, explain").await;
    let shell = Shell::of(&world);
    let schemas = eventually("the API server publishes the schema", || async {
        let published = shell.run("get --raw /openapi/v3/apis/chakravue.io/v1alpha1", "").await.ok()?;
        Some(serde_json::from_str::<Value>(&published).unwrap()["components"]["schemas"].clone())
    })
    .await;
    let mut found = BTreeMap::new();
    fields("", &schemas["io.chakravue.v1alpha1.HospitalOrganization"], &schemas, &mut found);
    for known in [".spec.contact.phone", ".status.conditions.lastTransitionTime", ".status.users.seats", ".apiVersion"]
    {
        assert!(found.contains_key(known), "{known} is not among {:?}", found.keys());
    }
    let undocumented: Vec<_> = found.iter().filter(|(_, text)| text.is_empty()).map(|(path, _)| path).collect();
    assert!(undocumented.is_empty(), "{undocumented:?}");

    // kubectl lists the same fields, and knows a text for each.
    let listed = shell.ok("explain horg --recursive", "").await;
    let own = |path: &&String| path.starts_with(".spec") || path.starts_with(".status");
    for path in found.keys().filter(own) {
        let name = path.rsplit('.').next().unwrap();
        let lists = |line: &str| line.trim_start().strip_prefix(name).is_some_and(|rest| rest.starts_with('\t'));
        assert!(listed.lines().any(lists), "{path} is not in {listed}");
    }
    let parents =
        found.keys().filter(own).filter(|path| found.keys().any(|other| other.starts_with(&format!("{path}."))));
    for path in parents {
        let explained = shell.ok(&format!("explain horg{path}"), "").await;
        assert!(explained.contains("DESCRIPTION:"), "{explained}");
        assert!(!explained.contains("<no description>") && !explained.contains("<empty>"), "{explained}");
    }
    world.close().await;
}
