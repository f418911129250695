//! Requests as nobody should send them, at the running service: too large, too slow, of another kind, from another site.
//! Whatever comes back is a problem, and tells no other site anything.

use std::time::{Duration, Instant};

use chakravue_testbed::{ApiClient, Reply};
use futures::future::join_all;
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    clinic::Clinic,
    matrix::{TABLE, operations},
    support::{PATIENCE, Stack},
};

/// What a body may have at most.
const LIMIT: usize = 64 * 1024;

/// A problem of this kind, which names its request.
#[track_caller]
fn is_problem(reply: &Reply, status: u16, kind: &str) {
    let problem = reply.problem(status, kind);
    let id = reply.header("x-request-id").expect("every answer names its request");
    assert!(id.starts_with("req_"), "{id}");
    assert_eq!(problem["request_id"], id, "{}", reply.body);
    for member in ["title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{}", reply.body);
    }
}

/// Every operation of the running service and somebody who may call it.
struct Service {
    clinic: Clinic,
    platform: ApiClient,
    /// Has signed up and not paid.
    setup: ApiClient,
    document: Value,
}

impl Service {
    async fn new(label: &str) -> Self {
        let clinic = Clinic::new(label).await;
        let platform = clinic.stack.platform_administrator().await.client;
        let unpaid = clinic.stack.signup("Unpaid", "starter").await;
        let setup = clinic.stack.client().bearer(&unpaid.setup_token);
        let document = clinic.stack.client().get("/openapi.json").await.expect(200);
        Self { clinic, platform, setup, document }
    }

    /// Somebody who may call an operation.
    fn caller(&self, operation: &str) -> ApiClient {
        let row = TABLE.iter().find(|(known, _)| *known == operation).unwrap().1;
        match row.find('+') {
            Some(1) => self.clinic.admin().client.clone(),
            Some(3) => self.clinic.opd.client.clone(),
            Some(4) => self.clinic.doctor.client.clone(),
            Some(6) => self.platform.clone(),
            Some(7) => self.setup.clone(),
            _ => self.clinic.stack.client(),
        }
    }

    /// A request to an operation by somebody who may send it, about nothing that is there.
    fn request(&self, operation: &str) -> RequestBuilder {
        let (method, path) = self.place(operation);
        self.caller(operation).request(method, &path).header("If-Match", "\"1\"")
    }

    /// Where an operation is, of the hospital and of nothing in it.
    fn place(&self, operation: &str) -> (Method, String) {
        let (method, path) = operation.split_once(' ').unwrap();
        let mut path = path.replace("{org_id}", &self.clinic.hospital.organization_id).replace("{key}", "language");
        while let Some((before, rest)) = path.clone().split_once('{') {
            path = format!("{before}none{}", rest.split_once('}').unwrap().1);
        }
        (method.parse().unwrap(), path)
    }

