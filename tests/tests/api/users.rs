//! A hospital's users: seats are exact, somebody who can run the hospital always stays, and a request that comes again has
//! one effect.

use futures::future::join_all;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use chakravue_testbed::Reply;

use crate::{
    proxied::Proxied,
    support::{Hospital, PASSWORD, Stack, eventually, text},
};

impl Hospital {
    /// Changes a user as the administrator, whatever version it has.
    pub async fn set_user(&self, user_id: &str, change: &Value) -> Reply {
        let path = self.path(&format!("/users/{user_id}"));
        let etag = self.administrator.get(&path).await.etag();
        self.administrator.patch(&path, &etag, change).await
    }

    async fn seats(&self) -> Value {
        self.administrator.get(&self.path("")).await.expect(200)["seats"].clone()
    }
}

#[tokio::test]
async fn users_are_listed_in_pages_and_changed_with_their_version() {
    let stack = Stack::new("users").await;
    let hospital = stack.hospital("Users").await;
    for number in 0..4 {
        hospital.invite(&format!("opd{number}@users.example"), "opd").await;
    }
    let mut emails = Vec::new();
    let mut path = hospital.path("/users?limit=2");
    loop {
        let page = hospital.administrator.get(&path).await.expect(200);
        emails.extend(page["items"].as_array().unwrap().iter().map(|user| text(user, "email")));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = hospital.path(&format!("/users?limit=2&cursor={cursor}"));
    }
    let opds = (0..4).map(|number| format!("opd{number}@users.example"));
    assert_eq!(emails, std::iter::once("admin@hospital.example".to_owned()).chain(opds).collect::<Vec<_>>());
    let invited = hospital.administrator.get(&hospital.path("/users?status=invited&role=OPD")).await.expect(200);
    assert_eq!(invited["items"].as_array().unwrap().len(), 4);
    assert!(!invited.to_string().contains("hash"), "{invited}");

    let user = hospital.path(&format!("/users/{}", text(&invited["items"][0], "user_id")));
    let administrator = &hospital.administrator;
    let etag = administrator.get(&user).await.etag();
    let changed = administrator.patch(&user, &etag, &json!({ "name": " Dr. Ann Lee ", "role": "doctor" })).await;
    let body = changed.expect(200);
    assert_eq!((&body["name"], &body["role"], &body["version"]), (&json!("Dr. Ann Lee"), &json!("DOCTOR"), &json!(2)));
    administrator.patch(&user, &etag, &json!({ "name": null })).await.problem(412, "version-mismatch");
    let cleared = administrator.patch(&user, &changed.etag(), &json!({ "name": null })).await.expect(200);
    assert_eq!(cleared["name"], Value::Null);
    for wrong in [json!({ "email": "x@y.example" }), json!({ "role": "OWNER" }), json!({ "status": "invited" })] {
        hospital.set_user(user.rsplit('/').next().unwrap(), &wrong).await.problem(422, "invalid");
    }
    let reply = Reply::to(administrator.request(reqwest::Method::PATCH, &user).json(&json!({ "name": "X" }))).await;
    reply.problem(428, "version-required");
    let taken = administrator.post("/add-user", &hospital.add_user_request("OPD1@users.EXAMPLE", "opd")).await;
    taken.problem(409, "email-taken");
    let elsewhere =
        json!({ "organization_id": "org_01jd0000000000000000000000", "email": "a@b.example", "role": "OPD" });
    administrator.post("/add-user", &elsewhere).await.problem(404, "not-found");
    stack.close().await;
}

#[tokio::test]
async fn twenty_at_once_on_five_seats_end_with_exactly_five() {
    let stack = Stack::new("users, seats").await;
    let hospital = stack.hospital_on("Seats", "starter").await;
    let requests = (0..20).map(|number| {
        let request = hospital.add_user_request(&format!("user{number}@seats.example"), "opd");
        let hospital = &hospital;
        async move { hospital.administrator.post("/add-user", &request).await }
    });
    let replies = join_all(requests).await;
    let added: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
    assert_eq!(added.len(), 4, "beside the administrator");
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        let problem = reply.problem(409, "seat-limit-reached");
        assert_eq!(problem["seats"], json!({ "used": 5, "limit": 5 }));
    }
    assert_eq!(hospital.seats().await, json!({ "used": 5, "limit": 5 }));

    // A disabled user frees a seat; it takes one to come back.
    let user_id = text(&added[0].json(), "user_id");
    hospital.set_user(&user_id, &json!({ "status": "disabled" })).await.expect(200);
    hospital.invite("successor@seats.example", "opd").await;
    hospital.set_user(&user_id, &json!({ "status": "active" })).await.problem(409, "seat-limit-reached");
    let other = text(&added[1].json(), "user_id");
    hospital.set_user(&other, &json!({ "status": "disabled" })).await.expect(200);
    let back = hospital.set_user(&user_id, &json!({ "status": "active" })).await.expect(200);
    assert_eq!(back["status"], "invited", "there is no password yet");
    assert_eq!(hospital.seats().await["used"], 5);
    stack.close().await;
}

