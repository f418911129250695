//! The real operator program as a process of its own, started the way the chart starts it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::Context;

use crate::{
    http,
    ports::Port,
    processes::{Output, Process, command},
    programs::Program,
    sandbox::Sandbox,
};

/// The operator starts in well under a second; this is for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// How an operator is to be started; see [`Sandbox::operator`].
#[derive(Clone, Debug)]
#[must_use = "nothing runs before `start`"]
pub struct OperatorOptions {
    program: Option<PathBuf>,
    folder: PathBuf,
    namespace: String,
    master_database: String,
    kubeconfig: PathBuf,
    mongodb_uri: String,
    resync_interval: String,
    rust_log: String,
    log_format: &'static str,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

impl OperatorOptions {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self {
            program: None,
            folder: sandbox.folder().to_owned(),
            namespace: sandbox.namespace().to_owned(),
            master_database: sandbox.master_database().to_owned(),
            kubeconfig: sandbox.operator_kubeconfig().to_owned(),
            mongodb_uri: sandbox.operator_mongodb_uri().to_owned(),
            resync_interval: "10m".to_owned(),
            rust_log: "info".to_owned(),
            log_format: "text",
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// Another build of the operator than the one beside the running program.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// Another way to Kubernetes, such as through a proxy.
    pub fn kubeconfig(mut self, path: impl AsRef<Path>) -> Self {
        path.as_ref().clone_into(&mut self.kubeconfig);
        self
    }

    /// Another way to MongoDB, such as through a proxy.
    pub fn mongodb_uri(mut self, uri: impl Into<String>) -> Self {
        self.mongodb_uri = uri.into();
        self
    }

    /// The second login, which watches for changes of collections and indexes.
    pub fn watch_mongodb_uri(self, uri: &str) -> Self {
        self.env("WATCH_MONGODB_URI", uri)
    }

    pub fn resync_interval(mut self, interval: &str) -> Self {
        interval.clone_into(&mut self.resync_interval);
        self
    }

    /// What is logged, in the syntax of `RUST_LOG`; `info` if this is not called.
    pub fn rust_log(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.rust_log);
        self
    }

    /// `text`, which is what it is otherwise, or `json`.
    pub fn log_format(mut self, format: &'static str) -> Self {
        self.log_format = format;
        self
    }

    /// The connection that tenants are told, where it differs from the operator's own.
    pub fn tenant_mongodb_uri(self, uri: &str) -> Self {
        self.arg("--tenant-mongodb-uri").arg(uri)
    }

    /// It works only while it holds the Lease, which lasts this long, such as `3s`.
    pub fn leader_elect(self, duration: &str) -> Self {
        self.arg("--leader-elect").arg("--lease-duration").arg(duration)
    }

    /// Runs another command of the program instead, such as `plan`, to its end: how it ended, and what it printed to
    /// standard output and standard error.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn print(&self, arguments: &[&str]) -> (bool, String, String) {
        self.print_given(Stdio::null(), arguments).await
    }

    /// The same, with something on its standard input.
    ///
    /// # Panics
    /// When it cannot be run.
    pub async fn print_given(&self, input: Stdio, arguments: &[&str]) -> (bool, String, String) {
        let program = self.program.clone().map_or_else(|| Program::Operator.path(), Ok);
        let mut command = tokio::process::Command::new(program.unwrap_or_else(|error| panic!("{error:#}")));
        command.args(arguments).args(&self.arguments);
        // Not as flags, which not every command has.
        command.env("WATCH_NAMESPACE", &self.namespace).env("MASTER_DATABASE", &self.master_database);
        command.env("KUBECONFIG", &self.kubeconfig).env("MONGODB_URI", &self.mongodb_uri);
        command.env("NO_COLOR", "1").envs(self.environment.iter().map(|(name, value)| (name, value)));
        let output = command.stdin(input).kill_on_drop(true).output().await;
        let output = output.unwrap_or_else(|error| panic!("cannot run {arguments:?}: {error}"));
        let [out, err] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.success(), out, err)
    }

    pub fn allow_database_adoption(self) -> Self {
        self.arg("--allow-database-adoption")
    }

    /// One more argument of the command line.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// One more environment variable.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts it; it is not ready yet, see [`OperatorProcess::wait_ready`].
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    #[expect(clippy::unused_async, reason = "starting may come to wait for something; callers should not change then")]
    pub async fn start(self) -> OperatorProcess {
        self.start_process().unwrap_or_else(|error| panic!("cannot start the operator: {error:#}"))
    }

    fn start_process(self) -> anyhow::Result<OperatorProcess> {
        static STARTED: AtomicU32 = AtomicU32::new(1);
        let (port, metrics_port) = (Port::any()?, Port::any()?);
        let mut operator = command(self.program.map_or_else(|| Program::Operator.path(), Ok)?);
        operator.args(["run", "--namespace", &self.namespace, "--master-database", &self.master_database]);
        operator.args(["--listen", &port.address(), "--metrics-listen", &metrics_port.address()]);
        operator.args(["--resync-interval", &self.resync_interval]);
        operator.args(["--log-format", self.log_format]).args(&self.arguments);
        operator.env("KUBECONFIG", &self.kubeconfig).env("MONGODB_URI", &self.mongodb_uri);
        // Without colours, so that a test finds words in the log.
        operator.env("RUST_LOG", &self.rust_log).env("NO_COLOR", "1").envs(self.environment);
        // Each start has a log of its own: what was said before a crash must not pass for what was said after.
        let log = self.folder.join(format!("operator-{}.log", STARTED.fetch_add(1, Ordering::Relaxed)));
        let process = Process::start("chakravue-operator", operator, &log, Output::Log)?;
        Ok(OperatorProcess { process, port, metrics_port })
    }
}

