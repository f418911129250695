//! The API of `make up`: its identity, login and key as an installation has them, and settings for development: test cards
//! instead of money, no limits on how often somebody may try.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};
use chakravue_crds::master::MASTER_DATABASE;
use kube::Client;

use super::{PATIENCE, SYSTEM_NAMESPACE, TOKEN_VALID, home::Home, hospital, screen::Screen, supervise::Supervised};
use crate::{
    files::remembered_secret,
    install::{self, API, MongodbLogin},
    ports::Port,
    processes::command,
    programs::Program,
    servers::{Cluster, Mongodb},
};

const PORT: u16 = 8008;

/// Who gets the link.
pub(super) const ADMINISTRATOR: &str = "administrator@chakravue.example";

/// What the program is started with.
#[derive(Clone)]
pub(super) struct Configuration {
    program: PathBuf,
    kubeconfig: PathBuf,
    mongodb_uri: String,
    secret_key: String,
}

impl Configuration {
    /// Makes the service account and the login, or takes up those of last time.
    pub(super) async fn prepare(
        home: &Home,
        client: &Client,
        cluster: &Cluster,
        mongodb: &Mongodb,
    ) -> anyhow::Result<Self> {
        let kubeconfig = home.path().join("api.kubeconfig");
        let in_kubernetes = async {
            install::api_account(client, SYSTEM_NAMESPACE, hospital::NAMESPACE).await?;
            let account = (SYSTEM_NAMESPACE, API);
            install::account_kubeconfig(client, account, cluster.kubeconfig(), &kubeconfig, TOKEN_VALID).await
        };
        let password = remembered_secret(&home.path().join("api-mongodb-password"), 32)?;
        let login = MongodbLogin { of: Program::Api, name: API, password: &password, master_database: MASTER_DATABASE };
        let ((), mongodb_uri) = tokio::try_join!(in_kubernetes, login.install(mongodb.uri()))?;
        Ok(Self {
            program: Program::Api.path()?,
            kubeconfig,
            mongodb_uri,
            secret_key: remembered_secret(&home.path().join("api-secret-key"), 64)?,
        })
    }

    fn command(&self, public_url: &str) -> Command {
        let mut api = command(&self.program);
        api.env("KUBECONFIG", &self.kubeconfig).env("MONGODB_URI", &self.mongodb_uri).env("NO_COLOR", "1");
        api.env("CHAKRAVUE_API__SECRET_KEY", &self.secret_key).env("CHAKRAVUE_API__PUBLIC_URL", public_url);
        api.env("CHAKRAVUE_API__NAMESPACE", hospital::NAMESPACE).env("CHAKRAVUE_API__PAYMENTS__PROVIDER", "test");
        api.envs(without_limits());
        api
    }

    /// A link for the platform's first administrator, as long as there is none who can sign in.
    pub(super) async fn invite_administrator(&self, public_url: &str) -> anyhow::Result<Option<String>> {
        let mut invite = self.command(public_url);
        invite.args(["admin", "invite", "--only-the-first", "--email", ADMINISTRATOR]).stdin(Stdio::null());
        let output = tokio::process::Command::from(invite).output().await.context("cannot run the API")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the platform's administrator cannot be invited: {}", said.trim());
        let link = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((!link.is_empty()).then_some(link))
    }
}

/// The settings that switch every limit off, and let a password wait for a processor that everything else shares.
pub(crate) fn without_limits() -> impl Iterator<Item = (String, &'static str)> {
    let limits = [
        "SIGN_INS_PER_ADDRESS_AND_MINUTE",
        "SIGN_INS_PER_ACCOUNT_AND_MINUTE",
        "SIGNUPS_PER_ADDRESS_AND_HOUR",
        "PAYMENTS_PER_ORGANIZATION_AND_HOUR",
        "PASSWORD_RESETS_PER_ADDRESS_AND_HOUR",
        "PASSWORD_RESETS_PER_ACCOUNT_AND_HOUR",
        "LINKS_PER_ADDRESS_AND_MINUTE",
    ];
    let limits = limits.into_iter().map(|limit| (format!("CHAKRAVUE_API__LIMITS__{limit}"), "0"));
    limits.chain([("CHAKRAVUE_API__HASHING__QUEUE_WAIT".to_owned(), "1m")])
}

pub(super) async fn start(home: &Home, screen: &Screen, configuration: &Configuration) -> anyhow::Result<Supervised> {
    let step = screen.step("api");
    let (port, note) = match Port::exactly(PORT) {
        Some(port) => (port, String::new()),
        None => (home.ports("api").take(API)?, format!(" (port {PORT} is in use by something else)")),
    };
    let metrics_port = home.ports("api-metrics").take(API)?;
    let (address, configuration) = (port.address(), configuration.clone());
    let api = Supervised::start(API, "api", port, home.logs(), screen, move || {
        let mut api = configuration.command(&format!("http://{address}"));
        // The port stays ours for as long as the program may be started again.
        api.args(["--listen", &address, "--metrics-listen", &metrics_port.address(), "--log-format", "text"]);
        api
    })?;
    api.until_ready("/readyz", PATIENCE).await?;
    step.done(&(api.url("") + &note));
    Ok(api)
}
