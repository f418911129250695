//! Between a Kubernetes client and an API server: forwards every request with the credentials of a kubeconfig, records
//! the writes, counts what is answered, and fails what it is told to fail.
//!
//! Plain HTTP on loopback, so that the operator under test needs nothing but the kubeconfig written here. Answers are
//! streamed: a watch event is relayed when it arrives. Connection upgrades (exec, port-forward) are not.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context as TaskContext, Poll},
};

use anyhow::{Context, Result};
use axum::{
    body::{Bytes, HttpBody},
    http::{HeaderMap, Method, Request, Response, StatusCode, Uri, header, request::Parts},
};
use chakravue_crds::cluster::without_needless_proxy;
use hyper::{
    body::{Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    door::Door,
    writes::{Relay, Server, Ticket, WriteLog},
};

/// Stops when dropped.
pub struct KubeProxy {
    door: Door,
    upstream: Arc<Upstream>,
}

struct Upstream {
    client: Client,
    log: WriteLog,
    faults: Mutex<Vec<Fault>>,
    traffic: Arc<Counters>,
}

/// How much a client has asked and been answered; see [`KubeProxy::traffic`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Of every kind, watches too.
    pub requests: u64,
    /// Of the bodies of answers and of what watches told, without headers.
    pub bytes: u64,
}

#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    bytes: AtomicU64,
}

type Matcher = dyn Fn(&Method, &Uri) -> bool + Send + Sync;

struct Fault {
    meant: Box<Matcher>,
    what: Disturbance,
}

#[derive(Clone)]
enum Disturbance {
    Answer { status: StatusCode, message: String },
    Silence,
    Expired,
}

impl KubeProxy {
    /// Listens on a free port before the cluster of `kubeconfig`, with that file's credentials.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read or used, or no port can be had.
    pub async fn start(kubeconfig: &Path, log: WriteLog) -> Result<Self> {
        let unusable = || format!("the Kubernetes proxy cannot use the kubeconfig {}", kubeconfig.display());
        let file = Kubeconfig::read_from(kubeconfig).with_context(unusable)?;
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let mut config = without_needless_proxy(config.with_context(unusable)?);
        // Retrying and timing out belong to the client under test.
        config.default_retry = false;
        config.read_timeout = None;
        let client = Client::try_from(config).with_context(unusable)?;
        let upstream = Arc::new(Upstream { client, log, faults: Mutex::default(), traffic: Arc::default() });
        let door = Door::open({
            let upstream = upstream.clone();
            move |stream, cut| {
                let (upstream, era) = (upstream.clone(), upstream.log.era());
                let answer = {
                    let cut = cut.clone();
                    service_fn(move |request| upstream.clone().answer_counted(request, cut.clone(), era))
                };
                async move {
                    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                    if let Some(Err(error)) = cut.run_until_cancelled(connection).await {
                        tracing::debug!("the Kubernetes proxy closed a connection: {error}");
                    }
                }
            }
        })?;
        Ok(Self { door, upstream })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.door.address()
    }

    /// What went through since the start.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        let Counters { requests, bytes } = &*self.upstream.traffic;
        Traffic { requests: requests.load(Ordering::Relaxed), bytes: bytes.load(Ordering::Relaxed) }
    }

    /// Writes a kubeconfig for the proxy into `dir`. It holds no credentials: the proxy adds its own.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn kubeconfig(&self, dir: &Path) -> Result<PathBuf> {
        let path = dir.join(format!("proxy-{}.kubeconfig", self.address().port()));
        let content = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": format!("http://{}", self.address())}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {
                "cluster": "proxy", "user": "proxy", "namespace": self.upstream.client.default_namespace(),
            }}],
        });
        fs::write(&path, content.to_string())
            .with_context(|| format!("cannot write the proxy's kubeconfig {}", path.display()))?;
        Ok(path)
    }

    /// Answers requests of this method whose path and query contain `part` with a Status until [`clear`](Self::clear).
    ///
    /// # Panics
    /// If `status` is not an HTTP status.
    pub fn fail(&self, method: &str, part: &str, status: u16, message: &str) {
        self.fail_when(asking(method, part), status, message);
    }

    /// As [`fail`](Self::fail), for whatever `meant` says yes to.
    ///
    /// # Panics
    /// If `status` is not an HTTP status.
    pub fn fail_when(&self, meant: impl Fn(&Method, &Uri) -> bool + Send + Sync + 'static, status: u16, message: &str) {
        let status = StatusCode::from_u16(status).expect("a fault needs an HTTP status");
        let what = Disturbance::Answer { status, message: message.to_owned() };
        self.upstream.faults().push(Fault { meant: Box::new(meant), what });
    }

    /// Never answers requests of this method whose path and query contain `part`, nor forwards them, until
    /// [`clear`](Self::clear): those that wait then are still not answered.
    pub fn ignore(&self, method: &str, part: &str) {
        let meant = Box::new(asking(method, part));
        self.upstream.faults().push(Fault { meant, what: Disturbance::Silence });
    }

    /// Ends every watch whose path and query contain `part` as an API server does that knows no more what there was when the
    /// watch broke off, until [`clear`](Self::clear): the client has to list anew.
    pub fn expire(&self, part: &str) {
        let meant = asking("GET", part);
        let meant = Box::new(move |method: &Method, uri: &Uri| {
            meant(method, uri) && uri.query().is_some_and(|query| query.contains("watch="))
        });
        self.upstream.faults().push(Fault { meant, what: Disturbance::Expired });
    }

    /// Takes back all faults. What was recorded stays.
    pub fn clear(&self) {
        self.upstream.faults().clear();
    }

    /// `true`: the API server is away; connections are cut and new ones refused. `false`: it is back.
    pub fn set_down(&self, down: bool) {
        self.door.set_down(down);
    }
}

