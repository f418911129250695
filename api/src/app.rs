//! Every route and the layers around them, in one place.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tokio_util::task::TaskTracker;
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    csrf::CsrfLayer,
    timeout::{RequestBodyDeadlineLayer, TimeoutLayer},
    trace::TraceLayer,
};
use tracing::{Instrument as _, Span};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    endpoints,
    http::{
        frontend::{Frontend, navigates, nothing_here},
        openapi,
        problem::{Kind, Problem},
        request_id::{self, RequestId},
    },
    program::{metrics, telemetry},
    state::App,
};

/// Every operation of the OpenAPI document: one file of `endpoints` each line.
#[must_use]
pub fn endpoints() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(endpoints::health::routes())
        .merge(endpoints::invitations::routes())
        .merge(endpoints::me::routes())
        .merge(endpoints::organizations::routes())
        .merge(endpoints::password_reset::routes())
        .merge(endpoints::patients::routes())
        .merge(endpoints::appointments::routes())
        .merge(endpoints::pharmacy::routes())
        .merge(endpoints::hospital_settings::routes())
        .merge(endpoints::audit_log::routes())
        .merge(endpoints::payments::routes())
        .merge(endpoints::plans::routes())
        .merge(endpoints::platform::routes())
        .merge(endpoints::platform_audit::routes())
        .merge(endpoints::provisioning::routes())
        .merge(endpoints::roles::routes())
        .merge(endpoints::sign_in::routes())
        .merge(endpoints::signup::routes())
        .merge(endpoints::users::routes())
}

/// The service's OpenAPI document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    openapi::document(endpoints().into_openapi())
}

/// The whole service.
pub fn router(app: App) -> Router {
    let settings = &app.settings;
    let (timeout, body_limit) = (settings.request_timeout, settings.body_limit);
    let metrics = app.metrics.clone();
    let (endpoints, described) = endpoints().split_for_parts();
    let document = openapi::document(described);
    let operations: Vec<String> = document.paths.paths.keys().cloned().collect();
    let routes = endpoints.merge(openapi::routes(document));
    let routes = match settings.frontend.as_deref().map(Frontend::new) {
        Some(frontend) => {
            let pages = frontend.clone();
            let frontend = frontend.beside(operations.iter().map(String::as_str));
            routes.fallback(move |request| frontend.clone().serve(request)).method_not_allowed_fallback(
                // Some pages have the address of an operation: `/login`, `/signup`.
                async move |request: Request| {
                    let navigates = navigates(request.headers()) && request.method() == Method::GET;
                    if navigates { pages.clone().serve(request).await } else { wrong_method() }
                },
            )
        }
        None => routes.fallback(async || nothing_here()).method_not_allowed_fallback(async || wrong_method()),
    };
    // One stack instead of a layer on top of another: a router puts each layer into a box that every request copies.
    let layers = ServiceBuilder::new()
        .layer(middleware::from_fn(request_id::layer))
        .layer(middleware::from_fn(telemetry::trace))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(request_span)
                .on_request(())
                .on_response(log_response)
                .on_failure(()),
        )
        // Outside of what changes the answer, so that it counts, as the log says, the status that the client gets.
        .layer(middleware::from_fn_with_state(metrics, metrics::track))
        .layer(middleware::from_fn(secure))
        .layer(middleware::map_response(as_problem))
        .map_response(|response: Response<_>| response.map(Body::new))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout))
        // No endpoint that relies on a cookie takes a request from another site; the provider's webhook has no cookie.
        .layer(CsrfLayer::new().with_rejection_response(|_| cross_site()))
        .layer(RequestBodyDeadlineLayer::new(BODY))
        .layer(DefaultBodyLimit::max(body_limit))
        .map_request(|request: Request<_>| request.map(Body::new))
        .layer(middleware::from_fn_with_state(app.clone(), once_prepared))
        .layer(middleware::from_fn_with_state((app.under_way.clone(), timeout), to_the_end));
    routes.layer(layers).with_state(app)
}

