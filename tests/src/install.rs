//! What operator and API need before they can run, as the chart would install it: the CRD, a service account each with
//! exactly the rules that ship, and a login to MongoDB each with exactly the role that the program asks for.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, bail, ensure};
use k8s_openapi::{
    api::{
        authentication::v1::{TokenRequest, TokenRequestSpec},
        core::v1::{Namespace, ServiceAccount},
        rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams, PostParams},
    runtime::{conditions, wait::await_condition},
};
use mongodb::bson::{self, Document, doc};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    kubeconfig,
    mongod::{command_on_admin, connect},
    programs::Program,
    uri::with_credentials,
};

const CRD: &str = include_str!("../../charts/chakravue/files/hospitalorganizations.yaml");
const CLUSTER_ROLE: &str = include_str!("../../charts/chakravue/files/operator-clusterrole.yaml");
const OPERATOR_ROLE: &str = include_str!("../../charts/chakravue/files/operator-role.yaml");
const API_ROLE: &str = include_str!("../../charts/chakravue/files/api-role.yaml");
const FIELD_MANAGER: &str = "chakravue-testbed";

/// Service accounts are called like their program, in whichever namespace.
pub(crate) const OPERATOR: &str = "chakravue-operator";
/// The operator's second login to MongoDB.
pub(crate) const OPERATOR_WATCH: &str = "chakravue-operator-watch";
pub(crate) const API: &str = "chakravue-api";

/// MongoDB's answers when a user or a role does not exist.
const USER_NOT_FOUND: i32 = 11;
const ROLE_NOT_FOUND: i32 = 31;

/// Applies the CRD and returns when the API server serves it.
pub(crate) async fn crd(client: &Client) -> anyhow::Result<()> {
    let crd: CustomResourceDefinition = serde_saphyr::from_str(CRD).context("the CRD in charts/ cannot be read")?;
    let crds = Api::<CustomResourceDefinition>::all(client.clone());
    let name = apply(&crds, &crd).await?;
    let established = await_condition(crds, &name, conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(30), established)
        .await
        .with_context(|| format!("the API server did not establish the CRD {name} within 30 s"))??;
    Ok(())
}

pub(crate) async fn namespace(client: &Client, name: &str) -> anyhow::Result<()> {
    let namespace: Namespace = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name },
    }))?;
    apply(&Api::all(client.clone()), &namespace).await?;
    Ok(())
}

/// The operator's service account in `namespace`, bound to a cluster role with the rules that ship. Both cluster-wide objects
/// are called `role`, so that several operators on one cluster do not share them.
pub(crate) async fn operator_account(client: &Client, namespace: &str, role: &str) -> anyhow::Result<()> {
    service_account(client, namespace, OPERATOR).await?;
    let mut rules: ClusterRole =
        serde_saphyr::from_str(CLUSTER_ROLE).context("the operator's ClusterRole in charts/ cannot be read")?;
    rules.metadata.name = Some(role.to_owned());
    apply(&Api::all(client.clone()), &rules).await?;
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": role },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": OPERATOR, "namespace": namespace }],
    }))?;
    apply(&Api::all(client.clone()), &binding).await?;
    bind_role(client, OPERATOR_ROLE, namespace, (namespace, OPERATOR)).await
}

/// The API's service account in `namespace`, with the rules that ship in the namespace of the hospitals and nowhere else.
pub(crate) async fn api_account(client: &Client, namespace: &str, hospitals: &str) -> anyhow::Result<()> {
    service_account(client, namespace, API).await?;
    bind_role(client, API_ROLE, hospitals, (namespace, API)).await
}

/// A Role that ships, in this namespace, for a service account (its namespace and name).
async fn bind_role(client: &Client, role: &str, place: &str, (of, account): (&str, &str)) -> anyhow::Result<()> {
    let mut rules: Role = serde_saphyr::from_str(role).context("a Role in charts/ cannot be read")?;
    rules.metadata.namespace = Some(place.to_owned());
    let role = apply(&Api::namespaced(client.clone(), place), &rules).await?;
    let binding: RoleBinding = serde_json::from_value(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": role, "namespace": place },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": of }],
    }))?;
    apply(&Api::namespaced(client.clone(), place), &binding).await?;
    Ok(())
}

