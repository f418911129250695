//! `ChakraVue` installed by its chart, with what the chart's README asks for made first: logins to MongoDB and the Secrets
//! that hold them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use chakravue_crds::master::MASTER_DATABASE;
use serde_json::json;

use super::{AUTHORITY_IN_PODS, Pods};
use crate::{
    files::random_secret,
    helm::Helm,
    install::{API, MongodbLogin, OPERATOR, OPERATOR_WATCH},
    parts::Tool,
    programs::Program,
    up::{apply_and_wait, without_limits},
};

/// Where the release is.
pub const NAMESPACE: &str = "chakravue-system";
/// Its name.
pub const RELEASE: &str = "chakravue";

/// For everything that is waited for with Helm.
const TIMEOUT: &str = "3m";

/// Values for a cluster of ours: test cards, MongoDB's own authority, the second login.
const VALUES: &str = "
mongodb: {caBundle: {configMap: mongodb-ca}}
operator: {secret: {watchUriKey: watch-uri}}
api:
  publicUrl: http://localhost:8008
  settings: {payments: {provider: test}}
";

/// The chart on one cluster.
pub struct Installation<'a> {
    pods: &'a Pods,
    helm: Helm,
    chart: PathBuf,
}

impl<'a> Installation<'a> {
    /// Makes everything that has to be there before the chart is installed.
    ///
    /// # Errors
    /// When something cannot be made.
    pub async fn prepare(pods: &'a Pods) -> anyhow::Result<Self> {
        let helm = Helm::new(Tool::Helm, Some(pods.kubeconfig()), pods.folder()).await?;
        let installation = Self { pods, helm, chart: Helm::chart() };
        let [operator, watch, api] = tokio::try_join!(
            installation.login(Program::Operator, OPERATOR, false),
            installation.login(Program::Operator, OPERATOR_WATCH, true),
            installation.login(Program::Api, API, false),
        )
        .map(|(operator, watch, api)| [operator, watch, api])?;
        let authority = std::fs::read_to_string(pods.authority()).context("cannot read MongoDB's authority")?;
        let key = BASE64_STANDARD.encode(rand::random::<[u8; 32]>());
        let secret = |name: &str, data: serde_json::Value| {
            let metadata = json!({ "name": name, "namespace": NAMESPACE });
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data })
        };
        let objects = json!({ "apiVersion": "v1", "kind": "List", "items": [
            { "apiVersion": "v1", "kind": "Namespace", "metadata": {
                "name": NAMESPACE,
                // Nothing of ours may need more.
                "labels": { "pod-security.kubernetes.io/enforce": "restricted" },
            } },
            { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "mongodb-ca", "namespace": NAMESPACE },
              "data": { "ca.crt": authority } },
            secret("chakravue-operator-mongodb", json!({ "uri": operator, "watch-uri": watch })),
            secret("chakravue-api", json!({ "uri": api, "secret-key": key })),
        ] });
        installation.apply(&objects.to_string()).await?;
        Ok(installation)
    }

    /// The same with another chart, such as that of another version.
    #[must_use]
    pub fn with_chart(&self, chart: &Path) -> Self {
        Self { pods: self.pods, helm: self.helm.clone(), chart: chart.to_owned() }
    }

    /// Applies manifests as the administrator.
    ///
    /// # Errors
    /// When the API server refuses them.
    pub async fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        self.pods.kubectl().run(&["apply", "-f", "-"], manifests).await.map_err(anyhow::Error::msg)?;
        Ok(())
    }

    /// Applies the sample of a hospital and returns when it is ready, with a sentence that says so.
    ///
    /// # Errors
    /// When it is not ready in time, with the reason.
    pub async fn first_hospital(&self) -> anyhow::Result<String> {
        apply_and_wait(&self.pods.kubectl(), &self.pods.admin().await).await
    }

    async fn login(&self, of: Program, name: &str, watch: bool) -> anyhow::Result<String> {
        let login = MongodbLogin { of, name, password: &random_secret(32), master_database: MASTER_DATABASE };
        let administrator = self.pods.mongodb_uri();
        let uri = if watch { login.install_watch(administrator).await } else { login.install(administrator).await }?;
        Ok(uri.replace(&self.pods.authority().display().to_string(), AUTHORITY_IN_PODS))
    }

    /// Helm with the administrator's rights.
    #[must_use]
    pub fn helm(&self) -> &Helm {
        &self.helm
    }

    /// Installs the chart with the images of this tag, and waits until it serves. `more` are further values.
    ///
    /// # Errors
    /// With what Helm says.
    pub async fn install(&self, tag: &str, more: &[&str]) -> Result<String, String> {
        self.deploy("install", TIMEOUT, tag, more).await
    }

    /// As [`Self::install`], over what is installed.
    ///
    /// # Errors
    /// With what Helm says.
    pub async fn upgrade(&self, tag: &str, more: &[&str]) -> Result<String, String> {
        self.deploy("upgrade", TIMEOUT, tag, more).await
    }

    /// As [`Self::upgrade`], for an upgrade that is not expected to work.
    ///
    /// # Errors
    /// With what Helm says.
    pub async fn upgrade_within(&self, timeout: &str, tag: &str, more: &[&str]) -> Result<String, String> {
        self.deploy("upgrade", timeout, tag, more).await
    }

    async fn deploy(&self, command: &str, timeout: &str, tag: &str, more: &[&str]) -> Result<String, String> {
        let (chart, tag) = (self.chart.to_string_lossy(), format!("image.tag={tag}"));
        let mut arguments =
            vec![command, RELEASE, &chart, "--namespace", NAMESPACE, "--values", "-", "--set-string", &tag];
        arguments.extend(["--wait", "--timeout", timeout]);
        let without_limits: Vec<String> = without_limits().map(|(variable, value)| setting(&variable, value)).collect();
        let all = without_limits.iter().map(String::as_str).chain(more.iter().copied());
        arguments.extend(all.flat_map(|value| ["--set", value]));
        self.helm.run(&arguments, VALUES).await
    }
}

/// A setting of the web service as a value of the chart, from its environment variable. Limits of how often somebody may try
/// are for the world, not for a cluster that nobody else reaches.
fn setting(variable: &str, value: &str) -> String {
    let path = variable.trim_start_matches("CHAKRAVUE_API__").replace("__", ".").to_lowercase();
    format!("api.settings.{path}={value}")
}
