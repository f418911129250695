//! Signing in: what is right, that nothing else shows anything, how guessing and floods are slowed down, and everything that
//! ends a session.

use std::time::{Duration, Instant};

use chakravue_testbed::{ApiOptions, Reply};
use futures::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::{Value, json};

use crate::support::{Hospital, PASSWORD, Stack, Staff, eventually, text};

const WRONG: &str = "a password that nobody here has";

impl Stack {
    fn attempts(&self) -> mongodb::Collection<Document> {
        self.master().collection("login_attempts")
    }

    fn sessions(&self) -> mongodb::Collection<Document> {
        self.master().collection("sessions")
    }

    /// Lets time pass for everybody who has to wait after wrong passwords.
    async fn wait_out_soft_locks(&self) {
        let past = DateTime::from_millis(DateTime::now().timestamp_millis() - 1000);
        let waited = doc! { "$set": { "locked_until": past } };
        self.attempts().update_many(doc! {}, waited).await.unwrap();
    }

    /// How many sign-ins the metrics have as succeeded, refused, limited and shed.
    async fn sign_ins(&self) -> [u64; 4] {
        let metrics = self.api.metrics().await;
        ["succeeded", "refused", "limited", "shed"].map(|outcome| {
            let line = format!("chakravue_api_sign_ins_total{{outcome=\"{outcome}\"}} ");
            let count = metrics.lines().find_map(|text| text.strip_prefix(&line)).expect("the metric is there");
            count.parse().unwrap()
        })
    }

    /// Lets time pass for every session: moves a date of them into the past.
    async fn age_sessions(&self, field: &str, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        let aged = vec![doc! { "$set": { field: { "$subtract": [format!("${field}"), by] } } }];
        self.sessions().update_many(doc! {}, aged).await.unwrap();
    }
}

fn is_refused(reply: &Reply) -> Value {
    let mut problem = reply.problem(401, "invalid-credentials");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"chakravue\""), "no browser asks by itself");
    problem.as_object_mut().unwrap().remove("request_id");
    assert!(reply.retry_after().is_some_and(|wait| wait >= 1), "{reply:?}");
    assert_eq!(reply.cookie("__Host-chakravue-session"), None);
    problem
}

