//! A service whose login to MongoDB or account in Kubernetes is not as it should be: its probe and its log say what is
//! wrong and what to do, and it becomes ready by itself once that is put right.

use chakravue_testbed::{
    ApiOptions, ApiProcess, Sandbox,
    proxy::{KubeProxy, WriteLog},
    with_credentials,
};
use k8s_openapi::{api::rbac::v1::RoleBinding, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use mongodb::bson::{Document, doc};

use crate::support::{eventually, text};

/// Waits until the probe says this, of MongoDB or of Kubernetes, and the log has said it once.
async fn says(api: &ApiProcess, mongodb: bool, words: &[&str]) {
    api.wait_listening().await;
    let client = api.client();
    eventually(&format!("/readyz says {words:?}"), async || {
        let reply = client.get("/readyz").await;
        let problem = (reply.status == 503).then(|| reply.problem(503, "not-ready"))?;
        let detail = text(&problem, "detail");
        let is_told = words.iter().all(|words| detail.contains(words)) && problem["mongodb"] == mongodb;
        let is_logged = |line: &&str| words.iter().all(|words| line.contains(words));
        let logged = api.log();
        (is_told && logged.lines().filter(is_logged).count() == 1).then_some(())
    })
    .await;
    assert_eq!(client.get("/healthz").await.status, 200, "a restart would not help");
}

/// A command of MongoDB's administrator.
async fn command(sandbox: &Sandbox, command: Document) {
    sandbox.mongodb().await.database("admin").run_command(command).await.unwrap();
}

/// Gives the service's role these actions on a collection of the master database, or takes them.
async fn change(sandbox: &Sandbox, how: &str, collection: &str, actions: &[&str]) {
    let resource = doc! { "db": sandbox.master_database(), "collection": collection };
    let privileges = vec![doc! { "resource": resource, "actions": actions }];
    command(sandbox, doc! { how: sandbox.object_name("api"), "privileges": privileges }).await;
}

async fn end(api: ApiProcess, sandbox: Sandbox) {
    assert!(api.terminate().await.success(), "{}", api.log());
    sandbox.close().await;
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_a_mongodb_that_is_not_there() {
    let sandbox = Sandbox::new("readiness, password").await;
    let (_, place) = sandbox.api_mongodb_uri().split_once('@').unwrap();
    let (user, host_and_options) = (sandbox.object_name("api"), format!("mongodb://{place}"));
    let options = host_and_options.split_once("/?").map_or("", |(_, options)| options);
    let nowhere = format!("mongodb://127.0.0.1:9/?{options}&serverSelectionTimeoutMS=500");
    let start = async |uri: String| sandbox.api().mongodb_uri(uri).start().await;

    let away = start(with_credentials(&nowhere, &user, "any").unwrap()).await;
    let nobody = start(host_and_options.clone()).await;
    let stranger = start(with_credentials(&host_and_options, &user, "a password to be").unwrap()).await;
    tokio::join!(
        says(&away, false, &["MongoDB does not answer", "the right hosts and TLS options"]),
        says(&nobody, false, &["nobody to MongoDB", "chakravue-api mongodb-role --master-database"]),
        says(&stranger, false, &["refuses the user name or password", "(authentication failed, 18)"]),
    );
    for api in [&away, &nobody, &stranger] {
        assert!(!api.log().contains("a password to be"), "{}", api.log());
    }
    // As where it was not the URI that was wrong.
    command(&sandbox, doc! { "updateUser": &user, "pwd": "a password to be" }).await;
    stranger.wait_ready().await;
    away.terminate().await;
    nobody.terminate().await;
    end(stranger, sandbox).await;
}

#[tokio::test]
async fn a_missing_right_is_named_and_is_missed_no_more_once_it_is_granted() {
    let sandbox = Sandbox::new("readiness, rights").await;
    let master = sandbox.master_database();
    change(&sandbox, "revokePrivilegesFromRole", "sessions", &["insert"]).await;
    change(&sandbox, "revokePrivilegesFromRole", "payments", &["createIndex"]).await;
    let api = sandbox.api().start().await;
    let remedy = format!("Grant it the role that `chakravue-api mongodb-role --master-database {master}` prints.");
    let sessions = format!("insert on {master}.sessions");
    let payments = format!("createIndex on {master}.payments");
    says(&api, false, &["The service's MongoDB user lacks", &sessions, &payments, &remedy]).await;
    change(&sandbox, "grantPrivilegesToRole", "payments", &["createIndex"]).await;
    says(&api, false, &[&format!("user lacks {sessions}. "), &remedy]).await;
    change(&sandbox, "grantPrivilegesToRole", "sessions", &["insert"]).await;
    api.wait_ready().await;

    // It is noticed later too, before anybody needs it.
    change(&sandbox, "revokePrivilegesFromRole", "audit_logs", &["find"]).await;
    says(&api, false, &[&format!("user lacks find on {master}.audit_logs. "), &remedy]).await;
    change(&sandbox, "grantPrivilegesToRole", "audit_logs", &["find"]).await;
    api.wait_ready().await;
    end(api, sandbox).await;
}

#[tokio::test]
async fn an_account_without_rights_and_a_missing_definition_are_told_apart_from_a_kubernetes_that_is_not_there() {
    let sandbox = Sandbox::new("readiness, kubernetes").await;
    let bindings = Api::<RoleBinding>::namespaced(sandbox.admin().await, sandbox.namespace());
    let own = bindings.get("chakravue-api").await.unwrap();
    bindings.delete("chakravue-api", &DeleteParams::default()).await.unwrap();
    let of_namespace = format!("The hospitals of namespace {} are not known yet: ", sandbox.namespace());
    let proxy = KubeProxy::start(sandbox.api_kubeconfig(), WriteLog::new()).await.unwrap();
    let through = |api: ApiOptions| api.kubeconfig(proxy.kubeconfig(sandbox.folder()).unwrap());

    let api = through(sandbox.api()).start().await;
    // Not in the words of the line of every attempt, which has the whole answer.
    says(&api, true, &["does not let the service list them (403): bind its account"]).await;
    let given =
        RoleBinding { metadata: ObjectMeta { name: own.metadata.name.clone(), ..ObjectMeta::default() }, ..own };
    proxy.fail("GET", "hospitalorganizations?", 404, "the server could not find the requested resource");
    bindings.create(&PostParams::default(), &given).await.unwrap();
    says(&api, true, &["the HospitalOrganization definition is not installed", "kubectl apply -f"]).await;
    assert!(text(&api.client().get("/readyz").await.problem(503, "not-ready"), "detail").starts_with(&of_namespace));
    proxy.set_down(true);
    proxy.clear();
    let told = async || {
        let reply = api.client().get("/readyz").await;
        (reply.status == 503 && text(&reply.json(), "detail").ends_with(": Kubernetes does not answer.")).then_some(())
    };
    eventually("Kubernetes is said to be away", told).await;
    proxy.set_down(false);
    api.wait_ready().await;
    end(api, sandbox).await;
}
