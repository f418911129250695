//! Errors as clients see them: RFC 9457 `application/problem+json`.
//!
//! `type` is what a program decides by and never changes once published; `detail` helps a person; `errors` points at the
//! fields; `request_id` finds the request in the logs. Nothing of it says anything about the inside of the service.

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    data::database_error,
    http::{flaw::Flaw, request_id},
};

/// What a handler answers.
pub type Answer<T> = Result<T, Problem>;

/// For what passes by itself, such as others who work at the same thing.
pub const A_MOMENT: Duration = Duration::from_secs(1);

/// Where the types of problems are described.
const TYPES: &str = "https://chakravue.io/problems/";

macro_rules! kinds {
    ($($(#[doc = $meaning:literal])+ $kind:ident => ($status:ident, $slug:literal, $title:literal),)+) => {
        /// What can go wrong. The slug is the last part of the problem's `type`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Kind { $($(#[doc = $meaning])+ $kind),+ }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Self::$kind => $slug),+ }
            }

            /// The same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$kind => $title),+ }
            }

            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status),+ }
            }

            /// What it means and what to do, for the page that lists the problems.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$kind => concat!($($meaning),+).trim_ascii()),+ }
            }
        }
    };
}

kinds! {
    /// The request cannot be read, for example because its JSON ends too early. Mend the request.
    Malformed => (BAD_REQUEST, "malformed", "The request cannot be read"),
    /// Nobody is signed in, or the session has ended. Sign in.
    Unauthenticated => (UNAUTHORIZED, "unauthenticated", "Sign in first"),
    /// E-mail address, password or hospital are not right together, or too many attempts were made: wait as long as `Retry-After` says.
    InvalidCredentials => (UNAUTHORIZED, "invalid-credentials", "E-mail address or password are not right"),
    /// More people are signing in at once than the service can check. Try again after `Retry-After`.
    SignInBusy => (SERVICE_UNAVAILABLE, "sign-in-busy", "Too many people are signing in"),
    /// The password is right at several hospitals; `organizations` lists them. Sign in to one of them.
    ChooseOrganization => (CONFLICT, "choose-organization", "Choose a hospital"),
    /// The signed-in user's role does not allow this. Ask an administrator.
    Forbidden => (FORBIDDEN, "forbidden", "Not allowed"),
    /// The hospital's subscription is suspended. Its administrator settles that with the platform.
    SubscriptionSuspended => (FORBIDDEN, "subscription-suspended", "The subscription is suspended"),
    /// A browser sent the request from another site. Send it from the service's own pages.
    CrossSite => (FORBIDDEN, "cross-site", "The request comes from another site"),
    /// Nothing is at this path, or nothing that the caller may know of.
    NotFound => (NOT_FOUND, "not-found", "Not found"),
    /// The path does not take this method; the Allow header lists those it takes.
    MethodNotAllowed => (METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"),
    /// The request did not arrive whole in time. Send it again.
    RequestTimeout => (REQUEST_TIMEOUT, "request-timeout", "The request took too long to arrive"),
    /// The request contradicts what is there; `detail` says what.
    Conflict => (CONFLICT, "conflict", "The request contradicts what is there"),
    /// Another patient of the hospital has this record number. Choose another, or leave it out to get the next.
    RecordNumberTaken => (CONFLICT, "record-number-taken", "The record number is taken"),
    /// The patient's record is archived: nothing is added to it or booked. Restore it first.
    PatientArchived => (CONFLICT, "patient-archived", "The patient's record is archived"),
    /// The doctor has another appointment at that time; `detail` and `busy` say when. Choose another time or doctor.
    DoctorNotFree => (CONFLICT, "doctor-not-free", "The doctor is not free"),
    /// The stock does not have that much; `quantity` says how much it has.
    StockTooLow => (CONFLICT, "stock-too-low", "The stock is too low"),
    /// The first request with this Idempotency-Key is still under way. Send it again after `Retry-After`.
    IdempotencyConflict => (CONFLICT, "idempotency-conflict", "The first request is still under way"),
    /// The Idempotency-Key was used for a request with another body. Use a new key for a new request.
    IdempotencyKeyReused => (UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The Idempotency-Key was used for another request"),
    /// The card was declined; `code` says why and `detail` what to do. Nothing was charged.
    PaymentDeclined => (PAYMENT_REQUIRED, "payment-declined", "The payment was declined"),
    /// Another payment of the hospital is not decided yet. Nothing more was charged; look again after `Retry-After`.
    PaymentUnderWay => (CONFLICT, "payment-under-way", "Another payment is under way"),
    /// The hospital is paid for and active. Nothing more was charged.
    AlreadyPaid => (CONFLICT, "already-paid", "The hospital is paid for"),
    /// The payment provider does not answer. Nothing is charged twice; try again after `Retry-After`.
    PaymentProviderUnavailable => (SERVICE_UNAVAILABLE, "payment-provider-unavailable", "The payment provider is not available"),
    /// All seats of the plan are taken. Disable a user or take a larger plan.
    SeatLimitReached => (CONFLICT, "seat-limit-reached", "No seat is free"),
    /// A user with this e-mail address is there already.
    EmailTaken => (CONFLICT, "email-taken", "The e-mail address is taken"),
    /// A hospital needs somebody who can run its account. Make somebody else an administrator first.
    LastAdministrator => (CONFLICT, "last-administrator", "The last administrator has to stay"),
    /// The link was used, has expired or was replaced by a newer one. Ask for a new one.
    LinkUnusable => (GONE, "link-unusable", "The link cannot be used any more"),
    /// Somebody changed the record since it was read. Read it again and repeat the change.
    VersionMismatch => (PRECONDITION_FAILED, "version-mismatch", "The record was changed meanwhile"),
    /// A change of this record needs an If-Match header with its ETag, so that nobody's change is overwritten unseen.
    VersionRequired => (PRECONDITION_REQUIRED, "version-required", "If-Match is needed"),
    /// The file is shorter than the `Range` that was asked for; `Content-Range` says how long it is. Ask without a range.
    RangeNotSatisfiable => (RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "The file has no such part"),
    /// The body is larger than the service takes.
    TooLarge => (PAYLOAD_TOO_LARGE, "too-large", "The request is too large"),
    /// The body is not JSON, or its Content-Type does not say so. Send `Content-Type: application/json`.
    UnsupportedMediaType => (UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Send JSON"),
    /// Fields of the request are not right; `errors` names each.
    Invalid => (UNPROCESSABLE_ENTITY, "invalid", "The request is not valid"),
    /// Too many requests of this kind. Wait as long as `Retry-After` says.
    TooManyRequests => (TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
    /// Something in the service itself failed. Try again; if it lasts, tell who runs it and name the `request_id`.
    Internal => (INTERNAL_SERVER_ERROR, "internal", "Internal error"),
    /// The service has more to do than it can. Nothing is lost; try again after `Retry-After`.
    Overloaded => (SERVICE_UNAVAILABLE, "overloaded", "The service is overloaded"),
    /// The database does not answer. Nothing is lost; try again after `Retry-After`.
    DatabaseUnavailable => (SERVICE_UNAVAILABLE, "database-unavailable", "The database is not available"),
    /// The service cannot take requests yet, or no more, as `GET /readyz` says; `mongodb` and `kubernetes` say what answers. Ask again after `Retry-After`.
    NotReady => (SERVICE_UNAVAILABLE, "not-ready", "The service is not ready"),
    /// Kubernetes does not answer. Nothing is lost; try again after `Retry-After`.
    KubernetesUnavailable => (SERVICE_UNAVAILABLE, "kubernetes-unavailable", "Kubernetes is not available"),
    /// Somebody else, such as a GitOps pipeline, has declared the hospital and manages this field; `managers` names them. Change it there.
    ManagedElsewhere => (CONFLICT, "managed-elsewhere", "The field is managed elsewhere"),
    /// The plan has fewer seats than are in use. Disable users first, or choose a larger plan.
    PlanTooSmall => (CONFLICT, "plan-too-small", "The plan has too few seats"),
    /// The operator has not taken up the hospital yet. Nothing is lost: send the same request again after `Retry-After`.
    OperatorUnavailable => (SERVICE_UNAVAILABLE, "operator-unavailable", "The hospital is not taken up yet"),
    /// The hospital has no database yet: it has not paid, or is being set up.
    HospitalNotReady => (CONFLICT, "hospital-not-ready", "The hospital is not ready"),
}

/// An error on its way to a client.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    more: Map<String, Value>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the request's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/email")]
    pub pointer: Option<String>,
    /// The parameter of the query or the header, where it is not the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    #[serde(flatten)]
    pub flaw: Flaw,
    /// What is wrong and what would be right, in English.
    pub detail: String,
}

impl FieldError {
    /// At a JSON pointer into the body.
    pub fn at(pointer: impl Into<String>, flaw: Flaw) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, detail: flaw.to_string(), flaw }
    }

    /// In the query or a header.
    pub fn of_parameter(parameter: impl Into<String>, flaw: Flaw) -> Self {
        Self { pointer: None, parameter: Some(parameter.into()), detail: flaw.to_string(), flaw }
    }
}

/// The body of every error, as RFC 9457 defines it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Identifies the kind of problem; stable.
    #[schema(example = "https://chakravue.io/problems/invalid")]
    r#type: String,
    title: &'static str,
    status: u16,
    /// For a person: what happened and what to do.
    detail: Cow<'static, str>,
    /// The fields that are not right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// Finds the request in the service's logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None, more: Map::new() }
    }

    /// Nothing (that the caller may know of) is there.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "There is no such thing, or it is not yours to see.")
    }

    /// The hospital of whoever asks is suspended.
    #[must_use]
    pub fn suspended() -> Self {
        Self::new(
            Kind::SubscriptionSuspended,
            "The hospital's subscription is suspended. Its data is safe; the administrator settles the matter with the platform.",
        )
    }

    /// A failure of the service's own; whoever makes it has logged why.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            Kind::Internal,
            "The request failed for a reason of the service's own. Try again; if it lasts, tell who runs it.",
        )
    }

    /// MongoDB does not answer, or not in time.
    #[must_use]
    pub fn database_away() -> Self {
        let detail = "The database does not answer. Nothing is lost; try again in a moment.";
        Self::new(Kind::DatabaseUnavailable, detail).retry_after(Duration::from_secs(2))
    }

    /// One field of the body that is not right.
    #[must_use]
    pub fn invalid(pointer: impl Into<String>, flaw: Flaw) -> Self {
        Self::new(Kind::Invalid, "Some fields are not right; see errors.").field(pointer, flaw)
    }

    /// One parameter of the query, or one header, that is not right.
    #[must_use]
    pub fn invalid_parameter(parameter: impl Into<String>, flaw: Flaw) -> Self {
        Self::invalid_parameters(vec![FieldError::of_parameter(parameter, flaw)])
    }

    #[must_use]
    pub fn invalid_parameters(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Kind::Invalid, "Some parameters are not right; see errors.") }
    }

    #[must_use]
    pub fn field(mut self, pointer: impl Into<String>, flaw: Flaw) -> Self {
        self.errors.push(FieldError::at(pointer, flaw));
        self
    }

    /// When to try again. Such an answer is kept for no repetition of the request.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A member of its own, beside those of RFC 9457.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, errors, retry_after, more } = self;
        let body = ProblemBody {
            r#type: format!("{TYPES}{}", kind.slug()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            errors,
            request_id: request_id::current(),
            more,
        };
        let mut response = (kind.status(), Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if kind.status() == StatusCode::UNAUTHORIZED {
            // Every 401 needs one (RFC 9110); for this scheme no browser asks for a password by itself.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"chakravue\""));
        }
        if let Some(wait) = retry_after {
            // Whole seconds, and never 0: that would mean at once.
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)),
            );
        }
        response
    }
}

