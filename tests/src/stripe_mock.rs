//! Stripe's own mock of its API as a process, for tests of payments.

use std::time::Duration;

use anyhow::Context;

use crate::{
    http, parts,
    ports::Port,
    processes::{Output, Process, command},
    sandbox::Sandbox,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running stripe-mock; killed when dropped. It keeps nothing: every answer is an example that fits the request.
#[derive(Debug)]
pub struct StripeMock {
    _process: Process,
    port: Port,
}

impl StripeMock {
    /// Starts it and returns when it answers; the first time of all it is built, which takes half a minute.
    ///
    /// # Panics
    /// When it cannot be built or started, with the reason.
    pub async fn start(sandbox: &Sandbox) -> Self {
        Self::try_start(sandbox).await.unwrap_or_else(|error| panic!("cannot start stripe-mock: {error:#}"))
    }

    async fn try_start(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let program = tokio::task::spawn_blocking(parts::stripe_mock).await.context("it could not be prepared")??;
        let (port, https_port) = (Port::any()?, Port::any()?);
        let mut mock = command(program);
        mock.args(["-http-addr", &port.address(), "-https-addr", &https_port.address()]);
        let process = Process::start("stripe-mock", mock, &sandbox.folder().join("stripe-mock.log"), Output::Log)?;
        let address = port.address();
        // Without a key it answers 401, which is an answer.
        let probe = || async { http::get(&address, "/v1/payment_intents").await.is_ok() };
        process.until("answering", PATIENCE, probe).await?;
        Ok(Self { _process: process, port })
    }

    /// `http://127.0.0.1:<port>`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }
}
