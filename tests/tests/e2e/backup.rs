//! Backup, restore and the move to another MongoDB as the documentation tells them, with MongoDB's own tools: what stands there
//! of `mongodump` and `mongorestore` is run as it stands, with the sandbox's names, and by logins with no more than the roles
//! that are named. What `mongosh` would run the driver does.

use std::path::Path;

use chakravue_crds::{annotations::ADOPT_ORGANIZATION, organization::Phase};
use chakravue_testbed::{Tool, with_credentials};
use kube::ResourceExt as _;
use mongodb::bson::{Document, doc};
use serde_json::json;
use tokio::process::Command;

use crate::support::{World, client, condition, is, patient};

const PAGE: &str = include_str!("../../../docs/operations.md");

/// A folder in which somebody types what the page says.
struct Desk<'a> {
    world: &'a World,
    folder: tempfile::TempDir,
    tools: String,
    /// What the page says, and what is meant.
    names: Vec<(&'static str, String)>,
}

impl<'a> Desk<'a> {
    async fn new(world: &'a World, database: &str) -> Self {
        let tools =
            tokio::task::spawn_blocking(|| [Tool::Mongodump, Tool::Mongorestore].map(Tool::path)).await.unwrap();
        let folders = tools.map(|tool| tool.unwrap_or_else(|error| panic!("{error:#}")).parent().unwrap().to_owned());
        assert_eq!(folders[0], folders[1]);
        let tools = format!("{}:{}", folders[0].display(), std::env::var("PATH").unwrap());
        let master = world.sandbox.master_database().to_owned();
        let names = vec![("st_marys_hospital", database.to_owned()), ("chakravue_master", master)];
        Self { world, folder: tempfile::tempdir().unwrap(), tools, names }
    }

    /// A login with these roles on a MongoDB, and the file that names it.
    async fn login(&self, file: &str, administrator: &str, roles: &[&str]) {
        let name = self.world.sandbox.database_name(Path::new(file).file_stem().unwrap().to_str().unwrap());
        let user = doc! { "createUser": &name, "pwd": "of a test", "roles": roles };
        client(administrator).await.database("admin").run_command(user).await.unwrap();
        let uri = with_credentials(administrator, &name, "of a test").unwrap();
        std::fs::write(self.folder.path().join(file), format!("uri: {uri}\n")).unwrap();
    }

    /// What the page has somebody type of one program in one part of it, in order.
    fn told(heading: &str, program: &str) -> Vec<String> {
        let (_, part) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no part {heading}"));
        let part = part.split("\n## ").next().unwrap().replace("\\\n", " ");
        let commands = part.lines().map(str::trim).filter(|line| line.starts_with(&format!("{program} ")));
        commands.map(str::to_owned).collect()
    }

    async fn types(&self, command: &str) {
        let typed = self.names.iter().fold(command.to_owned(), |typed, (told, meant)| typed.replace(told, meant));
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", &typed]).current_dir(self.folder.path()).env("PATH", &self.tools);
        let output = bash.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{typed}: {said}");
        // A restore goes on after documents that are refused, and counts them.
        assert!(!said.contains("document(s) failed") || said.contains(" 0 document(s) failed"), "{typed}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_is_restored_from_its_dump_as_the_page_says() {
    let world = World::new("restored").await;
    let watch = world.sandbox.watch_mongodb_uri().await;
    let operator = world.sandbox.operator().watch_mongodb_uri(&watch).start().await;
    let hospital = world.ready_hospital("restored").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("restored"));
    fill(&world, &database).await;
    let before = world.documents(&database).await;
    let desk = Desk::new(&world, &database).await;
    let administrator = world.sandbox.testbed().mongodb_uri();
    desk.login("backup-login.yaml", administrator, &["backup"]).await;
    desk.login("restore-login.yaml", administrator, &["backup", "restore"]).await;

    let [dump] = &Desk::told("Backup", "mongodump")[..] else { panic!("one command dumps a hospital") };
    desk.types(dump).await;
    // What was written since is lost, and what was removed comes back.
    world.patients(&database).insert_one(patient("later")).await.unwrap();
    world.patients(&database).delete_one(doc! { "record_number": "1" }).await.unwrap();

    world.change(&name, json!({ "spec": { "subscription": "Suspended" } })).await;
    world.wait(&name, "suspended", |o| o.status.as_ref().unwrap().phase == Some(Phase::Suspended)).await;
    for collection in world.collection_names(&database).await {
        let collection = world.mongo.database(&database).collection::<Document>(&collection);
        collection.delete_many(doc! {}).await.unwrap();
    }
    let [restore] = &Desk::told("Restore one hospital", "mongorestore")[..] else { panic!("one command restores it") };
    desk.types(restore).await;
    world.change(&name, json!({ "spec": { "subscription": "Active" } })).await;
    let ready = world.wait_ready(&name).await;
    assert_eq!(world.documents(&database).await, before);
    assert!(condition(&ready, "DataLossSuspected").is_none(), "{:?}", ready.status);
    assert!(is(&ready, "SchemaReady", "True"));
    operator.terminate().await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_moves_to_another_mongodb_as_the_page_says() {
    const PART: &str = "Moving a hospital to another MongoDB";
    let world = World::new("moved").await;
    let operator = world.sandbox.operator().start().await;
    let hospital = world.ready_hospital("moved").await;
    let (name, database) = (hospital.name_any(), world.sandbox.database_name("moved"));
    fill(&world, &database).await;
    let before = world.documents(&database).await;
    let organization = hospital.status.unwrap().organization_id.unwrap();
    world.delete_and_wait(&name).await;
    operator.terminate().await;

    let mut desk = Desk::new(&world, &database).await;
    desk.names.push(("ORG", organization.clone()));
    let (there, operators_login) = world.sandbox.standalone_mongodb().await;
    desk.login("old-login.yaml", world.sandbox.testbed().mongodb_uri(), &["backup"]).await;
    desk.login("new-login.yaml", there.uri(), &["restore"]).await;
    let (dumps, restores) = (Desk::told(PART, "mongodump"), Desk::told(PART, "mongorestore"));
    assert_eq!((dumps.len(), restores.len()), (2, 2), "of the hospital and of its claim");
    for command in dumps.iter().chain(&restores) {
        desk.types(command).await;
    }
    let new = World { mongo: client(there.uri()).await, kube: world.kube.clone(), sandbox: world.sandbox };
    let claims = new.mongo.database(new.sandbox.master_database()).collection::<Document>("organizations");
    let forgets = doc! { "$unset": { "collections": "" } };
    assert_eq!(claims.update_one(doc! { "_id": &organization }, forgets).await.unwrap().modified_count, 1);

    let operator = new.sandbox.operator().mongodb_uri(operators_login).start().await;
    let mut object = new.hospital("elsewhere");
    object["spec"]["databaseName"] = json!(database);
    object["metadata"]["annotations"] = json!({ ADOPT_ORGANIZATION: organization });
    let moved = new.apply(&object).await.name_any();
    let moved = new.wait_ready(&moved).await;
    assert_eq!(moved.status.as_ref().unwrap().organization_id, Some(organization));
    assert!(condition(&moved, "DataLossSuspected").is_none(), "{:?}", moved.status);
    assert_eq!(new.documents(&database).await, before);
    let own = new.tenant(&moved.name_any()).await;
    let found = own.database(&database).collection::<Document>("patients").count_documents(doc! {}).await.unwrap();
    assert_eq!(found, 3);
    operator.terminate().await;
    new.close().await;
}

async fn fill(world: &World, database: &str) {
    world.patients(database).insert_many(["1", "2", "3"].map(patient)).await.unwrap();
}
