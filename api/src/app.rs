//! Every route and the layers around them, in one place.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, trace::TraceLayer};
use tracing::Span;

use crate::{
    health, plans,
    problem::{Kind, Problem},
    request_id,
};

pub fn router() -> Router {
    Router::new()
        .merge(health::routes())
        .merge(plans::routes())
        .fallback(async || Problem::new(Kind::NotFound, "Nothing is served at this path."))
        // The router adds the Allow header.
        .method_not_allowed_fallback(async || {
            Problem::new(
                Kind::MethodNotAllowed,
                "This path does not take this method; the Allow header lists those it takes.",
            )
        })
        .layer(CatchPanicLayer::custom(answer_panic))
        // Outermost, so that it logs the status that the client gets.
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_span)
                .on_request(())
                .on_response(log_response)
                .on_failure(()),
        )
        .layer(axum::middleware::from_fn(request_id::layer))
}

/// Method and path only: headers, query and body may hold tokens and patients' data.
fn request_span(request: &Request) -> Span {
    if request.uri().path() == health::PATH {
        // Probes come every few seconds and would drown everything else.
        return Span::none();
    }
    tracing::info_span!("request", method = %request.method(), path = request.uri().path())
}

fn log_response(response: &Response, latency: Duration, span: &Span) {
    if span.is_none() {
        return;
    }
    let (status, milliseconds) = (response.status().as_u16(), latency.as_millis());
    if response.status().is_server_error() {
        tracing::error!(parent: span, status, milliseconds, "answered");
    } else {
        tracing::info!(parent: span, status, milliseconds, "answered");
    }
}

/// The panic's own message goes to stderr (the standard panic hook), never to the client.
fn answer_panic(_: Box<dyn Any + Send>) -> Response {
    Problem::internal().into_response()
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::{Method, StatusCode, header},
    };
    use serde_json::{Value, json};
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: Router, method: Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    }

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), 64 * 1024).await.unwrap().to_vec()
    }

    async fn assert_problem(response: Response, expected: Value) {
        assert_eq!(u64::from(response.status().as_u16()), expected["status"]);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(serde_json::from_slice::<Value>(&body(response).await).unwrap(), expected);
    }

    #[tokio::test]
    async fn healthz_answers() {
        let response = ask(router(), Method::GET, "/healthz").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(body(response).await, b"ok\n");
    }

    #[tokio::test]
    async fn plans_are_the_catalogue() {
        let response = ask(router(), Method::GET, "/plans").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        let plan = |plan_id, name, price, max_users: Value| {
            json!({"plan_id": plan_id, "name": name, "price": price, "currency": "USD", "interval": "month",
                   "max_users": max_users})
        };
        assert_eq!(
            serde_json::from_slice::<Value>(&body(response).await).unwrap(),
            json!({"plans": [
                plan("starter", "Starter", 99, json!(5)),
                plan("professional", "Professional", 299, json!(20)),
                plan("enterprise", "Enterprise", 999, Value::Null),
            ]})
        );
    }

    #[tokio::test]
    async fn an_unknown_path_is_a_problem() {
        for path in ["/", "/nothing-here", "/plans/", "/plans/starter"] {
            assert_problem(
                ask(router(), Method::GET, path).await,
                json!({"type": "https://chakravue.io/problems/not-found", "title": "Not found", "status": 404,
                       "detail": "Nothing is served at this path."}),
            )
            .await;
        }
    }

    #[tokio::test]
    async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
        for (method, path) in [(Method::POST, "/plans"), (Method::DELETE, "/healthz")] {
            let response = ask(router(), method, path).await;
            assert_eq!(response.headers()[header::ALLOW], "GET,HEAD", "{path}");
            assert_problem(
                response,
                json!({"type": "https://chakravue.io/problems/method-not-allowed", "title": "Method not allowed",
                       "status": 405, "detail": "This path does not take this method; the Allow header lists those it takes."}),
            )
            .await;
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing_internal() {
        async fn broken() {
            panic!("the secret of the house");
        }
        let router =
            Router::new().route("/broken", axum::routing::get(broken)).layer(CatchPanicLayer::custom(answer_panic));
        assert_problem(
            ask(router, Method::GET, "/broken").await,
            json!({"type": "https://chakravue.io/problems/internal", "title": "Internal error", "status": 500,
                   "detail": "The request failed for a reason of the service's own. Try again; if it lasts, tell who runs it."}),
        )
        .await;
    }
}