/// Every operation but these relies on the master database's unique indexes, which a service that starts for the first time
/// has to make.
async fn once_prepared(State(app): State<App>, request: Request, next: Next) -> Response {
    const BEFORE: [&str; 3] = [endpoints::health::LIVE, endpoints::health::READY, endpoints::plans::PATH];
    let operation = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let is_page = operation.is_none_or(|path| path == openapi::PATH || path.starts_with(openapi::PAGE));
    if is_page || operation.is_some_and(|path| BEFORE.contains(&path)) || app.master.is_prepared() {
        return next.run(request).await;
    }
    let detail = "The service has just started and its database does not answer yet. Try again in a moment.";
    Problem::new(Kind::DatabaseUnavailable, detail).retry_after(Duration::from_secs(1)).into_response()
}

/// A change that is committed with less time left than this may be answered too late.
const COMMIT: Duration = Duration::from_secs(1);

/// Finishes what changes something although the client hangs up or the time is over: nothing is cut off between two writes.
/// But what has not been done to a hospital's data when the time is over is not done any more.
async fn to_the_end(
    State((under_way, timeout)): State<(TaskTracker, Duration)>,
    request: Request,
    next: Next,
) -> Response {
    // A guess at a password is not worth a hash that nobody waits for; what a right one starts is finished all the same.
    const SIGN_IN: [&str; 2] = ["/login", "/organization-login"];
    let operation = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if request.method().is_safe() || operation.is_none_or(|path| SIGN_IN.contains(&path)) {
        return next.run(request).await;
    }
    let until = Instant::now() + timeout.saturating_sub(COMMIT);
    let work = request_id::waited_for(until, async move { next.run(request).await });
    match under_way.spawn(request_id::carried(work.in_current_span())).await {
        Ok(response) => response,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The service is stopping.
            Err(_) => Problem::internal().into_response(),
        },
    }
}

/// The router adds the Allow header.
fn wrong_method() -> Response {
    let detail = "This path does not take this method; the Allow header lists those it takes.";
    Problem::new(Kind::MethodNotAllowed, detail).into_response()
}

/// How long a body may take to arrive. The largest is small, so that only somebody who dribbles takes longer.
const BODY: Duration = Duration::from_secs(10);

