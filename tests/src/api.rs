//! The real API program as a process of its own, started the way the chart starts it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use anyhow::Context;

use crate::{
    client::ApiClient,
    http,
    ports::Port,
    processes::{Output, Process, command},
    programs::Program,
    sandbox::Sandbox,
    up::without_limits,
};

/// The API starts in well under a second; this is for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_mins(2);

/// How an API is to be started; see [`Sandbox::api`].
#[derive(Clone, Debug)]
#[must_use = "nothing runs before `start`"]
pub struct ApiOptions {
    folder: PathBuf,
    /// Another program than the one of this workspace.
    program: Option<PathBuf>,
    kubeconfig: PathBuf,
    mongodb_uri: String,
    rust_log: String,
    arguments: Vec<OsString>,
    /// The last one of a name counts.
    environment: Vec<(OsString, OsString)>,
}

impl ApiOptions {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        let options = Self {
            folder: sandbox.folder().to_owned(),
            program: None,
            kubeconfig: sandbox.api_kubeconfig().to_owned(),
            mongodb_uri: sandbox.api_mongodb_uri().to_owned(),
            rust_log: "info".to_owned(),
            arguments: Vec::new(),
            // No test waits for a limit that it does not ask for.
            environment: without_limits().map(|(name, value)| (name.into(), value.into())).collect(),
        };
        options
            .setting("namespace", sandbox.namespace())
            .setting("master_database", sandbox.master_database())
            .setting("secret_key", sandbox.api_secret_key())
            .setting("log_format", "text")
            .setting("payments.provider", "test")
    }

    /// A setting, such as `sessions.idle`; it wins over what the testbed sets by itself.
    pub fn setting(self, name: &str, value: impl AsRef<str>) -> Self {
        let variable = format!("CHAKRAVUE_API__{}", name.replace('.', "__").to_ascii_uppercase());
        self.env(variable, value.as_ref())
    }

    /// Another build of it, such as one of another profile.
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

    /// What is logged, in the syntax of `RUST_LOG`; `info` if this is not called.
    pub fn rust_log(mut self, filter: &str) -> Self {
        filter.clone_into(&mut self.rust_log);
        self
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

    /// Starts it; it is not ready yet, see [`ApiProcess::wait_ready`].
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    #[expect(clippy::unused_async, reason = "starting may come to wait for something; callers should not change then")]
    pub async fn start(self) -> ApiProcess {
        let start = || {
            let (port, metrics_port) = (Port::any()?, Port::any()?);
            let process = self.start_process(&port, &metrics_port)?;
            Ok(ApiProcess { options: self, process, port, metrics_port })
        };
        start().unwrap_or_else(|error: anyhow::Error| panic!("cannot start the API: {error:#}"))
    }

    /// Runs another command than `serve`, such as `["admin", "invite", …]`, to its end. Returns its standard output.
    ///
    /// # Errors
    /// When it fails, with what it said on standard error.
    ///
    /// # Panics
    /// When it cannot be run at all.
    pub async fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut api = self.command().unwrap_or_else(|error| panic!("cannot run the API: {error:#}"));
        api.env("CHAKRAVUE_API__PUBLIC_URL", "http://localhost").envs(self.environment.iter().cloned());
        api.args(arguments);
        let output = tokio::process::Command::from(api).output().await;
        let output = output.unwrap_or_else(|error| panic!("cannot run the API: {error}"));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }

    fn command(&self) -> anyhow::Result<std::process::Command> {
        let program = self.program.clone().map_or_else(|| Program::Api.path(), Ok)?;
        let mut api = command(program);
        api.env("KUBECONFIG", &self.kubeconfig).env("MONGODB_URI", &self.mongodb_uri);
        // Without colours, so that a test finds words in the log.
        api.env("RUST_LOG", &self.rust_log).env("NO_COLOR", "1");
        Ok(api)
    }

    fn start_process(&self, port: &Port, metrics_port: &Port) -> anyhow::Result<Process> {
        static STARTED: AtomicU32 = AtomicU32::new(1);
        let mut api = self.command()?;
        api.env("CHAKRAVUE_API__LISTEN", port.address()).env("CHAKRAVUE_API__METRICS_LISTEN", metrics_port.address());
        api.env("CHAKRAVUE_API__PUBLIC_URL", format!("http://{}", port.address()));
        api.envs(self.environment.iter().cloned()).args(&self.arguments);
        // Each start has a log of its own: what was said before a crash must not pass for what was said after.
        let log = self.folder.join(format!("api-{}.log", STARTED.fetch_add(1, Ordering::Relaxed)));
        Process::start("chakravue-api", api, &log, Output::Log)
    }
}

