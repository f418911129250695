//! The id of the request under way: in every log line, problem and audit entry, and in the `X-Request-Id` header.

use axum::{extract::Request, http::HeaderValue, middleware::Next, response::Response};
use ulid::Ulid;

pub const HEADER: &str = "x-request-id";

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that this task works for; a task that a handler spawned has none of its own.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Lets work that is spawned as a task of its own keep the id of the request that it is done for.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current();
    async {
        match id {
            Some(id) => CURRENT.scope(id, work).await,
            None => work.await,
        }
    }
}

/// Gives the request an id. What a client or a proxy sent is not taken over: it could be anything, or somebody else's.
pub async fn layer(mut request: Request, next: Next) -> Response {
    let id = format!("req_{}", Ulid::generate().to_string().to_ascii_lowercase());
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = CURRENT.scope(id.clone(), next.run(request)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// The id as an extension of the request, for layers that make the log's span.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);
