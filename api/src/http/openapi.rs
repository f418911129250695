//! The OpenAPI document, made from the handlers' own annotations, and the page that shows it.
//!
//! What is true of many operations is added here: how one signs in, that every error is a [`ProblemBody`], and which errors
//! follow from what the operation wants.

use axum::{Json, Router, routing::get};
use serde_json::json;
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, Response, ResponseBuilder,
        path::{Operation, Parameter, ParameterIn},
        request_body::RequestBody,
        schema::{Schema, SchemaType, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    access::identity::{SESSION_COOKIE, SETUP_COOKIE},
    http::problem::{FieldError, ProblemBody},
};

pub const PATH: &str = "/openapi.json";
pub const PAGE: &str = "/docs";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "ChakraVue API",
        description = "From a hospital's signup to a doctor's daily work, each hospital in a database of its own.\n\n\
            Programs send the token of `POST /organization-login` as `Authorization: Bearer`; browsers keep it in a cookie. Every \
            error is `application/problem+json` (RFC 9457). Lists come in pages: pass `next_cursor` back as `cursor`. A record has an \
            `ETag`; a change of it needs that as `If-Match`.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    components(schemas(ProblemBody, FieldError)),
    tags(
        (name = "signup", description = "A new hospital: sign up, pay, watch it being made"),
        (name = "sign-in", description = "Sessions, passwords and invitations"),
        (name = "organization", description = "A hospital's own record, users, plan and payments"),
        (name = "patients", description = "A hospital's patients"),
        (name = "appointments", description = "A hospital's appointments and queue"),
        (name = "pharmacy", description = "A hospital's stock of medicines"),
        (name = "settings", description = "A hospital's settings"),
        (name = "audit", description = "Who did what in a hospital"),
        (name = "platform", description = "For the platform's administrators"),
        (name = "service", description = "The service itself")
    )
)]
struct Frame;

/// The whole document, around what the endpoints say of themselves.
#[must_use]
pub fn document(endpoints: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    document.merge(endpoints);
    let components = document.components.get_or_insert_default();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The `token` of a sign-in, or the `setup_token` of a signup."))
        .build();
    let cookie =
        |name: &str, what: &str| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(name, what)));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("cookie", cookie(SESSION_COOKIE, "The session of a browser; set by a sign-in."));
    components.add_security_scheme("setup", cookie(SETUP_COOKIE, "The signup of a browser; set by `POST /signup`."));
    for (name, one, other) in TOGETHER {
        if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(name) {
            let needed = json!({ one: [other], other: [one] });
            object.extensions.get_or_insert_default().insert("dependentRequired".to_owned(), needed);
        }
    }
    components.responses.extend(SHARED.map(|(name, _, meaning)| (name.to_owned(), RefOr::T(problem(meaning)))));
    let mut repeatable = Vec::new();
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            add_errors(operation);
            operation.parameters.iter_mut().flatten().for_each(forbid_null);
        }
        if item.post.as_ref().is_some_and(|operation| has_parameter(operation, "Idempotency-Key")) {
            repeatable.push(format!("`{path}`"));
        }
    }
    let repeatable = format!(
        " With an `Idempotency-Key` (visible ASCII characters, at most 255, kept for 24 hours) the same request repeated has one \
         effect; these take one: `POST` {}.",
        repeatable.join(", ")
    );
    document.info.description.get_or_insert_default().push_str(&repeatable);
    document
}

/// Fields of a body that come together or not at all: its schema, and the two. utoipa has no attribute for it.
const TOGETHER: [(&str, &str, &str); 1] = [("Measured", "systolic_mmhg", "diastolic_mmhg")];

