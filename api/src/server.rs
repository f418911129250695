//! The listening sockets and their orderly end: at SIGTERM nothing new is taken in, and what is under way is finished.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use axum::{Router, body::Body, extract::ConnectInfo, serve::Listener};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;

/// How long requests that are under way may take after the signal to stop. Shorter than Kubernetes' default of 30 s
/// between SIGTERM and SIGKILL, so that the process ends by itself.
pub const DRAIN: Duration = Duration::from_secs(20);

/// How long a new connection may take to send the whole header of its first request.
const HEADER: Duration = Duration::from_secs(15);

/// How long a connection may take from one answer to the whole header of the next request. Longer than proxies keep one
/// (Google's load balancers the longest: 600 s), so that none of them sends a request into one that closes.
const IDLE: Duration = Duration::from_secs(620);

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

/// Serves until `stop`, then lets requests finish, and what is `under_way` although its client has gone, for at most `drain`:
/// one client that never finishes its request must not keep the process alive.
pub async fn serve(
    mut listener: TcpListener,
    router: Router,
    under_way: TaskTracker,
    stop: CancellationToken,
    drain: Duration,
) {
    // Errors of single connections are no reason to end, and are not answered.
    while let Some((stream, address)) = stop.run_until_cancelled(Listener::accept(&mut listener)).await {
        under_way.spawn(connected(stream, address, router.clone(), stop.clone(), HEADER));
    }
    drop(listener);
    under_way.close();
    if tokio::time::timeout(drain, under_way.wait()).await.is_err() {
        tracing::warn!(seconds = drain.as_secs(), "requests still under way are cut off");
    }
}

/// Serves one connection until its client ends it, it is idle too long, or its requests are done after `stop`. One that has
/// sent no whole header after the time for the `first` costs memory and serves nobody.
async fn connected(stream: TcpStream, address: SocketAddr, router: Router, stop: CancellationToken, first: Duration) {
    let begun = AtomicBool::new(false);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        begun.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        // Limits and logs go by the address of whoever is connected.
        request.extensions_mut().insert(ConnectInfo(address));
        router.clone().oneshot(request)
    });
    let mut settings = http1::Builder::new();
    settings.timer(TokioTimer::new()).header_read_timeout(IDLE);
    let mut connection = pin!(settings.serve_connection(TokioIo::new(stream), service));
    let mut first = pin!(tokio::time::sleep(first));
    let (mut awaits_first, mut stopping) = (true, false);
    loop {
        tokio::select! {
            // The connection first: after a stall its header may have come, and the time for it be over, at once.
            biased;
            // What a client does to its connection is nothing to tell anybody.
            _ = connection.as_mut() => return,
            () = &mut first, if awaits_first => {
                if !begun.load(Ordering::Relaxed) {
                    return;
                }
                awaits_first = false;
            }
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
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
        under_way: TaskTracker,
        server: JoinHandle<()>,
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
        let under_way = TaskTracker::new();
        let server = tokio::spawn(serve(listener, router, under_way.clone(), stop.clone(), drain));
        client.write_all(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
        entered.notified().await;
        stop.cancel();
        Stopping { client, finish_request, under_way, server }
    }

    #[tokio::test]
    async fn a_request_under_way_is_finished_after_the_signal() {
        let mut stopping = stop_during_request(Duration::from_mins(1)).await;
        stopping.finish_request.notify_one();
        let mut answer = String::new();
        stopping.client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("finished"), "{answer}");
        stopping.server.await.unwrap();
    }

    #[tokio::test]
    async fn work_whose_client_has_gone_is_finished_after_the_signal() {
        let stopping = stop_during_request(Duration::from_mins(1)).await;
        let go_on = Arc::new(Notify::new());
        let work = stopping.under_way.spawn({
            let go_on = go_on.clone();
            async move { go_on.notified().await }
        });
        stopping.finish_request.notify_one();
        drop(stopping.client);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!stopping.server.is_finished());
        go_on.notify_one();
        stopping.server.await.unwrap();
        work.await.unwrap();
    }

    #[tokio::test]
    async fn a_request_that_never_ends_does_not_keep_the_server_alive() {
        let stopping = stop_during_request(Duration::from_millis(50)).await;
        tokio::time::timeout(Duration::from_secs(30), stopping.server)
            .await
            .expect("the server ends after the time to drain")
            .unwrap();
    }

    /// A connection that has sent this, to a server that does not wait long for the first header.
    async fn sent(text: &str) -> TcpStream {
        let listener = listen("127.0.0.1:0".parse().unwrap(), "listen").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let router = Router::new().route("/", get(async || "answered"));
        tokio::spawn(connected(stream, address, router, CancellationToken::new(), Duration::from_millis(50)));
        client.write_all(text.as_bytes()).await.unwrap();
        client
    }

    #[tokio::test]
    async fn a_connection_without_a_whole_header_is_closed() {
        for begun in ["", "G", "GET / HTTP/1.1\r\nHost: test\r\nX-Slow: "] {
            let mut received = String::new();
            let mut closed = sent(begun).await;
            tokio::time::timeout(Duration::from_secs(30), closed.read_to_string(&mut received))
                .await
                .expect("the connection is closed")
                .ok();
            assert_eq!(received, "", "{begun:?}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_has_served_stays_open_longer() {
        const REQUEST: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
        let mut client = sent(REQUEST).await;
        let mut answer = [0; 1024];
        for _ in 0..2 {
            let read = client.read(&mut answer).await.unwrap();
            assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 200"), "{read}");
            tokio::time::sleep(Duration::from_millis(120)).await;
            client.write_all(REQUEST.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn an_address_in_use_says_how_to_choose_another() {
        let first = listen("127.0.0.1:0".parse().unwrap(), "listen").await.unwrap();
        let error = listen(first.local_addr().unwrap(), "metrics-listen").await.unwrap_err().to_string();
        assert!(error.contains("cannot listen on 127.0.0.1") && error.contains("--metrics-listen"), "{error}");
    }
}
