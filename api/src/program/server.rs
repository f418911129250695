//! The listening sockets and their orderly end: at SIGTERM nothing new is taken in, and what is under way is finished. What
//! clients may cost is bounded: connections in number, and each in the time and memory that a header takes.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, StatusCode, Uri, Version, header},
    response::IntoResponse as _,
    serve::Listener,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
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

/// How often the log tells that there are too many connections.
const TOLD: Duration = Duration::from_mins(1);

/// The largest header. hyper answers most larger ones by itself, with 431 and no body: it looks at the size between two reads,
/// so that what came with one read may be larger.
const LARGEST_HEADER: usize = 64 * 1024;

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
    limit: usize,
    router: Router,
    under_way: TaskTracker,
    stop: CancellationToken,
    drain: Duration,
) {
    let mut places = Places::new(limit);
    // Errors of single connections are no reason to end, and are not answered.
    while let Some(((stream, address), place)) = stop.run_until_cancelled(places.accept(&mut listener)).await {
        let connection = connected(stream, address, router.clone(), stop.clone(), places.wanted.clone(), HEADER);
        under_way.spawn(async move {
            connection.await;
            drop(place);
        });
    }
    drop(listener);
    under_way.close();
    if tokio::time::timeout(drain, under_way.wait()).await.is_err() {
        tracing::warn!(seconds = drain.as_secs(), "requests still under way are cut off");
    }
}

/// The connections that may be open at once.
struct Places {
    free: Arc<Semaphore>,
    /// Told to those that are connected when somebody waits for a place.
    wanted: Arc<Notify>,
    /// When the log was told so last.
    told: Option<Instant>,
}

impl Places {
    fn new(limit: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(limit)), wanted: Arc::default(), told: None }
    }

    /// The next connection. Where all places are taken it waits in the system's queue, and who is connected and asks nothing
    /// makes room: with a place each, the idle would keep everybody else out.
    async fn accept(&mut self, listener: &mut TcpListener) -> ((TcpStream, SocketAddr), Option<OwnedSemaphorePermit>) {
        let connection = Listener::accept(listener).await;
        if let Ok(place) = self.free.clone().try_acquire_owned() {
            return (connection, Some(place));
        }
        if self.told.is_none_or(|told| told.elapsed() > TOLD) {
            self.told = Some(Instant::now());
            tracing::warn!("as many connections are open as may be (connection_limit): new ones wait");
        }
        self.wanted.notify_waiters();
        // It is never closed.
        (connection, self.free.clone().acquire_owned().await.ok())
    }
}

