//! `chakravue-api`: the web service.
//!
//! This file is the process: flags, logging, the listening socket and an orderly end. What it answers is in [`app`] and
//! the modules beside it, one per group of endpoints.

use chakravue_api::app;

use std::{
    env,
    io::{self, IsTerminal},
    net::SocketAddr,
    pin::pin,
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use axum::Router;
use clap::{Parser, ValueEnum};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// How long requests that are under way may take after the signal to stop. Shorter than Kubernetes' default of 30 s
/// between SIGTERM and SIGKILL, so that the process ends by itself.
const DRAIN: Duration = Duration::from_secs(20);

#[derive(Parser)]
#[command(
    version,
    about = "The web service of ChakraVue",
    after_help = "RUST_LOG sets what is logged (default: info), for example RUST_LOG=debug or RUST_LOG=chakravue_api=trace."
)]
struct Options {
    /// Address and port to listen on; port 0 takes a free one, which is logged.
    #[arg(long, env = "LISTEN_ADDRESS", value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8008")]
    listen: SocketAddr,

    /// How log lines look: `text` for people, `json` for log collectors.
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence with its causes: what goes wrong here is a matter of flags and ports, not of code.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<()> {
    start_logging(options.log_format)?;
    // Before the socket: from the first request on, a signal to stop finds somebody who listens to it.
    let stop = signal_to_stop()?;
    let listener = TcpListener::bind(options.listen).await.with_context(|| {
        format!("cannot listen on {}; choose another address with --listen or LISTEN_ADDRESS", options.listen)
    })?;
    tracing::info!(address = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), "listening");
    serve(listener, app::router(), stop, DRAIN).await?;
    tracing::info!("stopped");
    Ok(())
}

fn start_logging(format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .ok()
        .context("RUST_LOG is not a list of log directives; try RUST_LOG=info or RUST_LOG=chakravue_api=debug")?;
    // On stderr: stdout is left for what a command prints as its result.
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => logging.with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none()).init(),
        LogFormat::Json => logging.json().init(),
    }
    Ok(())
}

/// Completes at the first SIGTERM (Kubernetes) or SIGINT (Ctrl-C).
fn signal_to_stop() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: no new connections, requests under way are finished");
    })
}

/// Serves until `stop` completes, then lets requests under way finish, for at most `drain`: one client that never
/// finishes its request must not keep the process alive.
async fn serve(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    drain: Duration,
) -> anyhow::Result<()> {
    let (stopping, stopped) = oneshot::channel();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        stop.await;
        // The receiver is gone only when `serve` itself is.
        let _ = stopping.send(());
    });
    let mut server = pin!(server.into_future());
    tokio::select! {
        result = &mut server => return result.context("the web server failed"),
        _ = stopped => {}
    }
    if let Ok(result) = tokio::time::timeout(drain, server).await {
        return result.context("the web server failed");
    }
    tracing::warn!(seconds = drain.as_secs(), "requests still under way are cut off");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::Notify,
        task::JoinHandle,
    };

    use super::*;

    /// A server that has been told to stop while a request is inside its only handler.
    struct Stopping {
        client: TcpStream,
        finish_request: Arc<Notify>,
        server: JoinHandle<anyhow::Result<()>>,
    }

    async fn stop_during_request(drain: Duration) -> Stopping {
        let (entered, finish_request) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = Router::new().route(
            "/slow",
            get({
                let (entered, finish) = (entered.clone(), finish_request.clone());
                async move || {
                    entered.notify_one();
                    finish.notified().await;
                    "finished"
                }
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, router, async { stopped.await.unwrap() }, drain));
        client.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        entered.notified().await;
        stop.send(()).unwrap();
        Stopping { client, finish_request, server }
    }

    #[tokio::test]
    async fn a_request_under_way_is_finished_after_the_signal() {
        let mut stopping = stop_during_request(Duration::from_mins(1)).await;
        stopping.finish_request.notify_one();
        let mut answer = String::new();
        stopping.client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("finished"), "{answer}");
        stopping.server.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_request_that_never_ends_does_not_keep_the_server_alive() {
        let stopping = stop_during_request(Duration::from_millis(50)).await;
        tokio::time::timeout(Duration::from_secs(30), stopping.server)
            .await
            .expect("the server ends after the time to drain")
            .unwrap()
            .unwrap();
    }
}
