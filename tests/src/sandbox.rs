//! One test's own corner of the shared servers: a random prefix, a Kubernetes namespace, a master database and the logins
//! of an operator and an API, so that tests run side by side without seeing each other.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, bail};
use chakravue_crds::organization::HospitalOrganization;
use futures::TryStreamExt;
use k8s_openapi::api::{
    core::v1::Namespace,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
    core::ApiResource,
};
use mongodb::bson::{Document, doc};
use serde_json::json;

use crate::{
    api::ApiOptions,
    files::random_secret,
    install::{self, MongodbLogin},
    kubectl::Kubectl,
    mongod::{Standalone, command_on_admin, connect},
    new_mongodb::NewMongodb,
    operator::OperatorOptions,
    parts::{self, Wanted},
    programs::Program,
    testbed::Testbed,
};

/// Removed again by [`Sandbox::close`], or as well as possible when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    testbed: &'static Testbed,
    names: Names,
    folder: PathBuf,
    operator_kubeconfig: PathBuf,
    operator_mongodb_uri: String,
    api_kubeconfig: PathBuf,
    api_mongodb_uri: String,
    api_secret_key: String,
    closed: bool,
}

#[derive(Clone, Debug)]
struct Names {
    prefix: String,
    master_database: String,
    /// The cluster role, its binding, and the operator's user and role in MongoDB.
    operator: String,
    /// The API's user and role in MongoDB.
    api: String,
}

impl Sandbox {
    /// Makes a new sandbox on [`Testbed::shared`]; `label` says in the cluster and in log files whose it is.
    ///
    /// # Panics
    /// When it cannot be made, with the reason.
    pub async fn new(label: &str) -> Self {
        // May start servers and wait for them, which must not hold up an async runtime that others use too.
        match tokio::task::spawn_blocking(Testbed::shared).await {
            Ok(testbed) => Self::on(testbed, label).await,
            Err(error) => panic!("cannot make the sandbox of {label}: {error}"),
        }
    }

    /// Makes a new sandbox on another testbed than the shared one.
    ///
    /// # Panics
    /// When it cannot be made, with the reason.
    pub async fn on(testbed: &'static Testbed, label: &str) -> Self {
        let sandbox = Self::create(testbed, label).await;
        sandbox.unwrap_or_else(|error| panic!("cannot make the sandbox of {label}: {error:#}"))
    }

    async fn create(testbed: &'static Testbed, label: &str) -> anyhow::Result<Self> {
        let client = testbed.admin().await;
        let prefix = new_namespace(&client, label).await?;
        let names = Names {
            master_database: format!("{prefix}_master"),
            operator: format!("{prefix}-operator"),
            api: format!("{prefix}-api"),
            prefix,
        };
        let mut sandbox = Self::with_accounts(testbed, names, label).await?;
        (sandbox.operator_mongodb_uri, sandbox.api_mongodb_uri) = tokio::try_join!(
            login(testbed, &sandbox.names, Program::Operator, &sandbox.names.operator),
            login(testbed, &sandbox.names, Program::Api, &sandbox.names.api),
        )?;
        Ok(sandbox)
    }

    /// The same sandbox on another control plane before the same MongoDB, for the same manifests on a second cluster: what
    /// it is called and the logins to MongoDB are this one's, and whichever is closed first removes what both have there.
    ///
    /// # Panics
    /// When it cannot be made, with the reason.
    pub async fn on_another(&self, testbed: &'static Testbed) -> Self {
        let made = async {
            install::namespace(&testbed.admin().await, self.namespace()).await?;
            let mut sandbox = Self::with_accounts(testbed, self.names.clone(), "another").await?;
            self.operator_mongodb_uri.clone_into(&mut sandbox.operator_mongodb_uri);
            self.api_mongodb_uri.clone_into(&mut sandbox.api_mongodb_uri);
            anyhow::Ok(sandbox)
        };
        made.await.unwrap_or_else(|error| panic!("cannot make the sandbox {} once more: {error:#}", self.prefix()))
    }

