//! What the API server itself refuses, with which sentence; and what looks odd but is right. No operator runs here.

use axum::http::Request;
use chakravue_crds::HospitalOrganization;
use kube::{
    ResourceExt as _,
    api::{Api, DynamicObject, Patch, PatchParams, PostParams},
    core::{ApiResource, Status},
};
use serde_json::{Value, json};

use crate::support::{USER, World};

const EMAIL: &str = "must be an e-mail address such as admin@stmarys.com (at most 254 characters)";
const PHONE: &str =
    "must be a telephone number such as +1-555-0000 (3 to 32 digits, spaces, parentheses, dots, slashes or hyphens)";
const EMPTY: &str = "must not be empty: write the hospital's name";
const TOO_LONG: &str = "must have at most 300 characters: shorten the hospital's name";
const CONTROL: &str = "must not contain control characters such as line breaks or tabs: remove them";
const PLANS: &str = r#"supported values: "Starter", "Professional", "Enterprise""#;
const SUBSCRIPTIONS: &str = r#"supported values: "PendingPayment", "Active", "Suspended""#;
const POLICIES: &str = r#"supported values: "Retain", "Delete""#;
const MALFORMED: &str =
    "must be 1 to 63 lower-case letters, digits and underscores, starting with a letter, such as st_marys_hospital";
const RESERVED: &str = "is reserved (admin, local, config and chakravue_*): choose another database name";
const UNUSABLE_NAME: &str = "no database name can be made of it: use lower-case letters, digits and hyphens starting with a letter, or set spec.databaseName";
const RESERVED_NAME: &str = "the database name made of it would be reserved (admin, local, config, chakravue_*): choose another name or set spec.databaseName";
const LONG_NAME: &str = "must have at most 63 characters: choose a shorter name";
const UNPAID_AGAIN: &str = "cannot go back to PendingPayment, which is also the default: set it to Active, or to Suspended to take access away";
const RENAMED: &str = "cannot be changed, as it names the hospital's data: restore the old value (without one, metadata.name with _ for -), or create another HospitalOrganization";
const REQUIRED: &str = "Required value";

/// An object with one change to a hospital that is right otherwise; an absent value removes the field.
fn with(world: &World, field: &str, value: impl Into<Option<Value>>) -> Value {
    let mut object = world.hospital("admission");
    object["spec"]["administrator"] = json!({ "email": "first@hospital.example" });
    set(&mut object, field, value);
    object
}

fn set(object: &mut Value, field: &str, value: impl Into<Option<Value>>) {
    let (parent, name) = field.rsplit_once('.').unwrap_or(("", field));
    let path = if parent.is_empty() { String::new() } else { format!("/{}", parent.replace('.', "/")) };
    let parent = object.pointer_mut(&path).unwrap().as_object_mut().unwrap();
    match value.into() {
        Some(value) => drop(parent.insert(name.to_owned(), value)),
        None => drop(parent.remove(name)),
    }
}

/// Asks the API server what it would say to a new object.
async fn try_create(world: &World, object: &Value) -> Result<DynamicObject, Box<Status>> {
    let url = format!("{}?dryRun=All&fieldValidation=Strict", untyped(world).resource_url());
    let request = Request::post(url).header("content-type", "application/json").body(object.to_string().into_bytes());
    answer(world.kube.request(request.unwrap()).await)
}

fn untyped(world: &World) -> Api<DynamicObject> {
    let kind = ApiResource::erase::<HospitalOrganization>(&());
    Api::namespaced_with(world.kube.clone(), world.sandbox.namespace(), &kind)
}

fn answer<T>(outcome: kube::Result<T>) -> Result<T, Box<Status>> {
    match outcome {
        Ok(object) => Ok(object),
        Err(kube::Error::Api(status)) => Err(status),
        Err(error) => panic!("no answer of the API server: {error}"),
    }
}

