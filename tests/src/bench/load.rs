//! The load that servers are measured under: as many clients as wanted, each on a connection of its own that stays open,
//! each sending its next request as soon as the last is answered.
//!
//! All clients live on one thread, so that they take little of the processors that they share with the servers, and
//! never more than one of them. How much they took stands in every outcome.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header},
};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::TcpStream,
    runtime,
    sync::{Barrier, oneshot},
    task::JoinSet,
};

use crate::statistics::percentile;

/// Larger than any answer.
const LARGEST: usize = 1 << 20;

/// A request that is sent again and again.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Call {
    pub fn get(path: &str) -> anyhow::Result<Self> {
        Ok(Self { method: Method::GET, uri: path.parse()?, headers: Vec::new(), body: Bytes::new() })
    }

    pub fn post(path: &str, body: &Value) -> anyhow::Result<Self> {
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { method: Method::POST, uri: path.parse()?, headers: vec![json], body: body.to_string().into() })
    }

    pub fn bearer(mut self, token: &str) -> anyhow::Result<Self> {
        self.headers.push((header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}"))?));
        Ok(self)
    }

    fn request(&self, host: &HeaderValue) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        request.headers_mut().insert(header::HOST, host.clone());
        request.headers_mut().extend(self.headers.iter().cloned());
        request
    }
}

/// One answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: bool,
    pub took: Duration,
}

/// What came of a load.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Those that came in time; what was under way at the end is not counted.
    pub answers: Vec<Answer>,
    pub lasted: Duration,
}

impl Outcome {
    /// Answers of the kind that was asked for.
    pub fn good(&self) -> impl Iterator<Item = &Answer> {
        self.answers.iter().filter(|answer| answer.status.is_success())
    }

    /// Good answers in a second.
    pub fn rate(&self) -> f64 {
        count(self.good().count()) / self.lasted.as_secs_f64()
    }

    /// How long good answers took, in milliseconds: all but the slowest.
    pub fn latency(&self, share: f64) -> f64 {
        let times: Vec<f64> = self.good().map(|answer| answer.took.as_secs_f64() * 1e3).collect();
        percentile(&times, share).unwrap_or(f64::NAN)
    }

    /// Refuses an outcome in which anything went wrong: figures of errors are worth nothing.
    pub fn all_good(self) -> anyhow::Result<Self> {
        let bad = self.answers.iter().find(|answer| !answer.status.is_success());
        ensure!(bad.is_none(), "under load, a request was answered {}", bad.map(|bad| bad.status).unwrap_or_default());
        ensure!(!self.answers.is_empty(), "no request was answered within {:?}", self.lasted);
        Ok(self)
    }
}

pub fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Has `clients` send `calls` in turn to the server at `address` for as long as `lasting`.
pub async fn run(address: &str, calls: &[Call], clients: usize, lasting: Duration) -> anyhow::Result<Outcome> {
    let (address, calls) = (address.to_owned(), calls.to_vec());
    let (done, outcome) = oneshot::channel();
    thread::Builder::new().name("load".to_owned()).spawn(move || {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let result = runtime
            .map_err(anyhow::Error::new)
            .and_then(|runtime| runtime.block_on(all_clients(&address, calls, clients, lasting)));
        // Nobody may wait for it any more.
        done.send(result).ok();
    })?;
    outcome.await.context("the load ended without an outcome")?
}

async fn all_clients(address: &str, calls: Vec<Call>, clients: usize, lasting: Duration) -> anyhow::Result<Outcome> {
    let (calls, host) = (Arc::new(calls), HeaderValue::from_str(address)?);
    let together = Arc::new(Barrier::new(clients));
    let mut running = JoinSet::new();
    for number in 0..clients {
        let connection = connect(address).await.context("connect to the server under load")?;
        let (calls, host, together) = (Arc::clone(&calls), host.clone(), Arc::clone(&together));
        running.spawn(async move {
            together.wait().await;
            client(connection, &calls, number, &host, Instant::now() + lasting).await
        });
    }
    let mut answers = Vec::new();
    while let Some(result) = running.join_next().await {
        answers.extend(result?.context("a request of the load got no answer")?);
    }
    Ok(Outcome { answers, lasted: lasting })
}

async fn connect(address: &str) -> anyhow::Result<SendRequest<Body>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What goes wrong with it, the sender tells.
    tokio::spawn(connection);
    Ok(sender)
}

/// One client until the end. `number` is where it begins in the calls, so that no two send the same at once.
async fn client(
    mut connection: SendRequest<Body>,
    calls: &[Call],
    number: usize,
    host: &HeaderValue,
    end: Instant,
) -> anyhow::Result<Vec<Answer>> {
    let mut answers = Vec::new();
    for call in calls.iter().cycle().skip(number) {
        let start = Instant::now();
        if start >= end {
            break;
        }
        let (parts, body) = connection.send_request(call.request(host)).await?.into_parts();
        to_bytes(Body::new(body), LARGEST).await?;
        let now = Instant::now();
        if now <= end {
            let retry_after = parts.headers.contains_key(header::RETRY_AFTER);
            answers.push(Answer { status: parts.status, retry_after, took: now - start });
        }
    }
    Ok(answers)
}

/// Sends one request and reads its answer; for what comes before a load.
pub async fn ask(address: &str, call: &Call) -> anyhow::Result<(StatusCode, Value)> {
    let mut connection = connect(address).await.with_context(|| format!("connect to {address}"))?;
    let response = connection.send_request(call.request(&HeaderValue::from_str(address)?)).await?;
    let (parts, body) = response.into_parts();
    let body = to_bytes(Body::new(body), LARGEST).await?;
    let json = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    Ok((parts.status, json))
}

/// As [`ask`], for an answer that must be a success.
pub async fn ask_well(address: &str, call: &Call) -> anyhow::Result<Value> {
    let (status, body) = ask(address, call).await?;
    ensure!(status.is_success(), "{} {} was answered {status}: {body}", call.method, call.uri);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{Router, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn every_answer_in_time_is_counted_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&asked);
        let handler = async move || match counting.fetch_add(1, Ordering::Relaxed) {
            3 => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]),
            _ => (StatusCode::OK, [(header::RETRY_AFTER, "")]),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let server = tokio::spawn(async { axum::serve(listener, Router::new().route("/x", get(handler))).await });

        let outcome = run(&address, &[Call::get("/x").unwrap()], 4, Duration::from_millis(300)).await.unwrap();
        let (answered, asked) = (outcome.answers.len(), asked.load(Ordering::Relaxed));
        assert!(answered <= asked && asked <= answered + 4, "{answered} of {asked}");
        assert_eq!(outcome.good().count() + 1, answered);
        assert!(outcome.rate() > 0.0 && outcome.latency(0.99) >= outcome.latency(0.5));
        assert!(outcome.all_good().unwrap_err().to_string().contains("503"));
        server.abort();
        assert!(run(&address, &[Call::get("/x").unwrap()], 1, Duration::from_millis(10)).await.is_err());
    }
}
