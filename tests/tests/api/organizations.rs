//! A hospital's record and plan, the directory, and what the platform's administrators see and do.

use std::{collections::BTreeSet, time::Duration};

use chakravue_crds::{organization::Subscription, plans::Plan};
use chakravue_testbed::{ApiClient, ApiOptions, Reply};
use futures::TryStreamExt as _;
use kube::{ResourceExt as _, api::ListParams};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::{
    proxied::Proxied,
    support::{CARD, PASSWORD, Signup, Stack, eventually},
};

fn plan(plan_id: &str) -> Value {
    json!({ "plan_id": plan_id })
}

async fn names(client: &ApiClient, query: &str) -> BTreeSet<String> {
    let page = client.get(&format!("/organizations{query}")).await.expect(200);
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["organization_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_directory_shows_active_hospitals_by_id_and_name_only() {
    let stack = Stack::new("directory").await;
    let active = stack.signup("Mercy", "starter").await;
    stack.pay(&active).await;
    let second = stack.signup("Ärztehaus", "starter").await;
    stack.pay(&second).await;
    stack.signup("Unpaid", "starter").await;
    let client = stack.client();
    assert_eq!(names(&client, "").await, BTreeSet::from([stack.name("Mercy"), stack.name("Ärztehaus")]));
    assert_eq!(names(&client, "?q=ärzt").await, BTreeSet::from([stack.name("Ärztehaus")]));
    assert_eq!(names(&client, "?q=.*").await, BTreeSet::new());

    let page = client.get("/organizations?limit=1").await.expect(200);
    let fields: BTreeSet<_> = page["items"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, BTreeSet::from(["organization_id", "organization_name"]));
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = client.get(&format!("/organizations?limit=1&cursor={cursor}")).await.expect(200);
    assert_ne!(page["items"][0], next["items"][0]);
    assert!(next["next_cursor"].is_null());
    for query in ["limit=0", "limit=101", "cursor=x", "x=1"] {
        client.get(&format!("/organizations?{query}")).await.problem(422, "invalid");
    }
    stack.close().await;
}

#[tokio::test]
async fn hospitals_are_found_in_either_case_of_their_script() {
    let stack = Stack::new("directory, scripts").await;
    let platform = stack.platform_administrator().await;
    let hospitals = ["İstanbul Hastanesi", "ΙΑΣΙΣ Κλινική", "Straßenklinik"];
    for name in hospitals {
        let signup = stack.signup(name, "starter").await;
        stack.pay(&signup).await;
    }
    let client = stack.client();
    let everywhere = async |q: &str| -> [BTreeSet<String>; 2] {
        let directory = client.request(reqwest::Method::GET, "/organizations").query(&[("q", q)]);
        let list = platform.request(reqwest::Method::GET, "/master/all-organizations").query(&[("q", q)]);
        let named = |page: Value| -> BTreeSet<String> {
            let items = page["items"].as_array().unwrap();
            items.iter().map(|item| item["organization_name"].as_str().unwrap().to_owned()).collect()
        };
        [named(Reply::to(directory).await.expect(200)), named(Reply::to(list).await.expect(200))]
    };
    for (name, queries) in hospitals.into_iter().zip([
        &["istanbul", "ISTANBUL", "İSTANBUL", "ıstanbul h"][..],
        &["ΙΑΣ", "ιας", "ιασ", "ΙΑΣΙΣ κ", "κλινική"],
        &["STRASSE", "strasse", "STRAẞE", "strassenK", "stras"],
    ]) {
        for q in queries {
            let found = BTreeSet::from([stack.name(name)]);
            assert_eq!(everywhere(q).await, [found.clone(), found], "{q}");
        }
    }
    for q in ["istanbul s", "κλινικη", "strase", "(?:ss|[ßẞ])"] {
        assert_eq!(everywhere(q).await, [BTreeSet::new(), BTreeSet::new()], "{q}");
    }
    // The longest patterns are none that MongoDB refuses.
    for letter in ["i", "ß", "ΐ", "\u{1f80}"] {
        assert_eq!(everywhere(&letter.repeat(300)).await, [BTreeSet::new(), BTreeSet::new()], "{letter}");
    }
    stack.close().await;
}

#[tokio::test]
async fn the_directory_can_ask_for_a_search_or_be_off() {
    let search = |api: ApiOptions| api.setting("directory", "search");
    let mut stack = Stack::with("directory, modes", search).await;
    let signup = stack.signup("Mercy", "starter").await;
    stack.pay(&signup).await;
    let client = stack.client();
    for query in ["", "?q=me", "?q=%20m%20e%20", "?q=..."] {
        let problem = client.get(&format!("/organizations{query}")).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["parameter"], "q");
    }
    assert_eq!(names(&client, "?q=merc").await, BTreeSet::from([stack.name("Mercy")]));
    stack.api.restart_with(|api| api.setting("directory", "off")).await;
    stack.client().get("/organizations?q=mercy").await.problem(404, "not-found");
    stack.close().await;
}