#[tokio::test]
async fn a_replica_that_has_not_heard_of_a_smaller_plan_gives_away_no_seat_of_the_larger_one() {
    let proxied = Proxied::new("users, stale plan").await;
    let other = proxied.sandbox.api().start().await;
    other.wait_ready().await;
    let hospital = proxied.hospital("Stale").await;
    let mut invited = Vec::new();
    for number in 0..4 {
        invited.push(hospital.invite(&format!("doctor{number}@stale.example"), "doctor").await);
    }
    // Its watch breaks off and does not come back; whatever else it asks Kubernetes is answered.
    proxied.kube_proxy.set_down(true);
    proxied.kube_proxy.ignore("GET", "hospitalorganizations?");
    proxied.kube_proxy.set_down(false);
    let at_other = proxied.sign_in_at(&other.client(), &hospital.organization_id, &hospital.administrator.email).await;
    let plan = json!({ "plan_id": "starter" });
    assert_eq!(at_other.post(&hospital.path("/plan"), &plan).await.expect(200)["seats"]["limit"], 5);

    let request = hospital.add_user_request("one-too-many@stale.example", "opd");
    let problem = hospital.administrator.post("/add-user", &request).await.problem(409, "seat-limit-reached");
    assert_eq!(problem["seats"], json!({ "used": 5, "limit": 5 }));
    // Nor to one who comes back; without Kubernetes nobody knows, and says so.
    hospital.set_user(&invited[0].user_id, &json!({ "status": "disabled" })).await.expect(200);
    at_other.post("/add-user", &request).await.expect(201);
    let active = json!({ "status": "active" });
    hospital.set_user(&invited[0].user_id, &active).await.problem(409, "seat-limit-reached");
    proxied.kube_proxy.set_down(true);
    let reply = hospital.set_user(&invited[0].user_id, &active).await;
    reply.problem(503, "kubernetes-unavailable");
    assert!(reply.retry_after().is_some());
    proxied.close().await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let stack = Stack::new("users, last admin").await;
    let hospital = stack.hospital("Last").await;
    let own_id = hospital.administrator.user_id.clone();
    for change in [json!({ "status": "disabled" }), json!({ "role": "doctor" })] {
        hospital.set_user(&own_id, &change).await.problem(409, "last-administrator");
    }
    // One who is only invited cannot take over yet.
    let invited = hospital.invite("second@last.example", "admin").await;
    hospital.set_user(&own_id, &json!({ "status": "disabled" })).await.problem(409, "last-administrator");
    let second = stack.accept(&invited).await;
    // Both at once: one of them stays.
    let path = |user_id: &str| hospital.path(&format!("/users/{user_id}"));
    let (etag, second_etag) =
        (second.get(&path(&own_id)).await.etag(), second.get(&path(&second.user_id)).await.etag());
    let demote = json!({ "role": "doctor" });
    let (own_path, second_path) = (path(&own_id), path(&second.user_id));
    let (one, other) = tokio::join!(
        second.patch(&own_path, &etag, &demote),
        hospital.administrator.patch(&second_path, &second_etag, &demote),
    );
    assert!([one.status, other.status].contains(&200), "{one:?} {other:?}");
    assert!(one.status != other.status, "{one:?} {other:?}");
    let users = stack.database(&hospital).collection::<Document>("users");
    assert_eq!(users.count_documents(doc! { "role": "ADMIN", "status": "active" }).await.unwrap(), 1);
    stack.close().await;
}