/// What many operations answer alike: name, status, meaning.
const SHARED: [(&str, &str, &str); 10] = [
    ("Unauthenticated", "401", "Nobody is signed in, or not any more"),
    (
        "Forbidden",
        "403",
        "Not allowed (`forbidden`), the subscription is suspended (`subscription-suspended`), or a browser sent it from another \
         site (`cross-site`)",
    ),
    ("NotFound", "404", "It is not there, or the caller may not know of it"),
    ("RequestTimeout", "408", "The body did not arrive whole in time"),
    ("VersionMismatch", "412", "Somebody changed the record since it was read (`version-mismatch`)"),
    ("TooLarge", "413", "The body is larger than the service takes"),
    ("UnsupportedMediaType", "415", "The body does not say that it is JSON"),
    ("Invalid", "422", "Something in the request is not right; `errors` says what, and where"),
    ("VersionRequired", "428", "The ETag of the record that was read is needed as `If-Match`"),
    ("Problem", "default", "A problem; its `type` says which"),
];

fn problem(description: &str) -> Response {
    let schema = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", schema).build()
}

/// Whatever goes wrong is a problem. How an operation can be refused follows from what it wants: somebody who may, something
/// in its path, a body.
fn add_errors(operation: &mut Operation) {
    let is_asked = |location: ParameterIn| move |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(one) if one.parameter_in == location);
    let is_secured = operation.security.is_some();
    let has_path = operation.parameters.iter().flatten().any(is_asked(ParameterIn::Path));
    let has_body = operation.request_body.is_some();
    let is_read = operation.request_body.as_ref().is_some_and(is_of_ours);
    let has_query = operation.parameters.iter().flatten().any(is_asked(ParameterIn::Query));
    let has_header = operation.parameters.iter().flatten().any(is_asked(ParameterIn::Header));
    let is_of_a_version = has_parameter(operation, "If-Match");
    let responses = &mut operation.responses.responses;
    for (status, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
        if let RefOr::T(response) = response {
            response.content.extend(problem(status).content);
        }
    }
    for (name, status, _) in SHARED {
        let is_possible = match status {
            "401" | "403" => is_secured,
            "404" => has_path,
            "408" | "413" => has_body,
            "412" | "428" => is_of_a_version,
            "415" => is_read,
            "422" => is_read || has_query || has_header,
            _ => true,
        };
        if is_possible {
            responses.entry(status.to_owned()).or_insert(RefOr::Ref(Ref::from_response_name(name)));
        }
    }
}

fn has_parameter(operation: &Operation, name: &str) -> bool {
    operation.parameters.iter().flatten().any(|parameter| matches!(parameter, RefOr::T(one) if one.name == name))
}

/// Whether a body has a schema of the service's own. Another one is taken as it comes.
fn is_of_ours(body: &RefOr<RequestBody>) -> bool {
    let RefOr::T(body) = body else { return true };
    body.content.values().any(|content| matches!(content, RefOr::T(one) if matches!(one.schema, Some(RefOr::Ref(_)))))
}

/// A parameter that is optional can be left out; there is no way to write null in a query or a header.
fn forbid_null(parameter: &mut RefOr<Parameter>) {
    let RefOr::T(parameter) = parameter else { return };
    match &mut parameter.schema {
        Some(RefOr::T(Schema::Object(object))) => {
            if let SchemaType::Array(types) = &object.schema_type
                && let [only] =
                    types.iter().filter(|type_| **type_ != Type::Null).cloned().collect::<Vec<_>>().as_slice()
            {
                object.schema_type = SchemaType::Type(only.clone());
            }
        }
        Some(RefOr::T(Schema::OneOf(choices))) => {
            let is_null = |choice: &RefOr<Schema>| matches!(choice, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
            choices.items.retain(|choice| !is_null(choice));
        }
        _ => {}
    }
}

/// The document, and the page that shows it from files inside the program.
pub fn routes<S: Clone + Send + Sync + 'static>(document: utoipa::openapi::OpenApi) -> Router<S> {
    Router::new()
        .route(PATH, get(async move || Json(document)))
        .merge(Router::from(SwaggerUi::new(PAGE).config(Config::from(PATH))))
}
