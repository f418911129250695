//! Watching a hospital being made: as events, and by asking.

use chakravue_testbed::ApiClient;
use futures::StreamExt as _;
use serde_json::Value;

use crate::support::{CARD, PATIENCE, Signup, Stack};

/// One server-sent event.
#[derive(Clone, Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

/// Events as they arrive.
struct Events {
    body: futures::stream::BoxStream<'static, Vec<u8>>,
    text: String,
}

impl Events {
    async fn open(client: &ApiClient, path: &str, last: Option<&str>) -> Self {
        let request = client.request(reqwest::Method::GET, path);
        let request = if let Some(id) = last { request.header("Last-Event-ID", id) } else { request };
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let body = response.bytes_stream().map(|bytes| bytes.unwrap().to_vec()).boxed();
        Self { body, text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    lines.collect::<Vec<_>>().join("\n")
                };
                if let Ok(data) = serde_json::from_str(&field("data")) {
                    return Some(Event { name: field("event"), id: field("id"), data });
                }
            }
            let more = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("nothing came, not even the end");
            self.text.push_str(&String::from_utf8(more?).unwrap());
        }
    }
}

fn states(progress: &Value) -> Vec<(String, String)> {
    let steps = progress["steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| (step["step"].as_str().unwrap().to_owned(), step["state"].as_str().unwrap().to_owned()))
        .collect()
}

fn events_of(signup: &Signup) -> String {
    signup.path("/provisioning/events")
}

#[tokio::test]
async fn a_browser_sees_the_hospital_come_to_be() {
    let stack = Stack::new("provisioning").await;
    let reply = stack.client().post("/signup", &stack.signup_request("Watched", "starter")).await;
    let signup = Signup::of(&reply.expect(201));
    // EventSource can send no header of its own: the cookie of the signup has to do.
    let browser = stack.client().cookie(&reply.cookie("__Host-chakravue-setup").unwrap());
    let mut events = Events::open(&browser, &events_of(&signup), None).await;
    let first = events.next().await.unwrap();
    assert_eq!((first.name.as_str(), &first.data["status"]), ("progress", &Value::from("pending_payment")));
    let steps: Vec<_> = states(&first.data).into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps[..2], ["claim", "credentials"]);
    assert_eq!(steps[8..], ["indexes", "ready"]);
    assert_eq!(states(&first.data)[0].1, "done");
    assert_eq!(browser.get(&signup.path("/provisioning")).await.expect(200), first.data);

    // Whoever comes back with the id of the last event hears of it no more.
    let mut resumed = Events::open(&browser, &events_of(&signup), Some(&first.id)).await;
    stack.client().bearer(&signup.setup_token).post("/process-payment", &signup.payment(CARD)).await.expect(200);
    for stream in [&mut events, &mut resumed] {
        let mut last: Option<Event> = None;
        while let Some(event) = stream.next().await {
            assert_ne!(event.id, first.id, "told twice");
            assert_ne!(last.as_ref().map(|last| &last.data), Some(&event.data), "told twice");
            last = Some(event);
        }
        let last = last.unwrap();
        assert_eq!(
            (last.name.as_str(), &last.data["status"], &last.data["ready"]),
            ("ready", &"active".into(), &true.into())
        );
        assert!(states(&last.data).iter().all(|(_, state)| state == "done"), "{}", last.data);
        // A browser reconnects when a stream ends, unless it is told that nothing more comes.
        let request = browser.request(reqwest::Method::GET, &events_of(&signup)).header("Last-Event-ID", &last.id);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }
    let asked = browser.get(&signup.path("/provisioning")).await.expect(200);
    assert_eq!((asked["ready"].clone(), asked["message"].clone()), (true.into(), "The hospital is ready.".into()));
    stack.close().await;
}

#[tokio::test]
async fn a_stream_ends_with_the_session_that_opened_it() {
    let stack = Stack::new("provisioning, signed out").await;
    let platform = stack.platform_administrator().await;
    let signup = stack.signup("Watched", "starter").await;
    let mut events = Events::open(&platform.client, &events_of(&signup), None).await;
    assert_eq!(events.next().await.unwrap().data["status"], "pending_payment");
    // Another one goes on.
    let setup = stack.client().bearer(&signup.setup_token);
    let mut others = Events::open(&setup, &events_of(&signup), None).await;
    others.next().await.unwrap();
    platform.post_empty("/logout").await.expect(204);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), events.next()).await;
    assert!(ended.expect("the stream ends").is_none());
    setup.post("/process-payment", &signup.payment(CARD)).await.expect(200);
    let mut last = None;
    while let Some(event) = others.next().await {
        last = Some(event);
    }
    assert_eq!(last.unwrap().name, "ready");
    stack.close().await;
}

#[tokio::test]
async fn what_takes_long_is_explained_in_words() {
    let mut stack = Stack::with("provisioning, slow", |api| api.setting("payment_wait", "1s")).await;
    let signup = stack.signup("Slow", "starter").await;
    let client = stack.client().bearer(&signup.setup_token);
    stack.operator.killer()();
    let paid = client.post("/process-payment", &signup.payment(CARD)).await;
    let answer = paid.expect(202);
    assert_eq!(answer["status"], "provisioning");
    assert_eq!(paid.header("location"), Some(signup.path("/provisioning").as_str()));
    let progress = client.get(&signup.path("/provisioning")).await.expect(200);
    assert_eq!(progress["ready"], false);
    assert!(progress["message"].as_str().unwrap().contains("begins by itself"), "{progress}");
    assert_eq!(states(&progress)[1], ("credentials".into(), "working".into()));

    let mut events = Events::open(&client, &events_of(&signup), None).await;
    assert_eq!(events.next().await.unwrap().data, progress);
    stack.operator = stack.sandbox.operator().start().await;
    let mut last = None;
    while let Some(event) = events.next().await {
        last = Some(event);
    }
    assert_eq!(last.unwrap().name, "ready");
    stack.close().await;
}

#[tokio::test]
async fn only_who_may_see_the_hospital_watches_it() {
    let stack = Stack::new("provisioning, who").await;
    let (one, two) = (stack.signup("One", "starter").await, stack.signup("Two", "starter").await);
    for path in [one.path("/provisioning"), events_of(&one)] {
        stack.client().get(&path).await.problem(401, "unauthenticated");
        stack.client().bearer(&two.setup_token).get(&path).await.problem(404, "not-found");
    }
    stack.close().await;
}

#[tokio::test]
async fn streams_end_when_the_service_stops() {
    let stack = Stack::new("provisioning, stop").await;
    let signup = stack.signup("Stopped", "starter").await;
    let client = stack.client().bearer(&signup.setup_token);
    let mut events = Events::open(&client, &events_of(&signup), None).await;
    assert!(events.next().await.is_some());
    let started = std::time::Instant::now();
    let (status, end) = tokio::join!(stack.api.terminate(), events.next());
    assert!(status.success() && end.is_none());
    assert!(started.elapsed().as_secs() < 10, "the service waited for somebody who watches");
    stack.operator.terminate().await;
    stack.sandbox.close().await;
}