#[tokio::test]
async fn the_platform_lists_filters_and_searches_all_organizations() {
    let stack = Stack::new("platform, list").await;
    let platform = stack.platform_administrator().await;
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(stack.signup(&format!("Hospital {number}"), if number < 2 { "starter" } else { "enterprise" }).await);
    }
    stack.pay(&all[0]).await;
    stack.pay(&all[4]).await;
    let ids = async |query: &str| -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/master/all-organizations?limit=2{query}{cursor}");
            let page = platform.get(&path).await.expect(200);
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            ids.extend(items.iter().map(|item| item["organization_id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    };
    let of = |numbers: &[usize]| -> Vec<String> { numbers.iter().map(|n| all[*n].organization_id.clone()).collect() };
    assert_eq!(ids("").await, of(&[4, 3, 2, 1, 0]), "the newest first");
    assert_eq!(ids("&plan=starter").await, of(&[1, 0]));
    eventually("the read model says so", async || (ids("&status=active").await == of(&[4, 0])).then_some(())).await;
    assert_eq!(ids("&status=pending_payment&plan=enterprise").await, of(&[3, 2]));
    assert_eq!(ids("&q=hospital%203").await, of(&[3]));
    assert_eq!(ids(&format!("&q={}", all[1].database_name)).await, of(&[1]));
    assert_eq!(ids(&format!("&q={}", all[2].organization_id)).await, of(&[2]));
    assert_eq!(ids("&q=.*").await, of(&[]));
    for (sort, wanted) in [
        ("created", [0, 1, 2, 3, 4]),
        ("-created", [4, 3, 2, 1, 0]),
        ("name", [0, 1, 2, 3, 4]),
        ("-name", [4, 3, 2, 1, 0]),
        // The newest first among equals.
        ("price", [1, 0, 4, 3, 2]),
        ("-price", [4, 3, 2, 1, 0]),
        ("status", [4, 0, 3, 2, 1]),
        ("-status", [3, 2, 1, 4, 0]),
    ] {
        assert_eq!(ids(&format!("&sort={sort}")).await, of(&wanted), "{sort}");
    }
    // Both that have paid have an administrator; the operator counts users when it looks at a hospital.
    let setup = stack.client().bearer(&all[0].setup_token);
    let more = json!({ "organization_id": all[0].organization_id, "email": "more@hospital.example", "role": "doctor" });
    setup.post("/add-user", &more).await.expect(201);
    for paid in [&all[0], &all[4]] {
        stack.delete_secret(&paid.organization_id).await;
    }
    for (sort, wanted) in [("-users", [0, 4, 3, 2, 1]), ("users", [3, 2, 1, 4, 0])] {
        let found = async || (ids(&format!("&sort={sort}")).await == of(&wanted)).then_some(());
        eventually("the read model counts", found).await;
    }
    let page = platform.get("/master/all-organizations?limit=1").await.expect(200);
    let foreign = format!("/master/all-organizations?status=active&cursor={}", page["next_cursor"].as_str().unwrap());
    platform.get(&foreign).await.problem(422, "invalid");
    for query in ["plan=gold", "status=Active", "limit=0", "sort=age"] {
        platform.get(&format!("/master/all-organizations?{query}")).await.problem(422, "invalid");
    }
    let item = &page["items"][0];
    assert_eq!(item["plan"]["plan_id"], "enterprise");
    assert_eq!(item["seats"]["limit"], Value::Null);

    let metrics = platform.get("/master/metrics").await.expect(200);
    assert_eq!(metrics["monthly_revenue"], 99 + 999);
    assert_eq!(metrics["organizations"]["total"], 5);
    assert_eq!(
        (&metrics["organizations"]["active"], &metrics["organizations"]["pending_payment"]),
        (&json!(2), &json!(3))
    );
    let enterprise =
        metrics["plans"].as_array().unwrap().iter().find(|plan| plan["plan"]["plan_id"] == "enterprise").unwrap();
    assert_eq!((&enterprise["organizations"], &enterprise["monthly_revenue"]), (&json!(3), &json!(999)));
    let today = metrics["signups"]["per_day"].as_array().unwrap().last().unwrap();
    assert_eq!(today["organizations"], 5, "{metrics}");

    let details = platform.get(&format!("/master/organizations/{}", all[0].organization_id)).await.expect(200);
    assert_eq!(details["payments"]["total"], 99);
    let conditions: Vec<_> = details["conditions"].as_array().unwrap().iter().map(|c| c["type"].clone()).collect();
    assert!(conditions.contains(&json!("Ready")), "{details}");
    platform.get("/master/organizations/org_01jd8x2v9t6m3k5q7r1w4y0z8a").await.problem(404, "not-found");
    // Nobody else sees any of it.
    for client in [stack.client(), stack.client().bearer(&all[0].setup_token)] {
        for path in ["/master/all-organizations", "/master/metrics", "/master/payments"] {
            client.get(path).await.problem(401, "unauthenticated");
        }
    }
    stack.close().await;
}

fn path(signup: &Signup, action: &str) -> String {
    format!("/master/organizations/{}/{action}", signup.organization_id)
}

#[tokio::test]
async fn suspension_ends_everything_at_once_and_resuming_brings_it_back() {
    let stack = Stack::new("platform, suspension").await;
    let platform = stack.platform_administrator().await;
    let hospital = stack.hospital("Mercy").await;
    let doctor = stack.staff(&hospital, "doctor@hospital.example", "DOCTOR").await;
    let patients = hospital.path("/patients");
    doctor.get(&patients).await.expect(200);
    let [gone, other] = [
        stack.sign_in(&hospital.organization_id, &doctor.email).await,
        stack.sign_in(&hospital.organization_id, &doctor.email).await,
    ];
    gone.post_empty("/logout").await.expect(204);
    let tenant = stack.tenant(&hospital.organization_id).await;
    let users = tenant.database(&hospital.database_name).collection::<Document>("users");
    users.find_one(doc! {}).await.unwrap();

    // Two at once are one suspension, and the log has it once.
    let suspend = path(&hospital, "suspend");
    let (one, two) = tokio::join!(platform.post_empty(&suspend), platform.post_empty(&suspend));
    for suspended in [one.expect(200), two.expect(200)] {
        assert_eq!(suspended["organization_id"], hospital.organization_id.as_str());
    }
    // The open session is over, and says why wherever it is used; a new one cannot be had.
    for path in [patients.as_str(), &hospital.path(""), "/me", "/me/sessions"] {
        let refused = doctor.get(path).await.problem(403, "subscription-suspended");
        assert!(refused["detail"].as_str().unwrap().contains("suspended"), "{path}: {refused}");
    }
    // Nobody else is told: not with a token that never was, nor with one that ended otherwise.
    let stranger = stack.client().bearer(&format!("chs_{}", "A".repeat(43)));
    stranger.get("/me").await.problem(401, "unauthenticated");
    gone.get("/me").await.problem(401, "unauthenticated");
    // Who leaves is let go, and the token tells nothing any more.
    other.post_empty("/logout").await.expect(204);
    other.get("/me").await.problem(401, "unauthenticated");
    let login = stack.try_sign_in(&hospital.organization_id, "doctor@hospital.example", PASSWORD).await;
    assert!([401, 403].contains(&login.status), "{login:?}");
    // Whatever the API thinks: the hospital's own login is refused by MongoDB itself.
    eventually("MongoDB refuses", async || {
        let error = users.find_one(doc! {}).await.err()?;
        let code = match &*error.kind {
            mongodb::error::ErrorKind::Command(command) => command.code,
            other => panic!("{other:?}"),
        };
        (code == 13).then_some(())
    })
    .await;
    assert!(!names(&stack.client(), "").await.contains(&stack.name("Mercy")));
    eventually("the platform sees it", async || {
        let shown = platform.get(&format!("/master/organizations/{}", hospital.organization_id)).await.expect(200);
        (shown["status"] == "suspended").then_some(())
    })
    .await;
    // Suspended twice is suspended.
    platform.post_empty(&path(&hospital, "suspend")).await.expect(200);

    let resume = path(&hospital, "resume");
    let (one, two) = tokio::join!(platform.post_empty(&resume), platform.post_empty(&resume));
    assert_eq!((one.status, two.status), (200, 200), "{one:?} {two:?}");
    eventually("the doctor is back", async || {
        let login = stack.try_sign_in(&hospital.organization_id, "doctor@hospital.example", PASSWORD).await;
        (login.status == 200).then_some(())
    })
    .await;
    stack.sign_in(&hospital.organization_id, "doctor@hospital.example").await.get(&patients).await.expect(200);
    // The session of before stays ended.
    let ended = doctor.get(&patients).await.problem(401, "unauthenticated");
    assert!(ended["detail"].as_str().unwrap().contains("suspended"), "{ended}");

    // Only the platform may, and only what has paid can be suspended.
    let administrator = stack.sign_in(&hospital.organization_id, &hospital.administrator.email).await;
    administrator.post_empty(&path(&hospital, "suspend")).await.problem(403, "forbidden");
    let unpaid = stack.signup("Unpaid", "starter").await;
    for action in ["suspend", "resume"] {
        platform.post_empty(&path(&unpaid, action)).await.problem(409, "hospital-not-ready");
    }
    let audit =
        stack.master().collection::<Document>("audit_logs").find(doc! {}).sort(doc! { "sequence": 1 }).await.unwrap();
    let entries: Vec<Document> = audit.try_collect().await.unwrap();
    let about_mercy: Vec<_> = entries
        .iter()
        .filter(|entry| {
            entry
                .get_document("target")
                .is_ok_and(|target| target.get_str("id").ok() == Some(&hospital.organization_id))
        })
        .filter_map(|entry| entry.get_str("action").ok())
        .filter(|action| action.starts_with("organization."))
        .collect();
    assert_eq!(
        about_mercy,
        ["organization.sign_up", "organization.activate", "organization.suspend", "organization.resume"]
    );
    stack.close().await;
}

#[tokio::test]
async fn a_suspension_that_could_not_be_recorded_is_recorded_when_it_is_repeated_or_taken_back() {
    let proxied = Proxied::new("suspension, unrecorded").await;
    let platform = proxied.platform_administrator().await;
    let signup = proxied.signup("Mercy", "starter").await;
    proxied.pay(&signup).await;
    let recorded = async || {
        let about = doc! { "target.id": &signup.organization_id,
        "action": { "$in": ["organization.suspend", "organization.resume"] } };
        let log = proxied.master().collection::<Document>("audit_logs");
        let entries: Vec<Document> =
            log.find(about).sort(doc! { "sequence": 1 }).await.unwrap().try_collect().await.unwrap();
        entries.iter().map(|entry| entry.get_str("action").unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut expected: Vec<&str> = Vec::new();
    for (action, entry) in [("suspend", "organization.suspend"), ("resume", "organization.resume")] {
        proxied.mongo_proxy.fail("insert", 11_600, "InterruptedAtShutdown", "the server stops");
        platform.post_empty(&path(&signup, action)).await.problem(503, "database-unavailable");
        assert_eq!(recorded().await, expected);
        proxied.mongo_proxy.clear();
        expected.push(entry);
        for _ in 0..2 {
            platform.post_empty(&path(&signup, action)).await.expect(200);
            assert_eq!(recorded().await, expected);
        }
    }
    // Nobody repeats it: the next step tells of it, too.
    proxied.mongo_proxy.fail("insert", 11_600, "InterruptedAtShutdown", "the server stops");
    platform.post_empty(&path(&signup, "suspend")).await.problem(503, "database-unavailable");
    proxied.mongo_proxy.clear();
    platform.post_empty(&path(&signup, "resume")).await.expect(200);
    expected.extend(["organization.suspend", "organization.resume"]);
    assert_eq!(recorded().await, expected);
    proxied.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspension_that_is_recorded_late_does_not_stand_behind_the_resumption() {
    let proxied = Proxied::new("suspension, late").await;
    let platform = proxied.platform_administrator().await;
    let signup = proxied.signup("Mercy", "starter").await;
    proxied.pay(&signup).await;
    let second = proxied.sandbox.api().start().await;
    second.wait_ready().await;
    let elsewhere = second.client().bearer(platform.token());
    eventually("the second replica knows the hospital", async || {
        (elsewhere.get(&format!("/master/organizations/{}", signup.organization_id)).await.status == 200).then_some(())
    })
    .await;

    // The first replica has suspended it, and its entry is on the way until the other has resumed it.
    proxied.mongo_proxy.delay("insert", Duration::from_secs(10));
    let (late, path) = (platform.client.clone(), path(&signup, "suspend"));
    let suspending = tokio::spawn(async move { late.post_empty(&path).await.expect(200) });
    eventually("it is suspended", async || {
        let object = proxied.object(&signup.organization_id).await;
        (object.spec.subscription == Subscription::Suspended).then_some(())
    })
    .await;
    elsewhere.post_empty(&self::path(&signup, "resume")).await.expect(200);
    suspending.await.unwrap();
    let about = doc! { "target.id": &signup.organization_id,
    "action": { "$in": ["organization.suspend", "organization.resume"] } };
    let log = proxied.master().collection::<Document>("audit_logs");
    let entries: Vec<Document> =
        log.find(about).sort(doc! { "sequence": 1 }).await.unwrap().try_collect().await.unwrap();
    let actions: Vec<_> = entries.iter().map(|entry| entry.get_str("action").unwrap()).collect();
    assert_eq!(actions, ["organization.suspend", "organization.resume"]);
    let version = |entry: &Document| entry.get_document("details").unwrap().get_i64("resource_version").unwrap();
    assert!(version(&entries[0]) < version(&entries[1]), "{entries:?}");
    assert_eq!(platform.get("/master/audit-log/verify").await.expect(200)["intact"], true);
    second.terminate().await;
    proxied.close().await;
}

#[tokio::test]
async fn a_change_of_plan_that_cannot_be_recorded_yet_stands_and_is_recorded_once() {
    let proxied = Proxied::new("plan change, unrecorded").await;
    let platform = proxied.platform_administrator().await;
    let signup = proxied.signup("Mercy", "starter").await;
    proxied.mongo_proxy.fail("insert", 11_600, "InterruptedAtShutdown", "the server stops");
    let changed = platform.post(&path(&signup, "plan"), &plan("professional")).await.expect(200);
    assert_eq!(changed["plan"]["plan_id"], "professional");
    let log = proxied.master().collection::<Document>("audit_logs");
    let about = doc! { "target.id": &signup.organization_id, "action": "organization.change_plan" };
    assert_eq!(log.count_documents(about.clone()).await.unwrap(), 0);
    proxied.mongo_proxy.clear();
    let entry = eventually("it is recorded", async || log.find_one(about.clone()).await.unwrap()).await;
    assert_eq!(entry.get_document("details").unwrap().get_str("plan").unwrap(), "professional");
    assert_eq!(entry.get_str("actor_id").unwrap(), platform.user_id);
    assert!(entry.get_document("details").unwrap().get_i64("resource_version").is_ok(), "{entry}");
    assert_eq!(proxied.object(&signup.organization_id).await.spec.plan, Plan::Professional);
    proxied.close().await;
}

#[tokio::test]
async fn a_hospital_that_others_suspend_has_no_sessions_either() {
    let stack = Stack::new("suspension by hand").await;
    let hospital = stack.hospital("Mercy").await;
    hospital.administrator.get("/me").await.expect(200);
    let session = stack.master().collection::<Document>("sessions");
    let session =
        async || session.find_one(doc! { "organization_id": &hospital.organization_id }).await.unwrap().unwrap();
    assert!(!session().await.contains_key("suspended_by"));
    let name = stack.object(&hospital.organization_id).await.name_any();
    let suspended = json!({ "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
        "metadata": { "name": name }, "spec": { "subscription": "Suspended" } });
    stack.apply(&suspended).await;
    eventually("the session ends", async || session().await.contains_key("suspended_by").then_some(())).await;
    hospital.administrator.get("/me").await.problem(403, "subscription-suspended");
    stack.close().await;
}

#[tokio::test]
async fn where_seats_cannot_be_counted_nobody_gets_a_smaller_plan() {
    let stack = Stack::new("plan change, uncounted").await;
    let platform = stack.platform_administrator().await;
    let hospital = stack.hospital("Mercy").await;
    let own = path(&hospital, "plan");
    platform.post_empty(&path(&hospital, "suspend")).await.expect(200);
    let problem = platform.post(&own, &plan("starter")).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("Resume it first"), "{problem}");
    platform.post_empty(&path(&hospital, "resume")).await.expect(200);
    eventually("the hospital works", async || {
        let login = stack.try_sign_in(&hospital.organization_id, &hospital.administrator.email, PASSWORD).await;
        (login.status == 200).then_some(())
    })
    .await;

    // MongoDB does not let the hospital's login read, and nobody mends that.
    stack.operator.killer()();
    let database = stack.mongo.database(&hospital.database_name);
    let users = database.run_command(doc! { "usersInfo": 1 }).await.unwrap();
    for user in users.get_array("users").unwrap() {
        let name = user.as_document().unwrap().get_str("user").unwrap();
        database.run_command(doc! { "updateUser": name, "roles": [] }).await.unwrap();
    }
    let reply = platform.post(&own, &plan("starter")).await;
    reply.problem(503, "database-unavailable");
    assert!(reply.retry_after().is_some_and(|wait| (1..60).contains(&wait)), "{reply:?}");
    let shown = platform.get(&format!("/master/organizations/{}", hospital.organization_id)).await.expect(200);
    assert_eq!(shown["plan"]["plan_id"], "professional");
    // A larger one takes nothing from anybody.
    platform.post(&own, &plan("enterprise")).await.expect(200);
    stack.close().await;
}

#[tokio::test]
async fn a_plan_change_counts_the_seats_in_use() {
    let stack = Stack::new("plan change").await;
    let platform = stack.platform_administrator().await;
    let hospital = stack.hospital("Mercy").await;
    let mut invited = Vec::new();
    for number in 0..5 {
        invited.push(hospital.invite(&format!("doctor{number}@hospital.example"), "DOCTOR").await);
    }
    let own = hospital.path("/plan");
    for (client, path) in [(&hospital.administrator.client, own.clone()), (&platform.client, path(&hospital, "plan"))] {
        let problem = client.post(&path, &plan("starter")).await.problem(409, "plan-too-small");
        assert_eq!(problem["seats"], json!({ "used": 6, "limit": 5 }));
        assert!(problem["detail"].as_str().unwrap().contains("Disable 1 user"), "{problem}");
    }
    assert_eq!(hospital.administrator.get(&hospital.path("")).await.expect(200)["plan"]["plan_id"], "professional");
    hospital.administrator.post(&own, &plan("gold")).await.problem(422, "invalid");

    // A disabled user takes no seat.
    let user = hospital.path(&format!("/users/{}", invited[0].user_id));
    let etag = eventually("the user is listed", async || {
        let users = hospital.administrator.get(&hospital.path("/users")).await.expect(200);
        let found =
            users["items"].as_array()?.iter().find(|user| user["user_id"] == invited[0].user_id.as_str())?.clone();
        Some(format!("\"{}\"", found["version"]))
    })
    .await;
    hospital.administrator.patch(&user, &etag, &json!({ "status": "disabled" })).await.expect(200);
    let changed = hospital.administrator.post(&own, &plan("starter")).await.expect(200);
    assert_eq!(changed["plan"]["plan_id"], "starter");
    assert_eq!(changed["seats"], json!({ "used": 5, "limit": 5 }));
    let body = hospital.add_user_request("one-too-many@hospital.example", "OPD");
    hospital.administrator.post("/add-user", &body).await.problem(409, "seat-limit-reached");
    let changed = platform.post(&path(&hospital, "plan"), &plan("enterprise")).await.expect(200);
    assert_eq!(changed["seats"]["limit"], Value::Null);
    hospital.invite("now-there-is-room@hospital.example", "OPD").await;

    // The hospital reads what the platform did.
    let log = hospital.administrator.get(&hospital.path("/audit?action=organization.change_plan")).await.expect(200);
    let seen: Vec<_> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (&entry["actor_role"], &entry["details"]["plan"]))
        .collect();
    assert_eq!(seen, [(&json!("PLATFORM_ADMINISTRATOR"), &json!("enterprise")), (&json!("ADMIN"), &json!("starter"))]);

    let doctor = stack.accept(&invited[1]).await;
    doctor.post(&own, &plan("starter")).await.problem(403, "forbidden");
    let audit = stack.database(&hospital).collection::<Document>("audit_logs");
    let entry = audit.find_one(doc! { "action": "organization.change_plan" }).await.unwrap().unwrap();
    assert_eq!(entry.get_str("actor_id").unwrap(), hospital.administrator.user_id);
    stack.close().await;
}

/// Killed in the moment in which any of its writes is acknowledged, and asked for the same once more.
#[tokio::test]
async fn a_killed_plan_change_that_is_sent_again_is_counted_and_recorded_once() {
    let mut proxied = Proxied::new("plan change, killed").await;
    let platform = proxied.platform_administrator().await;
    let hospital = proxied.hospital("Killed").await;
    let mut plans = ["starter", "professional"].into_iter().cycle();
    let mut changes: Vec<String> = Vec::new();
    for n in 1.. {
        for is_platform in [false, true] {
            let wanted = plan(plans.next().unwrap());
            let (client, path) = if is_platform {
                (&platform.client, path(&hospital, "plan"))
            } else {
                (&hospital.administrator.client, hospital.path("/plan"))
            };
            proxied.log.settled().await;
            proxied.log.clear();
            let fired = proxied.log.on_write(n, proxied.api.killer());
            let sent = client.request(reqwest::Method::POST, &path).json(&wanted);
            changes.push(wanted["plan_id"].as_str().unwrap().to_owned());
            if let Ok(reply) = Reply::try_to(sent).await {
                // It has fewer writes than that.
                reply.expect(200);
                proxied.log.clear();
                if is_platform {
                    assert!(n > 3, "nobody was killed");
                    let log = proxied.database(&hospital).collection::<Document>("audit_logs");
                    let told = log.find(doc! { "action": "organization.change_plan" }).sort(doc! { "sequence": 1 });
                    let told: Vec<Document> = told.await.unwrap().try_collect().await.unwrap();
                    let told: Vec<_> = told
                        .iter()
                        .map(|entry| entry.get_document("details").unwrap().get_str("plan").unwrap())
                        .collect();
                    assert_eq!(told, changes, "each change once, in order");
                    let log = proxied.master().collection::<Document>("audit_logs");
                    let told = doc! { "action": "organization.change_plan", "target.id": &hospital.organization_id };
                    let told = log.count_documents(told).await.unwrap();
                    assert_eq!(told, changes.len() as u64 / 2, "each change by the platform once");
                    proxied.close().await;
                    return;
                }
                continue;
            }
            fired.await.unwrap();
            proxied.log.settled().await;
            proxied.log.resume();
            proxied.api.restart().await;
            let known = async || (client.post(&path, &wanted).await.status == 200).then_some(());
            eventually("the change is made", known).await;
        }
    }
}

#[tokio::test]
async fn what_gitops_declares_is_changed_there_and_the_answer_says_where() {
    let stack = Stack::new("gitops").await;
    let platform = stack.platform_administrator().await;
    let object = stack.apply(&stack.declared("declared")).await;
    let id = eventually("the operator claims it", async || {
        let object = stack.hospitals().get(&object.name_any()).await.unwrap();
        object.status?.organization_id
    })
    .await;
    let path = |action: &str| format!("/master/organizations/{id}/{action}");
    eventually("the API sees it", async || {
        (platform.get(&format!("/master/organizations/{id}")).await.status == 200).then_some(())
    })
    .await;
    for (reply, field) in [
        (platform.post_empty(&path("suspend")).await, "spec.subscription"),
        (platform.post(&path("plan"), &plan("enterprise")).await, "spec.plan"),
    ] {
        let problem = reply.problem(409, "managed-elsewhere");
        assert_eq!(problem["managers"], json!(["a-gitops-tool"]));
        assert_eq!(problem["fields"], json!([{ "field": field, "manager": "a-gitops-tool" }]));
        assert!(problem["detail"].as_str().unwrap().contains(field), "{problem}");
    }
    // What is already as it is asked for needs no change.
    platform.post(&path("plan"), &plan("starter")).await.expect(200);
    let unchanged = stack.hospitals().get(&object.name_any()).await.unwrap();
    assert_eq!(unchanged.spec, object.spec);
    assert!(unchanged.managed_fields().iter().all(|entry| entry.manager.as_deref() != Some("chakravue-api")));
    stack.close().await;
}

#[tokio::test]
async fn a_hospital_without_database_yet_can_get_a_smaller_plan() {
    let stack = Stack::new("plan change, no database").await;
    let platform = stack.platform_administrator().await;
    let signup = stack.signup("Mercy", "professional").await;
    stack.operator.killer()();
    let payer = stack.client().bearer(&signup.setup_token);
    payer.post("/process-payment", &signup.payment(CARD)).await.expect(202);
    let changed = platform.post(&path(&signup, "plan"), &plan("starter")).await.expect(200);
    assert_eq!(changed["plan"]["plan_id"], "starter");
    stack.close().await;
}

#[tokio::test]
async fn whoever_signs_up_may_choose_another_plan_until_one_is_paid_for() {
    let stack = Stack::new("plan change, sign-up").await;
    let signup = stack.signup("Mercy", "starter").await;
    let other = stack.signup("Grace", "starter").await;
    let payer = stack.client().bearer(&signup.setup_token);
    let own = format!("/organization/{}/plan", signup.organization_id);
    payer
        .post(&format!("/organization/{}/plan", other.organization_id), &plan("enterprise"))
        .await
        .problem(404, "not-found");
    payer.post(&own, &plan("gold")).await.problem(422, "invalid");
    let changed = payer.post(&own, &plan("professional")).await.expect(200);
    assert_eq!((&changed["plan"]["plan_id"], &changed["status"]), (&json!("professional"), &json!("pending_payment")));
    // The new plan's price is what is paid; a card that is declined leaves the choice open.
    payer.post("/process-payment", &signup.payment(CARD)).await.problem(422, "invalid");
    let mut payment = signup.payment("4000000000000002");
    payment["amount"] = changed["plan"]["price"].clone();
    payer.post("/process-payment", &payment).await.problem(402, "payment-declined");
    payer.post(&own, &plan("starter")).await.expect(200);
    payer.post("/process-payment", &signup.payment(CARD)).await.expect(200);
    payer.post(&own, &plan("enterprise")).await.problem(409, "already-paid");
    assert_eq!(
        payer.get(&format!("/organization/{}", signup.organization_id)).await.expect(200)["plan"]["plan_id"],
        "starter"
    );
    let chosen = doc! { "action": "organization.change_plan", "target.id": &signup.organization_id };
    let log = stack.master().collection::<Document>("audit_logs");
    let chosen: Vec<Document> =
        log.find(chosen).sort(doc! { "sequence": 1 }).await.unwrap().try_collect().await.unwrap();
    let chosen: Vec<_> = chosen
        .iter()
        .map(|entry| {
            (entry.get_str("actor_role").unwrap(), entry.get_document("details").unwrap().get_str("plan").unwrap())
        })
        .collect();
    assert_eq!(chosen, [("SETUP", "professional"), ("SETUP", "starter")]);
    // It is the same hospital all the time.
    assert_eq!(stack.hospitals().list(&ListParams::default()).await.unwrap().items.len(), 2);
    stack.close().await;
}

#[tokio::test]
async fn a_change_keeps_everything_else_that_the_api_declared() {
    let stack = Stack::new("changes").await;
    let platform = stack.platform_administrator().await;
    let signup = stack.signup("Mercy", "starter").await;
    stack.pay(&signup).await;
    let before = stack.object(&signup.organization_id).await;
    platform.post(&path(&signup, "plan"), &plan("professional")).await.expect(200);
    platform.post_empty(&path(&signup, "suspend")).await.expect(200);
    let after = stack.object(&signup.organization_id).await;
    let mut wanted = serde_json::to_value(&before.spec).unwrap();
    wanted["plan"] = json!("Professional");
    wanted["subscription"] = json!("Suspended");
    assert_eq!(serde_json::to_value(&after.spec).unwrap(), wanted);
    assert_eq!(before.annotations(), after.annotations());
    stack.close().await;
}

#[tokio::test]
async fn the_platform_is_told_when_a_server_is_away() {
    let proxied = Proxied::new("platform, away").await;
    let platform = proxied.platform_administrator().await;
    let signup = proxied.signup("Mercy", "starter").await;
    proxied.pay(&signup).await;
    proxied.kube_proxy.set_down(true);
    let reply = platform.post_empty(&path(&signup, "suspend")).await;
    reply.problem(503, "kubernetes-unavailable");
    assert!(reply.retry_after().is_some());
    // What is known is still shown.
    let request = platform.request(reqwest::Method::GET, &format!("/master/organizations/{}", signup.organization_id));
    assert_eq!(Reply::to(request).await.expect(200)["status"], "active");
    proxied.kube_proxy.set_down(false);
    platform.post_empty(&path(&signup, "suspend")).await.expect(200);
    proxied.close().await;
}