/// A running operator; killed when dropped.
#[derive(Debug)]
pub struct OperatorProcess {
    process: Process,
    port: Port,
    metrics_port: Port,
}

impl OperatorProcess {
    /// Returns when `/readyz` answers 200.
    ///
    /// # Panics
    /// When the operator ends before, or takes too long; with the end of its log.
    pub async fn wait_ready(&self) {
        self.wait_for("ready", "/readyz").await;
    }

    /// Returns when `/livez` answers 200: it runs, but its servers may be away.
    ///
    /// # Panics
    /// When the operator ends before, or takes too long; with the end of its log.
    pub async fn wait_listening(&self) {
        self.wait_for("listening", "/livez").await;
    }

    async fn wait_for(&self, what: &str, path: &str) {
        let address = self.port.address();
        let probe = || async { http::get(&address, path).await.is_ok_and(|answer| answer.status == 200) };
        self.process.until(what, PATIENCE, probe).await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// SIGKILL, as by a crash or the kernel; returns when it is gone.
    #[expect(clippy::must_use_candidate, reason = "a test that kills it seldom asks how it ended")]
    pub fn kill(self) -> ExitStatus {
        self.process.kill()
    }

    /// SIGTERM, as at the end of a pod; SIGKILL if it is not heard. Returns how the process ended.
    pub async fn terminate(self) -> ExitStatus {
        self.process.stop().await
    }

    /// Returns when it has ended by itself.
    pub async fn wait_exit(&self) -> ExitStatus {
        self.process.wait().await
    }

    /// Something that kills it at once, to hand to whoever decides when.
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let killer = self.process.killer();
        move || killer.kill()
    }

    /// SIGSTOP: it stands still, as on a machine that is out of memory or that is moved, until [`Self::wake`].
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// SIGCONT: it goes on in the middle of whatever it was doing.
    pub fn wake(&self) {
        self.process.wake();
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.process.exited().is_some()
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything it has logged so far.
    ///
    /// # Panics
    /// When its log file cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        let path = self.process.log();
        let text = std::fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The end of its log, to show beside an error.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.process.last_words()
    }

    /// What `/metrics` says now.
    ///
    /// # Panics
    /// When it does not answer with 200.
    pub async fn metrics(&self) -> String {
        let answer = http::get(&self.metrics_port.address(), "/metrics").await.context("no metrics from the operator");
        let answer = answer.unwrap_or_else(|error| panic!("{error:#}\n{}", self.process.last_words()));
        assert_eq!(answer.status, 200, "/metrics answers {}", answer.body);
        answer.body
    }

    /// The status code that a path of its HTTP server answers now, or `None` when nobody does.
    pub async fn status_of(&self, path: &str) -> Option<u16> {
        self.answer_of(path).await.map(|(status, _)| status)
    }

    /// The status code and the body that a path of its HTTP server answers now, or `None` when nobody does.
    pub async fn answer_of(&self, path: &str) -> Option<(u16, String)> {
        http::get(&self.port.address(), path).await.ok().map(|answer| (answer.status, answer.body))
    }

    /// `http://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// The same of the port that has the metrics.
    #[must_use]
    pub fn metrics_url(&self) -> String {
        format!("http://{}", self.metrics_port.address())
    }
}

impl Drop for OperatorProcess {
    /// The log goes with the testbed, so a test that fails shows the end of it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.process.last_words());
        }
    }
}