/// Every refusal: the field that is wrong, its value, and what the API server should say.
fn refusals() -> Vec<(&'static str, Option<Value>, &'static str)> {
    let x = |count| "x".repeat(count);
    let display_name = [
        (json!(""), EMPTY),
        (json!("   "), EMPTY),
        (json!("\u{a0}\u{2003}"), EMPTY),
        // Nothing that anybody could see: marks of width zero.
        (json!("\u{200b}\u{200f}"), EMPTY),
        (json!(x(301)), TOO_LONG),
        (json!("🏥".repeat(301)), TOO_LONG),
        (json!(x(5000)), TOO_LONG),
        (json!("St. Mary's\nHospital"), CONTROL),
        (json!("St. Mary's\tHospital"), CONTROL),
        (json!("St. Mary's\u{85}Hospital"), CONTROL),
        (json!("St. Mary's\u{2028}Hospital"), CONTROL),
        (json!("St. Mary's\u{2029}Hospital"), CONTROL),
        (json!("St. Mary's\u{0}Hospital"), CONTROL),
        (json!("St. Mary's\u{7f}Hospital"), CONTROL),
        (json!("St. Mary's\u{202e}Hospital"), CONTROL),
    ];
    let email = [
        json!(""),
        json!("admin"),
        json!("admin@"),
        json!("@stmarys.com"),
        json!("admin@stmarys"),
        json!("admin@stmarys..com"),
        json!("admin@-stmarys.com"),
        json!("admin@stmarys.com."),
        json!("admin@@stmarys.com"),
        json!("the admin@stmarys.com"),
        json!("admin@stmarys.com\n"),
        json!("Admin <admin@stmarys.com>"),
        json!("admin@stmarys.com,other@stmarys.com"),
        json!("verwaltung@münchen.example"),
        json!(format!("{}@stmarys.com", x(243))),
        json!(format!("{}@stmarys.com", x(5000))),
    ];
    let phone = ["", "12", "+", "++1 555 0000", "1-555-CALL-NOW", "call us", "5550000 ", "5550000\n"].map(|v| json!(v));
    let plan = ["Gold", "professional", "STARTER", "", "Starter "].map(|v| json!(v));
    let subscription = ["active", "Cancelled", ""].map(|v| json!(v));
    let policy = ["delete", "Keep", ""].map(|v| json!(v));
    let malformed = ["St_Marys", "1st_hospital", "_st_marys", "st-marys", "st.marys", "st marys", "märz", ""];
    let reserved = ["admin", "local", "config", "chakravue_x", "chakravue_master"];
    let unusable_names = ["1st-hospital", "st.marys"];
    let reserved_names = ["admin", "local", "config", "chakravue-x"];
    let wrong_types = [
        ("spec.displayName", json!(5), "must be of type string"),
        ("spec.displayName", json!(["x"]), "must be of type string"),
        ("spec.contact", json!("admin@stmarys.com"), "must be of type object"),
        ("spec.contact.email", json!({}), "must be of type string"),
        ("spec.contact.phone", json!(15_550_000), "must be of type string"),
        ("spec.plan", json!(1), "must be of type string"),
        ("spec.subscription", json!(true), "must be of type string"),
        ("spec.databaseName", json!(1), "must be of type string"),
        ("spec.deletionPolicy", json!(false), "must be of type string"),
        ("spec.administrator", json!(["first@hospital.example"]), "must be of type object"),
        ("spec", json!("x"), "must be of type object"),
    ];
    // Where null does not stand for a default it is as good as missing.
    let required = ["spec", "spec.displayName", "spec.contact", "spec.contact.email", "spec.plan"];

    let mut rows = Vec::new();
    rows.extend(display_name.map(|(value, says)| ("spec.displayName", Some(value), says)));
    for field in ["spec.contact.email", "spec.administrator.email"] {
        rows.extend(email.iter().map(|value| (field, Some(value.clone()), EMAIL)));
    }
    rows.extend(phone.map(|value| ("spec.contact.phone", Some(value), PHONE)));
    rows.extend([33, 5000].map(|count| ("spec.contact.phone", Some(json!("5".repeat(count))), PHONE)));
    rows.extend(plan.map(|value| ("spec.plan", Some(value), PLANS)));
    rows.extend(subscription.map(|value| ("spec.subscription", Some(value), SUBSCRIPTIONS)));
    rows.extend(policy.map(|value| ("spec.deletionPolicy", Some(value), POLICIES)));
    rows.extend(malformed.map(|value| ("spec.databaseName", Some(json!(value)), MALFORMED)));
    rows.extend([64, 5000].map(|count| ("spec.databaseName", Some(json!(x(count))), MALFORMED)));
    rows.extend(reserved.map(|value| ("spec.databaseName", Some(json!(value)), RESERVED)));
    rows.extend(unusable_names.map(|value| ("metadata.name", Some(json!(value)), UNUSABLE_NAME)));
    rows.extend(reserved_names.map(|value| ("metadata.name", Some(json!(value)), RESERVED_NAME)));
    rows.extend([64, 253].map(|count| ("metadata.name", Some(json!(x(count))), LONG_NAME)));
    rows.extend(wrong_types.map(|(field, value, says)| (field, Some(value), says)));
    rows.extend(required.map(|field| (field, None, REQUIRED)));
    rows.extend(required.map(|field| (field, Some(Value::Null), REQUIRED)));
    rows.push(("spec.administrator.email", None, REQUIRED));
    rows
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_the_field_and_a_sentence_that_says_what_to_do() {
    let world = World::new("admission").await;
    let mut wrong = Vec::new();
    for (field, value, says) in refusals() {
        let shown: String = format!("{field} = {value:?}").chars().take(100).collect();
        let Err(status) = try_create(&world, &with(&world, field, value)).await else {
            wrong.push(format!("{shown} is accepted"));
            continue;
        };
        let causes = status.details.map(|details| details.causes).unwrap_or_default();
        // What it adds when it could not check everything has no field.
        let mut causes = causes.iter().filter(|cause| cause.field != "<nil>").peekable();
        if causes.peek().is_none() || !causes.clone().all(|cause| cause.field == field) {
            wrong.push(format!("{shown} is refused because of other fields: {}", status.message));
        } else if !causes.any(|cause| cause.message.contains(says)) {
            wrong.push(format!("{shown} is refused, but not with {says:?}: {}", status.message));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.close().await;
}

#[tokio::test]
async fn unknown_fields_are_refused_by_name() {
    let world = World::new("unknown fields").await;
    for (field, named) in [
        ("spec.displayname", "spec.displayname"),
        ("spec.contact.fax", "spec.contact.fax"),
        ("spec.administrator.password", "spec.administrator.password"),
        ("metadata.label", "metadata.label"),
        ("specs", "specs"),
    ] {
        let object = with(&world, field, json!("x"));
        let says = format!("unknown field \"{named}\"");
        let refused = try_create(&world, &object).await.unwrap_err();
        assert!(refused.message.contains(&says), "create with {field}: {}", refused.message);
        // kubectl asks for strict validation by itself.
        let refused = kubectl(&world, &["create", "--dry-run=server", "-f", "-"], &object).await.unwrap_err();
        assert!(refused.contains(&says), "kubectl create with {field}: {refused}");
        let refused = Door::ServerSideApply.put(&world, &object, true).await.unwrap_err();
        assert!(refused.contains(named), "server-side apply with {field}: {refused}");
    }
    world.close().await;
}

#[tokio::test]
async fn what_is_unusual_but_right_is_accepted_and_has_a_database_name() {
    let world = World::new("edge cases").await;
    let x = |count| "x".repeat(count);
    let accepted = [
        ("spec.displayName", json!("x")),
        ("spec.displayName", json!(x(300))),
        ("spec.displayName", json!("🏥".repeat(300))),
        ("spec.displayName", json!("St. Mary's Hospital \"Café\" <& Co.> \\ 100%")),
        ("spec.displayName", json!("مستشفى القديسة مريم")),
        ("spec.displayName", json!("בית\u{200f} חולים")),
        ("spec.displayName", json!("क्‍ष अस्पताल")),
        ("spec.displayName", json!("聖マリア病院")),
        ("spec.displayName", json!("👩🏽\u{200d}⚕\u{fe0f}")),
        ("spec.contact.email", json!("admin+hospital@stmarys.com")),
        ("spec.contact.email", json!("o'neill@stmarys.co.uk")),
        ("spec.contact.email", json!("a@b.example")),
        ("spec.contact.email", json!("admin@xn--mnchen-3ya.example")),
        ("spec.contact.email", json!(format!("{}@stmarys.com", x(242)))),
        ("spec.contact.phone", json!("112")),
        ("spec.contact.phone", json!("+1-555-0000")),
        ("spec.contact.phone", json!("(555) 000-0000")),
        ("spec.contact.phone", json!("+49 (30) 1234/56.78")),
        ("spec.contact.phone", json!(format!("+{}", "5".repeat(31)))),
        ("spec.contact.phone", Value::Null),
        ("spec.administrator", Value::Null),
        ("spec.subscription", Value::Null),
        ("spec.deletionPolicy", Value::Null),
        ("spec.databaseName", Value::Null),
        ("spec.databaseName", json!("x")),
        ("spec.databaseName", json!(x(63))),
        ("spec.databaseName", json!("admin_")),
        ("spec.databaseName", json!("chakravue")),
        ("metadata.name", json!("x")),
        ("metadata.name", json!(x(63))),
        ("metadata.name", json!("administration")),
        ("metadata.name", json!("st--marys-2")),
    ];
    let mut objects: Vec<Value> = accepted.into_iter().map(|(field, value)| with(&world, field, value)).collect();
    // No database name can be made of these names, and none has to.
    for name in ["st.marys.hospital", "1st-hospital", "admin", "chakravue-x", "0"] {
        let mut object = with(&world, "spec.databaseName", json!("st_marys_hospital"));
        set(&mut object, "metadata.name", json!(name));
        objects.push(object);
    }
    for object in objects {
        let answer = try_create(&world, &object).await.unwrap_or_else(|status| panic!("{object}: {}", status.message));
        let read: HospitalOrganization = answer.try_parse().unwrap_or_else(|error| panic!("{object}: {error}"));
        let wanted = object["spec"]["databaseName"].as_str().map(str::to_owned);
        let wanted = wanted.unwrap_or_else(|| read.name_any().replace('-', "_"));
        assert_eq!(read.wanted_database().unwrap().as_str(), wanted, "{object}");
        assert_eq!(read.spec.display_name, object["spec"]["displayName"], "{object}");
    }
    world.close().await;
}

/// A way in which people and tools make and change an object.
#[derive(Clone, Copy, Debug)]
enum Door {
    KubectlApply,
    ServerSideApply,
    /// Create, then replace as a whole.
    Create,
}

impl Door {
    /// Makes or changes the object; the answer to a refusal in words.
    async fn put(self, world: &World, object: &Value, dry_run: bool) -> Result<(), String> {
        let name = object["metadata"]["name"].as_str().unwrap();
        let hospitals = untyped(world);
        match self {
            Self::KubectlApply => {
                let dry_run = if dry_run { "--dry-run=server" } else { "--dry-run=none" };
                kubectl(world, &["apply", dry_run, "-f", "-"], object).await.map(drop)
            }
            Self::ServerSideApply => {
                let parameters = PatchParams { dry_run, ..PatchParams::apply(USER) };
                let applied = hospitals.patch(name, &parameters, &Patch::Apply(object)).await;
                answer(applied).map(drop).map_err(|status| status.message)
            }
            Self::Create => {
                let parameters = PostParams { dry_run, ..PostParams::default() };
                let mut new: DynamicObject = serde_json::from_value(object.clone()).unwrap();
                let written = match hospitals.get_opt(name).await.unwrap() {
                    None => hospitals.create(&parameters, &new).await,
                    Some(old) => {
                        new.metadata.resource_version = old.metadata.resource_version;
                        hospitals.replace(name, &parameters, &new).await
                    }
                };
                answer(written).map(drop).map_err(|status| status.message)
            }
        }
    }
}

async fn kubectl(world: &World, arguments: &[&str], object: &Value) -> Result<String, String> {
    world.sandbox.kubectl().run(arguments, &object.to_string()).await
}

#[tokio::test]
async fn changes_that_would_lose_data_are_refused_however_the_object_was_made() {
    let world = World::new("changes").await;
    let unchanged = Option::<&str>::None;
    for door in [Door::KubectlApply, Door::ServerSideApply, Door::Create] {
        let label = format!("{door:?}").to_lowercase();
        // One with the name of its database left out, one with it set, and one that has not paid.
        let plain = world.hospital(&format!("{label}-plain"));
        let mut named = world.hospital(&format!("{label}-named"));
        set(&mut named, "spec.databaseName", json!(world.sandbox.database_name("named")));
        set(&mut named, "spec.subscription", json!("Suspended"));
        let mut unpaid = world.hospital(&format!("{label}-unpaid"));
        set(&mut unpaid, "spec.subscription", None);
        for object in [&plain, &named, &unpaid] {
            door.put(&world, object, false).await.unwrap_or_else(|refused| panic!("{door:?}: {refused}"));
        }

        let derived = plain["metadata"]["name"].as_str().unwrap().replace('-', "_");
        let other = Some(json!(world.sandbox.database_name("other")));
        let (database, subscription) = ("spec.databaseName", "spec.subscription");
        let changes = [
            (&plain, database, other.clone(), Some(RENAMED)),
            (&plain, database, Some(json!(derived)), unchanged),
            (&plain, database, Some(Value::Null), unchanged),
            (&named, database, other, Some(RENAMED)),
            (&named, database, None, Some(RENAMED)),
            (&named, database, Some(Value::Null), Some(RENAMED)),
            (&named, "spec.displayName", Some(json!("Another name")), unchanged),
            (&plain, subscription, Some(json!("PendingPayment")), Some(UNPAID_AGAIN)),
            (&plain, subscription, None, Some(UNPAID_AGAIN)),
            (&plain, subscription, Some(json!("Suspended")), unchanged),
            (&named, subscription, Some(json!("PendingPayment")), Some(UNPAID_AGAIN)),
            (&named, subscription, None, Some(UNPAID_AGAIN)),
            (&named, subscription, Some(json!("Active")), unchanged),
            (&unpaid, subscription, Some(json!("PendingPayment")), unchanged),
            (&unpaid, subscription, Some(json!("Active")), unchanged),
            (&plain, "spec.displayName", Some(json!("")), Some(EMPTY)),
            (&plain, "spec.contact.email", Some(json!("admin")), Some(EMAIL)),
            (&plain, "spec.plan", Some(json!("professional")), Some(PLANS)),
            (&plain, "spec.deletionPolicy", Some(json!("delete")), Some(POLICIES)),
        ];
        for (object, field, value, refused) in changes {
            let what = format!("{door:?}, {} with {field} = {value:?}", object["metadata"]["name"]);
            let mut object = object.clone();
            set(&mut object, field, value);
            match (door.put(&world, &object, true).await, refused) {
                (Ok(()), None) => {}
                (Ok(()), Some(_)) => panic!("{what} is accepted"),
                (Err(answer), None) => panic!("{what} is refused: {answer}"),
                (Err(answer), Some(says)) => {
                    assert!(answer.contains(&format!("{field}: ")), "{what} does not name the field: {answer}");
                    assert!(answer.contains(says), "{what} is refused, but not with {says:?}: {answer}");
                }
            }
        }
    }
    world.close().await;
}
