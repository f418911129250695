//! The indexes of the claims. One of them is the claim: with it, two organizations can never hold one database, whatever
//! their letters' case. It is looked at again and again, as somebody may drop it, or lose it with the collection.

use std::sync::atomic::Ordering;

use chakravue_crds::{conditions::Reason, master::ORGANIZATIONS, tenant_schema::Index};
use mongodb::bson::{Document, RawDocumentBuf, doc};

use super::Mongo;
use crate::{
    error::{Code, Error, Result},
    schema::compare::same_index,
};

const DOING: &str = "prepare the master database";

fn claim() -> Index {
    Index { name: "database_name_unique", keys: doc! { "database_name": 1 }, unique: true, case_insensitive: true }
}

/// By it the claim of an object is found.
fn owner() -> Index {
    Index { name: "owner_uid", keys: doc! { "owner.uid": 1 }, unique: false, case_insensitive: false }
}

impl Mongo {
    pub(super) async fn ensure_master_indexes(&self) -> Result<()> {
        let listed = self.read_as_answered(&self.master, doc! { "listIndexes": ORGANIZATIONS }).await;
        let found = match listed {
            Ok(answer) => first_batch(&answer),
            Err(error) if Code::of(&error).is_some_and(|code| code.number == Code::NAMESPACE_NOT_FOUND) => Vec::new(),
            Err(error) => return Err(Error::mongodb(DOING, &error)),
        };
        let missing = missing(&found).map_err(|Other(name)| self.other(&name))?;
        if missing.is_empty() {
            return Ok(());
        }
        for index in &missing {
            let command = doc! { "createIndexes": ORGANIZATIONS, "indexes": [index.specification()] };
            match self.write_as_answered(&self.master, command).await {
                Ok(_) => {}
                Err(error) if !index.unique => {
                    // It only makes the search faster.
                    let error = Error::mongodb(DOING, &error);
                    tracing::warn!(
                        index = index.name,
                        "an index of {}.{ORGANIZATIONS} cannot be made: {error}",
                        self.master
                    );
                }
                Err(error) => {
                    return Err(match Code::of(&error).map(|code| code.number) {
                        Some(Code::DUPLICATE_KEY) => self.claimed_twice(),
                        Some(Code::INDEX_OPTIONS_CONFLICT | Code::INDEX_KEY_SPECS_CONFLICT) => {
                            self.other(&in_the_way(index, &found))
                        }
                        _ => Error::mongodb(DOING, &error),
                    });
                }
            }
        }
        if self.prepared.load(Ordering::Relaxed) {
            let names: Vec<_> = missing.iter().map(|index| index.name).collect();
            tracing::warn!(?names, "indexes of {}.{ORGANIZATIONS} were gone, and are made again", self.master);
        }
        Ok(())
    }

    fn other(&self, name: &str) -> Error {
        let master = &self.master;
        fault(format!(
            "Index {name} of {master}.{ORGANIZATIONS} stands in the place of the one that keeps two hospitals from having one \
             database, and was made otherwise by somebody. As an administrator, remove it with db.getSiblingDB(\"{master}\").{ORGANIZATIONS}.dropIndex(\"{name}\"); \
             the operator makes it anew by itself."
        ))
    }

    fn claimed_twice(&self) -> Error {
        let (master, name) = (&self.master, claim().name);
        fault(format!(
            "Index {name} of {master}.{ORGANIZATIONS}, which keeps two hospitals from having one database, is gone and cannot be \
             made again: two documents name the same database. As an administrator, remove the one whose owner.uid is not that \
             of the object the database belongs to; the operator goes on by itself."
        ))
    }
}

fn fault(message: String) -> Error {
    Error::Fault { reason: Reason::MongoDbError, message }
}

/// An index of this name has the name of the claim's and does something else.
#[derive(Debug, PartialEq, Eq)]
struct Other(String);

/// The name of the index that has the same key or name.
fn in_the_way(index: &Index, found: &[Document]) -> String {
    let other = found.iter().find(|found| found.get_document("key").is_ok_and(|key| *key == index.keys));
    other.and_then(|other| other.get_str("name").ok()).unwrap_or(index.name).to_owned()
}

/// What is to be made. An index that does the same under another name will do.
fn missing(found: &[Document]) -> Result<Vec<Index>, Other> {
    let named = |index: &Index| found.iter().any(|found| found.get_str("name").is_ok_and(|name| name == index.name));
    let does_the_same = |index: &Index, found: &Document| {
        // Of those that only make the search faster, any will do.
        if index.unique {
            RawDocumentBuf::try_from(found).is_ok_and(|found| same_index(index, &found, true))
        } else {
            found.get_document("key").is_ok_and(|key| *key == index.keys)
        }
    };
    let there = |index: &Index| found.iter().any(|found| does_the_same(index, found));
    let (claim, owner) = (claim(), owner());
    if !there(&claim) && named(&claim) {
        return Err(Other(claim.name.to_owned()));
    }
    let mut missing = vec![claim, owner];
    missing.retain(|index| !there(index) && !named(index));
    Ok(missing)
}

/// A collection has at most 64 indexes, which come at once.
fn first_batch(answer: &Document) -> Vec<Document> {
    let batch = answer.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
    batch.map(|batch| batch.iter().filter_map(|index| index.as_document().cloned()).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use mongodb::bson::Bson;

    use super::*;

    fn names(found: &[Document]) -> Result<Vec<&'static str>, Other> {
        Ok(missing(found)?.iter().map(|index| index.name).collect())
    }

    /// As the server answers it.
    fn found(name: &str) -> Document {
        let collation = doc! {
            "locale": "en", "caseLevel": false, "caseFirst": "off", "strength": 2, "numericOrdering": false,
            "alternate": "non-ignorable", "maxVariable": "punct", "normalization": false, "backwards": false, "version": "57.1",
        };
        doc! { "v": 2, "key": { "database_name": 1 }, "name": name, "unique": true, "collation": collation }
    }

    #[test]
    fn only_an_index_that_keeps_two_hospitals_from_one_database_is_the_claim() {
        let id = doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" };
        let owner = doc! { "v": 2, "key": { "owner.uid": 1 }, "name": "owner_uid" };
        assert_eq!(names(&[]).unwrap(), ["database_name_unique", "owner_uid"]);
        assert_eq!(names(&[id.clone(), owner.clone()]).unwrap(), ["database_name_unique"]);
        assert_eq!(names(&[id, found("database_name_unique")]).unwrap(), ["owner_uid"]);
        assert!(names(&[found("by_hand"), owner.clone()]).unwrap().is_empty(), "whatever its name");

        for (what, value) in [
            ("unique", Bson::Boolean(false)),
            ("key", doc! { "databaseName": 1 }.into()),
            ("collation", doc! { "locale": "simple" }.into()),
            ("partialFilterExpression", doc! { "claim": "Held" }.into()),
        ] {
            let mut other = found("database_name_unique");
            other.insert(what, value);
            assert_eq!(names(&[other.clone(), owner.clone()]), Err(Other(claim().name.to_owned())), "{what}");
            other.insert("name", "by_hand");
            assert_eq!(names(&[other, owner.clone()]).unwrap(), ["database_name_unique"], "{what}");
        }
    }
}