    /// A sandbox in a namespace that is there, without logins to MongoDB.
    async fn with_accounts(testbed: &'static Testbed, names: Names, label: &str) -> anyhow::Result<Self> {
        let client = testbed.admin().await;
        let folder = testbed.folder().join("sandboxes").join(format!("{}-{}", names.prefix, file_name(label)));
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        // From here on, dropping it removes what there is.
        let sandbox = Self {
            testbed,
            operator_kubeconfig: folder.join("operator.kubeconfig"),
            operator_mongodb_uri: String::new(),
            api_kubeconfig: folder.join("api.kubeconfig"),
            api_mongodb_uri: String::new(),
            api_secret_key: random_secret(64),
            names,
            folder,
            closed: false,
        };
        let namespace = sandbox.namespace();
        tokio::try_join!(
            install::operator_account(&client, namespace, &sandbox.names.operator),
            install::api_account(&client, namespace, namespace),
        )?;
        let kubeconfig = |account, path| {
            let valid = Duration::from_hours(24);
            install::account_kubeconfig(&client, (namespace, account), testbed.kubeconfig(), path, valid)
        };
        tokio::try_join!(
            kubeconfig(install::OPERATOR, &sandbox.operator_kubeconfig),
            kubeconfig(install::API, &sandbox.api_kubeconfig),
        )?;
        Ok(sandbox)
    }