/// A running API; killed when dropped.
#[derive(Debug)]
pub struct ApiProcess {
    options: ApiOptions,
    process: Process,
    port: Port,
    metrics_port: Port,
}

impl ApiProcess {
    /// Returns when `/readyz` answers 200.
    ///
    /// # Panics
    /// When the API ends before, or takes too long; with the end of its log.
    pub async fn wait_ready(&self) {
        self.wait_for("ready", "/readyz").await;
    }

    /// Returns when `/healthz` answers 200: it runs, but its servers may be away.
    ///
    /// # Panics
    /// When the API ends before, or takes too long; with the end of its log.
    pub async fn wait_listening(&self) {
        self.wait_for("listening", "/healthz").await;
    }

    async fn wait_for(&self, what: &str, path: &str) {
        let address = self.port.address();
        let probe = || async { http::get(&address, path).await.is_ok_and(|answer| answer.status == 200) };
        self.process.until(what, PATIENCE, probe).await.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// SIGKILL, as by a crash or the kernel; returns when it is gone. [`Self::restart`] brings it back.
    #[expect(clippy::must_use_candidate, reason = "a test that kills it seldom asks how it ended")]
    pub fn kill(&self) -> ExitStatus {
        self.process.kill()
    }

    /// SIGSTOP: it stands still, as on a machine that is out of memory or that is moved, until [`Self::wake`].
    pub fn freeze(&self) {
        self.process.freeze();
    }

    /// SIGCONT: it goes on in the middle of whatever it was doing.
    pub fn wake(&self) {
        self.process.wake();
    }

    /// SIGTERM, as at the end of a pod; SIGKILL if it is not heard. Returns how the process ended.
    pub async fn terminate(&self) -> ExitStatus {
        self.process.stop().await
    }

    /// Starts it again on the same ports, after a kill if it still runs, and returns when it is ready.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub async fn restart(&mut self) {
        self.restart_with(|options| options).await;
    }

    /// As [`Self::restart`], with other options.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub async fn restart_with(&mut self, change: impl FnOnce(ApiOptions) -> ApiOptions) {
        self.options = change(self.options.clone());
        self.relaunch();
        self.wait_ready().await;
    }

    /// The same, without waiting for anything: what it needs may be away.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub fn relaunch(&mut self) {
        self.process.kill();
        self.process = self
            .options
            .start_process(&self.port, &self.metrics_port)
            .unwrap_or_else(|error| panic!("cannot start the API again: {error:#}"));
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

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Everything it has logged since it was last started.
    ///
    /// # Panics
    /// When its log file cannot be read.
    #[must_use]
    pub fn log(&self) -> String {
        let path = self.process.log();
        let text = std::fs::read(path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What `/metrics` says now.
    ///
    /// # Panics
    /// When it does not answer with 200.
    pub async fn metrics(&self) -> String {
        let answer = http::get(&self.metrics_port.address(), "/metrics").await.context("no metrics from the API");
        let answer = answer.unwrap_or_else(|error| panic!("{error:#}\n{}", self.process.last_words()));
        assert_eq!(answer.status, 200, "/metrics answers {}", answer.body);
        answer.body
    }

    /// `http://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// `127.0.0.1:<port>`, for a test that speaks HTTP by itself.
    #[must_use]
    pub fn address(&self) -> String {
        self.port.address()
    }

    /// `127.0.0.1:<port>` of the metrics.
    #[must_use]
    pub fn metrics_address(&self) -> String {
        self.metrics_port.address()
    }

    /// Somebody who calls it and is nobody yet.
    #[must_use]
    pub fn client(&self) -> ApiClient {
        ApiClient::new(&self.url())
    }
}

impl Drop for ApiProcess {
    /// The log goes with the testbed, so a test that fails shows the end of it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.process.last_words());
        }
    }
}
