//! Servers that are away, full, closed or confused: the hospital says so in words, the operator stays alive and patient,
//! and everything mends itself once the fault is gone.

use std::time::Duration;

use axum::http::Uri;
use chakravue_testbed::{OperatorProcess, with_credentials};
use futures::{TryStreamExt as _, future::join_all};
use kube::ResourceExt as _;
use mongodb::bson::{Binary, Bson, doc, spec::BinarySubtype};
use sha2::{Digest as _, Sha256};

use crate::{
    proxied::Proxied,
    support::{World, condition, eventually, is},
};

/// How long attempts are counted, and how many of them are still patience: the pauses double from half a second.
const WINDOW: Duration = Duration::from_secs(3);
const PATIENT: usize = 16;

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_may_be_away_at_the_start_and_in_the_middle_of_the_work() {
    let proxied = Proxied::new("mongodb away").await;
    let world = &proxied.world;
    proxied.mongo.set_down(true);
    let operator = proxied.operator().resync_interval("1s").start().await;
    operator.wait_listening().await;
    let first = world.apply(&world.hospital("first")).await.name_any();
    says(world, &first, "MongoDbUnavailable", "MongoDB does not answer").await;
    is_alive_but_not_ready(&operator, "MongoDB does not answer").await;
    let before = failures(&operator).await;
    tokio::time::sleep(WINDOW).await;
    let failed = failures(&operator).await - before;
    assert!(failed <= PATIENT, "{failed} passes failed in {WINDOW:?}");
    proxied.mongo.set_down(false);
    world.wait_ready(&first).await;
    operator.wait_ready().await;

    // All collections and indexes are made, but not committed.
    proxied.mongo.delay("commitTransaction", Duration::from_mins(5));
    let second = world.apply(&world.hospital("second")).await.name_any();
    let index = format!("createIndexes {}.", world.sandbox.database_name("second"));
    eventually("the transaction is under way", || async {
        let commands = proxied.mongo.commands();
        (commands.iter().filter(|command| command.starts_with(&index)).count() == 6).then_some(())
    })
    .await;
    proxied.mongo.set_down(true);
    says(world, &second, "MongoDbUnavailable", "The operator tries again by itself").await;
    is_alive_but_not_ready(&operator, "MongoDB does not answer").await;
    // One that is in use says so too, but stays in use.
    let used = says(world, &first, "MongoDbUnavailable", "MongoDB does not answer").await;
    assert_eq!(used.status.unwrap().phase.unwrap().as_str(), "Active");
    assert_eq!(open_transactions(world).await, 1, "the transaction that was cut off");
    proxied.mongo.clear();
    proxied.mongo.set_down(false);
    let back = std::time::Instant::now();
    for name in [&first, &second] {
        world.wait_ready(name).await;
    }
    // Nor does what was cut off go on holding its locks: MongoDB would keep it for a minute.
    eventually("no transaction is left open", || async { (open_transactions(world).await == 0).then_some(()) }).await;
    assert!(back.elapsed() < Duration::from_secs(30), "it took {:?}", back.elapsed());
    close(proxied, operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_named_and_the_right_one_is_enough_to_go_on() {
    let proxied = Proxied::new("wrong password").await;
    let world = &proxied.world;
    let user = format!("{}-operator", world.sandbox.prefix());
    let uri = with_credentials(&proxied.mongodb_uri(), &user, "mistyped").unwrap();
    let operator = proxied.operator().mongodb_uri(uri).start().await;
    operator.wait_listening().await;
    let name = world.apply(&world.hospital("locked-out")).await.name_any();
    says(world, &name, "MongoDbAuthenticationFailed", "refuses the operator's user name or password").await;
    is_alive_but_not_ready(&operator, "refuses the operator's user name or password").await;
    let logins = || proxied.mongo.commands().iter().filter(|command| command.starts_with("saslStart")).count();
    let before = logins();
    tokio::time::sleep(WINDOW).await;
    assert!(logins() - before <= PATIENT, "{} logins in {WINDOW:?}", logins() - before);
    assert!(!operator.log().contains("mistyped"), "the log tells the password");

    let admin = world.mongo.database("admin");
    admin.run_command(doc! { "updateUser": user, "pwd": "mistyped" }).await.unwrap();
    world.wait_ready(&name).await;
    operator.wait_ready().await;
    close(proxied, operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_privilege_is_named_with_the_command_that_grants_it() {
    let proxied = Proxied::new("privileges").await;
    let world = &proxied.world;
    let (admin, role) = (world.mongo.database("admin"), format!("{}-operator", world.sandbox.prefix()));
    let found = admin.run_command(doc! { "rolesInfo": &role, "showPrivileges": true }).await.unwrap();
    let found = found.get_array("roles").unwrap()[0].as_document().unwrap().clone();
    let all = found.get_array("privileges").unwrap().clone();
    let without = |action: &str| {
        let mut privileges = all.clone();
        for privilege in privileges.iter_mut().filter_map(Bson::as_document_mut) {
            privilege.get_array_mut("actions").unwrap().retain(|known| known.as_str() != Some(action));
        }
        privileges
    };
    let grant = async |privileges: Vec<Bson>| {
        admin.run_command(doc! { "updateRole": &role, "privileges": privileges }).await.unwrap();
    };

    grant(without("collMod")).await;
    let operator = proxied.operator().start().await;
    operator.wait_listening().await;
    let name = world.apply(&world.hospital("unprivileged")).await.name_any();
    says(world, &name, "MongoDbPrivilegesMissing", "lacks collMod on every database").await;
    is_alive_but_not_ready(&operator, "lacks collMod on every database").await;
    let log = operator.log();
    for words in ["lacks collMod on every database", "createRole({", "\"collMod\"", "db.getSiblingDB(\"admin\")"] {
        assert!(log.contains(words), "the log does not say {words:?}:\n{log}");
    }
    assert_eq!(log.matches("createRole({").count(), 1, "the command is printed once, not at every look");
    grant(all.clone()).await;
    world.wait_ready(&name).await;
    operator.wait_ready().await;

    // Taken away while it runs.
    grant(without("createUser")).await;
    let later = world.apply(&world.hospital("later")).await.name_any();
    says(world, &later, "MongoDbPrivilegesMissing", "createUser on every database").await;
    is_alive_but_not_ready(&operator, "createUser on every database").await;
    grant(all.clone()).await;
    world.wait_ready(&later).await;
    close(proxied, operator).await;
}

/// What a server answers, and what the hospital is to say.
struct Answer {
    what: &'static str,
    inject: fn(&Proxied),
    /// At the start of the operator too, so that it is not ready either; else only once it runs.
    from_start: bool,
    /// `None` where even the status cannot be written.
    says: Option<(&'static str, &'static str)>,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_answers_the_hospital_says_it_and_mends() {
    let answers = [
        Answer {
            what: "disk full from the start",
            inject: |proxied| proxied.mongo.fail_all_writes(14031, "OutOfDiskSpace", "no space left on device"),
            from_start: true,
            says: Some(("MongoDbDiskFull", "MongoDB has no disk space left")),
        },
        Answer {
            what: "disk full",
            inject: |proxied| proxied.mongo.fail_all_writes(14031, "OutOfDiskSpace", "no space left on device"),
            from_start: false,
            says: Some(("MongoDbDiskFull", "Free space or enlarge the volume")),
        },
        Answer {
            what: "no primary from the start",
            inject: |proxied| proxied.mongo.fail_all_writes(10107, "NotWritablePrimary", "not primary"),
            from_start: true,
            says: Some(("MongoDbNotWritable", "MongoDB has no primary that takes writes")),
        },
        Answer {
            what: "no primary",
            inject: |proxied| proxied.mongo.fail_all_writes(10107, "NotWritablePrimary", "not primary"),
            from_start: false,
            says: Some(("MongoDbNotWritable", "MongoDB has no primary that takes writes")),
        },
        Answer {
            what: "one command is not allowed",
            inject: |proxied| proxied.mongo.fail("createUser", 13, "Unauthorized", "not authorized"),
            from_start: false,
            says: Some(("MongoDbPrivilegesMissing", "may not create the database user")),
        },
        Answer {
            what: "something nobody thought of",
            inject: |proxied| proxied.mongo.fail("createUser", 8000, "AtlasError", "it did not please"),
            from_start: false,
            says: Some(("MongoDbError", "MongoDB did not create the database user: AtlasError (8000)")),
        },
        Answer {
            what: "Secrets are forbidden",
            inject: |proxied| proxied.kube.fail("POST", "/secrets", 403, "a policy says no"),
            from_start: false,
            says: Some(("KubernetesError", "did not create the connection Secret: Forbidden (403)")),
        },
        Answer {
            what: "Secrets fail",
            inject: |proxied| proxied.kube.fail("POST", "/secrets", 500, "etcd is tired"),
            from_start: false,
            says: Some(("KubernetesError", "did not create the connection Secret: InternalError (500)")),
        },
        Answer {
            what: "the finalizer cannot be set",
            inject: |proxied| {
                let object = |path: &str| path.contains("/hospitalorganizations/") && !path.ends_with("/status");
                proxied.kube.fail_when(
                    move |method, uri| method == "PATCH" && object(uri.path()),
                    500,
                    "etcd is tired",
                );
            },
            from_start: false,
            says: Some(("KubernetesError", "The Kubernetes API did not")),
        },
        Answer {
            what: "the status cannot be written",
            inject: |proxied| proxied.kube.fail("PATCH", "/status", 500, "etcd is tired"),
            from_start: false,
            says: None,
        },
        Answer {
            what: "the status is in conflict",
            inject: |proxied| proxied.kube.fail("PATCH", "/status", 409, "somebody was faster"),
            from_start: false,
            says: None,
        },
    ];
    // Side by side, because each mostly waits.
    join_all(answers.into_iter().map(Answer::play)).await;
}

impl Answer {
    async fn play(self) {
        let what = self.what;
        let proxied = Proxied::new(what).await;
        let world = &proxied.world;
        if self.from_start {
            (self.inject)(&proxied);
        }
        let operator = proxied.operator().start().await;
        if self.from_start {
            operator.wait_listening().await;
        } else {
            operator.wait_ready().await;
            (self.inject)(&proxied);
        }
        proxied.log.clear();
        let name = world.apply(&world.hospital("patient")).await.name_any();
        eventually("an attempt that fails", || async { (!proxied.log.refused().is_empty()).then_some(()) }).await;
        if let Some((reason, words)) = self.says {
            says(world, &name, reason, words).await;
            if self.from_start {
                is_alive_but_not_ready(&operator, words).await;
            }
        } else {
            let object = world.hospitals().get(&name).await.unwrap();
            assert!(!is(&object, "Ready", "True"), "{what}: it cannot be known yet: {object:?}");
        }
        let before = proxied.log.refused().len();
        tokio::time::sleep(WINDOW).await;
        let attempts = proxied.log.refused().len() - before;
        assert!(attempts <= PATIENT, "{what}: {attempts} attempts in {WINDOW:?}");
        eventually("it tries again", async || (proxied.log.refused().len() > before).then_some(())).await;
        assert_eq!(operator.status_of("/livez").await, Some(200), "{what}");

        proxied.mongo.clear();
        proxied.kube.clear();
        world.wait_ready(&name).await;
        operator.wait_ready().await;
        world.tenant(&name).await.database(&name.replace('-', "_")).run_command(doc! { "ping": 1 }).await.unwrap();
        close(proxied, operator).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_streams_no_lists_is_asked_for_pages() {
    let proxied = Proxied::new("no streams").await;
    let world = &proxied.world;
    let before = world.apply(&world.hospital("before")).await.name_any();
    // As Kubernetes 1.33 does.
    proxied.kube.fail("GET", "sendInitialEvents=true", 422, "sendInitialEvents is forbidden for watch");
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    world.wait_ready(&before).await;
    let later = world.apply(&world.hospital("later")).await.name_any();
    world.wait_ready(&later).await;
    operator.terminate().await;
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_may_be_away_at_the_start_and_in_the_middle_of_the_work() {
    let proxied = Proxied::new("api server away").await;
    let world = &proxied.world;
    proxied.kube.set_down(true);
    let operator = proxied.operator().start().await;
    operator.wait_listening().await;
    let says_why = "does not answer (tried to list the hospitals)";
    is_alive_but_not_ready(&operator, says_why).await;
    eventually("the log says why", || async { operator.log().contains(says_why).then_some(()) }).await;
    let first = world.apply(&world.hospital("first")).await.name_any();
    proxied.kube.set_down(false);
    world.wait_ready(&first).await;
    operator.wait_ready().await;

    // It goes while MongoDB still works on the collections: what is done is done, and told when it is back.
    proxied.log.settled().await;
    proxied.log.clear();
    proxied.mongo.delay("commitTransaction", Duration::from_secs(1));
    let second = world.apply(&world.hospital("second")).await.name_any();
    let claimed = world.sandbox.database_name("second");
    eventually("the claim", || async { world.claim_on(&claimed).await }).await;
    proxied.kube.set_down(true);
    eventually("the collections are made", || async {
        (world.collection_names(&claimed).await.len() == 6).then_some(())
    })
    .await;
    assert_eq!(operator.status_of("/livez").await, Some(200));
    proxied.kube.set_down(false);
    world.wait_ready(&second).await;
    // A watch that was cut is taken up again.
    world.ready_hospital("third").await;
    close(proxied, operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_are_made_one_by_one_where_a_transaction_is_refused_and_again_where_one_was_in_the_way() {
    let proxied = Proxied::new("transactions").await;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    // What a server answers that has no transactions, or none for this; and one that is never done with others.
    let never = usize::MAX;
    let refusals = [(20, "IllegalOperation"), (263, "OperationNotSupportedInTransaction"), (112, "WriteConflict")];
    for (code, name) in refusals {
        proxied.mongo.fail_in_transaction("create", never, code, name, "not in a transaction");
        let (made, committed) = made(&proxied, &format!("without-{code}")).await;
        assert_eq!((made, committed), (6, 0), "{code}: {}", proxied.written());
    }
    for (code, name) in [(112, "WriteConflict"), (24, "LockTimeout"), (251, "NoSuchTransaction")] {
        proxied.mongo.fail_in_transaction("create", 1, code, name, "try again");
        let (made, committed) = made(&proxied, &format!("retried-{code}")).await;
        assert_eq!((made, committed), (0, 1), "{code}: {}", proxied.written());
    }
    close(proxied, operator).await;
}

/// Makes a hospital under the faults that are set; answers how many collections were made by single commands, and how
/// many transactions were committed.
async fn made(proxied: &Proxied, label: &str) -> (usize, usize) {
    proxied.log.settled().await;
    proxied.log.clear();
    proxied.world.ready_hospital(label).await;
    proxied.log.settled().await;
    assert!(proxied.log.refused().iter().any(|refusal| refusal.injected), "{label}: the fault was not met");
    proxied.mongo.clear();
    let count = |start: &str| proxied.log.writes().iter().filter(|write| write.what.starts_with(start)).count();
    (count("create "), count("commitTransaction"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_stop_finishes_its_work_and_ends_well() {
    let proxied = Proxied::new("sigterm").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    proxied.mongo.delay("commitTransaction", Duration::from_secs(1));
    let mut names = Vec::new();
    for number in 0..3 {
        names.push(world.apply(&world.hospital(&format!("stopped{number}"))).await.name_any());
    }
    let database = names[0].replace('-', "_");
    eventually("work is under way", || async { world.claim_on(&database).await }).await;
    let begun = std::time::Instant::now();
    let ended = operator.terminate().await;
    assert!(ended.success(), "it ended with {ended}");
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
    // What was begun is finished: the pass that held the claim has told its end.
    let object = world.hospitals().get(&names[0]).await.unwrap();
    assert!(is(&object, "Ready", "True"), "the pass under way was cut off: {:?}", object.status);

    proxied.mongo.clear();
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    for name in &names {
        world.wait_ready(name).await;
    }
    close(proxied, operator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_told_to_stop_before_it_has_begun_stops_at_once() {
    let proxied = Proxied::new("early sigterm").await;
    let world = &proxied.world;
    world.apply(&world.hospital("waiting")).await;
    // One server after the other is away: nothing that is waited for may hold the process up.
    for (mongodb_away, path) in
        [(true, "/nowhere"), (false, "/hospitalorganizations"), (true, "/hospitalorganizations")]
    {
        proxied.mongo.set_down(mongodb_away);
        // The question whether there are hospitals is answered; the list of them is not.
        let asks_whether = |uri: &Uri| uri.query().is_some_and(|query| query.split('&').any(|part| part == "limit=1"));
        proxied.kube.fail_when(move |_, uri| uri.path().ends_with(path) && !asks_whether(uri), 500, "no");
        let operator = proxied.operator().start().await;
        operator.wait_listening().await;
        if path != "/nowhere" {
            eventually("the list is refused", || async { (!proxied.log.refused().is_empty()).then_some(()) }).await;
        }
        let begun = std::time::Instant::now();
        let ended = operator.terminate().await;
        let took = begun.elapsed();
        assert!(ended.success(), "MongoDB away: {mongodb_away}, refused: {path}: it ended with {ended} after {took:?}");
        proxied.kube.clear();
        proxied.log.clear();
    }
    proxied.mongo.set_down(false);
    proxied.world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_that_always_fails_keeps_no_other_waiting() {
    let proxied = Proxied::new("backoff").await;
    let world = &proxied.world;
    let operator = proxied.operator().start().await;
    operator.wait_ready().await;
    let secret = format!("/secrets/{}-mongodb", world.sandbox.object_name("unlucky"));
    proxied.kube.fail("GET", &secret, 500, "etcd is tired");
    let unlucky = world.apply(&world.hospital("unlucky")).await.name_any();
    says(world, &unlucky, "KubernetesError", "did not read the connection Secret").await;

    let begun = tokio::time::Instant::now();
    let before = proxied.log.refused().len();
    let names = (0..10).map(|number| world.sandbox.object_name(&format!("lucky{number}")));
    for number in 0..10 {
        world.apply(&world.hospital(&format!("lucky{number}"))).await;
    }
    join_all(names.map(|name| async move { world.wait_ready(&name).await })).await;
    tokio::time::sleep_until(begun + WINDOW).await;
    let attempts = proxied.log.refused().len() - before;
    assert!(attempts <= PATIENT, "{attempts} attempts in {:?}", begun.elapsed());
    let metrics = operator.metrics().await;
    assert!(metrics.contains("chakravue_operator_objects_in_backoff 1"), "one waits, and only one: {metrics}");

    proxied.kube.clear();
    world.wait_ready(&unlucky).await;
    close(proxied, operator).await;
}

/// Waits until the hospital is not ready for this reason, in these words, and goes on trying.
async fn says(world: &World, name: &str, reason: &str, words: &str) -> chakravue_crds::HospitalOrganization {
    let told = |object: &_| {
        is(object, "Reconciling", "True")
            && condition(object, "Ready")
                .is_some_and(|ready| ready.status == "False" && ready.reason == reason && ready.message.contains(words))
    };
    world.wait(name, &format!("Ready=False with {reason} and {words:?}"), told).await
}

async fn is_alive_but_not_ready(operator: &OperatorProcess, words: &str) {
    eventually(&format!("/readyz says {words:?}"), || async {
        let (status, body) = operator.answer_of("/readyz").await?;
        (status == 503 && body.contains(words)).then_some(())
    })
    .await;
    assert_eq!(operator.status_of("/livez").await, Some(200), "alive");
}

/// How many transactions of the sandbox's operators the server holds open, also for clients that are gone.
async fn open_transactions(world: &World) -> usize {
    // A session without a client names its user only by this hash.
    let user = Sha256::digest(format!("{}-operator@admin", world.sandbox.prefix())).to_vec();
    let user = Binary { subtype: BinarySubtype::Generic, bytes: user };
    let open = doc! { "transaction": { "$exists": true }, "lsid.uid": user };
    let stages = [doc! { "$currentOp": { "allUsers": true, "idleSessions": true } }, doc! { "$match": open }];
    let found = world.mongo.database("admin").aggregate(stages).await.unwrap();
    found.try_collect::<Vec<_>>().await.unwrap().len()
}

/// How many passes have failed so far.
async fn failures(operator: &OperatorProcess) -> usize {
    let metrics = operator.metrics().await;
    let failed = metrics.lines().filter(|line| line.contains("reconciles") && line.contains("result=\"failure\""));
    failed.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

/// The operator has neither crashed nor panicked all the while, and stops when it is told to.
async fn close(proxied: Proxied, operator: OperatorProcess) {
    let log = operator.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(operator.terminate().await.success());
    proxied.world.close().await;
}
