//! Before it may pass for one that leads or could take over, an operator has had an answer to all that it has to ask
//! Kubernetes; until then its probe says what is in the way, where, and what to do.

use std::collections::BTreeMap;

use chakravue_testbed::{OperatorOptions, OperatorProcess};
use k8s_openapi::{
    api::rbac::v1::{ClusterRoleBinding, RoleBinding},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};

use crate::{
    proxied::Proxied,
    support::{World, eventually},
};

const LEASE: &str = "6s";

/// Two, of which one would have to stand by.
async fn two(options: impl Fn() -> OperatorOptions) -> [OperatorProcess; 2] {
    let (one, other) = tokio::join!(options().leader_elect(LEASE).start(), options().leader_elect(LEASE).start());
    [one, other]
}

/// Waits until both say why they are not ready, and have logged it once.
async fn say(operators: &[OperatorProcess], words: &[&str]) {
    for operator in operators {
        eventually(&format!("/readyz says {words:?}"), async || {
            let (status, body) = operator.answer_of("/readyz").await?;
            let is_line = |line: &str| words.iter().all(|words| line.contains(words));
            let line = body.lines().find(|line| is_line(line))?;
            (status == 503 && operator.log().matches(line).count() == 1).then_some(())
        })
        .await;
        assert_eq!(operator.status_of("/livez").await, Some(200), "a restart would not help");
    }
}

/// Waits until both are ready, one as the leader and one standing by.
async fn are_ready(operators: &[OperatorProcess]) {
    eventually("one leads and one stands by", async || {
        let mut told = BTreeMap::<_, usize>::new();
        for operator in operators {
            let (status, body) = operator.answer_of("/readyz").await?;
            *told.entry((status, body)).or_default() += 1;
        }
        let ready = |body: &str| ((200, body.to_owned()), 1);
        (told == BTreeMap::from([ready("ok\n"), ready("ok, standing by\n")])).then_some(())
    })
    .await;
}

async fn end<const N: usize>(operators: [OperatorProcess; N]) {
    for operator in operators {
        assert!(!operator.log().contains("panicked"), "{}", operator.log());
        assert!(operator.terminate().await.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_none_is_ready_whoever_would_lead() {
    let world = World::new("no rights").await;
    let everywhere = Api::<ClusterRoleBinding>::all(world.kube.clone());
    let here = Api::<RoleBinding>::namespaced(world.kube.clone(), world.sandbox.namespace());
    let (wide, lease) = (world.sandbox.object_name("operator"), "chakravue-operator");
    let (of_hospitals, of_lease) = (everywhere.get(&wide).await.unwrap(), here.get(lease).await.unwrap());
    everywhere.delete(&wide, &DeleteParams::default()).await.unwrap();
    here.delete(lease, &DeleteParams::default()).await.unwrap();

    let operators = two(|| world.sandbox.operator()).await;
    let server = "The Kubernetes API at https://127.0.0.1:";
    say(&operators, &[server, "does not let the operator list the hospitals (403)", "the role that the chart makes"])
        .await;
    let again = |metadata: &ObjectMeta| ObjectMeta { name: metadata.name.clone(), ..ObjectMeta::default() };
    let given = ClusterRoleBinding { metadata: again(&of_hospitals.metadata), ..of_hospitals };
    everywhere.create(&PostParams::default(), &given).await.unwrap();
    // Now they wait for what leads: nobody could say which of them does.
    let lease = format!(
        "does not let the operator read or write the Lease {}/chakravue-operator (403)",
        world.sandbox.namespace()
    );
    say(&operators, &[server, &lease]).await;
    let given = RoleBinding { metadata: again(&of_lease.metadata), ..of_lease };
    here.create(&PostParams::default(), &given).await.unwrap();
    are_ready(&operators).await;
    world.ready_hospital("served").await;
    end(operators).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_never_reached_the_api_server_or_found_no_definition_does_not_stand_by() {
    let proxied = Proxied::new("never reached").await;
    proxied.kube.set_down(true);
    let operators = two(|| proxied.operator()).await;
    let server = format!("The Kubernetes API at http://{} ", proxied.kube.address());
    say(&operators, &[&server, "does not answer", "look at the address"]).await;

    proxied.kube.fail("GET", "hospitalorganizations?", 404, "the server could not find the requested resource");
    proxied.kube.set_down(false);
    let to_do = "kubectl apply -f charts/chakravue/files/hospitalorganizations.yaml";
    say(&operators, &["The HospitalOrganization definition is not installed", to_do]).await;

    proxied.kube.clear();
    are_ready(&operators).await;
    proxied.world.ready_hospital("served").await;
    end(operators).await;
    proxied.world.close().await;
}
