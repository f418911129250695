//! How far a hospital has come: asked for (`…/provisioning`), or told as it happens (`…/provisioning/events`).

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt as _, stream};
use kube::ResourceExt as _;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{identity::still_opens, permissions::may},
    endpoints::organizations::Viewer,
    hospitals::{Hospital, Seen, progress::Progress},
    http::problem::{Answer, Kind, Problem},
    state::App,
};

/// So many people may watch at once; beyond that they are asked to poll.
const MOST_STREAMS: usize = 1000;

/// A stream ends after this long and the browser comes back by itself, so that whether it may still watch is asked anew.
const LONGEST: Duration = Duration::from_mins(10);

/// How often is asked whether the session is still there that opened the stream.
const LOOK: Duration = Duration::from_secs(3);

/// So that nothing between browser and service takes the silence for death.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(get_provisioning)).routes(routes!(watch_provisioning))
}

/// How far the hospital has come.
///
/// For programs that cannot take server-sent events; a second between two questions is polite.
#[utoipa::path(
    get, path = "/organization/{org_id}/provisioning", tag = "signup",
    params(("org_id" = String, Path, description = "The hospital")),
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    responses((status = 200, description = "Where it stands", body = Progress)),
    extensions(("x-permission" = json!("organization.read"))),
)]
async fn get_provisioning(State(app): State<App>, viewer: Viewer<may::ReadOrganization>) -> Answer<Json<Progress>> {
    let hospital = app.hospitals.find(&viewer.organization_id)?;
    Ok(Json(Progress::of(&hospital)))
}

/// One event of the stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only stands in the OpenAPI document")]
struct ProvisioningEvent {
    #[schema(example = "progress")]
    event: String,
    /// What a browser sends back as `Last-Event-ID`.
    #[schema(example = "314")]
    id: String,
    /// What `GET …/provisioning` answers, as JSON.
    data: String,
}