/// Requests of this method whose path and query contain `part`.
fn asking(method: &str, part: &str) -> impl Fn(&Method, &Uri) -> bool + Send + Sync + use<> {
    let (method, part) = (method.to_owned(), part.to_owned());
    move |request, uri| *request == *method && uri.to_string().contains(&part)
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
enum Closed {
    #[error("the answer is withheld or the gate is shut")]
    Withheld,
    #[error("the client did not send its request to the end")]
    Request(#[source] axum::Error),
    #[error("the API server did not answer")]
    Server(#[source] kube::Error),
    #[error("the proxy is stopping")]
    Stopping,
}

impl Upstream {
    fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer_counted(
        self: Arc<Self>,
        request: Request<Incoming>,
        cut: CancellationToken,
        era: u64,
    ) -> Result<Response<Counted>, Closed> {
        let traffic = Arc::clone(&self.traffic);
        traffic.requests.fetch_add(1, Ordering::Relaxed);
        Ok(self.answer(request, cut, era).await?.map(|body| Counted { body, traffic }))
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        cut: CancellationToken,
        era: u64,
    ) -> Result<Response<Body>, Closed> {
        let (head, body) = request.into_parts();
        match self.disturbance(&head) {
            Some(Disturbance::Answer { status, message }) => return Ok(self.instead(&head, status, &message)),
            Some(Disturbance::Silence) => return std::future::pending().await,
            Some(Disturbance::Expired) => return Ok(expired()),
            None => {}
        }
        // Whole before it is forwarded: a client that dies half-way has written nothing.
        let body = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX).await.map_err(Closed::Request)?;
        // What was sent after the cut must not reach the server, whichever of the two was noticed first.
        if cut.is_cancelled() {
            return Err(Closed::Stopping);
        }
        let effect = Effect::of(&head.method, &head.uri);
        let what = format!("{} {}", head.method, head.uri.path());
        let ticket = match effect {
            Effect::None => None,
            Effect::Write | Effect::Event => Some(self.log.begin(Server::Kubernetes, era).ok_or(Closed::Withheld)?),
        };
        let forward = self.forward(head, body.into());
        let Some(ticket) = ticket else { return forward.await };
        // A task of its own, because a client that hangs up ends this one, and the write must be recorded all the same.
        tokio::spawn(async move {
            let answer = forward.await?;
            match judge(effect, &ticket, what, answer.status()) {
                Relay::Answer => Ok(answer),
                Relay::Withhold => Err(Closed::Withheld),
            }
        })
        .await
        .unwrap_or(Err(Closed::Stopping))
    }

    fn forward(&self, head: Parts, body: Body) -> impl Future<Output = Result<Response<Body>, Closed>> + use<> {
        let client = self.client.clone();
        async move {
            let mut request = Request::new(body);
            *request.method_mut() = head.method;
            *request.uri_mut() = head.uri;
            *request.headers_mut() = end_to_end(head.headers);
            // The server's name and the credentials are those of the proxy's kubeconfig.
            request.headers_mut().remove(header::HOST);
            request.headers_mut().remove(header::AUTHORIZATION);
            let mut answer = client.send(request).await.map_err(Closed::Server)?;
            *answer.headers_mut() = end_to_end(std::mem::take(answer.headers_mut()));
            Ok(answer)
        }
    }

    fn disturbance(&self, head: &Parts) -> Option<Disturbance> {
        let faults = self.faults();
        faults.iter().find(|fault| (fault.meant)(&head.method, &head.uri)).map(|fault| fault.what.clone())
    }

    /// What is answered instead of what the server would say.
    fn instead(&self, head: &Parts, status: StatusCode, message: &str) -> Response<Body> {
        let what = format!("{} {}", head.method, head.uri.path());
        self.log.injected(Server::Kubernetes, what, status.as_u16().into());
        as_json(status, &said(status, message))
    }
}

/// The body of an answer, of which each part is counted when it is passed on.
struct Counted {
    body: Body,
    traffic: Arc<Counters>,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = kube::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, kube::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.traffic.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        frame
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// What an API server says of a request that it refuses.
fn said(status: StatusCode, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason(status), "code": status.as_u16(),
    })
}

/// A watch that is granted, and ends with its first event.
fn expired() -> Response<Body> {
    as_json(StatusCode::OK, &json!({ "type": "ERROR", "object": said(StatusCode::GONE, "too old resource version") }))
}

fn as_json(status: StatusCode, body: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(format!("{body}\n").into_bytes()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}

fn judge(effect: Effect, ticket: &Ticket, what: String, status: StatusCode) -> Relay {
    if !status.is_success() {
        ticket.refused(what, status.as_u16().into())
    } else if effect == Effect::Event {
        ticket.acknowledged_event(what)
    } else {
        ticket.acknowledged(what)
    }
}

/// The machine-readable reason that an API server gives with this status.
fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}

/// The headers without those that are about one connection only.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, header::TE, header::TRAILER] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    None,
    Write,
    /// Events and Leases: written whenever time passes.
    Event,
}

