//! A real Kubernetes and a real MongoDB for one test process, started once and shared by its tests.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use anyhow::Context;

use crate::{
    control_plane::Durability,
    guard::{self, Report},
    kubeconfig,
    kubectl::Kubectl,
    mongod,
    programs::Program,
};

/// The servers of this process. They end with it, however it ends.
#[derive(Debug)]
pub struct Testbed {
    report: Report,
    /// Its standard input, held open here, is what keeps the servers alive.
    _guard: Option<Child>,
}

impl Testbed {
    /// The testbed of this process; the first call starts it, which takes seconds (minutes while the parts are built).
    ///
    /// # Panics
    /// When it cannot be started, with the reason: no test that needs it can do anything then.
    #[must_use]
    pub fn shared() -> &'static Self {
        Self::shared_or_start(Durability::Throwaway)
    }

    /// As [`Testbed::shared`], but Kubernetes waits for the disk at every write, as in production: for measuring. It must
    /// be the first call, for the servers are started only once.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    #[must_use]
    pub fn shared_durable() -> &'static Self {
        Self::shared_or_start(Durability::Durable)
    }

    fn shared_or_start(durability: Durability) -> &'static Self {
        static SHARED: OnceLock<Result<Testbed, String>> = OnceLock::new();
        match SHARED.get_or_init(|| Self::start(durability, &[]).map_err(|error| format!("{error:#}"))) {
            Ok(testbed) => testbed,
            Err(error) => panic!("{error}"),
        }
    }

    /// A control plane for tests that would disturb the others on the shared one, such as by changing the resource
    /// definition, beside the MongoDB of [`Testbed::shared`]. `None` where the environment names the cluster to use.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub fn apart() -> Option<&'static Self> {
        static APART: OnceLock<Result<Testbed, String>> = OnceLock::new();
        let shared = Self::shared();
        shared.audit_log()?;
        let start = || {
            Self::start(Durability::Throwaway, &[("MONGODB_URI", shared.mongodb_uri())])
                .map_err(|error| format!("{error:#}"))
        };
        match APART.get_or_init(start) {
            Ok(testbed) => Some(testbed),
            Err(error) => panic!("{error}"),
        }
    }

    fn start(durability: Durability, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let program = Program::Testbed.path()?;
        let mut guard = Command::new(&program)
            .arg("guard")
            .args((durability == Durability::Durable).then_some("--durable"))
            .arg("--dir")
            .arg(guard::new_folder())
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C reaches us alone; the guard then sees its input close and takes its time.
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot run {}", program.display()))?;
        let mut line = String::new();
        BufReader::new(guard.stdout.take().context("the guard has no standard output")?).read_line(&mut line)?;
        let report = serde_json::from_str(&line)
            .ok()
            .context("the testbed did not start; what is printed above by `testbed guard` says why")?;
        Ok(Self { report, _guard: Some(guard) })
    }

    /// Servers that somebody else holds.
    pub(crate) fn of_others(report: Report) -> Self {
        Self { report, _guard: None }
    }

    /// The administrator's kubeconfig file.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.report.kubeconfig
    }

    /// A Kubernetes client for the administrator; it belongs to the async runtime that it is made in.
    ///
    /// # Panics
    /// When the kubeconfig cannot be used.
    pub async fn admin(&self) -> kube::Client {
        kubeconfig::client(self.kubeconfig()).await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// The connection string of MongoDB's administrator.
    #[must_use]
    pub fn mongodb_uri(&self) -> &str {
        &self.report.mongodb_uri
    }

    /// A MongoDB client for the administrator; it belongs to the async runtime that it is made in.
    ///
    /// # Panics
    /// When the connection string cannot be used.
    pub async fn mongodb(&self) -> mongodb::Client {
        mongod::connect(self.mongodb_uri()).await.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// kubectl with the administrator's rights.
    ///
    /// # Panics
    /// When there is none, with the reason.
    #[must_use]
    pub fn kubectl(&self) -> Kubectl {
        let ours = self.audit_log().is_some();
        Kubectl::of_running(self.kubeconfig(), ours).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Every write that the API server has answered, one JSON object per line. Absent on a cluster that is not ours.
    #[must_use]
    pub fn audit_log(&self) -> Option<PathBuf> {
        self.report.audit_log.clone()
    }

    /// A folder for files of this process, removed with the servers.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.report.folder
    }
}
