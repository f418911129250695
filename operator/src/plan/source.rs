//! Where the hospitals come from that are planned: a file or standard input as somebody would apply it, or the cluster.

use std::{fmt::Display, io::Read as _};

use anyhow::{Context as _, ensure};
use chakravue_crds::{HospitalOrganization, conditions::Reason};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{ListParams, ObjectMeta, Patch, PatchParams},
    core::Status,
};
use serde_json::{Value, json};

use super::output::{Outcome, Plan};
use crate::{controller::scoped, echoes::Watched, invalid};

/// The field manager of an apply that is only tried, where nobody has applied the object before.
const MANAGER: &str = "chakravue-operator-plan";

/// What the API server calls an object that breaks its rules.
const INVALID: &str = "Invalid";

const NOT_ASKED: &str = "This login may not apply the object, so the API server's checks (schema, rules, namespace) were not asked: it may refuse what is planned here.";

/// A hospital to plan; or its plan, where it would come to nothing before the operator sees it.
pub type Hospital = Result<Planned, Box<Plan>>;

/// One hospital as it is, or as it would be once somebody applies it.
pub struct Planned {
    pub object: HospitalOrganization,
    /// Whether there is an object in the cluster.
    pub exists: bool,
    /// What a person should know of where it comes from.
    pub note: Option<&'static str>,
}

/// Every hospital of the cluster, or of one namespace.
pub async fn from_cluster(client: &Client, namespace: Option<&str>) -> anyhow::Result<Vec<Hospital>> {
    let hospitals: Api<Watched> = scoped(client, namespace);
    let listed = hospitals.list(&ListParams::default()).await.context("the hospitals cannot be listed")?;
    let planned = |object| Planned { object, exists: true, note: None };
    Ok(listed.into_iter().map(|hospital| readable(hospital).map(planned)).collect())
}

/// The hospitals of a file, or of standard input where it is called `-`; what else is in it is named on standard error.
/// `client` must be one that may write: applying is tried with `dryRun`, so that the API server checks the object and
/// nothing is stored.
pub async fn from_file(client: &Client, path: &str, namespace: Option<&str>) -> anyhow::Result<Vec<Hospital>> {
    let text = if path == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?
    };
    let namespace = namespace.unwrap_or_else(|| client.default_namespace());
    let kind = HospitalOrganization::kind(&());
    let mut hospitals = Vec::new();
    for document in documents(&text)? {
        if document["kind"] == *kind {
            hospitals.push(one(client, document, namespace).await);
        } else {
            eprintln!("{} is not planned: it is not a {kind}", called(&document));
        }
    }
    ensure!(!hospitals.is_empty(), "{path} has no {kind}");
    Ok(hospitals)
}

/// The YAML documents of a text; the items of a list stand for themselves.
fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut documents = Vec::new();
    for part in text.split("\n---") {
        let value: Option<Value> = serde_saphyr::from_str(part).map_err(|error| anyhow::anyhow!("no YAML: {error}"))?;
        documents.extend(value.into_iter().flat_map(items));
    }
    Ok(documents)
}

fn items(mut document: Value) -> Vec<Value> {
    let kind = HospitalOrganization::kind(&());
    let is_of_hospitals = document["kind"] == format!("{kind}List");
    if document.is_null() {
        return Vec::new();
    }
    if document["kind"] != "List" && !is_of_hospitals {
        return vec![document];
    }
    let Value::Array(mut items) = document["items"].take() else { return Vec::new() };
    if is_of_hospitals {
        // They need not say themselves what they are.
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.entry("apiVersion").or_insert_with(|| document["apiVersion"].clone());
            item.entry("kind").or_insert_with(|| json!(kind));
        }
    }
    items
}

/// A document in words, as `v1 Namespace clinics`.
fn called(document: &Value) -> String {
    let parts = ["/apiVersion", "/kind", "/metadata/name"];
    let parts: Vec<_> = parts.iter().filter_map(|part| document.pointer(part)?.as_str()).collect();
    if parts.is_empty() { "a document without a kind".to_owned() } else { parts.join(" ") }
}

