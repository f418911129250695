//! What the operator itself wrote last. The watch brings every write back; without this, each pass would start another
//! one that finds nothing to do, or that works on an object from before its own last write.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chakravue_crds::HospitalOrganization;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{ResourceExt as _, core::DeserializeGuard};

/// An object as the watch brings it: maybe one that an older, looser resource definition let in.
pub type Watched = DeserializeGuard<HospitalOrganization>;

/// A pass writes an object at most a few times: finalizer, first status, last status.
const REMEMBERED: usize = 4;

#[derive(Default)]
pub struct Echoes(Mutex<HashMap<String, Writes>>);

#[derive(Default)]
struct Writes {
    versions: VecDeque<String>,
    /// What the last write answered, until the watch has caught up with it.
    newest: Option<Arc<Watched>>,
}

impl Echoes {
    /// Remembers what a write answered that was made in a pass over `seen`.
    pub fn wrote(&self, seen: &HospitalOrganization, mut object: HospitalOrganization) {
        let (Some(uid), Some(version)) = (object.uid(), object.resource_version()) else { return };
        // If somebody has changed it in between, the watch may never bring that change by itself: a list that begins anew has
        // only the last version, which is then not taken for the operator's own.
        let is_own = says_the_same(seen, &object);
        let mut map = self.lock();
        let writes = map.entry(uid).or_default();
        // A write that changed nothing answers the version that is known already.
        if writes.versions.back() != Some(&version) {
            if is_own {
                if writes.versions.len() == REMEMBERED {
                    writes.versions.pop_front();
                }
                writes.versions.push_back(version);
            }
            // The watch leaves that out too: it is more than half of an object.
            object.metadata.managed_fields = None;
            writes.newest = Some(Arc::new(DeserializeGuard(Ok(object))));
        }
    }

    /// Whether an object that the watch brings is just as the operator left it. Asked once the store has it.
    pub fn is_own(&self, meta: &ObjectMeta) -> bool {
        let (Some(uid), Some(version)) = (&meta.uid, &meta.resource_version) else { return false };
        let mut map = self.lock();
        let Some(writes) = map.get_mut(uid) else { return false };
        let own = writes.versions.contains(version);
        let number = version.parse::<u64>().ok();
        if writes.newest.as_ref().is_some_and(|newest| number_of(newest) <= number) {
            // The store has the last write, or somebody else's, which is newer.
            writes.newest = None;
        }
        own
    }

    /// The object as a pass should see it: never from before the operator's own last write.
    pub fn newest(&self, object: Arc<Watched>) -> Arc<Watched> {
        let mut map = self.lock();
        let Some(writes) = map.get_mut(&object.uid().unwrap_or_default()) else { return object };
        // The watch can bring a write, or somebody's change right after it, before the write's own answer is here.
        writes.newest = writes.newest.take().filter(|written| number_of(written) > number_of(&object));
        writes.newest.clone().unwrap_or(object)
    }

    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Writes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two versions of an object ask the operator for the same.
fn says_the_same(a: &HospitalOrganization, b: &HospitalOrganization) -> bool {
    let (a, b) = (&a.metadata, &b.metadata);
    (a.generation, &a.deletion_timestamp, &a.annotations) == (b.generation, &b.deletion_timestamp, &b.annotations)
}

/// Versions of one object are numbers that grow.
fn number_of(object: &Watched) -> Option<u64> {
    object.resource_version()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

    use super::*;

    fn version(version: &str) -> HospitalOrganization {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "chakravue.io/v1alpha1", "kind": "HospitalOrganization",
            "metadata": { "name": "a", "namespace": "n", "uid": "u", "resourceVersion": version },
            "spec": { "displayName": "A", "contact": { "email": "a@b.example" }, "plan": "Starter" },
        }))
        .unwrap()
    }

    fn watched(v: &str) -> Arc<Watched> {
        Arc::new(DeserializeGuard(Ok(version(v))))
    }

    #[test]
    fn own_writes_are_told_from_those_of_others() {
        let echoes = Echoes::default();
        echoes.wrote(&version("1"), version("2"));
        assert!(echoes.is_own(&version("2").metadata));
        assert!(!echoes.is_own(&version("3").metadata));
    }

    #[test]
    fn a_pass_sees_the_last_write_until_the_watch_has_brought_it_or_something_newer() {
        let echoes = Echoes::default();
        let seen = |echoes: &Echoes| echoes.newest(watched("1")).resource_version().unwrap();
        assert_eq!(seen(&echoes), "1");
        echoes.wrote(&version("1"), version("2"));
        echoes.wrote(&version("1"), version("3"));
        assert_eq!(seen(&echoes), "3");
        echoes.is_own(&version("2").metadata);
        assert_eq!(seen(&echoes), "3", "the watch is still behind");
        echoes.is_own(&version("3").metadata);
        assert_eq!(seen(&echoes), "1", "the store has caught up and speaks for itself");

        echoes.wrote(&version("1"), version("4"));
        echoes.is_own(&version("5").metadata);
        assert_eq!(seen(&echoes), "1", "somebody else's change may be newer");
    }

    #[test]
    fn a_write_that_followed_somebodys_change_is_not_taken_for_the_operators_own() {
        let seen = version("1");
        let changes: [fn(&mut HospitalOrganization); 3] = [
            |object| object.metadata.generation = Some(2),
            |object| object.metadata.deletion_timestamp = Some(Time(Timestamp::UNIX_EPOCH)),
            |object| object.annotations_mut().extend([("chakravue.io/paused".to_owned(), "true".to_owned())]),
        ];
        for change in changes {
            let echoes = Echoes::default();
            let mut answered = version("3");
            change(&mut answered);
            echoes.wrote(&seen, answered);
            // The change, then the write behind it: until the watch has brought that, it is what a pass sees.
            assert!(!echoes.is_own(&version("2").metadata));
            assert_eq!(echoes.newest(watched("2")).resource_version().unwrap(), "3");
            assert!(!echoes.is_own(&version("3").metadata));
            assert_eq!(echoes.newest(watched("2")).resource_version().unwrap(), "2");
        }
    }

    #[test]
    fn a_change_that_comes_before_the_answer_to_the_write_it_followed_is_not_hidden() {
        let echoes = Echoes::default();
        assert!(!echoes.is_own(&version("10").metadata));
        echoes.wrote(&version("1"), version("9"));
        assert_eq!(echoes.newest(watched("10")).resource_version().unwrap(), "10");
    }
}
