//! Prometheus metrics. Labels are routes, methods, status classes and outcomes: never a path, a hospital or a person.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

/// From a millisecond to half a minute.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 16))
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    /// The route's template, such as `/organization/{org_id}`.
    route: String,
    /// `2xx`, `4xx` and so on.
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    route: String,
}

macro_rules! outcomes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $label:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
                EncodeLabelValue::encode(&match self { $(Self::$variant => $label),+ }, encoder)
            }
        }

        impl $name {
            const ALL: &[Self] = &[$(Self::$variant),+];
        }
    };
}

outcomes! {
    /// How an attempt to sign in ended.
    SignIn {
        Succeeded => "succeeded",
        /// Whatever was wrong.
        Refused => "refused",
        /// Not looked at: too many attempts before.
        Limited => "limited",
        /// Not looked at: too many at once.
        Shed => "shed",
    }
}

outcomes! {
    /// What became of a payment.
    Payment {
        Succeeded => "succeeded",
        Declined => "declined",
        /// The provider has not decided.
        Pending => "pending",
        /// The provider could not be asked.
        Failed => "failed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SignInLabels {
    outcome: SignIn,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PaymentLabels {
    outcome: Payment,
}

/// What is counted at this moment, by whoever knows it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Passwords that wait for a thread.
    pub hashing_waiting: u64,
    /// Hospitals' MongoDB clients that are open.
    pub tenant_clients: u64,
    /// Hospitals that are known.
    pub hospitals: u64,
}

/// Clones count into the same registry.
#[derive(Clone, Debug)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Histogram>,
    in_flight: Gauge,
    sign_ins: Family<SignInLabels, Counter>,
    payments: Family<PaymentLabels, Counter>,
    audit_entries: Histogram,
    hashing_waiting: Gauge<u64, AtomicU64>,
    tenant_clients: Gauge<u64, AtomicU64>,
    hospitals: Gauge<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("chakravue_api");
        let requests = Family::default();
        registry.register("http_requests", "Requests by route and answer", Family::clone(&requests));
        let durations = Family::new_with_constructor(seconds as fn() -> Histogram);
        let help = "From the request's head to the answer's";
        registry.register_with_unit("http_request_duration", help, Unit::Seconds, Family::clone(&durations));
        let in_flight = Gauge::default();
        registry.register("http_requests_in_flight", "Requests under way", in_flight.clone());
        let sign_ins = Family::<SignInLabels, Counter>::default();
        registry.register("sign_ins", "Attempts to sign in by outcome", sign_ins.clone());
        let payments = Family::<PaymentLabels, Counter>::default();
        registry.register("payments", "Payments by outcome", payments.clone());
        let audit_entries = Histogram::new(exponential_buckets(1.0, 2.0, 8));
        registry.register("audit_batch_entries", "Audit entries written at once", audit_entries.clone());
        let hashing_waiting = Gauge::default();
        registry.register("hashing_waiting", "Passwords that wait for a thread", hashing_waiting.clone());
        let tenant_clients = Gauge::default();
        registry.register("tenant_clients", "Hospitals' MongoDB clients that are open", tenant_clients.clone());
        let hospitals = Gauge::default();
        registry.register("hospitals", "Hospitals whose objects are known", hospitals.clone());
        registry.register("build", "The version that runs", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        // From the first look on, so that a rate can be told from nothing.
        for outcome in SignIn::ALL {
            sign_ins.get_or_create_owned(&SignInLabels { outcome: *outcome });
        }
        for outcome in Payment::ALL {
            payments.get_or_create_owned(&PaymentLabels { outcome: *outcome });
        }
        Self(Arc::new(Inner {
            registry,
            requests,
            durations,
            in_flight,
            sign_ins,
            payments,
            audit_entries,
            hashing_waiting,
            tenant_clients,
            hospitals,
        }))
    }
}

impl Metrics {
    pub fn sign_in(&self, outcome: SignIn) {
        self.0.sign_ins.get_or_create(&SignInLabels { outcome }).inc();
    }

    pub fn payment(&self, outcome: Payment) {
        self.0.payments.get_or_create(&PaymentLabels { outcome }).inc();
    }

    /// So many audit entries of readings went into a hospital's database at once; a change has its own with it.
    pub fn audit_batch(&self, entries: usize) {
        self.0.audit_entries.observe(f64::from(u32::try_from(entries).unwrap_or(u32::MAX)));
    }

    /// Everything in the text format.
    #[must_use]
    pub fn render(&self, now: Now) -> String {
        let Now { hashing_waiting, tenant_clients, hospitals } = now;
        self.0.hashing_waiting.set(hashing_waiting);
        self.0.tenant_clients.set(tenant_clients);
        self.0.hospitals.set(hospitals);
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.0.registry);
        text
    }

    fn answered(&self, method: &'static str, route: String, status: u16, took: Duration) {
        let class = match status {
            100..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.0.durations.get_or_create(&Asked { method, route: route.clone() }).observe(took.as_secs_f64());
        self.0.requests.get_or_create(&Answered { method, route, status: class }).inc();
    }
}