async fn one(client: &Client, mut document: Value, namespace: &str) -> Hospital {
    let place = prepare(&mut document, namespace)?;
    let api: Api<Watched> = Api::namespaced(client.clone(), &place.namespace);
    let live = api.get_opt(&place.name).await.map_err(|error| place.not_known("read", &error))?;
    let exists = live.is_some();
    let manager = live.as_ref().and_then(|live| applied_by(live.meta())).unwrap_or(MANAGER);
    let parameters = PatchParams { dry_run: true, ..PatchParams::apply(manager).force() };
    match api.patch(&place.name, &parameters, &Patch::Apply(&document)).await {
        Ok(object) => Ok(Planned { object: readable(object)?, exists, note: None }),
        Err(kube::Error::Api(status)) if may_not_apply(&status) => {
            Ok(Planned { object: alone(document, live, &place)?, exists, note: Some(NOT_ASKED) })
        }
        Err(kube::Error::Api(status)) if is_refusal(&status) => {
            let reason = if status.reason.is_empty() { INVALID } else { &status.reason };
            Err(place.refused(reason, status.message))
        }
        Err(error) => Err(place.not_known("tried", &error)),
    }
}

/// Makes a document one that can be applied where it belongs, if the API server can be asked about it at all.
fn prepare(document: &mut Value, namespace: &str) -> Result<Place, Box<Plan>> {
    let text = |field: &str| document.pointer(field).and_then(Value::as_str).filter(|text| !text.is_empty());
    let [namespace, name] = [text("/metadata/namespace").unwrap_or(namespace), text("/metadata/name").unwrap_or("")];
    let place = Place { namespace: namespace.to_owned(), name: name.to_owned() };
    let version = HospitalOrganization::api_version(&());
    if document["apiVersion"] != *version {
        return Err(place.refused(INVALID, format!("apiVersion: must be {version}")));
    }
    // Both become a part of an address.
    let is_name =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    for (field, value) in [("namespace", &place.namespace), ("name", &place.name)] {
        if !is_name(value) {
            return Err(place.refused(INVALID, format!("metadata.{field}: {value:?} is no name in Kubernetes")));
        }
    }
    // What only the servers give: an object as kubectl shows it has all of it.
    if let Some(object) = document.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = document["metadata"].as_object_mut() {
        let given = ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "deletionTimestamp"];
        metadata.retain(|field, _| !given.contains(&field.as_str()));
        metadata.insert("namespace".to_owned(), json!(place.namespace));
    }
    Ok(place)
}

/// Whether it is the login that may not, rather than the object that is not allowed.
fn may_not_apply(status: &Status) -> bool {
    let lacks = |verb: &str| status.message.contains(&format!(" cannot {verb} resource "));
    status.is_forbidden() && ["patch", "create"].into_iter().any(lacks)
}

/// Whether the object is the trouble, and not the API server.
fn is_refusal(status: &Status) -> bool {
    // A field that the resource definition does not have, or of another type, is told with code 500 and no reason.
    let is_unreadable = status.message.starts_with("failed to create typed patch object");
    is_unreadable || (status.code < 500 && status.code != 429)
}

/// Who applied the object last. What a file leaves out goes only from who applied it before.
fn applied_by(metadata: &ObjectMeta) -> Option<&str> {
    let managers = metadata.managed_fields.iter().flatten();
    let applied = managers.filter(|by| by.operation.as_deref() == Some("Apply") && by.subresource.is_none());
    applied.max_by_key(|by| by.time.as_ref().map(|time| time.0))?.manager.as_deref()
}

/// The object without the API server's help.
fn alone(document: Value, live: Option<Watched>, place: &Place) -> Result<HospitalOrganization, Box<Plan>> {
    let mut object: HospitalOrganization =
        serde_path_to_error::deserialize(document).map_err(|error| place.unfit(error))?;
    let Some(live) = live else {
        // Nobody has this one; an object that is not there has none.
        object.metadata.uid = Some(format!("planned-{}-{}", place.namespace, place.name));
        return Ok(object);
    };
    let annotations = object.metadata.annotations.take();
    object.metadata = live.meta().clone();
    object.annotations_mut().extend(annotations.into_iter().flatten());
    if let Ok(live) = live.0 {
        // Of the API server's rules the one that data hangs on: no plan may be of another database.
        let [old, new] = [&live, &object].map(database);
        if old != new {
            let message = format!(
                "spec.databaseName: cannot be changed from {old} to {new}, as it names the hospital's data: restore the old value, or create another HospitalOrganization"
            );
            return Err(place.refused(INVALID, message));
        }
        object.status = live.status;
    }
    Ok(object)
}

