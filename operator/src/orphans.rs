//! What has lost its counterpart: databases, users, roles, claims and Secrets without an object, and objects without
//! theirs. Nothing is removed here: the report says what a person may want to look into. Only on the claim of an object
//! that is gone is it written down, once, what was left behind.

mod compare;
pub mod orphan;
pub mod released;

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use chakravue_crds::{
    OrganizationId,
    naming::{SYSTEM_DATABASES, TENANT_ROLE},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::ListParams};
use mongodb::bson::{Document, RawDocument, doc};

use self::{
    compare::{Controllers, Seen, compare, controlled},
    orphan::{Kind, Orphan},
};
use crate::{
    access::desired,
    backoff, catalogue, claim,
    context::Context,
    controller::scoped,
    credentials::secret::MANAGED_BY,
    echoes::Watched,
    error::{Doing as _, Result},
    mongo::{Health, Mongo},
};

/// What is seen only in passing, such as a hospital that is being made, is not there any more after this.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// The first look of a process comes soon, so that the metric says something.
const FIRST_LOOK: Duration = Duration::from_secs(30);

/// How long the next try at a look that failed is put off at most.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// How many Secrets are listed at a time.
const PAGE: u32 = 250;

/// What has no counterpart, in two looks.
pub async fn find(context: &Context, namespace: Option<&str>, hospitals: &Hospitals<'_>) -> Result<Vec<Orphan>> {
    let first: HashSet<Orphan> = compare(&look(context, namespace, hospitals).await?).into_iter().collect();
    if first.is_empty() {
        return Ok(Vec::new());
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let second = compare(&look(context, namespace, hospitals).await?);
    Ok(second.into_iter().filter(|orphan| first.contains(orphan)).collect())
}

/// Where the objects come from: the operator's own store, or a list.
pub enum Hospitals<'a> {
    Store(&'a kube::runtime::reflector::Store<Watched>),
    Listed,
}

async fn look(context: &Context, namespace: Option<&str>, hospitals: &Hospitals<'_>) -> Result<Seen> {
    let mongo = &context.mongo;
    let secrets: Api<Secret> = scoped(&context.kube, namespace);
    let secrets = async { controllers(&secrets).await.doing("list the Secrets") };
    let claims = async { mongo.organizations().all().await.doing("read the claims") };
    let (users, roles) = (users(mongo), roles(mongo));
    let databases = async { Ok(mongo.databases().await) };
    let (secrets, claims, users, roles, databases) = tokio::try_join!(secrets, claims, users, roles, databases)?;

    let claimed: HashSet<&str> = claims.iter().map(|claim| claim.database_name.as_str()).collect();
    let mut like_ours = HashSet::new();
    for database in databases.iter().flatten() {
        let known = claimed.contains(database.as_str()) || SYSTEM_DATABASES.contains(&database.as_str());
        if !known && database != mongo.master_database() && has_our_collections(mongo, database).await? {
            like_ours.insert(database.clone());
        }
    }
    let hospitals = match hospitals {
        Hospitals::Store(store) => store.state(),
        Hospitals::Listed => {
            let api: Api<Watched> = scoped(&context.kube, namespace);
            let listed = api.list(&ListParams::default()).await.doing("list the hospitals")?;
            listed.items.into_iter().map(Arc::new).collect()
        }
    };
    Ok(Seen {
        cluster: context.settings.cluster.clone(),
        namespace: namespace.map(str::to_owned),
        hospitals,
        claims,
        users,
        roles,
        databases,
        like_ours,
        secrets,
    })
}

/// Who controls each connection Secret: all that is kept of a page before the next one comes.
async fn controllers(secrets: &Api<Secret>) -> kube::Result<Controllers> {
    let mut page = ListParams::default().labels(&format!("{}={}", MANAGED_BY.0, MANAGED_BY.1)).limit(PAGE);
    let mut found = Controllers::new();
    loop {
        let listed = match secrets.list_metadata(&page).await {
            // The API server has forgotten what the first page was of: anew.
            Err(kube::Error::Api(status)) if status.code == 410 && page.continue_token.is_some() => {
                found.clear();
                page.continue_token = None;
                continue;
            }
            listed => listed?,
        };
        found.extend(listed.items.iter().map(|secret| controlled(&secret.metadata)));
        page.continue_token = listed.metadata.continue_.filter(|token| !token.is_empty());
        if page.continue_token.is_none() {
            return Ok(found);
        }
    }
}

/// The databases of hospitals' users.
async fn users(mongo: &Mongo) -> Result<HashSet<String>> {
    accounts(mongo, desired::STORED_USERS, doc! { "customData.organization_id": { "$exists": true } }).await
}

/// The databases of hospitals' roles.
async fn roles(mongo: &Mongo) -> Result<HashSet<String>> {
    accounts(mongo, desired::STORED_ROLES, doc! { "role": TENANT_ROLE }).await
}

async fn accounts(mongo: &Mongo, collection: &str, filter: Document) -> Result<HashSet<String>> {
    let command =
        doc! { "find": collection, "filter": filter, "projection": { "_id": 0, "db": 1 }, "batchSize": 10_000 };
    let database = |account: &RawDocument| account.get_str("db").ok().map(str::to_owned);
    mongo.gather("admin", command, database, "read users and roles").await
}

async fn has_our_collections(mongo: &Mongo, database: &str) -> Result<bool> {
    let command = doc! { "listCollections": 1, "nameOnly": true };
    let found = mongo.list(database, command, "list the collections").await?;
    let names: HashSet<&str> = found.iter().filter_map(|collection| collection.get_str("name").ok()).collect();
    // Most of them: an older catalogue had fewer, and somebody may have dropped one.
    let ours = catalogue::current().collections.iter();
    let (all, there) = (ours.len(), ours.filter(|collection| names.contains(collection.name)).count());
    Ok(there * 3 > all * 2)
}

/// For a person.
pub fn told(orphans: &[Orphan]) -> String {
    if orphans.is_empty() {
        return "Everything has its counterpart.\n".to_owned();
    }
    let mut text = String::new();
    for Orphan { kind, name, about } in orphans {
        let _ = writeln!(text, "{:<26} {name}: {about}", kind.name());
    }
    text
}

/// Looks again and again until the process stops: for the metric, and to write down what was left behind.
pub async fn watch(context: &Context, namespace: Option<&str>) {
    let mut next = context.settings.resync.min(FIRST_LOOK);
    let mut again = SECOND_LOOK;
    loop {
        let pause = backoff::jittered(next);
        next = context.settings.resync;
        let woken = tokio::select! {
            () = tokio::time::sleep(pause) => false,
            () = context.released.woken() => true,
            () = context.stop.cancelled() => return,
        };
        let mut health = context.mongo.health();
        tokio::select! {
            usable = health.wait_for(|health| matches!(health, Health::Usable(_))) => if usable.is_err() { return },
            () = context.stop.cancelled() => return,
        }
        match find(context, namespace, &Hospitals::Store(&context.store)).await {
            Ok(orphans) => {
                let mut counts = HashMap::new();
                for orphan in &orphans {
                    *counts.entry(orphan.kind).or_default() += 1;
                }
                context.metrics.orphans(&counts);
                if let Err(error) = write_down(context, &orphans).await {
                    tracing::warn!("what was left behind is not written down yet: {error}");
                    look_again(context, &mut again).await;
                } else {
                    again = SECOND_LOOK;
                }
            }
            Err(error) => {
                tracing::warn!("what has lost its counterpart is not known: {error}");
                if woken {
                    look_again(context, &mut again).await;
                }
            }
        }
    }
}

/// Waits for twice as long each time.
async fn look_again(context: &Context, wait: &mut Duration) {
    context.released.wake();
    tokio::time::sleep(*wait).await;
    *wait = (*wait * 2).min(LONGEST_WAIT);
}

/// Writes on every claim whose object is gone what there still is in MongoDB.
async fn write_down(context: &Context, orphans: &[Orphan]) -> Result<()> {
    let mut claims = orphans.to_vec();
    claims.retain(|orphan| orphan.kind == Kind::Claim);
    if claims.is_empty() {
        return Ok(());
    }
    let (users, roles) = tokio::try_join!(users(&context.mongo), roles(&context.mongo))?;
    for orphan in claims {
        let found = context.mongo.organizations().find_by_database(&orphan.name).await;
        let Some(record) = found.doing("read the claim")? else { continue };
        if record.left_behind.is_some() || claim::lives(context, &record.owner).await? {
            continue;
        }
        let collections =
            context.mongo.list(&orphan.name, doc! { "listCollections": 1 }, "list the collections").await?;
        let there = [
            ("database", !collections.is_empty()),
            ("user", users.contains(&orphan.name)),
            ("role", roles.contains(&orphan.name)),
        ];
        let what = there.into_iter().filter(|(_, there)| *there).map(|(what, _)| what.to_owned()).collect();
        let id: &OrganizationId = &record.organization_id;
        claim::leave_behind(context, id, &record.owner, what).await?;
        tracing::warn!(database = orphan.name, "written down what was left behind of an object that is gone");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, sync::Mutex};

    use axum::http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::service_fn;

    use super::*;

    #[tokio::test]
    async fn a_list_whose_next_page_is_forgotten_begins_anew() {
        let page = |names: &[&str], next: &str| {
            let items: Vec<Value> = names.iter().map(|name| json!({ "metadata": { "name": name } })).collect();
            (200, json!({ "metadata": { "continue": next }, "items": items }))
        };
        let expired = json!({ "status": "Failure", "reason": "Expired", "code": 410, "message": "x" });
        let answers = [page(&["gone", "a"], "old"), (410, expired), page(&["a"], "new"), page(&["b"], "")];
        let (asked, answers) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(answers.into_iter())));
        let asks = Arc::clone(&asked);
        let server = service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let token = query.split('&').find_map(|part| part.strip_prefix("continue=")).unwrap_or_default();
            assert!(query.contains("limit=250"), "{query}");
            asks.lock().unwrap().push(token.to_owned());
            let (code, answer) = answers.lock().unwrap().next().unwrap();
            let answer = Response::builder().status(code).body(Body::from(answer.to_string().into_bytes())).unwrap();
            async move { Ok::<_, Infallible>(answer) }
        });
        let secrets: Api<Secret> = Api::all(kube::Client::new(server, "default"));
        let found = controllers(&secrets).await.unwrap();
        assert_eq!(*asked.lock().unwrap(), ["", "old", "", "new"]);
        assert_eq!(found, Controllers::from([("/a".to_owned(), None), ("/b".to_owned(), None)]));
    }
}