/// Serves one connection until its client ends it, it is idle too long, or its requests are done after `stop` or after its place
/// was `wanted`. One that has sent no whole header after the time for the `first` costs memory and serves nobody.
async fn connected(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    stop: CancellationToken,
    wanted: Arc<Notify>,
    first: Duration,
) {
    let begun = AtomicBool::new(false);
    let service = service_fn(|request: hyper::Request<Incoming>| {
        begun.store(true, Ordering::Relaxed);
        let refusal = refusal(request.version(), request.uri(), request.headers());
        let mut request = request.map(Body::new);
        // Limits and logs go by the address of whoever is connected.
        request.extensions_mut().insert(ConnectInfo(address));
        let router = router.clone();
        async move {
            match refusal {
                Some(status) => Ok(status.into_response()),
                None => router.oneshot(request).await,
            }
        }
    });
    let mut settings = http1::Builder::new();
    settings.timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(LARGEST_HEADER);
    let mut connection = pin!(settings.serve_connection(TokioIo::new(stream), service));
    let mut first = pin!(tokio::time::sleep(first));
    let mut ends = pin!(async {
        tokio::select! { () = stop.cancelled() => {} () = wanted.notified() => {} }
    });
    let (mut awaits_first, mut ending) = (true, false);
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
            () = ends.as_mut(), if !ending => {
                ending = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}

/// What hyper lets through and is no request all the same. It is answered as hyper answers what it refuses.
fn refusal(version: Version, uri: &Uri, headers: &HeaderMap) -> Option<StatusCode> {
    const BETWEEN: usize = ": \r\n".len();
    // Of one that does not say for whom it is, or says it twice, two servers behind each other could think differently (RFC
    // 9112, 3.2).
    if version == Version::HTTP_11 && headers.get_all(header::HOST).iter().count() != 1 {
        return Some(StatusCode::BAD_REQUEST);
    }
    let lines = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + BETWEEN);
    let uri = uri.path_and_query().map_or(0, |path| path.as_str().len());
    (uri + lines.sum::<usize>() > LARGEST_HEADER).then_some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
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

    /// With a handler that tells when it is entered and waits until it may finish.
    fn slow(entered: &Arc<Notify>, finish: &Arc<Notify>) -> Router {
        let (entered, finish) = (entered.clone(), finish.clone());
        let handler = async move || {
            entered.notify_one();
            finish.notified().await;
            "finished"
        };
        Router::new().route("/slow", get(handler)).route("/", get(async || "answered"))
    }

    async fn stop_during_request(drain: Duration) -> Stopping {
        let (entered, finish_request) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let router = slow(&entered, &finish_request);
        let listener = listen("127.0.0.1:0".parse().unwrap(), "listen").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let under_way = TaskTracker::new();
        let server = tokio::spawn(serve(listener, 16, router, under_way.clone(), stop.clone(), drain));
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
        let (stop, wanted) = (CancellationToken::new(), Arc::default());
        tokio::spawn(connected(stream, address, router, stop, wanted, Duration::from_millis(50)));
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
        let mut client = sent(REQUEST).await;
        let mut answer = [0; 1024];
        for _ in 0..2 {
            let read = client.read(&mut answer).await.unwrap();
            assert!(String::from_utf8_lossy(&answer[..read]).starts_with("HTTP/1.1 200"), "{read}");
            tokio::time::sleep(Duration::from_millis(120)).await;
            client.write_all(REQUEST.as_bytes()).await.unwrap();
        }
    }

    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

    /// What comes next, or `None` where nothing does for a while.
    async fn next(client: &mut TcpStream, patience: Duration) -> Option<String> {
        let mut received = [0; 1024];
        let read = tokio::time::timeout(patience, client.read(&mut received)).await.ok()?.unwrap();
        Some(String::from_utf8_lossy(&received[..read]).into_owned())
    }

    #[tokio::test]
    async fn where_all_places_are_taken_the_idle_make_room_and_who_is_served_is_waited_for() {
        const LONG: Duration = Duration::from_secs(30);
        let (entered, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let listener = listen("127.0.0.1:0".parse().unwrap(), "listen").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (under_way, stop) = (TaskTracker::new(), CancellationToken::new());
        let server = tokio::spawn(serve(listener, 2, slow(&entered, &finish), under_way, stop.clone(), LONG));
        let connect = async |request: &str| {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(request.as_bytes()).await.unwrap();
            client
        };
        let mut idle = connect(REQUEST).await;
        assert!(next(&mut idle, LONG).await.unwrap().starts_with("HTTP/1.1 200"));
        let mut busy = connect("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await;
        entered.notified().await;

        let mut third = connect("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n").await;
        entered.notified().await;
        assert_eq!(next(&mut idle, LONG).await.as_deref(), Some(""), "it is closed");
        let mut fourth = connect(REQUEST).await;
        assert_eq!(next(&mut fourth, Duration::from_millis(100)).await, None, "nobody is cut off for it");
        finish.notify_one();
        assert!(next(&mut fourth, LONG).await.unwrap().starts_with("HTTP/1.1 200"));
        finish.notify_one();
        for client in [&mut busy, &mut third] {
            let answer = next(client, LONG).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"), "{answer}");
        }
        stop.cancel();
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_header_that_is_too_large_is_answered_before_it_is_read_whole() {
        for (size, status) in [
            (LARGEST_HEADER / 2, "200"),
            (LARGEST_HEADER - 100, "200"),
            (LARGEST_HEADER + 1, "431"),
            (LARGEST_HEADER * 4 / 3, "431"),
            (LARGEST_HEADER * 2, "431"),
        ] {
            let request = format!("GET / HTTP/1.1\r\nHost: test\r\nX-Large: {}\r\n\r\n", "a".repeat(size));
            let answer = next(&mut sent(&request).await, Duration::from_secs(30)).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{size}: {answer}");
        }
    }

    #[tokio::test]
    async fn a_request_says_once_for_whom_it_is() {
        for (head, status) in [
            ("GET / HTTP/1.1", "1.1 400"),
            ("GET / HTTP/1.1\r\nHost: test\r\nHost: test", "1.1 400"),
            ("GET / HTTP/1.1\r\nHost:", "1.1 200"),
            ("GET / HTTP/1.0", "1.0 200"),
        ] {
            let answer = next(&mut sent(&format!("{head}\r\n\r\n")).await, Duration::from_secs(30)).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/{status}")), "{head}: {answer}");
        }
    }

    #[tokio::test]
    async fn an_address_in_use_says_how_to_choose_another() {
        let first = listen("127.0.0.1:0".parse().unwrap(), "listen").await.unwrap();
        let error = listen(first.local_addr().unwrap(), "metrics-listen").await.unwrap_err().to_string();
        assert!(error.contains("cannot listen on 127.0.0.1") && error.contains("--metrics-listen"), "{error}");
    }
}