async fn service_account(client: &Client, namespace: &str, name: &str) -> anyhow::Result<()> {
    let account: ServiceAccount = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace },
    }))?;
    apply(&Api::namespaced(client.clone(), namespace), &account).await?;
    Ok(())
}

/// A kubeconfig (mode 0600) with which one is this service account on the cluster of `of`.
pub(crate) async fn account_kubeconfig(
    client: &Client,
    (namespace, account): (&str, &str),
    of: &Path,
    path: &Path,
    valid: Duration,
) -> anyhow::Result<()> {
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: i64::try_from(valid.as_secs()).ok(),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let answer = accounts
        .create_token_request(account, &PostParams::default(), &request)
        .await
        .with_context(|| format!("cannot get a token for the ServiceAccount {namespace}/{account}"))?;
    let token = answer.status.context("the API server answered a TokenRequest without a token")?.token;
    kubeconfig::write_with_token(path, of, &token)
}

/// A login to MongoDB for one of the programs: a role of its own, and a user of the same name.
#[derive(Clone, Copy)]
pub(crate) struct MongodbLogin<'a> {
    pub(crate) of: Program,
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
    pub(crate) master_database: &'a str,
}

impl MongodbLogin<'_> {
    /// Creates role and user, or brings those of an earlier start up to date. Returns the connection string.
    pub(crate) async fn install(&self, administrator_uri: &str) -> anyhow::Result<String> {
        self.install_with(administrator_uri, &[]).await
    }

    /// The operator's second login, which watches for changes.
    pub(crate) async fn install_watch(&self, administrator_uri: &str) -> anyhow::Result<String> {
        self.install_with(administrator_uri, &["--watch"]).await
    }

    async fn install_with(&self, administrator_uri: &str, flags: &[&str]) -> anyhow::Result<String> {
        let client = connect(administrator_uri).await?;
        let role = self.role(flags).await?;
        let [privileges, roles] = ["privileges", "roles"].map(|part| role.get_array(part).cloned().unwrap_or_default());
        let role = doc! { "privileges": privileges, "roles": roles };
        self.create_or_update(&client, "Role", ROLE_NOT_FOUND, role).await?;
        let user = doc! { "pwd": self.password, "roles": [{ "role": self.name, "db": "admin" }] };
        self.create_or_update(&client, "User", USER_NOT_FOUND, user).await?;
        with_credentials(administrator_uri, self.name, self.password)
    }

    /// Asks the program which role it needs.
    async fn role(&self, flags: &[&str]) -> anyhow::Result<Document> {
        let program = self.of.path()?;
        let output = tokio::process::Command::new(&program)
            .args(["mongodb-role", "--master-database", self.master_database, "--output", "json"])
            .args(flags)
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("cannot run {}", program.display()))?;
        ensure!(
            output.status.success(),
            "{} mongodb-role failed ({}): {}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let role: serde_json::Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} mongodb-role did not print a JSON object", program.display()))?;
        bson::serialize_to_document(&role)
            .with_context(|| format!("the role of {} cannot be used as a MongoDB command", self.of))
    }

    async fn create_or_update(
        &self,
        client: &mongodb::Client,
        kind: &str,
        not_found: i32,
        rest: Document,
    ) -> anyhow::Result<()> {
        let command = |verb: &str| {
            let mut command = doc! { format!("{verb}{kind}"): self.name };
            command.extend(rest.clone());
            command
        };
        let mut answer = command_on_admin(client, command("update")).await;
        if answer.as_ref().is_err_and(|error| has_code(error, not_found)) {
            answer = command_on_admin(client, command("create")).await;
        }
        answer.with_context(|| {
            let kind = kind.to_lowercase();
            format!("cannot create the MongoDB {kind} {}; is the login an administrator's?", self.name)
        })?;
        Ok(())
    }
}

pub(crate) fn has_code(error: &mongodb::error::Error, code: i32) -> bool {
    matches!(&*error.kind, mongodb::error::ErrorKind::Command(error) if error.code == code)
}

/// Server-side apply, as GitOps tools do it. Returns the name.
async fn apply<K>(api: &Api<K>, object: &K) -> anyhow::Result<String>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Serialize + std::fmt::Debug,
{
    let Some(name) = object.meta().name.as_deref() else {
        bail!("a {} without a name cannot be applied", K::kind(&()));
    };
    api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(object))
        .await
        .with_context(|| format!("cannot apply the {} {name}", K::kind(&())))?;
    Ok(name.to_owned())
}
