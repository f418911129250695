//! `POST /stripe/webhook`: the provider tells of its decisions.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::HeaderMap,
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    http::{extract::unreadable, problem::Answer},
    state::App,
    subscription::payments::webhook,
};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(receive_stripe_event))
}

#[derive(Serialize, ToSchema)]
struct EventAnswer {
    received: bool,
}

/// Takes in an event of Stripe.
///
/// Stripe signs each event with the endpoint's secret and sends it again until the answer is 200. Events of kinds that
/// do not matter here are taken and forgotten. There is nothing here where another provider is used.
#[utoipa::path(
    post, path = "/stripe/webhook", tag = "service",
    params(("Stripe-Signature" = Option<String>, Header, description = "Time and signatures, as Stripe makes them")),
    request_body(content = serde_json::Value, description = "The event, as Stripe sends it", example = json!({
        "id": "evt_1PxYzA", "object": "event", "type": "payment_intent.succeeded",
        "data": { "object": { "id": "pi_3PxYzA", "object": "payment_intent" } }
    })),
    responses(
        (status = 200, description = "Taken", body = EventAnswer),
        (status = 400, description = "Not signed by Stripe, or not just now")
    )
)]
async fn receive_stripe_event(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer<Json<EventAnswer>> {
    let body = body.map_err(|rejection| unreadable(&rejection))?;
    let signature = headers.get(webhook::SIGNATURE_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    app.payments.take_in(signature, &body).await?;
    Ok(Json(EventAnswer { received: true }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{
        body::Body,
        http::{Request, StatusCode},
    };
    use tower::ServiceExt as _;
    use tower_http::timeout::RequestBodyDeadlineLayer;

    use super::*;
    use crate::state;

    #[tokio::test]
    async fn an_event_that_does_not_arrive_whole_is_not_waited_for() {
        let router = axum::Router::new()
            .route("/stripe/webhook", axum::routing::post(receive_stripe_event))
            .layer(RequestBodyDeadlineLayer::new(Duration::from_millis(20)))
            .with_state(state::unreachable().await);
        let endless = Body::from_stream(futures::stream::pending::<Result<String, std::io::Error>>());
        let request = Request::post("/stripe/webhook").body(endless).unwrap();
        assert_eq!(router.oneshot(request).await.unwrap().status(), StatusCode::REQUEST_TIMEOUT);
    }
}