    /// What everything made here starts with, such as `t3f9a1`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.names.prefix
    }

    /// The Kubernetes namespace; it is called like the prefix.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.names.prefix
    }

    #[must_use]
    pub fn master_database(&self) -> &str {
        &self.names.master_database
    }

    /// An object name with the prefix, so that the database derived from it has the prefix too: `t3f9a1-st-marys`.
    #[must_use]
    pub fn object_name(&self, name: &str) -> String {
        format!("{}-{name}", self.names.prefix)
    }

    /// A database name with the prefix: `t3f9a1_st_marys`.
    #[must_use]
    pub fn database_name(&self, name: &str) -> String {
        format!("{}_{name}", self.names.prefix)
    }

    /// The operator's own connection string for MongoDB.
    #[must_use]
    pub fn operator_mongodb_uri(&self) -> &str {
        &self.operator_mongodb_uri
    }

    /// The name of the operator's second MongoDB login; see [`Sandbox::watch_mongodb_uri`].
    #[must_use]
    pub fn watch_login(&self) -> String {
        self.database_name("watch")
    }

    /// Makes the operator's second login, which watches for changes, and answers its connection string. Only tests of
    /// drift need it. Made again, it has another password.
    ///
    /// # Panics
    /// When it cannot be made, with the reason.
    pub async fn watch_mongodb_uri(&self) -> String {
        let login = MongodbLogin {
            of: Program::Operator,
            name: &self.watch_login(),
            password: &random_secret(32),
            master_database: self.master_database(),
        };
        let uri = login.install_watch(self.testbed.mongodb_uri()).await;
        uri.unwrap_or_else(|error| panic!("cannot make the login that watches: {error:#}"))
    }

    /// A MongoDB that has had nothing to do yet, of the same kind as the shared one, with the operator's logins.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn new_mongodb(&self) -> anyhow::Result<NewMongodb> {
        let operator = MongodbLogin {
            of: Program::Operator,
            name: &self.names.operator,
            password: &random_secret(32),
            master_database: self.master_database(),
        };
        let watch = MongodbLogin { name: &self.watch_login(), password: &random_secret(32), ..operator };
        NewMongodb::start(self.folder(), &operator, &watch).await
    }

    /// A mongod of this test's own that is no replica set, and the operator's connection string for it.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub async fn standalone_mongodb(&self) -> (Standalone, String) {
        self.start_standalone(None).await
    }

    /// The same with a limit of open files, of which it aborts when it comes over it.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub async fn mongodb_with_few_files(&self, files: u32) -> (Standalone, String) {
        self.start_standalone(Some(files)).await
    }

    async fn start_standalone(&self, files: Option<u32>) -> (Standalone, String) {
        let started = async {
            let wanted = Wanted { kubernetes: false, mongod: true };
            let program = tokio::task::spawn_blocking(move || parts::prepare(wanted)).await??.mongod;
            let program = program.context("no mongod was prepared")?;
            let standalone = Standalone::start(&program, self.folder(), files).await?;
            let login = MongodbLogin {
                of: Program::Operator,
                name: &self.names.operator,
                password: &random_secret(32),
                master_database: self.master_database(),
            };
            let uri = login.install(standalone.uri()).await?;
            anyhow::Ok((standalone, uri))
        };
        started.await.unwrap_or_else(|error| panic!("cannot start a standalone mongod: {error:#}"))
    }

    /// The operator's own kubeconfig file, with exactly the rights that the chart gives it.
    #[must_use]
    pub fn operator_kubeconfig(&self) -> &Path {
        &self.operator_kubeconfig
    }

    /// The API's own connection string for MongoDB, which reaches the master database and nothing else.
    #[must_use]
    pub fn api_mongodb_uri(&self) -> &str {
        &self.api_mongodb_uri
    }

    /// The API's own kubeconfig file, with exactly the rights that the chart gives it.
    #[must_use]
    pub fn api_kubeconfig(&self) -> &Path {
        &self.api_kubeconfig
    }

    /// What all keys of the APIs of this sandbox are derived from; an API that is started again finds its own data.
    #[must_use]
    pub fn api_secret_key(&self) -> &str {
        &self.api_secret_key
    }

    /// A folder for this sandbox's files; it goes with the testbed, so that logs can be read after a failure.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    #[must_use]
    pub fn testbed(&self) -> &'static Testbed {
        self.testbed
    }

    /// A Kubernetes client for the administrator.
    pub async fn admin(&self) -> Client {
        self.testbed.admin().await
    }

    /// A MongoDB client for the administrator.
    pub async fn mongodb(&self) -> mongodb::Client {
        self.testbed.mongodb().await
    }

    /// An operator for this sandbox, to be configured further and started.
    pub fn operator(&self) -> OperatorOptions {
        OperatorOptions::new(self)
    }

    /// An API for this sandbox, to be configured further and started.
    pub fn api(&self) -> ApiOptions {
        ApiOptions::new(self)
    }

    /// kubectl with the administrator's rights; say the namespace.
    ///
    /// # Panics
    /// When there is none, with the reason.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        self.testbed.kubectl()
    }

    /// Removes everything again. Stop the operators first.
    ///
    /// # Panics
    /// When something cannot be removed, with the reason.
    pub async fn close(mut self) {
        self.closed = true;
        let prefix = self.prefix();
        remove(self.testbed, &self.names)
            .await
            .unwrap_or_else(|error| panic!("cannot remove what the sandbox {prefix} made: {error:#}"));
    }

    /// Leaves everything where it is: the servers go too.
    pub fn abandon(mut self) {
        self.closed = true;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.closed {
            return;
        }
        // A thread with a runtime of its own, because the one around us may be ending.
        let (testbed, names) = (self.testbed, self.names.clone());
        let removal = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(remove(testbed, &names))
        });
        if let Ok(Err(error)) = removal.join() {
            eprintln!("cannot remove what the sandbox {} made: {error:#}", self.prefix());
        }
    }
}

/// Creates a namespace under a prefix that nobody has.
async fn new_namespace(client: &Client, label: &str) -> anyhow::Result<String> {
    for _ in 0..10 {
        let prefix = format!("t{:05x}", rand::random::<u32>() & 0x000f_ffff);
        let namespace: Namespace = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": prefix, "annotations": { "chakravue.io/test": label } },
        }))?;
        match Api::all(client.clone()).create(&PostParams::default(), &namespace).await {
            Ok(_) => return Ok(prefix),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => return Err(error).context("cannot create a namespace"),
        }
    }
    bail!("ten random names for a namespace were all taken; is the cluster full of forgotten sandboxes?")
}

