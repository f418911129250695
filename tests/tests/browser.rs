//! The front end in a real browser: Playwright's tests in `tests/browser` against a whole stack. What a browser cannot do,
//! such as taking MongoDB away, is done here: a small server on the loopback does it when they ask. A program of its own, so
//! that no other test keeps the machine busy beside it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "api/proxied.rs"]
#[allow(dead_code, reason = "a helper of the API's tests, which need more of it")]
mod proxied;
#[path = "api/support.rs"]
mod support;

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Path as InPath, State},
    http::StatusCode,
    routing::post,
};
use chakravue_crds::{HospitalOrganization, annotations::PAUSED, naming::secret_name, organization::Phase};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
    runtime::wait::await_condition,
};
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};
use tokio::{net::TcpListener, process::Command, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use proxied::Proxied;

/// What Debian and others call it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Long enough for a busy machine: a run takes a few minutes.
const LONGEST_RUN: Duration = Duration::from_mins(30);

const ADMINISTRATOR: &str = "administrator@chakravue.example";

/// The browser that `CHROMIUM` names, else one that is installed.
fn browser() -> PathBuf {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed =
        |name: &str| std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    BROWSERS
        .into_iter()
        .find_map(installed)
        .expect("there is no Chromium: apt install chromium, or name one in CHROMIUM")
}

async fn suspend(State(stack): State<Arc<Proxied>>, InPath(organization_id): InPath<String>) {
    set_subscription(&stack, &organization_id, "Suspended", Phase::Suspended).await;
}

async fn resume(State(stack): State<Arc<Proxied>>, InPath(organization_id): InPath<String>) {
    set_subscription(&stack, &organization_id, "Active", Phase::Active).await;
}

/// As a platform engineer does it, and until the operator has seen it.
async fn set_subscription(stack: &Proxied, organization_id: &str, subscription: &str, phase: Phase) {
    let name = stack.object(organization_id).await.name_any();
    let patch = Patch::Merge(json!({ "spec": { "subscription": subscription } }));
    stack.hospitals().patch(&name, &PatchParams::default(), &patch).await.unwrap();
    let has_seen = move |object: Option<&HospitalOrganization>| {
        object.and_then(|object| object.status.as_ref()).is_some_and(|status| status.phase == Some(phase))
    };
    let seen = await_condition(stack.hospitals(), &name, has_seen);
    tokio::time::timeout(support::PATIENCE, seen).await.expect("the operator sees it in time").unwrap();
}

async fn expire(
    State(stack): State<Arc<Proxied>>,
    InPath((database, user_id)): InPath<(String, String)>,
) -> StatusCode {
    let users = stack.mongo.database(&database).collection::<Document>("users");
    let past = doc! { "$set": { "invitation.expires_at": DateTime::from_millis(0) } };
    let updated = users.update_one(doc! { "_id": user_id, "invitation": { "$exists": true } }, past).await.unwrap();
    if updated.matched_count == 1 { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

/// Puts a Secret of somebody else's where a hospital's own should be: it cannot be set up then.
async fn obstruct(State(stack): State<Arc<Proxied>>, InPath(object): InPath<String>) {
    let metadata = ObjectMeta { name: Some(secret_name(&object)), ..ObjectMeta::default() };
    let theirs = Secret { metadata, ..Secret::default() };
    stack.secrets().create(&PostParams::default(), &theirs).await.unwrap();
}

async fn clear(State(stack): State<Arc<Proxied>>, InPath(object): InPath<String>) {
    stack.secrets().delete(&secret_name(&object), &DeleteParams::default()).await.unwrap();
}

async fn pause(State(stack): State<Arc<Proxied>>, InPath(object): InPath<String>) {
    annotate(&stack, &object, json!("true")).await;
}

async fn proceed(State(stack): State<Arc<Proxied>>, InPath(object): InPath<String>) {
    annotate(&stack, &object, Value::Null).await;
}

async fn annotate(stack: &Proxied, object: &str, paused: Value) {
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { PAUSED: paused } } }));
    stack.hospitals().patch(object, &PatchParams::default(), &patch).await.unwrap();
}

