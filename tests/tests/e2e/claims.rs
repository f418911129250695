//! Whose a database is: one object's at a time, handed over only to who proves the right to it, and never touched for
//! anybody else.

use chakravue_crds::{
    HospitalOrganization, OrganizationId, annotations, naming::secret_name, tenant_schema::TENANT_SCHEMA,
};
use futures::future::join_all;
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PropagationPolicy},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};

use crate::support::{World, client, code, condition, eventually, is, patient};

mod index;
mod second_cluster;

#[tokio::test]
async fn a_hospital_whose_claim_is_lost_is_not_made_anew_without_a_word() {
    let world = World::new("lost claim").await;
    let operator = world.sandbox.operator().start().await;
    let first = world.ready_hospital("lost").await;
    let (name, database) = (first.name_any(), world.sandbox.database_name("lost"));
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    operator.terminate().await;
    let master = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    let claim = world.claim_on(&database).await.unwrap();
    let lose = async || master.delete_one(doc! { "database_name": &database }).await.unwrap();

    // The master database is lost, and comes back.
    lose().await;
    let before = world.belongings(&name, &database).await;
    let operator = world.sandbox.operator().resync_interval("1s").start().await;
    let told = refused(&world, &name, "ClaimLost").await;
    assert_eq!(id(&told), id(&first), "the status remembers which organization it was");
    assert_eq!(world.belongings(&name, &database).await, before);
    master.insert_one(&claim).await.unwrap();
    let again = world.wait_ready(&name).await;
    assert_eq!(id(&again), id(&first));
    assert_eq!(world.patients(&database).count_documents(doc! {}).await.unwrap(), 1);
    operator.terminate().await;

    // An empty MongoDB: nothing is made in it before somebody says so, and nonsense says nothing.
    lose().await;
    world.mongo.database(&database).drop().await.unwrap();
    let operator = world.sandbox.operator().resync_interval("1s").start().await;
    let acknowledge = async |value: &str| {
        let annotation = json!({ "metadata": { "annotations": { annotations::ACKNOWLEDGE_DATA_LOSS: value } } });
        world.hospitals().patch(&name, &PatchParams::default(), &Patch::Merge(&annotation)).await.unwrap()
    };
    refused(&world, &name, "ClaimLost").await;
    acknowledge("true").await;
    let refusals = async || {
        let metrics = operator.metrics().await;
        let line = metrics.lines().find(|line| line.contains("_reconciles_total") && line.contains("ClaimLost"));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    let before = refusals().await;
    eventually("it is refused twice more", async || (refusals().await >= before + 2).then_some(())).await;
    assert_eq!(world.collection_names(&database).await, [""; 0]);
    assert!(world.claim_on(&database).await.is_none());
    acknowledge(&id(&first)).await;
    let anew = world.wait_ready(&name).await;
    assert_ne!(id(&anew), id(&first));
    assert_eq!(world.collection_names(&database).await.len(), 6);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn the_second_object_of_a_database_waits_and_gets_it_only_when_the_first_has_given_it_up() {
    let world = World::new("second object").await;
    let operator = world.sandbox.operator().start().await;
    let [dropped, retained, unpaid] = ["dropped", "retained", "unpaid"].map(|name| world.hospital(name));
    let (dropped, unpaid) = (with(dropped, "deletionPolicy", "Delete"), with(unpaid, "subscription", "PendingPayment"));
    join_all([&dropped, &retained, &unpaid].map(|object| world.apply(object))).await;
    let (first_of_dropped, first_of_retained, first_of_unpaid) = tokio::join!(
        world.wait_ready(name_of(&dropped)),
        world.wait_ready(name_of(&retained)),
        world.wait(name_of(&unpaid), "waiting for payment", |o| is(o, "SubscriptionActive", "False")),
    );
    for name in ["dropped", "retained"] {
        world.patients(&world.sandbox.database_name(name)).insert_one(patient("1")).await.unwrap();
    }

    // Whoever comes second is told who was first.
    for name in ["dropped", "retained", "unpaid"] {
        let second =
            with(world.hospital(&format!("second-{name}")), "databaseName", &world.sandbox.database_name(name));
        let second = world.apply(&with(second, "deletionPolicy", "Delete")).await;
        let second = refused(&world, &second.name_any(), "DatabaseNameTaken").await;
        let first = format!("{}/{}", world.sandbox.namespace(), world.sandbox.object_name(name));
        let message = &condition(&second, "ClaimHeld").unwrap().message;
        assert!(message.contains(&first), "{message:?} does not name {first}");
        assert_eq!(world.secrets().get_opt(&format!("{}-mongodb", second.name_any())).await.unwrap(), None);
    }

    // The second goes, under Delete, and the first keeps everything.
    let loser = with(world.hospital("loser"), "databaseName", &world.sandbox.database_name("retained"));
    let loser = world.apply(&with(loser, "deletionPolicy", "Delete")).await.name_any();
    refused(&world, &loser, "DatabaseNameTaken").await;
    let before = world.belongings(name_of(&retained), &world.sandbox.database_name("retained")).await;
    world.delete_and_wait(&loser).await;
    assert_eq!(world.belongings(name_of(&retained), &world.sandbox.database_name("retained")).await, before);

    // The first goes: the name is free under Delete, and where nothing was ever made.
    join_all([&dropped, &retained, &unpaid].map(|object| world.delete_and_wait(name_of(object)))).await;
    let [second_of_dropped, second_of_retained, second_of_unpaid] =
        ["dropped", "retained", "unpaid"].map(|name| world.sandbox.object_name(&format!("second-{name}")));
    let (new, still_refused, paid) = tokio::join!(
        world.wait_ready(&second_of_dropped),
        refused(&world, &second_of_retained, "AdoptionRequired"),
        world.wait_ready(&second_of_unpaid),
    );
    assert_ne!(id(&new), id(&first_of_dropped));
    assert_ne!(id(&paid), id(&first_of_unpaid));
    assert_eq!(records(&world, "dropped").await, Vec::<String>::new());
    assert_eq!(still_refused.status.as_ref().unwrap().organization_id, None);
    assert_eq!(records(&world, "retained").await, ["1"]);
    let claim = world.claim_on(&world.sandbox.database_name("retained")).await.unwrap();
    assert_eq!(claim.get_str("_id").unwrap(), id(&first_of_retained));

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn of_twenty_objects_that_want_one_database_at_once_exactly_one_gets_it() {
    let world = World::new("race").await;
    let database = world.sandbox.database_name("wanted");
    let objects: Vec<_> =
        (0..20).map(|n| with(world.hospital(&format!("racer-{n}")), "databaseName", &database)).collect();
    // All of them are there before the operator is, so that it begins with all of them at once.
    join_all(objects.iter().map(|object| world.apply(object))).await;
    let operator = world.sandbox.operator().start().await;
    let settled = join_all(objects.iter().map(|object| {
        world.wait(name_of(object), "ready or refused", |o| is(o, "Ready", "True") || is(o, "Stalled", "True"))
    }))
    .await;

    let (winners, losers): (Vec<_>, Vec<_>) = settled.iter().partition(|object| is(object, "Ready", "True"));
    assert_eq!(winners.len(), 1);
    for loser in losers {
        assert_eq!(condition(loser, "ClaimHeld").unwrap().reason, "DatabaseNameTaken", "{}", loser.name_any());
    }
    let master = world.mongo.database(world.sandbox.master_database()).collection::<Document>("organizations");
    assert_eq!(master.count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(world.claim_on(&database).await.unwrap().get_str("_id").unwrap(), id(winners[0]));
    assert_eq!(world.users_and_roles(&database).await, (vec![database.clone()], vec!["tenant".to_owned()]));
    assert_eq!(world.secrets().list(&kube::api::ListParams::default()).await.unwrap().items.len(), 1);
    world.tenant(&winners[0].name_any()).await.database(&database).run_command(doc! { "ping": 1 }).await.unwrap();

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_retained_hospital_comes_back_with_its_id_its_data_and_new_credentials() {
    let world = World::new("retained").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("back").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("back"));
    let old = world.secret(&name).await;
    // Two clients that are logged in: one works on meanwhile, the other is idle until everything is over.
    let (busy, idle) = (client(&old["uri"]).await, client(&old["uri"]).await);
    let patients = |client: &mongodb::Client| client.database(&database).collection::<Document>("patients");
    patients(&busy).insert_one(patient("1")).await.unwrap();
    patients(&idle).find_one(doc! {}).await.unwrap().unwrap();
    let data = world.documents(&database).await;

    world.delete_and_wait(&name).await;
    assert_eq!(code(&patients(&busy).find_one(doc! {}).await), 13, "an open connection of a retained hospital");
    assert_eq!(code(&patients(&client(&old["uri"]).await).find_one(doc! {}).await), 18);
    assert_eq!(world.documents(&database).await, data);

    let back = world.ready_hospital("back").await;
    assert_eq!(id(&back), id(&hospital));
    assert_ne!(back.uid(), hospital.uid());
    let new = world.secret(&name).await;
    assert_ne!(new["password"], old["password"]);
    assert_eq!(patients(&client(&new["uri"]).await).count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(world.documents(&database).await, data);
    // The user has the name of the one before, but who was logged in as that one is not this one.
    for (who, client) in [("busy", &busy), ("idle", &idle)] {
        let refusal = code(&patients(client).find_one(doc! {}).await);
        assert!(matches!(refusal, 13 | 18), "the old {who} connection: {refusal}");
    }
    assert_eq!(code(&patients(&client(&old["uri"]).await).find_one(doc! {}).await), 18);
    let claim = world.claim_on(&database).await.unwrap();
    assert_eq!(claim.get_str("claim").unwrap(), "Held");
    assert!(!claim.contains_key("retained_at"), "{claim}");

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_retained_hospital_is_taken_over_only_by_who_knows_its_id_and_only_once() {
    let world = World::new("adoption").await;
    let operator = world.sandbox.operator().start().await;
    let database = world.sandbox.database_name("old");
    let hospital = world.ready_hospital("old").await;
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    let (data, organization) = (world.documents(&database).await, id(&hospital));
    world.delete_and_wait(&hospital.name_any()).await;

    let new = with(world.hospital("new"), "databaseName", &database);
    let name = name_of(&new);
    world.apply(&new).await;
    let told = refused(&world, name, "AdoptionRequired").await;
    let message = &condition(&told, "ClaimHeld").unwrap().message;
    let owner = format!("{}/{}", world.sandbox.namespace(), hospital.name_any());
    for part in [owner.as_str(), annotations::ADOPT_ORGANIZATION] {
        assert!(message.contains(part), "{message:?} does not name {part}");
    }
    says_nothing_of(&world, &told, &organization).await;
    for (n, wrong) in [OrganizationId::generate().as_str(), "", "{\"$ne\": null}"].into_iter().enumerate() {
        let guess = with(world.hospital(&format!("guess-{n}")), "databaseName", &database);
        let guess = world.apply(&adopting(&guess, wrong)).await.name_any();
        let told = refused(&world, &guess, "AdoptionRefused").await;
        says_nothing_of(&world, &told, &organization).await;
    }
    assert_eq!(world.users_and_roles(&database).await, (vec![], vec![]));

    world.apply(&adopting(&new, &organization)).await;
    let adopted = world.wait_ready(name).await;
    assert_eq!(id(&adopted), organization);
    assert_eq!(world.documents(&database).await, data);
    let tenant = world.tenant(name).await;
    assert_eq!(
        tenant.database(&database).collection::<Document>("patients").count_documents(doc! {}).await.unwrap(),
        1
    );

    // Even who knows the id gets nothing while somebody lives in it; nor does the one from before.
    let before = world.belongings(name, &database).await;
    let thief = world.apply(&adopting(&with(world.hospital("thief"), "databaseName", &database), &organization)).await;
    let old = world.apply(&world.hospital("old")).await;
    for late in [thief, old] {
        let late = refused(&world, &late.name_any(), "DatabaseNameTaken").await;
        let message = &condition(&late, "ClaimHeld").unwrap().message;
        assert!(message.contains(&format!("{}/{name}", world.sandbox.namespace())), "{message}");
    }
    // An id without its database is an error to tell, not a reason to start afresh.
    let elsewhere = world.apply(&adopting(&world.hospital("elsewhere"), &organization)).await.name_any();
    let elsewhere = refused(&world, &elsewhere, "AdoptionRefused").await;
    assert!(condition(&elsewhere, "ClaimHeld").unwrap().message.contains(&database));
    let nobody = world.apply(&adopting(&world.hospital("nobody"), OrganizationId::generate().as_str())).await;
    refused(&world, &nobody.name_any(), "AdoptionRefused").await;
    assert_eq!(world.claim_on(&world.sandbox.database_name("nobody")).await, None);
    assert_eq!(world.belongings(name, &database).await, before);

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_database_that_nobody_claimed_is_adopted_only_if_object_and_operator_both_say_so() {
    let world = World::new("foreign database").await;
    let operator = world.sandbox.operator().start().await;
    let database = world.sandbox.database_name("foreign");
    world.patients(&database).insert_one(patient("1")).await.unwrap();
    world.mongo.database(&database).collection("ward").insert_one(doc! { "beds": 12 }).await.unwrap();
    let data = world.documents(&database).await;
    let asks = |object: &Value| {
        let mut object = object.clone();
        object["metadata"]["annotations"] = json!({ annotations::ADOPT_DATABASE: "true" });
        object
    };

    // Neither asked nor allowed, then asked but not allowed, then allowed but not asked.
    let hospital = world.hospital("foreign");
    let name = name_of(&hospital);
    world.apply(&hospital).await;
    let told = refused(&world, name, "DatabaseNotOurs").await;
    let message = &condition(&told, "ClaimHeld").unwrap().message;
    assert!(
        message.contains("--allow-database-adoption") && message.contains(annotations::ADOPT_DATABASE),
        "{message}"
    );
    let asking = world.apply(&asks(&with(world.hospital("asking"), "databaseName", &database))).await.name_any();
    refused(&world, &asking, "DatabaseNotOurs").await;

    // A name that was claimed before it was paid for does not make a database of that name one's own either.
    let late = with(world.hospital("late"), "deletionPolicy", "Delete");
    let unpaid = with(late.clone(), "subscription", "PendingPayment");
    world.apply(&unpaid).await;
    world.wait(name_of(&late), "waiting for payment", |o| is(o, "SubscriptionActive", "False")).await;
    let made_by_hand = world.sandbox.database_name("late");
    world.patients(&made_by_hand).insert_one(patient("2")).await.unwrap();
    world.apply(&late).await;
    refused(&world, name_of(&late), "DatabaseNotOurs").await;
    world.delete_and_wait(name_of(&late)).await;
    assert_eq!(records(&world, "late").await, ["2"], "deleted what was not the hospital's");
    assert_eq!(world.claim_on(&made_by_hand).await, None);

    world.delete_and_wait(&asking).await;
    operator.terminate().await;
    let operator = world.sandbox.operator().allow_database_adoption().start().await;
    let unasked = world.apply(&with(world.hospital("unasked"), "databaseName", &database)).await.name_any();
    refused(&world, &unasked, "DatabaseNotOurs").await;
    assert_eq!(world.claim_on(&database).await, None);
    assert_eq!(world.documents(&database).await, data);

    world.apply(&asks(&hospital)).await;
    world.wait_ready(name).await;
    assert_eq!(world.documents(&database).await, data);
    assert_eq!(world.claim_on(&database).await.unwrap().get_str("database_origin").unwrap(), "Adopted");
    // What was a plain collection has validator and indexes now; what is not the catalogue's is as it was.
    let outcome = world.patients(&database).insert_one(doc! {}).await;
    assert_eq!(code(&outcome), 121, "the adopted collection has no validator");
    let patients = TENANT_SCHEMA.collections.iter().find(|c| c.name == "patients").unwrap();
    assert_eq!(world.indexes(&database, "patients").await.len(), patients.indexes.len() + 1);
    assert_eq!(world.collection_names(&database).await.len(), TENANT_SCHEMA.collections.len() + 1);
    let tenant = world.tenant(name).await.database(&database);
    assert_eq!(tenant.collection::<Document>("patients").count_documents(doc! {}).await.unwrap(), 1);
    assert_eq!(code(&tenant.collection::<Document>("ward").find_one(doc! {}).await), 13);

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_database_whose_name_differs_only_in_case_is_told_and_never_touched() {
    let world = World::new("case").await;
    let operator = world.sandbox.operator().start().await;
    let by_hand = world.sandbox.database_name("Cased");
    world.patients(&by_hand).insert_one(patient("1")).await.unwrap();
    let data = world.documents(&by_hand).await;

    let hospital = world.apply(&with(world.hospital("cased"), "deletionPolicy", "Delete")).await;
    let name = hospital.name_any();
    let told = refused(&world, &name, "DatabaseNotOurs").await;
    let message = &condition(&told, "ClaimHeld").unwrap().message;
    assert!(message.contains("only in case"), "{message}");
    assert_eq!(world.documents(&by_hand).await, data);
    // A plan of another one says it before anything is tried.
    world.mongo.database(&world.sandbox.database_name("Planned")).create_collection("a").await.unwrap();
    let object = world.hospital("planned").to_string();
    let file = world.sandbox.folder().join("planned.json");
    std::fs::write(&file, object).unwrap();
    let (well, planned, errors) = world.sandbox.operator().print(&["plan", "-f", file.to_str().unwrap()]).await;
    assert!(!well && planned.contains("only in case"), "{planned}{errors}");
    world.mongo.database(&world.sandbox.database_name("Planned")).drop().await.unwrap();

    world.delete_and_wait(&name).await;
    assert_eq!(world.documents(&by_hand).await, data);
    let database = world.sandbox.database_name("cased");
    assert_eq!(world.users_and_roles(&database).await, (vec![], vec![]));
    assert_eq!(world.claim_on(&database).await, None);

    operator.terminate().await;
    world.mongo.database(&by_hand).drop().await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_claim_whose_object_went_without_the_operator_is_taken_up_again() {
    let world = World::new("orphan").await;
    let operator = world.sandbox.operator().start().await;
    let (same, moved) = tokio::join!(world.ready_hospital("same"), world.ready_hospital("moved"));
    for (hospital, record) in [("same", "1"), ("moved", "2")] {
        world.patients(&world.sandbox.database_name(hospital)).insert_one(patient(record)).await.unwrap();
    }
    let old = [world.secret(&same.name_any()).await, world.secret(&moved.name_any()).await];

    operator.terminate().await;
    for hospital in [&same, &moved] {
        world.delete(&hospital.name_any()).await;
        let without = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        world.hospitals().patch(&hospital.name_any(), &PatchParams::default(), &without).await.unwrap();
        world.wait_gone(&hospital.name_any()).await;
    }
    let operator = world.sandbox.operator().start().await;

    let again = world.ready_hospital("same").await;
    assert_eq!(id(&again), id(&same));
    assert_eq!(records(&world, "same").await, ["1"]);

    let elsewhere = with(world.hospital("elsewhere"), "databaseName", &world.sandbox.database_name("moved"));
    world.apply(&elsewhere).await;
    let told = refused(&world, name_of(&elsewhere), "AdoptionRequired").await;
    says_nothing_of(&world, &told, &id(&moved)).await;
    world.apply(&adopting(&elsewhere, &id(&moved))).await;
    let elsewhere = world.wait_ready(name_of(&elsewhere)).await;
    assert_eq!(id(&elsewhere), id(&moved));
    assert_eq!(records(&world, "moved").await, ["2"]);

    for (hospital, database, old) in [(&again, "same", &old[0]), (&elsewhere, "moved", &old[1])] {
        let database = world.sandbox.database_name(database);
        let patients = |client: mongodb::Client| client.database(&database).collection::<Document>("patients");
        let tenant = world.tenant(&hospital.name_any()).await;
        assert_eq!(patients(tenant).count_documents(doc! {}).await.unwrap(), 1);
        assert_eq!(code(&patients(client(&old["uri"]).await).find_one(doc! {}).await), 18, "the password from before");
        assert_eq!(world.users_and_roles(&database).await.0.len(), 1);
    }

    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn one_that_comes_back_unpaid_has_no_access_whatever_it_had_before() {
    let world = World::new("unpaid again").await;
    let operator = world.sandbox.operator().start().await;
    let paid = world.ready_hospital("unpaid").await.name_any();
    let patients = world.tenant(&paid).await.database(&world.sandbox.database_name("unpaid"));
    let patients = patients.collection::<Document>("patients");
    patients.insert_one(patient("1")).await.unwrap();
    operator.terminate().await;
    world.delete(&paid).await;
    let without = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    world.hospitals().patch(&paid, &PatchParams::default(), &without).await.unwrap();
    world.wait_gone(&paid).await;

    let operator = world.sandbox.operator().start().await;
    let unpaid = with(world.hospital("unpaid"), "subscription", "PendingPayment");
    world.apply(&unpaid).await;
    world.wait(&paid, "told of its payment", |o| is(o, "ClaimHeld", "True") && is(o, "Ready", "False")).await;
    assert_eq!(code(&patients.find_one(doc! {}).await), 13, "on the connection that it had");
    world.apply(&world.hospital("unpaid")).await;
    world.wait_ready(&paid).await;
    assert_eq!(records(&world, "unpaid").await, ["1"]);
    operator.terminate().await;
    world.close().await;
}

#[tokio::test]
async fn a_hospital_deleted_with_cascade_orphan_can_be_applied_again() {
    let world = World::new("cascade").await;
    let operator = world.sandbox.operator().start().await;
    let (up, down) = tokio::join!(world.ready_hospital("up"), world.ready_hospital("down"));
    for (hospital, record) in [("up", "1"), ("down", "2")] {
        world.patients(&world.sandbox.database_name(hospital)).insert_one(patient(record)).await.unwrap();
    }
    let old = [world.secret(&up.name_any()).await, world.secret(&down.name_any()).await];
    let orphan = DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };

    world.hospitals().delete(&up.name_any(), &orphan).await.unwrap();
    world.wait_gone(&up.name_any()).await;
    operator.terminate().await;
    // Without the operator Kubernetes takes the owner out of the Secret long before anybody deals with it.
    world.hospitals().delete(&down.name_any(), &orphan).await.unwrap();
    eventually("the Secret is nobody's", async || {
        let secret = world.secrets().get(&secret_name(&down.name_any())).await.unwrap();
        secret.owner_references().is_empty().then_some(())
    })
    .await;
    let without = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
    world.hospitals().patch(&down.name_any(), &PatchParams::default(), &without).await.unwrap();
    world.wait_gone(&down.name_any()).await;

    let operator = world.sandbox.operator().start().await;
    for (hospital, before, old, record) in [("up", &up, &old[0], "1"), ("down", &down, &old[1], "2")] {
        let again = world.ready_hospital(hospital).await;
        assert_eq!(id(&again), id(before));
        assert_eq!(records(&world, hospital).await, [record]);
        let new = world.secret(&again.name_any()).await;
        assert_ne!(new["password"], old["password"]);
        let tenant = world.tenant(&again.name_any()).await.database(&world.sandbox.database_name(hospital));
        assert_eq!(tenant.collection::<Document>("patients").count_documents(doc! {}).await.unwrap(), 1);
    }
    operator.terminate().await;
    world.close().await;
}

/// Waits until the claim is refused for this reason, and checks that every part of the status says so.
async fn refused(world: &World, name: &str, reason: &str) -> HospitalOrganization {
    let refused = world
        .wait(name, reason, |o| condition(o, "ClaimHeld").is_some_and(|c| c.status == "False" && c.reason == reason))
        .await;
    for (type_, status) in [("Ready", "False"), ("Stalled", "True")] {
        let condition = condition(&refused, type_).unwrap();
        assert_eq!((condition.status.as_str(), condition.reason.as_str()), (status, reason), "{type_} of {name}");
    }
    assert_eq!(refused.status.as_ref().unwrap().phase.unwrap().as_str(), "Failed");
    refused
}

/// The id proves the right to the data, so nobody may learn it from the refusal.
async fn says_nothing_of(world: &World, object: &HospitalOrganization, organization: &str) {
    assert!(!serde_json::to_string(&object.status).unwrap().contains(organization), "the status tells the id");
    for event in world.events(&object.name_any()).await {
        assert!(!event.contains(organization), "an Event tells the id: {event}");
    }
}

fn with(mut object: Value, field: &str, value: &str) -> Value {
    object["spec"][field] = json!(value);
    object
}

fn adopting(object: &Value, organization: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["annotations"] = json!({ annotations::ADOPT_ORGANIZATION: organization });
    object
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

fn id(object: &HospitalOrganization) -> String {
    object.status.as_ref().unwrap().organization_id.clone().unwrap()
}

/// The record numbers of a hospital's patients.
async fn records(world: &World, name: &str) -> Vec<String> {
    use futures::TryStreamExt as _;
    let patients = world.patients(&world.sandbox.database_name(name));
    let found: Vec<Document> = patients.find(doc! {}).await.unwrap().try_collect().await.unwrap();
    found.iter().map(|patient| patient.get_str("record_number").unwrap().to_owned()).collect()
}
