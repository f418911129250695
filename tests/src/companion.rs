//! Another server beside the testbed's own, such as one that a benchmark compares with. It cannot outlive us either.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    http,
    ports::Port,
    processes::{Output, Process, command},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Companion {
    process: Process,
    port: Port,
}

impl Companion {
    /// Starts `program` on a free port; `complete` says the rest of the command, knowing the address to listen on.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(
        name: &str,
        program: &Path,
        log: &Path,
        complete: impl FnOnce(&mut Command, &str),
    ) -> anyhow::Result<Self> {
        let port = Port::any()?;
        let mut server = command(program);
        complete(&mut server, &port.address());
        Ok(Self { process: Process::start(name, server, log, Output::Log)?, port })
    }

    /// Returns when GET `path` answers 200.
    ///
    /// # Errors
    /// When the server ends before, or takes too long; with the end of its log.
    pub async fn wait_for(&self, path: &str) -> anyhow::Result<()> {
        let address = self.address();
        let probe = || async { http::get(&address, path).await.is_ok_and(|answer| answer.status == 200) };
        self.process.until("listening", PATIENCE, probe).await
    }

    /// SIGTERM; SIGKILL if it is not heard.
    pub async fn terminate(self) {
        self.process.stop().await;
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// `127.0.0.1:<port>`
    #[must_use]
    pub fn address(&self) -> String {
        self.port.address()
    }

    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.process.log().to_owned()
    }
}
