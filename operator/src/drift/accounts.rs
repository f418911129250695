//! Users and roles, which no change stream shows: they are compared with what the last pass left, all at once, every
//! half a second. Also the password: what MongoDB stores of it must be what a pass has found to be that of the Secret,
//! so nobody has to log in. Two reads for all hospitals; what differs is mended by that hospital's next pass.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hasher as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use chakravue_crds::naming::DatabaseName;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use tokio_util::sync::CancellationToken;

use super::{Asked, Drift, kind::Source};
use crate::{
    access::desired,
    error::{Doing as _, Result},
    mongo::Mongo,
    scram::Verified,
    tenant::Tenant,
};

/// The comparison takes at most this part of the time, however many hospitals there are. Of a thousand, each is looked at
/// twice a second all the same.
const SHARE: u32 = 8;

/// What a pass left of the user and the role of one hospital.
pub struct Expected {
    uid: String,
    database: DatabaseName,
    user: desired::UserFacts,
    /// Of the stored documents that were found to be right: most of the time nothing has changed.
    right_user: Fingerprint,
    right_role: Fingerprint,
}

impl Expected {
    pub fn of(tenant: &Tenant, organization_id: &str) -> Self {
        Self {
            uid: tenant.owner.uid.clone(),
            database: tenant.database.clone(),
            user: desired::UserFacts::of(tenant, organization_id),
            right_user: Fingerprint::default(),
            right_role: Fingerprint::default(),
        }
    }

    /// Whether user and role were as they should be when a pass found them.
    pub fn is_met(&self, found: &desired::Found, verified: &Verified) -> bool {
        found.user().is_some_and(|user| self.user.fit(user) && verified.knows(&self.uid, user))
            && desired::role_step(found, &self.database).is_none()
    }

    fn user_is_right(&self, found: &RawDocument, verified: &Verified) -> bool {
        self.right_user.knows_or(found, |user| self.user.fit(user) && verified.knows(&self.uid, user))
    }

    fn role_is_right(&self, found: &RawDocument) -> bool {
        self.right_role.knows_or(found, |role| desired::role_is_right(role, &self.database))
    }
}

/// A hash of the bytes of a document that was found to be right; 0 while there was none.
#[derive(Default)]
struct Fingerprint(AtomicU64);

impl Fingerprint {
    fn knows_or(&self, found: &RawDocument, is_right: impl FnOnce(&Document) -> bool) -> bool {
        let mut hasher = DefaultHasher::new();
        hasher.write(found.as_bytes());
        let hash = hasher.finish();
        if self.0.load(Ordering::Relaxed) == hash {
            return true;
        }
        let right = Document::try_from(found).is_ok_and(|found| is_right(&found));
        if right {
            self.0.store(hash, Ordering::Relaxed);
        }
        right
    }
}

/// Compares until the process stops.
pub async fn watch(
    mongo: Mongo,
    drift: Arc<Drift>,
    verified: Arc<Verified>,
    interval: Duration,
    stop: CancellationToken,
) {
    let mut said = None;
    let mut pause = interval;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => return,
        }
        if !mongo.is_usable() {
            continue;
        }
        let began = Instant::now();
        match compare(&mongo, &drift, &verified).await {
            Ok(()) => said = None,
            Err(error) => {
                mongo.report_trouble();
                let error = error.to_string();
                if said.as_ref() != Some(&error) {
                    tracing::warn!("users and roles cannot be compared: {error}");
                    said = Some(error);
                }
            }
        }
        pause = interval.max(began.elapsed().saturating_mul(SHARE));
    }
}

async fn compare(mongo: &Mongo, drift: &Drift, verified: &Verified) -> Result<()> {
    let expected = drift.expected();
    if expected.is_empty() {
        return Ok(());
    }
    let by_id = |id: fn(&DatabaseName) -> String| -> HashMap<String, &Expected> {
        expected.iter().map(|(_, hospital)| (id(&hospital.database), hospital.as_ref())).collect()
    };
    let user_is_right = |hospital: &Expected, user: &RawDocument| hospital.user_is_right(user, verified);
    let (users, roles) = tokio::try_join!(
        right_ones(mongo, desired::STORED_USERS, by_id(desired::stored_user), user_is_right),
        right_ones(mongo, desired::STORED_ROLES, by_id(desired::stored_role), Expected::role_is_right),
    )?;
    for (uid, hospital) in &expected {
        if !users.contains(&hospital.database) || !roles.contains(&hospital.database) {
            drift.differs(uid, hospital);
        }
    }
    Ok(())
}

/// The databases whose stored document is there and right.
async fn right_ones<'a>(
    mongo: &Mongo,
    collection: &str,
    expected: HashMap<String, &'a Expected>,
    is_right: impl Fn(&Expected, &RawDocument) -> bool,
) -> Result<std::collections::HashSet<&'a DatabaseName>> {
    let doing = "compare the users and roles";
    let ids: Vec<&str> = expected.keys().map(String::as_str).collect();
    let accounts = mongo.database("admin").collection::<RawDocumentBuf>(collection);
    let mut cursor = accounts.find(doc! { "_id": { "$in": ids } }).batch_size(1000).await.doing(doing)?;
    let mut right = std::collections::HashSet::with_capacity(expected.len());
    while cursor.advance().await.doing(doing)? {
        let found = cursor.current();
        if let Some(hospital) = found.get_str("_id").ok().and_then(|id| expected.get(id))
            && is_right(hospital, found)
        {
            right.insert(&hospital.database);
        }
    }
    Ok(right)
}

impl Drift {
    /// What is expected of every hospital that no pass is at work on.
    fn expected(&self) -> Vec<(String, Arc<Expected>)> {
        let hospitals = self.lock();
        let resting =
            hospitals.iter().filter(|(_, hospital)| hospital.meanwhile.is_none() && hospital.asked != Asked::AtOnce);
        resting.filter_map(|(uid, hospital)| Some((uid.clone(), Arc::clone(hospital.accounts.as_ref()?)))).collect()
    }

    /// User or role of a hospital differ from this expectation, unless a pass has left another one meanwhile.
    fn differs(&self, uid: &str, expected: &Arc<Expected>) {
        if let Some(hospital) = self.lock().get_mut(uid)
            && hospital.accounts.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, expected))
        {
            self.ask(uid, hospital, Source::Comparison);
        }
    }
}
