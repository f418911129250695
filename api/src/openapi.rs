//! The OpenAPI document, made from the handlers' own annotations, and the page that shows it.
//!
//! What is true of every operation is added here: how one signs in, and that every error is a [`ProblemBody`].

use axum::{Json, Router, routing::get};
use utoipa::{
    OpenApi,
    openapi::{
        ContentBuilder, Ref, RefOr, ResponseBuilder,
        path::{Operation, Parameter},
        schema::{Schema, SchemaType, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::{
    app,
    identity::{SESSION_COOKIE, SETUP_COOKIE},
    problem::{FieldError, ProblemBody},
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
            `ETag`; a change of it needs that as `If-Match`. `POST /signup`, `/process-payment` and `/add-user` take an \
            `Idempotency-Key` (1 to 255 visible ASCII characters, kept for 24 hours): the same request repeated has one effect and \
            the same answer.",
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

/// The whole document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Frame::openapi();
    document.merge(app::endpoints().into_openapi());
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
    for item in document.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            add_errors(operation);
            operation.parameters.iter_mut().flatten().for_each(forbid_null);
        }
    }
    document
}

/// Every operation may also answer with a problem that it shares with all others: 408, 413, 500, 503 and the like.
fn add_errors(operation: &mut Operation) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let response = ResponseBuilder::new()
        .description("A problem; its `type` says which")
        .content("application/problem+json", problem)
        .build();
    operation.responses.responses.entry("default".to_owned()).or_insert(RefOr::T(response));
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

/// The document and the page, from files inside the program.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let document = document();
    Router::new()
        .route(PATH, get(async move || Json(document)))
        .merge(Router::from(SwaggerUi::new(PAGE).config(Config::from(PATH))))
}