    /// The operations that take a body and that somebody may call.
    fn with_body(&self) -> Vec<String> {
        let all =
            operations(&self.document).into_iter().filter(|(_, documented)| documented["requestBody"].is_object());
        // There is no webhook where test cards are used.
        all.map(|(operation, _)| operation).filter(|operation| operation != "POST /stripe/webhook").collect()
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_of_another_kind_is_refused_by_every_operation() {
    let service = Service::new("requests").await;
    let with_body = service.with_body();
    assert!(with_body.len() > 20, "{with_body:?}");
    let filled = |size: usize| format!("{{\"filling\":\"{}\"}}", "x".repeat(size - 14));
    for operation in &with_body {
        let json = || service.request(operation).header("Content-Type", "application/json");
        println!("{operation}");
        assert_eq!(filled(LIMIT).len(), LIMIT);
        is_problem(&Reply::to(json().body(filled(LIMIT + 1))).await, 413, "too-large");
        // One byte less is read, and found to be no body of the operation.
        is_problem(&Reply::to(json().body(filled(LIMIT))).await, 422, "invalid");
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"]
        {
            let other = service.request(operation).header("Content-Type", kind);
            is_problem(&Reply::to(other.body("{}")).await, 415, "unsupported-media-type");
        }
        let unnamed = service.request(operation).body("{}");
        is_problem(&Reply::to(unnamed).await, 415, "unsupported-media-type");
        for (wrong, status, kind) in [("", 400, "malformed"), ("{", 400, "malformed"), ("null", 422, "invalid")] {
            is_problem(&Reply::to(json().body(wrong)).await, status, kind);
        }
    }

    // Nobody gets around the limit by keeping silent about the length, and nobody fills the memory with it either.
    let mut chunked = "POST /login HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        .to_owned();
    for _ in 0..8 {
        chunked += &format!("2000\r\n{}\r\n", " ".repeat(0x2000));
    }
    chunked += "1\r\n \r\n";
    let answer = raw(&service.clinic.stack.api.address(), &[chunked.as_bytes()]).await;
    answer.is_problem(413, "too-large");
    service.clinic.stack.close().await;
}

#[tokio::test]
async fn an_operator_in_any_parameter_of_a_query_is_refused() {
    let service = Service::new("requests, queries").await;
    let mut tried = 0;
    for (operation, documented) in operations(&service.document) {
        let parameters = documented["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            for query in [format!("{name}[$ne]=x"), format!("{name}[$regex]=.*"), format!("{name}=1&{name}=$where")] {
                let (method, path) = service.place(&operation);
                let request = service.caller(&operation).request(method, &format!("{path}?{query}"));
                let reply = Reply::to(request).await;
                assert_eq!(reply.status, 422, "{operation} with {query}: {}", reply.body);
                is_problem(&reply, 422, "invalid");
                assert!(!reply.body.contains('$'), "{operation} repeats {query}: {}", reply.body);
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "the document shows no more than {tried} parameters");
    service.clinic.stack.close().await;
}

#[tokio::test]
async fn no_operation_that_changes_something_takes_a_request_from_another_site() {
    let service = Service::new("requests, cross-site").await;
    let host = service.clinic.stack.api.address();
    let changing = operations(&service.document).into_iter().filter(|(operation, _)| !operation.starts_with("GET "));
    for (operation, _) in changing {
        println!("{operation}");
        for (name, value) in [
            ("Sec-Fetch-Site", "cross-site".to_owned()),
            ("Sec-Fetch-Site", "same-site".to_owned()),
            ("Origin", "https://evil.example".to_owned()),
            ("Origin", format!("http://{host}.evil.example")),
            ("Origin", "null".to_owned()),
        ] {
            let reply = Reply::to(service.request(&operation).header(name, &value).json(&json!({}))).await;
            is_problem(&reply, 403, "cross-site");
            tells_no_other_site(&reply);
        }
        // By nobody, since it would be done.
        let (method, path) = service.place(&operation);
        let own = service.clinic.stack.client().request(method, &path).header("Origin", format!("http://{host}"));
        let reply = Reply::to(own).await;
        assert_ne!(reply.status, 403, "{operation} refuses the service's own page: {}", reply.body);
    }
    service.clinic.stack.close().await;
}

/// No header says to a browser that a page of another site may read the answer, or send such a request at all.
#[track_caller]
fn tells_no_other_site(reply: &Reply) {
    let permits: Vec<_> = reply.headers.keys().filter(|name| name.as_str().starts_with("access-control-")).collect();
    assert!(permits.is_empty(), "{permits:?} in {:?}", reply.headers);
}

#[tokio::test]
async fn no_page_of_another_site_is_let_in() {
    let service = Service::new("requests, origins").await;
    let own = service.clinic.stack.api.url();
    let mut paths: Vec<String> = operations(&service.document).into_iter().map(|(operation, _)| operation).collect();
    paths.extend(["GET /openapi.json", "GET /docs/", "GET /nothing-here"].map(str::to_owned));
    for operation in paths {
        let (method, path) = operation.split_once(' ').unwrap();
        for origin in ["https://evil.example", "null", &own] {
            let anonymous = service.clinic.stack.client();
            let path = path.replace("{org_id}", &service.clinic.hospital.organization_id);
            let preflight = anonymous
                .request(Method::OPTIONS, &path)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", method)
                .header("Access-Control-Request-Headers", "authorization, content-type, if-match, idempotency-key");
            let reply = Reply::to(preflight).await;
            assert!(reply.status >= 400, "{operation} answers a preflight from {origin} with {}", reply.status);
            tells_no_other_site(&reply);
            if method == "GET" && !path.ends_with("/events") {
                let read = anonymous.bearer(service.clinic.admin().token()).request(Method::GET, &path);
                tells_no_other_site(&Reply::to(read.header("Origin", origin)).await);
            }
        }
    }
    service.clinic.stack.close().await;
}

/// What tells a browser to keep nothing, guess nothing and embed nothing.
#[track_caller]
fn is_secured(path: &str, headers: &HeaderMap) {
    let of = |name: &str| {
        let values: Vec<_> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(values.len(), 1, "{path}: {name}: {values:?}");
        values[0].to_owned()
    };
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(of(name), value, "{path}: {name}");
    }
    let transport = of("strict-transport-security");
    let age = transport.split(';').find_map(|part| part.trim().strip_prefix("max-age=")?.parse::<u64>().ok());
    assert!(age.is_some_and(|age| age >= 31_536_000) && transport.contains("includeSubDomains"), "{path}: {transport}");

    let policy = of("content-security-policy");
    let directive = |name: &str| {
        let found = policy.split(';').map(str::trim).find_map(|part| part.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{path}: no {name} in {policy}")).to_owned()
    };
    for name in ["default-src", "frame-ancestors", "base-uri"] {
        assert_eq!(directive(name), "'none'", "{path}");
    }
    for name in ["script-src", "connect-src", "font-src", "form-action"] {
        assert_eq!(directive(name), "'self'", "{path}");
    }
    let styles = if path.starts_with("/docs") { "'self' 'unsafe-inline'" } else { "'self'" };
    assert_eq!(directive("style-src"), styles, "{path}");
    assert!(!policy.contains("unsafe-eval") && !policy.contains('*') && !policy.contains("http"), "{path}: {policy}");
}

#[tokio::test]
async fn every_answer_is_secured_and_the_page_of_the_document_comes_from_here_alone() {
    let stack = Stack::new("requests, headers").await;
    let client = stack.client();
    let get = async |path: &str, status: u16| {
        let reply = client.get(path).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
        is_secured(path, &reply.headers);
        reply
    };
    get("/plans", 200).await;
    get("/healthz", 200).await;
    get("/openapi.json", 200).await;
    is_problem(&get("/me", 401).await, 401, "unauthenticated");
    for path in ["/nothing-here", "/api/nothing-here", "/plans/", "/docs/nothing-here", "/index.html", "/assets/x.js"] {
        is_problem(&get(path, 404).await, 404, "not-found");
    }
    for (method, path) in [(Method::DELETE, "/plans"), (Method::GET, "/login"), (Method::PUT, "/organizations")] {
        let reply = Reply::to(client.request(method, path)).await;
        is_problem(&reply, 405, "method-not-allowed");
        is_secured(path, &reply.headers);
        assert!(reply.header("allow").is_some(), "{path}: {:?}", reply.headers);
    }
    let refused = Reply::to(client.request(Method::POST, "/login").body("x")).await;
    is_problem(&refused, 415, "unsupported-media-type");
    is_secured("/login", &refused.headers);

    // What a client calls its request is not believed.
    let forged = client.request(Method::GET, "/me").header("X-Request-Id", "req_01jd8x2v9t6m3k5q7r1w4y0z8a");
    let forged = Reply::to(forged).await;
    is_problem(&forged, 401, "unauthenticated");
    assert_ne!(forged.header("x-request-id"), Some("req_01jd8x2v9t6m3k5q7r1w4y0z8a"));

    let page = get("/docs/", 200).await;
    assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), "{:?}", page.headers);
    let mut files = 0;
    for attribute in ["src=\"", "href=\""] {
        for rest in page.body.split(attribute).skip(1) {
            let file = rest.split('"').next().unwrap();
            assert!(!file.contains("//"), "{file} comes from somewhere else");
            get(&format!("/docs/{}", file.trim_start_matches("./").trim_start_matches("/docs/")), 200).await;
            files += 1;
        }
    }
    assert!(files > 2, "{}", page.body);
    stack.close().await;
}

/// What came back over a bare connection, read to its end.
#[derive(Debug)]
struct Answer {
    text: String,
    after: Duration,
}

impl Answer {
    #[track_caller]
    fn is_problem(&self, status: u16, kind: &str) {
        let (head, body) = self.text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {self:?}"));
        let mut lines = head.lines();
        assert!(lines.next().unwrap().starts_with(&format!("HTTP/1.1 {status} ")), "{self:?}");
        let header = |name: &str| {
            let mut lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
        };
        assert_eq!(header("content-type"), Some("application/problem+json"), "{self:?}");
        let length = header("content-length").unwrap().parse().unwrap();
        let problem: Value = serde_json::from_str(&body[..length]).unwrap();
        assert!(problem["type"].as_str().unwrap().ends_with(&format!("/{kind}")), "{self:?}");
        assert_eq!(problem["status"], status, "{self:?}");
        assert_eq!(problem["request_id"].as_str(), header("x-request-id"), "{self:?}");
    }
}

/// Sends pieces, one each second, and reads until an answer is there.
async fn raw(address: &str, pieces: &[&[u8]]) -> Answer {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let started = Instant::now();
    let mut text = Vec::new();
    let mut pieces = pieces.iter();
    let mut next = tokio::time::interval(Duration::from_secs(1));
    let mut buffer = [0; 4096];
    let exchange = async {
        loop {
            tokio::select! {
                read = connection.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => break,
                    Ok(length) => text.extend_from_slice(&buffer[..length]),
                },
                _ = next.tick(), if pieces.len() > 0 && text.is_empty() => {
                    // A service that has answered need not read on.
                    let _ = connection.write_all(pieces.next().unwrap()).await;
                }
            }
            if text.ends_with(b"}") {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("the service answers or hangs up");
    Answer { text: String::from_utf8_lossy(&text).into_owned(), after: started.elapsed() }
}

#[tokio::test]
async fn a_body_that_stops_or_dribbles_is_given_up_after_ten_seconds() {
    let stack = Stack::new("requests, slow").await;
    let address = stack.api.address();
    let head = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n{{")
    };
    let (login, signup) = (head("/login"), head("/signup"));
    let dribbles: Vec<&[u8]> = std::iter::once(login.as_bytes()).chain(std::iter::repeat_n(&b" "[..], 120)).collect();
    let stops: [&[u8]; 1] = [signup.as_bytes()];
    let others = async {
        // Everybody else is served meanwhile.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let started = Instant::now();
        stack.client().get("/plans").await.expect(200);
        started.elapsed()
    };
    let slow = join_all([raw(&address, &dribbles), raw(&address, &stops)]);
    let (answers, quick) = tokio::join!(slow, others);
    for answer in &answers {
        answer.is_problem(408, "request-timeout");
        // The longest is for a busy machine; a body is given up long before its last byte.
        let after = answer.after;
        assert!(after >= Duration::from_secs(9) && after < Duration::from_secs(60), "{after:?}");
    }
    assert!(quick < Duration::from_secs(9), "{quick:?}");
    stack.close().await;
}