async fn login(testbed: &Testbed, names: &Names, of: Program, name: &str) -> anyhow::Result<String> {
    let login = MongodbLogin { of, name, password: &random_secret(32), master_database: &names.master_database };
    login.install(testbed.mongodb_uri()).await
}

fn file_name(label: &str) -> String {
    label.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

async fn remove(testbed: &Testbed, names: &Names) -> anyhow::Result<()> {
    let client = crate::kubeconfig::client(testbed.kubeconfig()).await?;
    remove_organizations(&client, &names.prefix).await?;
    delete::<Namespace>(&client, &names.prefix).await?;
    delete::<ClusterRoleBinding>(&client, &names.operator).await?;
    delete::<ClusterRole>(&client, &names.operator).await?;
    remove_from_mongodb(testbed.mongodb_uri(), names).await
}

/// No operator runs any more that would take its finalizer off, so that is done here.
async fn remove_organizations(client: &Client, namespace: &str) -> anyhow::Result<()> {
    // Untyped, because a test may have made objects that the type refuses.
    let kind = ApiResource::erase::<HospitalOrganization>(&());
    let organizations = Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &kind);
    for organization in organizations.list(&ListParams::default()).await.context("cannot list hospitals")? {
        let name = organization.name_any();
        gone(organizations.delete(&name, &DeleteParams::default()).await.map(drop))?;
        let without = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        gone(organizations.patch(&name, &PatchParams::default(), &without).await.map(drop))?;
    }
    Ok(())
}

async fn delete<K>(client: &Client, name: &str) -> anyhow::Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::ClusterResourceScope>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    gone(Api::<K>::all(client.clone()).delete(name, &DeleteParams::default()).await.map(drop))
}

/// That it does not exist any more is as good as having deleted it.
fn gone(result: kube::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.context("cannot delete an object of the sandbox"),
    }
}

/// Databases with the prefix, every user and role in them, and the logins of operator and API.
async fn remove_from_mongodb(uri: &str, names: &Names) -> anyhow::Result<()> {
    let client = connect(uri).await?;
    let prefix = format!("{}_", names.prefix);
    for database in client.list_database_names().await.context("cannot list databases")? {
        if database.starts_with(&prefix) {
            client.database(&database).drop().await.with_context(|| format!("cannot drop the database {database}"))?;
        }
    }
    let logins = [names.operator.as_str(), names.api.as_str()];
    let ours = doc! { "$or": [
        { "db": { "$regex": format!("^{prefix}") } },
        { "user": { "$in": logins } }, { "user": { "$regex": format!("^{prefix}") } },
        { "role": { "$in": logins } }, { "role": { "$regex": format!("^{prefix}") } },
    ] };
    for (collection, kind) in [("system.users", "user"), ("system.roles", "role")] {
        let found = client.database("admin").collection::<Document>(collection).find(ours.clone()).await;
        let found: Vec<Document> =
            found.with_context(|| format!("cannot list MongoDB's {kind}s"))?.try_collect().await?;
        for document in found {
            let (database, name) = (document.get_str("db")?, document.get_str(kind)?);
            let command = doc! { if kind == "user" { "dropUser" } else { "dropRole" }: name };
            let answer = client.database(database).run_command(command).await;
            answer.with_context(|| format!("cannot drop the MongoDB {kind} {database}.{name}"))?;
        }
    }
    // So that a mistake in the above does not go unnoticed on a server that is not ours.
    for login in logins {
        let left = command_on_admin(&client, doc! { "usersInfo": login }).await?;
        if left.get_array("users").is_ok_and(|users| !users.is_empty()) {
            bail!("the MongoDB user {login} is still there after it was dropped");
        }
    }
    Ok(())
}
