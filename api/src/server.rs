//! The listening sockets and their orderly end: at SIGTERM nothing new is taken in, and what is under way is finished.

use std::{net::SocketAddr, pin::pin, time::Duration};

use anyhow::Context as _;
use axum::Router;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// How long requests that are under way may take after the signal to stop. Shorter than Kubernetes' default of 30 s
/// between SIGTERM and SIGKILL, so that the process ends by itself.
pub const DRAIN: Duration = Duration::from_secs(20);

/// Opens a socket; `setting` names what to change when that fails.
///
/// # Errors
/// When the address is in use or not ours.
pub async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another address with --{setting}"))
}

/// A token that is cancelled at the first SIGTERM (Kubernetes) or SIGINT (Ctrl-C).
///
/// # Errors
/// When signals cannot be watched.
pub fn stop_signal() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let stop = CancellationToken::new();
    let stopping = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: no new connections, requests under way are finished");
        stopping.cancel();
    });
    Ok(stop)
}

/// Serves until `stop`, then lets requests under way finish, for at most `drain`: one client that never finishes its
/// request must not keep the process alive.
///
/// # Errors
/// When the server ends by itself.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    drain: Duration,
) -> anyhow::Result<()> {
    // Limits and logs go by the address of whoever is connected.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut server = pin!(server.into_future());
    tokio::select! {
        result = &mut server => return result.context("the web server failed"),
        () = stop.cancelled() => {}
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
        io::{AsyncReadExt as _, AsyncWriteExt as _},
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
        let listener = listen("127.0.0.1:0".parse().unwrap(), "listen").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, router, stop.clone(), drain));
        client.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        entered.notified().await;
        stop.cancel();
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

    #[tokio::test]
    async fn an_address_in_use_says_how_to_choose_another() {
        let first = listen("127.0.0.1:0".parse().unwrap(), "listen").await.unwrap();
        let error = listen(first.local_addr().unwrap(), "metrics-listen").await.unwrap_err().to_string();
        assert!(error.contains("cannot listen on 127.0.0.1") && error.contains("--metrics-listen"), "{error}");
    }
}