async fn mongodb(State(stack): State<Arc<Proxied>>, InPath(state): InPath<String>) {
    stack.mongo_proxy.set_down(state == "down");
}

/// With an operator that has its second login, as it has everywhere else: it sees users come and go, and counts them.
async fn watching(mut proxied: Proxied) -> Proxied {
    let watch = proxied.sandbox.watch_mongodb_uri().await;
    let (_, options) = proxied.sandbox.api_mongodb_uri().rsplit_once('/').unwrap();
    // Hospitals' databases are taken away, too, where a test takes MongoDB away.
    let tenants = format!("mongodb://{}/{options}", proxied.mongo_proxy.address());
    let operator = proxied.sandbox.operator().tenant_mongodb_uri(&tenants).watch_mongodb_uri(&watch).start().await;
    std::mem::replace(&mut proxied.stack.operator, operator).terminate().await;
    proxied.operator.wait_ready().await;
    proxied
}

/// Serves until `stop`; returns where, and what ends then.
async fn control(stack: Arc<Proxied>, stop: CancellationToken) -> (String, JoinHandle<()>) {
    let router = Router::new()
        .route("/suspend/{organization_id}", post(suspend))
        .route("/resume/{organization_id}", post(resume))
        .route("/obstruct/{object}", post(obstruct))
        .route("/clear/{object}", post(clear))
        .route("/pause/{object}", post(pause))
        .route("/proceed/{object}", post(proceed))
        .route("/expire/{database}/{user_id}", post(expire))
        .route("/mongodb/{state}", post(mongodb))
        .with_state(stack);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving =
        async move { axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await.unwrap() };
    (url, tokio::spawn(serving))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_front_end_holds_in_a_browser() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (built, tests) = (repository.join("frontend/dist"), repository.join("tests/browser"));
    assert!(
        built.join("index.html").is_file() && tests.join("node_modules").is_dir(),
        "the front end and its browser tests are not built: make frontend browser"
    );
    let stack = Proxied::with("browser", |api| api.setting("frontend", built.to_str().unwrap())).await;
    let stack = Arc::new(watching(stack).await);
    let invited = stack.sandbox.api().run(&["admin", "invite", "--email", ADMINISTRATOR]).await.unwrap();
    let invitation = invited.split_whitespace().find(|word| word.contains("#token=")).unwrap();

    let stop = CancellationToken::new();
    let (control_url, controlling) = control(Arc::clone(&stack), stop.clone()).await;
    let mut playwright = Command::new("node");
    playwright.arg("node_modules/@playwright/test/cli.js").arg("test").current_dir(&tests);
    // Only these, such as `isolation.spec.ts signup.spec.ts:42`, for whoever works on them.
    playwright.args(std::env::var("BROWSER_SPECS").unwrap_or_default().split_whitespace());
    playwright.env("CHAKRAVUE_URL", stack.api.url()).env("CHAKRAVUE_CONTROL_URL", control_url);
    playwright.env("CHAKRAVUE_PREFIX", stack.sandbox.prefix()).env("CHAKRAVUE_PLATFORM_INVITATION", invitation);
    playwright.env("CHROMIUM", browser()).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } =
        tokio::time::timeout(LONGEST_RUN, playwright.output()).await.expect("it ends in time").unwrap();
    let [said, complained] = [&stdout, &stderr].map(|bytes| String::from_utf8_lossy(bytes));
    assert!(status.success(), "{said}\n{complained}");
    println!("{said}");
    let log = stack.api.log();
    assert!(!log.contains("panicked"), "{log}");
    stop.cancel();
    controlling.await.unwrap();
    Arc::into_inner(stack).expect("nobody asks for anything any more").close().await;
}