/// The database that an object names, as the resource definition sees it.
fn database(object: &HospitalOrganization) -> String {
    object.spec.database_name.clone().unwrap_or_else(|| object.name_any().replace('-', "_"))
}

/// An object as the API server answers it; one that cannot be read was let in by an older, looser resource definition.
fn readable(object: Watched) -> Result<HospitalOrganization, Box<Plan>> {
    object.0.map_err(|invalid| {
        let [namespace, name] = [invalid.metadata.namespace, invalid.metadata.name].map(Option::unwrap_or_default);
        Place { namespace, name }.unfit(invalid.error)
    })
}

/// Where an object stands, or would.
struct Place {
    namespace: String,
    name: String,
}

impl Place {
    fn refused(&self, reason: &str, message: String) -> Box<Plan> {
        self.failed(Outcome::Refused, reason, message)
    }

    /// As the operator says it in the object's conditions.
    fn unfit(&self, error: impl Display) -> Box<Plan> {
        self.refused(Reason::InvalidSpec.as_str(), invalid::message(&error))
    }

    fn not_known(&self, how: &str, error: &kube::Error) -> Box<Plan> {
        let why = match error {
            kube::Error::Api(status) => status.message.clone(),
            error => error.to_string(),
        };
        let message = format!("The object cannot be {how}: {why}");
        self.failed(Outcome::Unknown, Reason::KubernetesError.as_str(), message)
    }

