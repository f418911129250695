//! What people with the cluster's own roles may do with hospitals, as an API server says it that has put the roles together.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use chakravue_testbed::Kubectl;
use serde_json::{Value, json};

use crate::support::{LEAST, called, cluster, rendered};

const PATIENCE: Duration = Duration::from_mins(1);
const NAMESPACE: &str = "staffed";
const HOSPITALS: &str = "hospitalorganizations.chakravue.io";

const READ: [&str; 3] = ["get", "list", "watch"];
const CHANGE: [&str; 3] = ["create", "update", "patch"];
const DELETE: [&str; 2] = ["delete", "deletecollection"];

#[tokio::test(flavor = "multi_thread")]
async fn view_sees_edit_changes_and_admin_deletes_hospitals() {
    let Some(cluster) = cluster().await else { return };
    let kubectl = &cluster.kubectl;
    let roles: Vec<Value> = rendered(LEAST).await.into_iter().filter(|it| called(it).contains("-hospitals-")).collect();
    let roles: Vec<Value> = roles.into_iter().filter(|it| it["kind"] == "ClusterRole").collect();
    assert_eq!(roles.len(), 4, "view, edit, admin, and who binds applications");
    let mut objects = roles.clone();
    objects.push(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } }));
    for role in ["view", "edit", "admin"] {
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": role, "namespace": NAMESPACE },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role }],
        }));
    }
    objects.sort_by_key(|object| object["kind"] != "Namespace");
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects });
    kubectl.run(&["apply", "--server-side", "-f", "-"], &list.to_string()).await.unwrap();

    for (role, wanted) in
        [("view", READ.to_vec()), ("edit", [READ, CHANGE].concat()), ("admin", [&READ[..], &CHANGE, &DELETE].concat())]
    {
        let wanted: BTreeSet<&str> = wanted.into_iter().collect();
        // A controller puts the roles together.
        let deadline = Instant::now() + PATIENCE;
        while may(kubectl, role, HOSPITALS, NAMESPACE).await != wanted && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(may(kubectl, role, HOSPITALS, NAMESPACE).await, wanted, "{role}");
        // What became of a hospital everybody may see, and nobody but the operator says.
        assert_eq!(may(kubectl, role, &format!("{HOSPITALS}/status"), NAMESPACE).await, ["get"].into(), "{role}");
        assert!(may(kubectl, role, HOSPITALS, "default").await.is_empty(), "{role} in another namespace");
    }
    for role in roles {
        kubectl.run(&["delete", "clusterrole", role["metadata"]["name"].as_str().unwrap()], "").await.unwrap();
    }
}

/// The verbs that somebody may use there.
async fn may(kubectl: &Kubectl, user: &str, resource: &str, namespace: &str) -> BTreeSet<&'static str> {
    let mut granted = BTreeSet::new();
    for verb in [&READ[..], &CHANGE, &DELETE].concat() {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let subresource = format!("--subresource={subresource}");
        let asked = ["auth", "can-i", verb, resource, &subresource, "--as", user, "--namespace", namespace];
        match kubectl.run(&asked, "").await {
            Ok(_) => {
                granted.insert(verb);
            }
            // Of a no, kubectl says nothing there; what it says is what went wrong.
            Err(said) => assert_eq!(said, "", "{verb} {resource} as {user}"),
        }
    }
    granted
}