/// The same, told as it happens.
///
/// Server-sent events of the type `progress`, each with what `GET …/provisioning` answers; `ready` is the last. The id of an
/// event is the version of the hospital's object: sent back as `Last-Event-ID`, nothing is told twice. 204 says that there is
/// nothing more to come. The stream ends some seconds after the session that opened it.
#[utoipa::path(
    get, path = "/organization/{org_id}/provisioning/events", tag = "signup",
    params(
        ("org_id" = String, Path, description = "The hospital"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that arrived; browsers send it by themselves"),
    ),
    security(("bearer" = []), ("cookie" = []), ("setup" = [])),
    responses(
        (status = 200, description = "Events", content_type = "text/event-stream", body = ProvisioningEvent),
        (status = 204, description = "The hospital is ready, and the last event has arrived"),
        (status = 429, description = "Too many watch at once: ask `GET …/provisioning` instead"),
    ),
    extensions(("x-permission" = json!("organization.read"))),
)]
async fn watch_provisioning(
    State(app): State<App>,
    viewer: Viewer<may::ReadOrganization>,
    headers: HeaderMap,
) -> Answer<Response> {
    let hospital = app.hospitals.find(&viewer.organization_id)?;
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let version = hospital.resource_version().unwrap_or_default();
    if Progress::of(&hospital).ready && last == version {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = Place::take().ok_or_else(|| {
        let detail = "Too many people watch at once. Ask for the progress now and then instead of watching it.";
        Problem::new(Kind::TooManyRequests, detail).retry_after(Duration::from_secs(5))
    })?;
    let seen = app.hospitals.subscribe(&hospital.name_any());
    let told = Told { version: last, progress: None };
    let ended = {
        let app = app.clone();
        async move {
            loop {
                tokio::time::sleep(LOOK).await;
                if !still_opens(&headers, &app).await {
                    return;
                }
            }
        }
    };
    let events = events(seen, told, app.hospitals.stopping().clone(), place).take_until(ended);
    // Proxies that gather an answer before they pass it on are told not to.
    let headers = [(HeaderName::from_static("x-accel-buffering"), "no"), (header::CACHE_CONTROL, "no-store")];
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok((headers, stream).into_response())
}

/// What the client knows.
struct Told {
    version: String,
    progress: Option<Progress>,
}

struct Watching {
    seen: watch::Receiver<Seen>,
    told: Told,
    until: Instant,
    stop: CancellationToken,
    _place: Place,
}

/// The events of one client, until the hospital is ready or gone, the service stops, or the stream is old.
fn events(
    seen: watch::Receiver<Seen>,
    told: Told,
    stop: CancellationToken,
    place: Place,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let watching = Watching { seen, told, until: Instant::now() + LONGEST, stop, _place: place };
    stream::unfold(Some(watching), async |watching| {
        let mut watching = watching?;
        loop {
            // Marks it as seen, so that what comes while it is told is told next.
            let hospital = watching.seen.borrow_and_update().clone()?;
            if let Some(event) = watching.told.tell(&hospital) {
                let goes_on = !Progress::of(&hospital).ready;
                return Some((Ok(event), goes_on.then_some(watching)));
            }
            tokio::select! {
                changed = watching.seen.changed() => changed.ok()?,
                () = watching.stop.cancelled() => return None,
                () = tokio::time::sleep_until(watching.until) => return None,
            }
        }
    })
}

impl Told {
    /// The event that tells the hospital's state, unless the client knows it.
    fn tell(&mut self, hospital: &Arc<Hospital>) -> Option<Event> {
        let version = hospital.resource_version().unwrap_or_default();
        let progress = Progress::of(hospital);
        if version == self.version || self.progress.as_ref() == Some(&progress) {
            return None;
        }
        let name = if progress.ready { "ready" } else { "progress" };
        let event = Event::default().event(name).id(&version).json_data(&progress).ok()?;
        *self = Self { version, progress: Some(progress) };
        Some(event)
    }
}

/// One of the places of those who watch; given back when dropped.
struct Place(());

static TAKEN: AtomicUsize = AtomicUsize::new(0);

impl Place {
    fn take() -> Option<Self> {
        let more = |taken: usize| (taken < MOST_STREAMS).then_some(taken + 1);
        TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        TAKEN.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hospital(version: u64, ready: bool) -> Hospital {
        let mut hospital = crate::hospitals::tests::hospital("a", version);
        let (status, phase) = if ready { ("True", "Active") } else { ("False", "Provisioning") };
        hospital.status = serde_json::from_value(json!({ "observedGeneration": 1, "phase": phase, "conditions": [
            { "type": "Ready", "status": status, "reason": "Provisioning", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" },
        ] }))
        .unwrap();
        hospital
    }

    fn text(event: &Event) -> String {
        format!("{event:?}")
    }

    #[tokio::test]
    async fn what_changes_is_told_once_and_ready_is_the_last() {
        let cell = watch::Sender::new(Some(Arc::new(hospital(1, false))));
        let told = Told { version: String::new(), progress: None };
        let place = Place::take().unwrap();
        let mut events = Box::pin(events(cell.subscribe(), told, CancellationToken::new(), place));
        assert!(text(&events.next().await.unwrap().unwrap()).contains("progress"));
        // Another version that says the same is not told.
        cell.send_replace(Some(Arc::new(hospital(2, false))));
        cell.send_replace(Some(Arc::new(hospital(3, true))));
        let last = text(&events.next().await.unwrap().unwrap());
        assert!(last.contains("ready") && last.contains("id: 3"), "{last}");
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn a_client_that_comes_back_hears_only_what_is_new() {
        let cell = watch::Sender::new(Some(Arc::new(hospital(5, false))));
        let told = Told { version: "5".into(), progress: None };
        let stop = CancellationToken::new();
        let mut events = Box::pin(events(cell.subscribe(), told, stop.clone(), Place::take().unwrap()));
        assert!(futures::poll!(events.next()).is_pending());
        stop.cancel();
        assert!(events.next().await.is_none());
    }
}