impl Effect {
    fn of(method: &Method, uri: &Uri) -> Self {
        if ![Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method) {
            return Self::None;
        }
        if uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("dryRun="))) {
            return Self::None;
        }
        let (group, resource, subresource) = target(uri.path());
        match (group, resource) {
            // Questions in the form of an object, which is not kept.
            ("authentication.k8s.io" | "authorization.k8s.io", _) => Self::None,
            ("", "serviceaccounts") if subresource == Some("token") => Self::None,
            ("" | "events.k8s.io", "events") | ("coordination.k8s.io", "leases") => Self::Event,
            _ => Self::Write,
        }
    }
}

/// Group, resource and subresource of a path like `/apis/chakravue.io/v1alpha1/namespaces/x/hospitalorganizations/y/status`.
fn target(path: &str) -> (&str, &str, Option<&str>) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (group, rest) = match parts.as_slice() {
        ["api", _version, rest @ ..] => ("", rest),
        ["apis", group, _version, rest @ ..] => (*group, rest),
        _ => ("", [].as_slice()),
    };
    match rest {
        ["namespaces", _name, subresource @ ("status" | "finalize")] => (group, "namespaces", Some(subresource)),
        ["namespaces", _, resource, rest @ ..] | [resource, rest @ ..] => (group, resource, rest.get(1).copied()),
        [] => (group, "", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart() {
        let table = [
            ("POST", "/api/v1/namespaces/x/secrets?fieldManager=me", Effect::Write),
            ("PATCH", "/apis/chakravue.io/v1alpha1/namespaces/x/hospitalorganizations/y/status", Effect::Write),
            ("PUT", "/api/v1/namespaces/x/finalize", Effect::Write),
            ("DELETE", "/api/v1/namespaces/x", Effect::Write),
            ("DELETE", "/api/v1/namespaces/x/secrets", Effect::Write),
            ("GET", "/api/v1/namespaces/x/secrets", Effect::None),
            ("PATCH", "/api/v1/namespaces/x/secrets/y?dryRun=All", Effect::None),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", Effect::None),
            ("POST", "/apis/authorization.k8s.io/v1/namespaces/x/localsubjectaccessreviews", Effect::None),
            ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", Effect::None),
            ("POST", "/api/v1/namespaces/x/serviceaccounts/y/token", Effect::None),
            ("POST", "/api/v1/namespaces/x/serviceaccounts", Effect::Write),
            ("POST", "/apis/events.k8s.io/v1/namespaces/x/events", Effect::Event),
            ("PATCH", "/api/v1/namespaces/x/events/y", Effect::Event),
            ("PUT", "/apis/coordination.k8s.io/v1/namespaces/x/leases/y", Effect::Event),
            ("POST", "/api/v1/namespaces/events/configmaps", Effect::Write),
        ];
        for (method, uri, effect) in table {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(Effect::of(&method, &Uri::from_static(uri)), effect, "{method} {uri}");
        }
    }
}