#[tokio::test]
async fn a_killed_add_user_that_is_sent_again_makes_one_user_on_one_seat() {
    let mut stack = Stack::new("users, killed").await;
    let hospital = stack.hospital_on("Killed", "starter").await;
    let token = hospital.administrator.token().to_owned();
    let users = stack.database(&hospital).collection::<Document>("users");
    for number in 0..3 {
        let email = format!("opd{number}@killed.example");
        let (key, request) = (format!("add-user-{number}-0123456789"), hospital.add_user_request(&email, "opd"));
        // Dies as soon as the user is stored, wherever the answer is then.
        let mut stored = users.watch().pipeline([doc! { "$match": { "operationType": "insert" } }]).await.unwrap();
        let kill = stack.api.killer();
        let killed = async {
            use futures::StreamExt as _;
            stored.next().await.unwrap().unwrap();
            kill();
        };
        let client = stack.client().bearer(&token);
        let http = client.request(reqwest::Method::POST, "/add-user").header("Idempotency-Key", &key).json(&request);
        let (_lost_or_not, ()) = tokio::join!(Reply::try_to(http), killed);
        stack.api = stack.sandbox.api().start().await;
        stack.api.wait_ready().await;
        let client = stack.client().bearer(&token);
        let answer = client.post_once("/add-user", &key, &request).await.expect(201);
        assert_eq!(answer["seats"]["used"], number + 2, "{answer}");
        assert_eq!(users.count_documents(doc! { "email": &email }).await.unwrap(), 1);
        // The link in the answer that arrived works.
        let accept =
            json!({ "token": crate::support::token_in(&text(&answer, "invitation_url")), "password": PASSWORD });
        stack.client().post("/invitations/accept", &accept).await.expect(200);
        // Another body with the same key is another request.
        let other = hospital.add_user_request("other@killed.example", "opd");
        client.post_once("/add-user", &key, &other).await.problem(422, "idempotency-key-reused");
    }
    stack.close().await;
}

#[tokio::test]
async fn a_replica_that_stood_still_takes_no_link_from_the_one_that_took_over() {
    let proxied = Proxied::new("users, frozen").await;
    let other = proxied.sandbox.api().start().await;
    other.wait_ready().await;
    let signup = proxied.signup("Frozen", "starter").await;
    proxied.pay(&signup).await;
    let request = json!({ "organization_id": signup.organization_id, "email": "opd@frozen.example", "role": "opd" });
    let key = "add-user-frozen-0123456789";
    let keys = proxied.master().collection::<Document>("idempotency");
    let before = keys.count_documents(doc! {}).await.unwrap();
    // It stands still after it took the request, before it reached the hospital's database.
    proxied.mongo_proxy.hold(&signup.database_name);
    let frozen = async {
        eventually("the request is taken", async || {
            (keys.count_documents(doc! {}).await.unwrap() > before).then_some(())
        })
        .await;
        proxied.api.freeze();
        proxied.mongo_proxy.clear();
        let client = other.client().bearer(&signup.setup_token);
        let answer = client.post_once("/add-user", key, &request).await.expect(201);
        proxied.api.wake();
        answer
    };
    let client = proxied.client().bearer(&signup.setup_token);
    let (late, answer) = tokio::join!(client.post_once("/add-user", key, &request), frozen);
    late.problem(409, "idempotency-conflict");
    assert_eq!(client.post_once("/add-user", key, &request).await.expect(201), answer);
    let accept = json!({ "token": crate::support::token_in(&text(&answer, "invitation_url")), "password": PASSWORD });
    proxied.client().post("/invitations/accept", &accept).await.expect(200);
    proxied.close().await;
}

#[tokio::test]
async fn what_was_refused_is_decided_anew_when_it_is_sent_again() {
    let stack = Stack::new("users, refused").await;
    let signup = stack.signup("Early", "starter").await;
    let setup = stack.client().bearer(&signup.setup_token);
    let request = json!({ "organization_id": signup.organization_id, "email": "opd@early.example", "role": "opd" });
    let key = "add-user-early-0123456789";
    setup.post_once("/add-user", key, &request).await.problem(409, "hospital-not-ready");
    stack.pay(&signup).await;
    let added = setup.post_once("/add-user", key, &request).await.expect(201);
    assert_eq!(setup.post_once("/add-user", key, &request).await.expect(201), added);
    let other = json!({ "organization_id": signup.organization_id, "email": "other@early.example", "role": "opd" });
    setup.post_once("/add-user", key, &other).await.problem(422, "idempotency-key-reused");
    stack.close().await;
}

#[tokio::test]
async fn two_of_the_same_request_at_once_make_one_user() {
    let stack = Stack::new("users, same").await;
    let hospital = stack.hospital("Same").await;
    let request = hospital.add_user_request("opd@same.example", "opd");
    let replies =
        join_all((0..5).map(|_| hospital.administrator.post_once("/add-user", "same-0123456789abcdef", &request)))
            .await;
    let first = replies[0].expect(201);
    assert!(replies.iter().all(|reply| reply.expect(201) == first), "{replies:#?}");
    assert_eq!(hospital.seats().await["used"], 2);
    stack.close().await;
}
