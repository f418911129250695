//! Errors as clients see them: RFC 9457 `application/problem+json`.
//!
//! `type` is what a program decides by and never changes once published; `detail` helps a person. Neither says anything
//! about the inside of the service.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

pub struct Problem {
    kind: &'static str,
    title: &'static str,
    status: StatusCode,
    detail: &'static str,
}

pub const NOT_FOUND: Problem = Problem {
    kind: "https://chakravue.io/problems/not-found",
    title: "Not found",
    status: StatusCode::NOT_FOUND,
    detail: "Nothing is served at this path.",
};

pub const METHOD_NOT_ALLOWED: Problem = Problem {
    kind: "https://chakravue.io/problems/method-not-allowed",
    title: "Method not allowed",
    status: StatusCode::METHOD_NOT_ALLOWED,
    detail: "This path does not take this method; the Allow header lists those it takes.",
};

pub const INTERNAL: Problem = Problem {
    kind: "https://chakravue.io/problems/internal",
    title: "Internal error",
    status: StatusCode::INTERNAL_SERVER_ERROR,
    detail: "The request failed for a reason of the service's own. Try again; if it lasts, tell who runs it.",
};

pub async fn not_found() -> Problem {
    NOT_FOUND
}

/// The router adds the `Allow` header.
pub async fn method_not_allowed() -> Problem {
    METHOD_NOT_ALLOWED
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            detail: &'static str,
        }
        let Self { kind, title, status, detail } = self;
        let body = Json(Body { r#type: kind, title, status: status.as_u16(), detail });
        (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))], body).into_response()
    }
}
