//! The id of the request under way: in every log line, problem and audit entry, and in the `X-Request-Id` header. And until
//! when its client waits: whoever was told to try again must not find later that it was done all the same.

use std::time::Instant;

use axum::{extract::Request, http::HeaderValue, middleware::Next, response::Response};
use ulid::Ulid;

pub const HEADER: &str = "x-request-id";

tokio::task_local! {
    static CURRENT: String;
    static UNTIL: Option<Instant>;
}

/// The id of the request that this task works for; a task that a handler spawned has none of its own.
#[must_use]
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Whether the client of this task's request has been told by now that it took too long. Work in the background has none.
#[must_use]
pub fn is_over() -> bool {
    until().is_some_and(|until| Instant::now() >= until)
}

fn until() -> Option<Instant> {
    UNTIL.try_with(|until| *until).ok().flatten()
}

/// Does the work of a request whose client waits until then.
pub async fn waited_for<F: Future>(until: Instant, work: F) -> F::Output {
    UNTIL.scope(Some(until), work).await
}

/// Lets work that is spawned as a task of its own know which request it is done for, and until when.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let (id, until) = (current(), until());
    UNTIL.scope(until, async {
        match id {
            Some(id) => CURRENT.scope(id, work).await,
            None => work.await,
        }
    })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_task_of_its_own_knows_until_when_somebody_waits() {
        let now = Instant::now();
        let is_over = async || tokio::spawn(carried(async { is_over() })).await.unwrap();
        assert!(waited_for(now, is_over()).await);
        assert!(!waited_for(now + Duration::from_hours(1), is_over()).await);
        assert!(!is_over().await, "nobody waits for what goes on in the background");
    }
}
