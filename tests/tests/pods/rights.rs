//! Least privilege, by the API server's own audit log: nothing that operator or web service asked for was refused, and they
//! asked for everything that their roles grant.

use std::{collections::BTreeSet, fs};

use chakravue_crds::HospitalOrganization;
use chakravue_testbed::pods::NAMESPACE;
use k8s_openapi::{
    api::{
        core::v1::Secret,
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, Subject},
    },
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
    runtime::wait::await_condition,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    clinic::{Clinic, HOSPITALS},
    support::{PATIENCE, eventually},
};

/// One thing that somebody may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// None: everywhere.
    namespace: Option<String>,
    group: String,
    /// With a subresource where there is one: `hospitalorganizations/status`.
    resource: String,
    verb: String,
    /// Empty: of any name.
    names: Vec<String>,
}

/// What somebody asked the API server for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    user: User,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    object_ref: Option<Object>,
    response_status: Option<Status>,
}

#[derive(Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    resource: String,
    subresource: String,
    api_group: String,
    namespace: String,
    name: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    code: u16,
}

pub async fn are_what_is_used(clinic: &Clinic) {
    a_hospitals_whole_life(clinic).await;
    let operator = format!("system:serviceaccount:{NAMESPACE}:chakravue-operator");
    let requests = eventually("the operator looks for orphans, half a minute after its start", async || {
        let requests = requests(clinic);
        let lists_secrets = |request: &Request| {
            let resource = request.object_ref.as_ref().map(|object| object.resource.as_str());
            (request.user.username.as_str(), request.verb.as_str(), resource) == (&operator, "list", Some("secrets"))
        };
        requests.iter().any(lists_secrets).then_some(requests)
    })
    .await;
    for account in ["chakravue-operator", "chakravue-api"] {
        let user = format!("system:serviceaccount:{NAMESPACE}:{account}");
        let asked: Vec<&Request> = requests.iter().filter(|request| request.user.username == user).collect();
        let refused: BTreeSet<String> = asked
            .iter()
            .filter(|request| request.response_status.as_ref().is_some_and(|status| status.code == 403))
            .map(|request| format!("{} {}", request.verb, request.uri))
            .collect();
        assert!(refused.is_empty(), "{account} lacks rights: {refused:#?}");

        let grants = grants(clinic, account).await;
        assert!(!grants.is_empty(), "{account} has no rights at all");
        let unused: Vec<_> = grants.iter().filter(|grant| !asked.iter().any(|request| uses(request, grant))).collect();
        assert!(unused.is_empty(), "{account} has rights that it did not use: {unused:#?}");
    }
}

/// Everything that the API server has been asked for. The last line may still be on its way.
fn requests(clinic: &Clinic) -> Vec<Request> {
    let log = fs::read_to_string(&clinic.audit_log).unwrap();
    let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn uses(request: &Request, grant: &Grant) -> bool {
    let Some(object) = &request.object_ref else { return false };
    let resource = match object.subresource.as_str() {
        "" => object.resource.clone(),
        subresource => format!("{}/{subresource}", object.resource),
    };
    // Whoever applies an object that does not exist creates it, and needs the right to.
    let created = request.response_status.as_ref().is_some_and(|status| status.code == 201);
    let verbs = [Some(request.verb.as_str()), (request.verb == "patch" && created).then_some("create")];
    verbs.contains(&Some(&grant.verb))
        && (&resource, &object.api_group) == (&grant.resource, &grant.group)
        && grant.namespace.as_ref().is_none_or(|namespace| *namespace == object.namespace)
        && (grant.names.is_empty() || grant.names.contains(&object.name))
}

/// Everything that is bound to a service account, as it is in the cluster.
async fn grants(clinic: &Clinic, account: &str) -> BTreeSet<Grant> {
    let bound = |subjects: Option<Vec<Subject>>| {
        let ours = |subject: &Subject| subject.name == account && subject.namespace.as_deref() == Some(NAMESPACE);
        subjects.is_some_and(|subjects| subjects.iter().any(ours))
    };
    let (kube, all) = (&clinic.kube, ListParams::default());
    let mut grants = BTreeSet::new();
    for binding in Api::<ClusterRoleBinding>::all(kube.clone()).list(&all).await.unwrap() {
        if bound(binding.subjects) {
            let role = Api::<ClusterRole>::all(kube.clone()).get(&binding.role_ref.name).await.unwrap();
            grants.extend(flat(None, role.rules));
        }
    }
    for binding in Api::<RoleBinding>::all(kube.clone()).list(&all).await.unwrap() {
        if bound(binding.subjects) {
            let namespace = binding.metadata.namespace.unwrap();
            let role = Api::<Role>::namespaced(kube.clone(), &namespace).get(&binding.role_ref.name).await.unwrap();
            grants.extend(flat(Some(namespace), role.rules));
        }
    }
    grants
}

fn flat(namespace: Option<String>, rules: Option<Vec<PolicyRule>>) -> impl Iterator<Item = Grant> {
    rules.into_iter().flatten().flat_map(move |rule| {
        let mut grants = Vec::new();
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                grants.extend(rule.verbs.iter().map(|verb| Grant {
                    namespace: namespace.clone(),
                    group: group.clone(),
                    resource: resource.clone(),
                    verb: verb.clone(),
                    names: rule.resource_names.clone().unwrap_or_default(),
                }));
            }
        }
        grants
    })
}