/// Under way until dropped, also when the client goes away and the handler with it.
struct InFlight(Gauge);

impl InFlight {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The layer that counts requests.
pub async fn track(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let _in_flight = InFlight::new(&metrics.0.in_flight);
    let method = known(request.method());
    // What is at no route could be called anything.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let started = Instant::now();
    let response = next.run(request).await;
    metrics.answered(method, route, response.status().as_u16(), started.elapsed());
    response
}

/// A client may invent methods.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// `GET /metrics`, for a port of its own; `now` is asked at every look.
pub fn routes(metrics: Metrics, now: impl Fn() -> Now + Clone + Send + Sync + 'static) -> Router {
    let show = async move || {
        let text = metrics.render(now());
        ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
    };
    Router::new().route("/metrics", get(show))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::{body::Body, middleware};
    use tower::ServiceExt as _;

    use super::*;

    async fn ask(router: &Router, method: &str, path: &str) -> u16 {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn requests_are_counted_by_route_and_never_by_path() {
        let metrics = Metrics::default();
        let router = Router::new()
            .route("/organization/{org_id}", get(async || "a hospital"))
            .fallback(async || axum::http::StatusCode::NOT_FOUND)
            .layer(middleware::from_fn_with_state(metrics.clone(), track));
        for path in ["/organization/org_1", "/organization/org_2"] {
            assert_eq!(ask(&router, "GET", path).await, 200);
        }
        assert_eq!(ask(&router, "GET", "/patients/jane").await, 404);
        assert_eq!(ask(&router, "BREW", "/organization/org_1").await, 405);

        let text = metrics.render(Now { hashing_waiting: 3, ..Now::default() });
        let has = |line: &str| assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        has(r#"chakravue_api_http_requests_total{method="GET",route="/organization/{org_id}",status="2xx"} 2"#);
        has(r#"chakravue_api_http_requests_total{method="GET",route="unmatched",status="4xx"} 1"#);
        has(r#"chakravue_api_http_requests_total{method="other",route="/organization/{org_id}",status="4xx"} 1"#);
        has("chakravue_api_http_requests_in_flight 0");
        has("chakravue_api_hashing_waiting 3");
        for secret in ["org_1", "jane", "BREW"] {
            assert!(!text.contains(secret), "{secret}\n{text}");
        }
    }

    #[test]
    fn the_table_in_the_documentation_is_what_is_exported() {
        let metrics = Metrics::default();
        metrics.answered("GET", "/plans".to_owned(), 200, Duration::ZERO);
        let text = metrics.render(Now::default());
        let suffix = |type_: &str| match type_ {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let exported: BTreeMap<_, _> = types.map(|(name, type_)| (format!("{name}{}", suffix(type_)), type_)).collect();
        let documentation = include_str!("../../../docs/observability.md");
        let rows = documentation.lines().filter(|line| line.starts_with("| `chakravue_api_"));
        let rows = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        let documented: BTreeMap<_, _> = rows.map(|row| (row[1].trim_matches('`').to_owned(), row[2])).collect();
        assert_eq!(documented, exported);
        for label in ["method", "route", "status", "outcome", "version"] {
            assert!(text.contains(&format!("{label}=\"")) && documentation.contains(&format!("`{label}`")), "{label}");
        }
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_is_no_longer_under_way() {
        let metrics = Metrics::default();
        let router = Router::new()
            .route("/slow", get(std::future::pending::<()>))
            .layer(middleware::from_fn_with_state(metrics.clone(), track));
        let request = Request::builder().uri("/slow").body(Body::empty()).unwrap();
        let mut answer = Box::pin(router.oneshot(request));
        assert!(futures::poll!(&mut answer).is_pending());
        assert_eq!(metrics.0.in_flight.get(), 1);
        drop(answer);
        assert_eq!(metrics.0.in_flight.get(), 0);
    }

    #[tokio::test]
    async fn outcomes_are_there_from_the_first_look() {
        let metrics = Metrics::default();
        metrics.sign_in(SignIn::Succeeded);
        metrics.payment(Payment::Declined);
        metrics.audit_batch(3);
        let text = metrics.render(Now::default());
        for line in [
            r#"chakravue_api_sign_ins_total{outcome="succeeded"} 1"#,
            r#"chakravue_api_sign_ins_total{outcome="shed"} 0"#,
            r#"chakravue_api_payments_total{outcome="declined"} 1"#,
            r#"chakravue_api_audit_batch_entries_bucket{le="4.0"} 1"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        assert_eq!(ask(&routes(metrics, Now::default), "GET", "/metrics").await, 200);
    }
}