    fn failed(&self, outcome: Outcome, reason: &str, message: String) -> Box<Plan> {
        let mut plan = Plan::empty(self.namespace.clone(), self.name.clone());
        plan.fail(outcome, reason, message);
        Box::new(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hospital(name: &str) -> Value {
        json!({
            "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
            "metadata": { "name": name, "namespace": "n", "uid": "u", "resourceVersion": "7" },
            "spec": { "displayName": "A", "contact": { "email": "a@b.example" }, "plan": "Starter" },
            "status": { "organizationId": "org-1", "binding": { "name": "a-mongodb" } },
        })
    }

    fn live(name: &str) -> Watched {
        serde_json::from_value(hospital(name)).unwrap()
    }

    fn prepared(mut document: Value) -> Result<(Value, Place), Box<Plan>> {
        let place = prepare(&mut document, "default")?;
        Ok((document, place))
    }

    fn why(refused: &Plan) -> (&str, &str) {
        assert_eq!(refused.outcome, Outcome::Refused);
        (refused.reason.as_deref().unwrap(), refused.message.as_deref().unwrap())
    }

    #[test]
    fn every_document_of_a_file_is_found() {
        let text = "# a comment\n---\nkind: A\n---\n\n---\nkind: List\nitems: [{kind: B}, {kind: C}]\n\
                    ---\nkind: List\nitems: 5\n---\n- a list\n";
        let kinds: Vec<_> = documents(text).unwrap().iter().map(|d| d["kind"].clone()).collect();
        assert_eq!(kinds, [json!("A"), json!("B"), json!("C"), Value::Null]);
        assert!(documents("a: [").is_err());
    }

    #[test]
    fn a_list_of_hospitals_says_what_its_items_are() {
        let text = "apiVersion: v\nkind: HospitalOrganizationList\nitems: [{a: 1}, {apiVersion: w, kind: B}, 5]\n";
        let of_list = json!({ "apiVersion": "v", "kind": "HospitalOrganization", "a": 1 });
        assert_eq!(documents(text).unwrap(), [of_list, json!({ "apiVersion": "w", "kind": "B" }), json!(5)]);
    }

    #[test]
    fn what_is_not_planned_is_named() {
        let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "clinics" } });
        assert_eq!(called(&namespace), "v1 Namespace clinics");
        assert_eq!(called(&json!(["a"])), "a document without a kind");
    }

    #[test]
    fn an_object_that_was_read_from_a_cluster_can_be_applied() {
        let (document, place) = prepared(hospital("a")).unwrap();
        assert_eq!((place.namespace.as_str(), place.name.as_str()), ("n", "a"));
        assert_eq!(document["metadata"], json!({ "name": "a", "namespace": "n" }));
        assert!(document.get("status").is_none());
        let mut elsewhere = hospital("a");
        elsewhere["metadata"]["namespace"] = Value::Null;
        assert_eq!(prepared(elsewhere).unwrap().0["metadata"]["namespace"], "default");
    }

    #[test]
    fn what_the_api_server_cannot_be_asked_about_is_refused() {
        let without = |field: &str, value: Value| {
            let mut document = hospital("a");
            document[field] = value;
            document
        };
        for (document, words) in [
            (hospital(""), "metadata.name"),
            (hospital("a?dryRun=x#"), "metadata.name"),
            (without("metadata", json!({ "name": "a", "namespace": "b/c" })), "metadata.namespace"),
            (without("metadata", json!("a")), "metadata.name"),
            (without("metadata", Value::Null), "metadata.name"),
            (without("apiVersion", json!("chakravue.io/v1")), "must be chakravue.io/v1alpha1"),
            (without("apiVersion", Value::Null), "must be chakravue.io/v1alpha1"),
        ] {
            let Err(refused) = prepared(document.clone()) else { panic!("{document}") };
            let (reason, message) = why(&refused);
            assert!(reason == "Invalid" && message.contains(words), "{document}: {message}");
        }
    }

    #[test]
    fn a_login_without_the_right_is_told_from_an_object_that_is_not_allowed() {
        let forbidden = |message: &str| Status::failure(message, "Forbidden").with_code(403);
        assert!(may_not_apply(&forbidden(
            "hospitalorganizations.chakravue.io \"a\" is forbidden: User \"x\" cannot patch resource \"hospitalorganizations\" in API group \"chakravue.io\""
        )));
        assert!(!may_not_apply(&forbidden(
            "hospitalorganizations.chakravue.io \"a\" is forbidden: unable to create new content in namespace n because it is being terminated"
        )));
    }

    #[test]
    fn a_refusal_is_told_from_a_server_in_trouble() {
        let status = |message: &str, code| Status::failure(message, "").with_code(code);
        assert!(is_refusal(&status("spec.plan: Unsupported value", 422)));
        assert!(is_refusal(&status("failed to create typed patch object (n/a): expected string", 500)));
        assert!(!is_refusal(&status("etcdserver: request timed out", 500)));
        assert!(!is_refusal(&status("too many requests", 429)));
    }

    #[test]
    fn an_object_that_is_not_there_has_no_status() {
        let (document, place) = prepared(hospital("a")).unwrap();
        let object = alone(document, None, &place).unwrap();
        assert_eq!(object.status, None);
        assert_eq!(object.uid().as_deref(), Some("planned-n-a"));
    }

    #[test]
    fn an_object_that_is_there_keeps_what_it_is_and_its_database() {
        let (mut document, place) = prepared(hospital("a-b")).unwrap();
        document["metadata"]["annotations"] = json!({ "x": "y" });
        document["spec"]["databaseName"] = json!("a_b");
        let object = alone(document.clone(), Some(live("a-b")), &place).unwrap();
        assert_eq!(object.uid().as_deref(), Some("u"));
        assert_eq!(object.annotations()["x"], "y");
        assert_eq!(object.status.unwrap().organization_id.as_deref(), Some("org-1"));

        document["spec"]["databaseName"] = json!("c");
        let refused = alone(document.clone(), Some(live("a-b")), &place).unwrap_err();
        let (reason, message) = why(&refused);
        assert!(reason == "Invalid" && message.contains("from a_b to c"), "{message}");

        document["spec"]["plan"] = json!("Gold");
        let refused = alone(document, None, &place).unwrap_err();
        let (reason, message) = why(&refused);
        assert!(reason == "InvalidSpec" && message.contains("spec.plan"), "{message}");
    }

    #[test]
    fn an_object_that_cannot_be_read_has_a_plan_all_the_same() {
        let mut object = hospital("a");
        object["spec"]["plan"] = json!("Gold");
        let refused = readable(serde_json::from_value(object).unwrap()).unwrap_err();
        assert_eq!((refused.namespace.as_str(), refused.name.as_str()), ("n", "a"));
        let (reason, message) = why(&refused);
        assert!(reason == "InvalidSpec" && message.contains("Gold"), "{message}");
    }
}