/// Method, route and id only: headers, query and body may hold tokens and patients' data, and a path that is not ours
/// may hold anything.
fn request_span(request: &Request) -> Span {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if route == endpoints::health::LIVE || route == endpoints::health::READY {
        // Probes come every few seconds and would drown everything else.
        return Span::none();
    }
    let id = request.extensions().get::<RequestId>().map_or("", |id| &id.0);
    tracing::info_span!("request", method = %request.method(), route, id)
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

fn cross_site() -> Response {
    let detail =
        "A browser sent this from another site's page. Use the service's own pages, or a program with a token.";
    Problem::new(Kind::CrossSite, detail).into_response()
}

/// Errors that a layer answered in its own way, as the problems that clients expect.
async fn as_problem(response: Response) -> Response {
    let status = response.status();
    // Layers answer some text or nothing.
    let is_ours = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/problem+json"));
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = match status {
        StatusCode::REQUEST_TIMEOUT => Problem::new(Kind::RequestTimeout, "The request did not arrive whole in time."),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::TooLarge, "The body is larger than the service takes."),
        StatusCode::NOT_FOUND => Problem::new(Kind::NotFound, "Nothing is served at this path."),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(Kind::MethodNotAllowed, "This path does not take this method."),
        // Files of the front end.
        StatusCode::PRECONDITION_FAILED => {
            Problem::new(Kind::VersionMismatch, "The file was changed after the time that the request names.")
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            Problem::new(Kind::RangeNotSatisfiable, "The file is shorter than the range that was asked for.")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            Problem::new(Kind::Overloaded, "The request took too long. Try again in a moment.")
                .retry_after(Duration::from_secs(5))
        }
        status if status.is_client_error() => Problem::new(Kind::Malformed, "The request cannot be read."),
        _ => Problem::internal(),
    };
    let (old, _) = response.into_parts();
    let mut response = problem.into_response();
    for name in [header::ALLOW, header::CONTENT_RANGE] {
        if let Some(value) = old.headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

/// What a page may load: files of our own, and what else stands after `style-src`.
macro_rules! policy {
    ($styles:literal) => {
        concat!(
            "default-src 'none'; script-src 'self'; style-src 'self'",
            $styles,
            "; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
            form-action 'self'; frame-ancestors 'none'"
        )
    };
}

/// What every answer tells a browser: keep nothing, guess nothing, embed nothing.
async fn secure(request: Request, next: Next) -> Response {
    const ALWAYS: [(HeaderName, &str); 6] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
    ];
    // The page that shows the OpenAPI document writes styles into its elements; the front end sets them by script, which needs
    // no leave.
    let is_document = request.uri().path().starts_with(openapi::PAGE);
    let policy = if is_document { policy!(" 'unsafe-inline'") } else { policy!("") };
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::{
        body::to_bytes,
        http::request::Builder,
        routing::{get, post},
    };
    use serde_json::{Value, json};
    use std::sync::Arc;
    use tokio::sync::Notify;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{http::extract::ApiJson, state};

    async fn ask(request: Builder, body: impl Into<Body>) -> (StatusCode, axum::http::HeaderMap, Value) {
        answer(router(state::unreachable().await), request, body).await
    }

    async fn answer(
        router: Router,
        request: Builder,
        body: impl Into<Body>,
    ) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = router.oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    fn to(method: Method, path: &str) -> Builder {
        Request::builder().method(method).uri(path)
    }

    fn assert_problem(answer: &(StatusCode, axum::http::HeaderMap, Value), kind: Kind) {
        let (status, headers, body) = answer;
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json", "{body}");
        assert_eq!(
            (*status, &body["type"]),
            (kind.status(), &json!(format!("https://chakravue.io/problems/{}", kind.slug())))
        );
        assert_eq!(body["request_id"], headers[request_id::HEADER].to_str().unwrap());
    }

    #[tokio::test]
    async fn whatever_is_not_there_is_a_problem() {
        for path in ["/", "/nothing-here", "/plans/", "/plans/starter", "/organization", "/docs/nothing"] {
            assert_problem(&ask(to(Method::GET, path), "").await, Kind::NotFound);
        }
        for (method, path) in [(Method::POST, "/plans"), (Method::DELETE, "/healthz")] {
            let answer = ask(to(method, path), "").await;
            assert_problem(&answer, Kind::MethodNotAllowed);
            assert_eq!(answer.1[header::ALLOW], "GET,HEAD", "{path}");
        }
    }

    #[tokio::test]
    async fn a_live_service_without_its_servers_says_what_is_missing() {
        assert_eq!(ask(to(Method::GET, "/healthz"), "").await.0, StatusCode::OK);
        let answer = ask(to(Method::GET, "/readyz"), "").await;
        assert_problem(&answer, Kind::NotReady);
        assert_eq!(answer.1[header::RETRY_AFTER], "2");
        for missing in ["ready", "mongodb", "kubernetes"] {
            assert_eq!(answer.2[missing], false, "{missing}");
        }
    }

    #[tokio::test]
    async fn every_answer_tells_a_browser_to_keep_and_guess_nothing() {
        for path in ["/plans", "/nothing-here", "/openapi.json", "/docs/"] {
            let (_, headers, _) = ask(to(Method::GET, path), "").await;
            assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
            assert_eq!(headers["cache-control"], "no-store", "{path}");
            assert_eq!(headers["referrer-policy"], "no-referrer");
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(!policy.contains("script-src 'self' '"), "scripts only from files: {policy}");
            assert_eq!(policy.contains("style-src 'self';"), path != "/docs/", "styles only from files: {policy}");
            assert!(headers.get("access-control-allow-origin").is_none());
        }
    }

    #[tokio::test]
    async fn a_request_from_another_site_is_refused_and_a_program_is_not() {
        let from = |name: &str, value: &str| {
            to(Method::POST, "/logout").header(header::HOST, "app.example").header(name, value)
        };
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
        ] {
            assert_problem(&ask(from(name, value), "").await, Kind::CrossSite);
        }
        for (name, value) in
            [("sec-fetch-site", "same-origin"), ("origin", "https://app.example"), ("user-agent", "curl")]
        {
            assert_ne!(ask(from(name, value), "").await.0, StatusCode::FORBIDDEN, "{name}: {value}");
        }
    }

    #[tokio::test]
    async fn bodies_are_json_of_bounded_size() {
        let router = || {
            Router::new()
                .route("/echo", post(async |ApiJson(body): ApiJson<Empty>| format!("{body:?}")))
                .layer(DefaultBodyLimit::max(1024))
        };
        let json = || to(Method::POST, "/echo").header(header::CONTENT_TYPE, "application/json");
        let kind =
            |answer: (StatusCode, _, Value)| answer.2["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        assert_eq!(kind(answer(router(), to(Method::POST, "/echo"), "{}").await), "unsupported-media-type");
        let form = to(Method::POST, "/echo").header(header::CONTENT_TYPE, "text/plain");
        assert_eq!(kind(answer(router(), form, "{}").await), "unsupported-media-type");
        assert_eq!(kind(answer(router(), json(), vec![b' '; 1025]).await), "too-large");
        assert_eq!(kind(answer(router(), json(), "{\"x\":1}").await), "invalid");
        assert_eq!(kind(answer(router(), json(), "{").await), "malformed");
        assert_eq!(answer(router(), json(), "{}").await.0, StatusCode::OK);
    }

    #[derive(Debug, serde::Deserialize, garde::Validate)]
    #[serde(deny_unknown_fields)]
    struct Empty {}

    #[tokio::test]
    async fn a_body_that_dribbles_in_is_given_up() {
        let router = Router::new()
            .route("/echo", post(async |ApiJson(body): ApiJson<Empty>| format!("{body:?}")))
            .layer(RequestBodyDeadlineLayer::new(Duration::from_millis(20)));
        let json = to(Method::POST, "/echo").header(header::CONTENT_TYPE, "application/json");
        let endless = Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
        let (status, _, body) = answer(router, json, endless).await;
        assert_eq!(
            (status, &body["type"]),
            (StatusCode::REQUEST_TIMEOUT, &json!("https://chakravue.io/problems/request-timeout"))
        );
    }

    #[tokio::test]
    async fn what_changes_something_is_finished_after_the_client_has_hung_up() {
        let (begun, go_on, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let work = {
            let (begun, go_on, done) = (begun.clone(), go_on.clone(), done.clone());
            async move || {
                begun.notify_one();
                go_on.notified().await;
                assert!(request_id::current().is_some(), "it knows for which request it works");
                done.notify_one();
            }
        };
        let under_way = TaskTracker::new();
        let router = Router::new()
            .route("/change", post(work))
            .layer(middleware::from_fn_with_state((under_way.clone(), Duration::from_mins(1)), to_the_end))
            .layer(middleware::from_fn(request_id::layer));
        let client = tokio::spawn(answer(router, to(Method::POST, "/change"), ""));
        begun.notified().await;
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        under_way.close();
        assert_eq!(under_way.len(), 1, "whoever stops the service knows of it");
        go_on.notify_one();
        tokio::time::timeout(Duration::from_secs(30), under_way.wait()).await.expect("the work is finished");
        done.notified().await;
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing_internal() {
        async fn broken() {
            panic!("the secret of the house");
        }
        let router = Router::new()
            .route("/broken", get(broken).post(broken))
            .layer(middleware::from_fn_with_state((TaskTracker::new(), Duration::from_mins(1)), to_the_end))
            .layer(CatchPanicLayer::custom(answer_panic))
            .layer(middleware::from_fn(secure))
            .layer(middleware::from_fn(request_id::layer));
        for method in [Method::GET, Method::POST] {
            let answer = answer(router.clone(), to(method, "/broken"), "").await;
            assert_problem(&answer, Kind::Internal);
            assert_eq!(answer.1[header::CACHE_CONTROL], "no-store");
            assert!(!answer.2.to_string().contains("secret of the house"), "{}", answer.2);
        }
    }

    #[tokio::test]
    async fn what_a_layer_answers_in_its_own_way_becomes_a_problem() {
        for (status, kind) in [
            (StatusCode::REQUEST_TIMEOUT, Kind::RequestTimeout),
            (StatusCode::PAYLOAD_TOO_LARGE, Kind::TooLarge),
            (StatusCode::SERVICE_UNAVAILABLE, Kind::Overloaded),
            (StatusCode::BAD_GATEWAY, Kind::Internal),
            (StatusCode::PRECONDITION_FAILED, Kind::VersionMismatch),
            (StatusCode::RANGE_NOT_SATISFIABLE, Kind::RangeNotSatisfiable),
        ] {
            let router = Router::new()
                .route(
                    "/plain",
                    get(async move || (status, [(header::CONTENT_RANGE, "bytes */3")], "in its own words")),
                )
                .layer(middleware::map_response(as_problem))
                .layer(middleware::from_fn(request_id::layer));
            let answer = answer(router, to(Method::GET, "/plain"), "").await;
            assert_problem(&answer, kind);
            assert_eq!(answer.1[header::CONTENT_RANGE], "bytes */3");
        }
    }
}
