//! Who calls the API in tests: a program with a bearer token, or a browser with a cookie.

use std::time::Duration;

use reqwest::{
    Client, Method, RequestBuilder,
    header::{CONTENT_TYPE, COOKIE, HeaderMap},
};
use serde_json::Value;

use crate::kubeconfig::use_ring;

/// Longer than any request may take.
const PATIENCE: Duration = Duration::from_mins(6);

/// One caller. Cheap to clone; all clones share connections.
#[derive(Clone, Debug)]
pub struct ApiClient {
    http: Client,
    url: String,
    bearer: Option<String>,
    cookie: Option<String>,
}

impl ApiClient {
    /// Nobody yet, at `url` (without a slash at the end).
    ///
    /// # Panics
    /// When there is no HTTP client to be had, which has nothing to do with the test.
    #[must_use]
    pub fn new(url: &str) -> Self {
        use_ring();
        let http = Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).no_proxy().build();
        let http = http.unwrap_or_else(|error| panic!("cannot make an HTTP client: {error}"));
        Self { http, url: url.to_owned(), bearer: None, cookie: None }
    }

    /// The same caller with a token.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        Self { bearer: Some(token.to_owned()), ..self.clone() }
    }

    /// The same caller as a browser that holds this cookie, such as [`Reply::cookie`] gives it.
    #[must_use]
    pub fn cookie(&self, cookie: &str) -> Self {
        Self { cookie: Some(cookie.to_owned()), ..self.clone() }
    }

    /// The same caller with neither token nor cookie, on the same connections.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { bearer: None, cookie: None, ..self.clone() }
    }

    /// The caller's token.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn token(&self) -> &str {
        self.bearer.as_deref().unwrap_or_else(|| panic!("this caller has no token"))
    }

    /// A request to be completed and sent by the test, such as one with other headers.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie).header("Sec-Fetch-Site", "same-origin");
        }
        request
    }

    pub async fn get(&self, path: &str) -> Reply {
        Reply::to(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::to(self.request(Method::POST, path).json(body)).await
    }

    /// POST with an `Idempotency-Key`.
    pub async fn post_once(&self, path: &str, key: &str, body: &Value) -> Reply {
        Reply::to(self.request(Method::POST, path).header("Idempotency-Key", key).json(body)).await
    }

    /// POST without a body.
    pub async fn post_empty(&self, path: &str) -> Reply {
        Reply::to(self.request(Method::POST, path)).await
    }

    /// PATCH of the version that `etag` names, such as [`Reply::etag`] gives it.
    pub async fn patch(&self, path: &str, etag: &str, body: &Value) -> Reply {
        Reply::to(self.request(Method::PATCH, path).header("If-Match", etag).json(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        Reply::to(self.request(Method::PUT, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        Reply::to(self.request(Method::DELETE, path)).await
    }
}

/// What the API answered, read to its end.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// Method and path, to name it in a failure.
    asked: String,
}

impl Reply {
    /// Sends a request and reads the answer.
    ///
    /// # Panics
    /// When there is none: the API is gone, or has cut the connection.
    pub async fn to(request: RequestBuilder) -> Self {
        Self::try_to(request).await.unwrap_or_else(|error| panic!("no answer: {error}"))
    }

    /// As [`Self::to`], for a test that expects to get no answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn try_to(request: RequestBuilder) -> Result<Self, reqwest::Error> {
        let (client, request) = request.build_split();
        let request = request?;
        let asked = format!("{} {}", request.method(), request.url().path());
        let response = client.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Self { status, headers, body: response.text().await?, asked })
    }

    /// The body, of whatever answer.
    ///
    /// # Panics
    /// When it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{self:#?}\nis not JSON: {error}"))
    }

    /// The body of an answer with this status; empty bodies are null.
    ///
    /// # Panics
    /// When it is another one, with the whole answer.
    #[track_caller]
    #[allow(clippy::must_use_candidate, reason = "a test may be content with the status")]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} answered\n{}", self.asked, self.body);
        if self.body.is_empty() { Value::Null } else { self.json() }
    }

    /// The body of a problem with this status, whose `type` ends with `kind`, such as `seat-limit-reached`.
    ///
    /// # Panics
    /// When it is anything else, with the whole answer.
    #[track_caller]
    pub fn problem(&self, status: u16, kind: &str) -> Value {
        let problem = self.expect(status);
        let content_type = self.header(CONTENT_TYPE.as_str());
        assert_eq!(content_type, Some("application/problem+json"), "{} answered\n{}", self.asked, self.body);
        let of_kind = problem["type"].as_str().and_then(|type_| type_.rsplit('/').next());
        assert_eq!(of_kind, Some(kind), "{} answered\n{}", self.asked, self.body);
        assert_eq!(problem["status"], status, "{} answered\n{}", self.asked, self.body);
        problem
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The version that a change must name in `If-Match`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn etag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("{} has no ETag", self.asked)).to_owned()
    }

    /// `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after").and_then(|value| value.parse().ok())
    }

    /// The cookie of this name that the answer sets, as a browser sends it back: `name=value`.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.filter_map(|cookie| cookie.split(';').next());
        pairs.map(str::trim).find(|pair| pair.split('=').next() == Some(name)).map(str::to_owned)
    }
}