impl From<mongodb::error::Error> for Problem {
    fn from(error: mongodb::error::Error) -> Self {
        // The server's own words may quote a document, so only the kind of error and its code are logged.
        let (kind, code) = (database_error::name(&error), database_error::code(&error));
        if database_error::is_away(&error) {
            tracing::warn!(kind, code, "MongoDB is away");
            Self::database_away()
        } else if database_error::is_login_refused(&error) || database_error::is_refused(&error) {
            // Somebody is changing the login, or has forgotten a right: the probe says which.
            tracing::error!(kind, code, "MongoDB refuses the service's own login");
            Self::database_away()
        } else {
            tracing::error!(kind, code, "MongoDB answered with an error");
            Self::internal()
        }
    }
}

impl From<kube::Error> for Problem {
    fn from(error: kube::Error) -> Self {
        match &error {
            kube::Error::Api(status) if status.code < 500 && status.code != 429 => {
                tracing::error!(code = status.code, reason = status.reason, "Kubernetes refused");
                Self::internal()
            }
            // Without its message, which may quote what somebody sent.
            kube::Error::Api(status) => {
                tracing::warn!(code = status.code, reason = status.reason, "Kubernetes fails");
                Self::kubernetes_away()
            }
            kube::Error::SerdeError(_) => {
                tracing::warn!("Kubernetes answers something that cannot be read");
                Self::kubernetes_away()
            }
            _ => {
                tracing::warn!(%error, "Kubernetes is away");
                Self::kubernetes_away()
            }
        }
    }
}

impl Problem {
    #[must_use]
    pub fn kubernetes_away() -> Self {
        let detail = "Kubernetes does not answer. Nothing is lost; try again in a moment.";
        Self::new(Kind::KubernetesUnavailable, detail).retry_after(Duration::from_secs(2))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use axum::body::to_bytes;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_problem_has_the_members_of_rfc_9457_and_its_headers() {
        let problem = Problem::new(Kind::TooManyRequests, "Slow down.")
            .field("/name", Flaw::TooLong { max: 5 })
            .with("seats", json!({ "used": 5 }))
            .retry_after(Duration::from_millis(1500));
        let response = problem.into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), 4096).await.unwrap()).unwrap();
        assert_eq!(
            body,
            json!({ "type": "https://chakravue.io/problems/too-many-requests", "title": "Too many requests",
                    "status": 429, "detail": "Slow down.", "seats": { "used": 5 },
                    "errors": [{ "pointer": "/name", "code": "too_long", "max": 5,
                                 "detail": "must have at most 5 characters" }] })
        );
    }

    #[test]
    fn slugs_are_distinct_and_readable() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.slug().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert!(!kind.title().is_empty() && !kind.meaning().is_empty());
        }
    }
}
