//! A program that is started again when it ends, as a Deployment would do it.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;

use super::screen::Screen;
use crate::{
    http,
    ports::Port,
    processes::{Output, Process},
};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A program that ran this long has recovered: the next pause is short again.
const RECOVERED: Duration = Duration::from_secs(30);

pub(super) struct Supervised {
    label: &'static str,
    port: Port,
    process: Process,
    start: Box<dyn Fn() -> anyhow::Result<Process> + Send>,
}

impl Supervised {
    pub(super) fn start(
        name: &'static str,
        label: &'static str,
        port: Port,
        logs: PathBuf,
        screen: &Screen,
        command: impl Fn() -> Command + Send + 'static,
    ) -> anyhow::Result<Self> {
        let screen = screen.clone();
        let start = Box::new(move || {
            let screen = screen.clone();
            let show = Output::LogAnd(Box::new(move |line| screen.log(label, line)));
            Process::start(name, command(), &logs.join(format!("{name}.log")), show)
        });
        Ok(Self { label, port, process: start()?, start })
    }

    pub(super) fn process(&self) -> &Process {
        &self.process
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.port.address())
    }

    pub(super) async fn until_ready(&self, path: &str, patience: Duration) -> anyhow::Result<()> {
        let address = self.port.address();
        let probe = || async { http::get(&address, path).await.is_ok_and(|answer| answer.status == 200) };
        self.process.until("ready", patience, probe).await
    }

    /// Starts it again whenever it ends, until `stop`; then stops it.
    pub(super) async fn keep_running(mut self, screen: &Screen, stop: &CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let mut started = Instant::now();
        loop {
            let status = tokio::select! {
                status = self.process.wait() => status,
                () = stop.cancelled() => {
                    self.process.stop().await;
                    return;
                }
            };
            if started.elapsed() > RECOVERED {
                pause = FIRST_PAUSE;
            }
            screen.log(self.label, &format!("ended ({status}); starting it again in {} s", pause.as_secs()));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            started = Instant::now();
            match (self.start)() {
                Ok(process) => self.process = process,
                // The one that ended stays in its place, so that the next round tries again.
                Err(error) => screen.log(self.label, &format!("cannot be started: {error:#}")),
            }
        }
    }
}