/// What the operator does besides what the story was about so far: a hospital is suspended and resumed twice, its Secret
/// altered, its database wanted by another one, and it is deleted with its data.
async fn a_hospitals_whole_life(clinic: &Clinic) {
    let name = "passing";
    clinic.apply(&hospital(name, name)).await;
    clinic.until_ready(name).await;
    for _ in 0..2 {
        subscribe(clinic, name, "Suspended").await;
        until(clinic, name, |condition| condition.type_ == "Ready" && condition.reason == "Suspended").await;
        subscribe(clinic, name, "Active").await;
        clinic.until_ready(name).await;
    }

    let rival = "rival";
    clinic.apply(&hospital(rival, name)).await;
    until(clinic, rival, |condition| condition.type_ == "ClaimHeld" && condition.status == "False").await;
    clinic.kubectl(&["-n", HOSPITALS, "delete", "horg", rival, "--wait", "--timeout=1m"]).await;

    let secrets = Api::<Secret>::namespaced(clinic.kube.clone(), HOSPITALS);
    let secret = clinic.hospitals().get(name).await.unwrap().status.unwrap().binding.unwrap().name;
    let port = async || secrets.get(&secret).await.unwrap().data.unwrap()["port"].0.clone();
    let right = port().await;
    let wrong = Patch::Merge(json!({ "stringData": { "port": "1" } }));
    secrets.patch(&secret, &PatchParams::default(), &wrong).await.unwrap();
    eventually("the Secret is mended", async || (port().await == right).then_some(())).await;

    clinic.kubectl(&["-n", HOSPITALS, "delete", "horg", name, "--wait", "--timeout=1m"]).await;
    assert!(!clinic.mongo.list_database_names().await.unwrap().contains(&name.to_owned()), "its data is still there");
}

fn hospital(name: &str, database: &str) -> Value {
    json!({
        "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
        "metadata": { "name": name, "namespace": HOSPITALS },
        "spec": {
            "displayName": name, "contact": { "email": "admin@passing.example" }, "plan": "Starter",
            "subscription": "Active", "databaseName": database, "deletionPolicy": "Delete",
        },
    })
}

async fn until(clinic: &Clinic, name: &str, is: impl Fn(&Condition) -> bool) {
    let found = await_condition(clinic.hospitals(), name, |hospital: Option<&HospitalOrganization>| {
        let status = hospital.and_then(|hospital| hospital.status.as_ref());
        status.is_some_and(|status| status.conditions.iter().any(&is))
    });
    tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("{name} is not so in time")).unwrap();
}

async fn subscribe(clinic: &Clinic, name: &str, subscription: &str) {
    let change = Patch::Merge(json!({ "spec": { "subscription": subscription } }));
    clinic.hospitals().patch(name, &PatchParams::default(), &change).await.unwrap();
}