/// When somebody last signed in, as the hospital's administrator sees it: in the list and alone.
async fn last_login(hospital: &Hospital, staff: &Staff) -> DateTime {
    let listed = hospital.administrator.get(&hospital.path("/users")).await.expect(200);
    let is_asked = |user: &&Value| user["user_id"] == staff.user_id.as_str();
    let listed = listed["items"].as_array().unwrap().iter().find(is_asked).unwrap()["last_login"].clone();
    let alone = hospital.administrator.get(&hospital.path(&format!("/users/{}", staff.user_id))).await.expect(200);
    assert_eq!(listed, alone["last_login"]);
    DateTime::parse_rfc3339_str(listed.as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_user_signs_in_with_token_or_cookie_and_by_address_alone() {
    let stack = Stack::new("sign-in").await;
    let hospital = stack.hospital("St. Mary's").await;
    let doctor = stack.staff(&hospital, "Doctor@StMarys.example", "doctor").await;

    let accepted = last_login(&hospital, &doctor).await;
    let asked = DateTime::now();
    let reply = stack.try_sign_in(&hospital.organization_id, " doctor@stmarys.EXAMPLE", PASSWORD).await;
    let answer = reply.expect(200);
    let signed_in = last_login(&hospital, &doctor).await;
    assert!(accepted < signed_in, "{accepted} {signed_in}");
    assert!(asked <= signed_in && signed_in <= DateTime::now(), "{asked} {signed_in}");
    let user = &answer["user"];
    assert_eq!(user["user_id"], doctor.user_id.as_str());
    assert_eq!((&user["email"], &user["role"]), (&json!("doctor@stmarys.example"), &json!("DOCTOR")));
    assert_eq!(user["organization_id"], hospital.organization_id.as_str());
    assert_eq!(user["organization_name"], stack.name("St. Mary's"));
    let cookie = reply.header("set-cookie").unwrap();
    for part in ["__Host-chakravue-session=chs_", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(reply.header("cache-control"), Some("no-store"));

    let browser = stack.client().cookie(&reply.cookie("__Host-chakravue-session").unwrap());
    let me = browser.get("/me").await.expect(200);
    assert_eq!((&me["user"], &me["organization"]["plan"]["plan_id"]), (user, &json!("professional")));
    let permissions: Vec<_> = me["permissions"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert!(permissions.contains(&"clinical_notes.write") && !permissions.contains(&"users.manage"), "{permissions:?}");

    let by_address = json!({ "email": "doctor@stmarys.example", "password": PASSWORD });
    assert_eq!(stack.client().post("/login", &by_address).await.expect(200)["user"], *user);
    let by_address_alone = last_login(&hospital, &doctor).await;
    assert!(signed_in < by_address_alone, "{signed_in} {by_address_alone}");
    // What is no sign-in is none.
    is_refused(&stack.try_sign_in(&hospital.organization_id, &doctor.email, WRONG).await);
    doctor.get("/me").await.expect(200);
    assert_eq!(last_login(&hospital, &doctor).await, by_address_alone);

    // Nothing in the database signs anybody in.
    let token = text(&answer, "token");
    let sessions = stack.sessions().count_documents(doc! { "_id": &token }).await.unwrap();
    assert_eq!(sessions, 0, "the token itself is stored");
    stack.close().await;
}

#[tokio::test]
async fn an_address_at_several_hospitals_chooses_only_after_the_right_password() {
    let stack = Stack::new("sign-in, several").await;
    let (one, other) = tokio::join!(stack.hospital("One"), stack.hospital("Other"));
    for hospital in [&one, &other] {
        stack.staff(hospital, "locum@several.example", "doctor").await;
    }
    let login = |password: &str| json!({ "email": "locum@several.example", "password": password });
    // Two accounts' hashes or nobody's: the time is the same.
    let nobody = json!({ "email": "nobody@several.example", "password": WRONG });
    for login in [login(WRONG), nobody] {
        let asked = Instant::now();
        is_refused(&stack.client().post("/login", &login).await);
        assert!(asked.elapsed() >= Duration::from_millis(1500), "{:?}", asked.elapsed());
    }
    // Where they worked once does not count, however often that was.
    let noted = stack.master().collection::<Document>("organization_users");
    let locum = doc! { "organization_id": { "$in": [&one.organization_id, &other.organization_id] } };
    let newest = noted.find_one(locum).sort(doc! { "_id": -1 }).await.unwrap().unwrap();
    for (age, number) in ["user_0", "user_7z"].into_iter().flat_map(|age| (10..20).map(move |number| (age, number))) {
        let mut gone = newest.clone();
        gone.insert("_id", format!("{age}{number}"));
        gone.insert("organization_id", format!("org_01jd{number:022}"));
        noted.insert_one(gone).await.unwrap();
    }
    stack.wait_out_soft_locks().await;
    let choose = stack.client().post("/login", &login(PASSWORD)).await.problem(409, "choose-organization");
    let mut ids: Vec<_> =
        choose["organizations"].as_array().unwrap().iter().map(|o| text(o, "organization_id")).collect();
    let mut expected = vec![one.organization_id.clone(), other.organization_id.clone()];
    ids.sort();
    expected.sort();
    assert_eq!(ids, expected);
    // To choose is no sign-in yet.
    assert_eq!(stack.sign_ins().await, [0, 2, 0, 0]);
    stack.sign_in(&other.organization_id, "locum@several.example").await;
    assert_eq!(stack.sign_ins().await, [1, 2, 0, 0]);
    stack.close().await;
}

#[tokio::test]
async fn no_refusal_says_why_neither_in_words_nor_in_time() {
    const ROUNDS: usize = 20;
    const MOST_ROUNDS: usize = 400;
    let stack = Stack::new("sign-in, equal").await;
    let hospital = stack.hospital("Equal").await;
    stack.staff(&hospital, "known@equal.example", "doctor").await;
    let locked = stack.staff(&hospital, "locked@equal.example", "doctor").await;
    let disabled = stack.staff(&hospital, "disabled@equal.example", "doctor").await;
    hospital.invite("invited@equal.example", "opd").await;
    hospital.set_user(&disabled.user_id, &json!({ "status": "disabled" })).await.expect(200);
    let org = hospital.organization_id.as_str();
    let elsewhere = "org_01jd0000000000000000000000";
    // Who, where, with which password; the locked one's is right.
    let ways = [
        ("unknown hospital", elsewhere, "known@equal.example", PASSWORD),
        ("no hospital's id", "Equal", "known@equal.example", PASSWORD),
        ("unknown user", org, "nobody@equal.example", PASSWORD),
        ("wrong password", org, "known@equal.example", WRONG),
        ("locked", org, "locked@equal.example", PASSWORD),
        ("disabled", org, "disabled@equal.example", PASSWORD),
        ("invited", org, "invited@equal.example", PASSWORD),
    ];
    let mut bodies = Vec::new();
    let mut times = ways.map(|_| Vec::new());
    // What else the machine does only adds to some of them, and the more there are the less it adds to the quickest tenth; a
    // difference that is there stays, however many there are.
    for round in 1.. {
        // In turn, so that whatever else the machine does falls on all alike.
        for ((_, org, email, password), times) in ways.iter().zip(&mut times) {
            stack.wait_out_soft_locks().await;
            if *email == locked.email {
                is_refused(&stack.try_sign_in(org, email, WRONG).await);
            }
            let started = Instant::now();
            let reply = stack.try_sign_in(org, email, password).await;
            times.push(started.elapsed());
            bodies.push(is_refused(&reply));
        }
        if round % ROUNDS == 0 {
            let quick = times.each_mut().map(|times| {
                times.sort();
                times[times.len() / 10]
            });
            if *quick.iter().max().unwrap() < quick.iter().min().unwrap().mul_f64(1.25) {
                break;
            }
            let measured: Vec<_> = ways.iter().map(|way| way.0).zip(quick).collect();
            assert!(round < MOST_ROUNDS, "{measured:#?}");
        }
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
    stack.close().await;
}

/// The seconds after one failure after the other, but for the fiftieth.
fn soft_lock_waits() -> impl Iterator<Item = u64> {
    [(2, 1), (6, 3), (16, 5), (25, 10)].into_iter().flat_map(|(failures, wait)| std::iter::repeat_n(wait, failures))
}

#[tokio::test]
async fn guessing_is_slowed_down_step_by_step_and_ends_with_a_success() {
    let stack = Stack::new("sign-in, soft lock").await;
    let hospital = stack.hospital("Slow").await;
    stack.staff(&hospital, "target@slow.example", "doctor").await;
    let colleague = stack.staff(&hospital, "colleague@slow.example", "doctor").await;
    let org = hospital.organization_id.as_str();
    for email in ["target@slow.example", "nobody@slow.example"] {
        let mut waits = Vec::new();
        for _ in 0..26 {
            stack.wait_out_soft_locks().await;
            let reply = stack.try_sign_in(org, email, WRONG).await;
            is_refused(&reply);
            waits.push(reply.retry_after().unwrap());
        }
        assert_eq!(waits, soft_lock_waits().take(26).collect::<Vec<_>>(), "{email}");
    }
    // During the wait the right password is refused too, and costs nothing more.
    is_refused(&stack.try_sign_in(org, "target@slow.example", WRONG).await);
    let locked = stack.try_sign_in(org, "target@slow.example", PASSWORD).await;
    is_refused(&locked);
    assert!(locked.retry_after().unwrap() <= 10);
    // Others are not concerned.
    stack.sign_in(org, &colleague.email).await;
    stack.wait_out_soft_locks().await;
    stack.sign_in(org, "target@slow.example").await;
    let again = stack.try_sign_in(org, "target@slow.example", WRONG).await;
    is_refused(&again);
    assert_eq!(again.retry_after(), Some(1), "the success did not reset the count");

    // After fifty, until a day after the first.
    let past = DateTime::from_millis(DateTime::now().timestamp_millis() - 1);
    let almost = doc! { "$set": { "failures": 49_i64, "locked_until": past } };
    stack.attempts().update_many(doc! {}, almost).await.unwrap();
    let last = stack.try_sign_in(org, "target@slow.example", WRONG).await;
    is_refused(&last);
    assert!((86_000..=86_400).contains(&last.retry_after().unwrap()), "{last:?}");
    // When the day is over, the count begins anew.
    let over = doc! { "$set": { "expires_at": past, "locked_until": past } };
    stack.attempts().update_many(doc! {}, over).await.unwrap();
    stack.sign_in(org, "target@slow.example").await;
    stack.close().await;
}

/// Whoever guesses could have a user of the same address at a hospital of their own.
#[tokio::test]
async fn a_success_elsewhere_gives_no_guesses_back() {
    let stack = Stack::new("sign-in, elsewhere").await;
    let (hospital, own) = tokio::join!(stack.hospital("Target"), stack.hospital("Own"));
    let email = "target@elsewhere.example";
    stack.staff(&hospital, email, "doctor").await;
    let there = stack.staff(&own, email, "doctor").await;
    let new = "lamp violin gravel oyster";
    let change = json!({ "current_password": PASSWORD, "new_password": new });
    there.post("/me/password", &change).await.expect(200);
    let login = |password: &str| json!({ "email": email, "password": password });
    let mut waits = Vec::new();
    for _ in 0..4 {
        let guess = stack.client().post("/login", &login(WRONG)).await;
        is_refused(&guess);
        waits.extend(guess.retry_after());
        stack.wait_out_soft_locks().await;
        let answer = stack.client().post("/login", &login(new)).await.expect(200);
        assert_eq!(answer["user"]["organization_id"], own.organization_id.as_str());
    }
    assert_eq!(waits, [1, 1, 3, 3]);
    // What was counted for one account at one hospital is forgotten by a success there, and only there.
    is_refused(&stack.try_sign_in(&hospital.organization_id, email, WRONG).await);
    stack.try_sign_in(&own.organization_id, email, new).await.expect(200);
    stack.try_sign_in(&hospital.organization_id, email, PASSWORD).await.problem(401, "invalid-credentials");
    stack.close().await;
}

#[tokio::test]
async fn guesses_at_once_count_no_more_than_guesses_in_turn() {
    let stack = Stack::new("sign-in, at once").await;
    let hospital = stack.hospital("At Once").await;
    stack.staff(&hospital, "target@once.example", "doctor").await;
    let began = Instant::now();
    let guesses = (0..40).map(|_| stack.try_sign_in(&hospital.organization_id, "target@once.example", WRONG));
    let replies = join_all(guesses).await;
    let took = began.elapsed();
    for reply in &replies {
        is_refused(reply);
    }
    let attempts = stack.attempts().find_one(doc! {}).await.unwrap().unwrap();
    let failures = attempts.get_i64("failures").unwrap();
    let in_turn = guesses_in_turn(took);
    assert!(
        failures <= in_turn,
        "a burst of {took:?} counts {failures} and could lock the user out: {in_turn} in turn"
    );
    // The log has the refusals that counted, in the hospital's own chain.
    let audit = hospital.administrator.get(&hospital.path("/audit?limit=100")).await.expect(200);
    let refusals =
        audit["items"].as_array().unwrap().iter().filter(|entry| entry["action"] == "session.refuse").count();
    assert!((1..=40).contains(&refusals), "{audit}");
    stack.close().await;
}

/// How many guesses count of somebody who waits as long as each answer says.
fn guesses_in_turn(time: Duration) -> i64 {
    let ends = soft_lock_waits().scan(0, |end, wait| {
        *end += wait;
        Some(*end)
    });
    1 + i64::try_from(ends.take_while(|end| *end <= time.as_secs()).count()).unwrap()
}

#[tokio::test]
async fn right_passwords_at_once_are_all_right_also_after_a_failure() {
    let stack = Stack::new("sign-in, right at once").await;
    let hospital = stack.hospital("Right At Once").await;
    stack.staff(&hospital, "target@right.example", "doctor").await;
    let org = hospital.organization_id.as_str();
    for _ in 0..3 {
        is_refused(&stack.try_sign_in(org, "target@right.example", WRONG).await);
        stack.wait_out_soft_locks().await;
        let replies = join_all((0..6).map(|_| stack.try_sign_in(org, "target@right.example", PASSWORD))).await;
        assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    }
    stack.close().await;
}

#[tokio::test]
async fn a_flood_is_shed_and_memory_stays_bounded() {
    // So that each of two threads hashes a few in time where that takes 300 ms, and does not come to all where it takes 10.
    let few = |api: ApiOptions| api.setting("hashing.workers", "2").setting("hashing.queue_wait", "700ms");
    let stack = Stack::with("sign-in, flood", few).await;
    let hospital = stack.hospital("Flood").await;
    let before = resident_kib(stack.api.pid());
    let logins = (0..200).map(|number| {
        let email = format!("nobody{number}@flood.example");
        let (stack, hospital) = (&stack, &hospital);
        async move { stack.try_sign_in(&hospital.organization_id, &email, WRONG).await }
    });
    let replies = join_all(logins).await;
    let (mut refused, mut shed) = (0, 0);
    for reply in &replies {
        if reply.status == 503 {
            reply.problem(503, "sign-in-busy");
            assert!(reply.retry_after().is_some());
            shed += 1;
        } else {
            is_refused(reply);
            refused += 1;
        }
    }
    assert!(shed > 20 && refused > 4, "{refused} refused, {shed} shed");
    assert_eq!(stack.sign_ins().await, [0, refused, 0, shed]);
    // As many hashes as threads at once, 19 MiB each, and what two hundred requests take besides.
    let grown = resident_kib(stack.api.pid()).saturating_sub(before);
    assert!(grown < 20_000 * 2 + 40_000, "{grown} KiB more for two threads");
    // Everybody else is served meanwhile and afterwards.
    eventually("sign-in works again", async || {
        let email = hospital.administrator.email.as_str();
        (stack.try_sign_in(&hospital.organization_id, email, PASSWORD).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(stack.sign_ins().await[0], 1);
    stack.close().await;
}

fn resident_kib(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn limits_answer_429_and_cannot_be_evaded_by_a_header() {
    let stack = Stack::with("sign-in, limits", |api| {
        api.setting("limits.sign_ins_per_address_and_minute", "5").setting("trusted_proxies", "")
    })
    .await;
    let login = json!({ "email": "a@b.example", "password": WRONG });
    // All at once: one more is let in every twelve seconds, which a busy machine may take for eight passwords in turn.
    let tries = (0..8).map(|number| {
        let request = stack.client().request(reqwest::Method::POST, "/login").json(&login);
        Reply::to(request.header("X-Forwarded-For", format!("198.51.100.{number}")))
    });
    let replies = join_all(tries).await;
    let (refused, admitted): (Vec<_>, Vec<_>) = replies.iter().partition(|reply| reply.status == 429);
    for reply in &refused {
        reply.problem(429, "too-many-requests");
        assert!(reply.retry_after().is_some_and(|wait| wait <= 12), "{reply:?}");
    }
    assert_eq!(admitted.iter().map(|reply| reply.status).collect::<Vec<_>>(), [401; 5]);
    assert_eq!(refused.len(), 3);
    assert_eq!(stack.sign_ins().await, [0, 5, 3, 0]);
    stack.close().await;
}

#[tokio::test]
async fn everything_that_should_end_a_session_does_so_at_once() {
    let stack = Stack::new("sign-in, ends").await;
    let hospital = stack.hospital("Ends").await;
    let org = hospital.organization_id.as_str();
    let opd = stack.staff(&hospital, "opd@ends.example", "opd").await;
    let ended = |staff: &Staff| {
        let staff = staff.clone();
        async move { staff.get("/me").await.problem(401, "unauthenticated") }
    };

    // A new session at every sign-in; sessions are listed and ended one by one.
    let (first, second) = (stack.sign_in(org, &opd.email).await, stack.sign_in(org, &opd.email).await);
    assert_ne!(first.token(), second.token());
    let sessions = second.get("/me/sessions").await.expect(200);
    let sessions = sessions["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    // The others have as much time left from when they were seen last.
    let idle = |session: &Value| {
        let at = |field: &str| DateTime::parse_rfc3339_str(text(session, field)).unwrap();
        at("idle_expires_at").saturating_duration_since(at("last_seen_at"))
    };
    let others: Vec<_> = sessions.iter().filter(|session| session["current"] == false).map(idle).collect();
    assert!(others[0] == others[1] && others[0].subsec_nanos() == 0, "{sessions:#?}");
    let mine = first.get("/me").await.expect(200);
    let id = text(&mine["session"], "session_id");
    second.delete(&format!("/me/sessions/{id}")).await.expect(204);
    ended(&first).await;
    second.delete(&format!("/me/sessions/{id}")).await.problem(404, "not-found");
    // Nobody ends somebody else's.
    let other = text(&hospital.administrator.get("/me").await.expect(200)["session"], "session_id");
    second.delete(&format!("/me/sessions/{other}")).await.problem(404, "not-found");

    let logout = second.post_empty("/logout").await;
    logout.expect(204);
    assert!(logout.header("clear-site-data").is_some());
    assert!(logout.header("set-cookie").unwrap().contains("Max-Age=0"));
    ended(&second).await;

    // A new password ends all sessions but gives a new one.
    let third = stack.sign_in(org, &opd.email).await;
    let new = "lamp violin gravel oyster";
    let change = |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
    third.post("/me/password", &change(WRONG, new)).await.problem(422, "invalid");
    third.post("/me/password", &change(PASSWORD, new)).await.problem(429, "too-many-requests");
    stack.wait_out_soft_locks().await;
    third.post("/me/password", &change(PASSWORD, "short")).await.problem(422, "invalid");
    let changed = third.post("/me/password", &change(PASSWORD, new)).await.expect(200);
    ended(&third).await;
    ended(&opd).await;
    let fourth = Staff::signed_in(&stack.client(), &changed);
    fourth.get("/me").await.expect(200);
    is_refused(&stack.try_sign_in(org, &opd.email, PASSWORD).await);
    stack.wait_out_soft_locks().await;

    // A new role, and being disabled.
    hospital.set_user(&opd.user_id, &json!({ "role": "doctor" })).await.expect(200);
    ended(&fourth).await;
    let fifth = Staff::signed_in(&stack.client(), &stack.try_sign_in(org, &opd.email, new).await.expect(200));
    assert_eq!(fifth.answer["user"]["role"], "DOCTOR");
    hospital.set_user(&opd.user_id, &json!({ "name": "Somebody Else" })).await.expect(200);
    fifth.get("/me").await.expect(200);
    hospital.set_user(&opd.user_id, &json!({ "status": "disabled" })).await.expect(200);
    ended(&fifth).await;
    is_refused(&stack.try_sign_in(org, &opd.email, new).await);
    stack.close().await;
}

#[tokio::test]
async fn sessions_end_when_idle_and_at_last() {
    let stack = Stack::new("sign-in, expiry").await;
    let hospital = stack.hospital("Expiry").await;
    let (org, email) = (hospital.organization_id.as_str(), hospital.administrator.email.as_str());
    let session = stack.sign_in(org, email).await;
    stack.age_sessions("last_seen_at", Duration::from_secs(14 * 60)).await;
    session.get("/me").await.expect(200);
    // That was a sign of life.
    stack.age_sessions("last_seen_at", Duration::from_secs(14 * 60)).await;
    session.get("/me").await.expect(200);
    stack.age_sessions("last_seen_at", Duration::from_secs(15 * 60)).await;
    session.get("/me").await.problem(401, "unauthenticated");

    let session = stack.sign_in(org, email).await;
    stack.age_sessions("expires_at", Duration::from_secs(12 * 60 * 60 - 60)).await;
    session.get("/me").await.expect(200);
    stack.age_sessions("expires_at", Duration::from_secs(60)).await;
    session.get("/me").await.problem(401, "unauthenticated");
    stack.close().await;
}

#[tokio::test]
async fn who_is_disabled_while_signing_in_keeps_no_session() {
    let stack = Stack::new("sign-in, race").await;
    let hospital = stack.hospital("Race").await;
    let org = hospital.organization_id.as_str();
    let doctor = stack.staff(&hospital, "doctor@race.example", "doctor").await;
    for round in 0..6 {
        let sign_ins = join_all((0..6).map(|_| stack.try_sign_in(org, &doctor.email, PASSWORD)));
        let disable = async {
            tokio::time::sleep(Duration::from_millis(round * 12)).await;
            hospital.set_user(&doctor.user_id, &json!({ "status": "disabled" })).await.expect(200)
        };
        let (replies, _) = tokio::join!(sign_ins, disable);
        for reply in replies.iter().filter(|reply| reply.status == 200) {
            let session = Staff::signed_in(&stack.client(), &reply.json());
            session.get("/me").await.problem(401, "unauthenticated");
        }
        let left = doc! { "user_id": &doctor.user_id };
        assert_eq!(stack.sessions().count_documents(left).await.unwrap(), 0, "round {round}");
        hospital.set_user(&doctor.user_id, &json!({ "status": "active" })).await.expect(200);
        stack.wait_out_soft_locks().await;
    }
    stack.close().await;
}

#[tokio::test]
async fn suspension_ends_sessions_and_sign_in_and_comes_back() {
    let stack = Stack::new("sign-in, suspended").await;
    let hospital = stack.hospital("Suspended").await;
    let org = hospital.organization_id.as_str();
    let doctor = stack.staff(&hospital, "doctor@suspended.example", "doctor").await;
    let platform = stack.platform_administrator().await;
    platform.post_empty(&format!("/master/organizations/{org}/suspend")).await.expect(200);
    doctor.get(&hospital.path("/patients")).await.problem(403, "subscription-suspended");
    doctor.get("/me").await.problem(403, "subscription-suspended");
    is_refused(&stack.try_sign_in(org, &doctor.email, PASSWORD).await);
    platform.post_empty(&format!("/master/organizations/{org}/resume")).await.expect(200);
    eventually("access is back", async || {
        stack.wait_out_soft_locks().await;
        (stack.try_sign_in(org, &doctor.email, PASSWORD).await.status == 200).then_some(())
    })
    .await;
    stack.close().await;
}

#[tokio::test]
async fn a_hash_of_an_older_cost_is_renewed_at_the_next_sign_in() {
    let stack = Stack::new("sign-in, renewed").await;
    let hospital = stack.hospital("Renewed").await;
    let (org, email) = (hospital.organization_id.as_str(), hospital.administrator.email.as_str());
    stack.api.terminate().await;
    let stronger = stack.sandbox.api().setting("hashing.passes", "3").start().await;
    stronger.wait_ready().await;
    let login = json!({ "organization_id": org, "email": email, "password": PASSWORD });
    stronger.client().post("/organization-login", &login).await.expect(200);
    let user = stack
        .database(&hospital)
        .collection::<Document>("users")
        .find_one(doc! { "email": email })
        .await
        .unwrap()
        .unwrap();
    assert!(user.get_str("password_hash").unwrap().starts_with("$argon2id$v=19$m=19456,t=3,p=1$"), "{user}");
    stronger.client().post("/organization-login", &login).await.expect(200);
    stronger.terminate().await;
    stack.close().await;
}
