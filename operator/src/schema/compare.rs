//! The difference between the catalogue and a database, in steps. Pure.

use chakravue_crds::{
    conditions::{ConditionType, Reason},
    organization::{CollectionStatus, Unmanaged},
    tenant_schema::{Collection, Index},
};
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, RawDocumentBuf};

use super::{
    observed::{Found, number, raw_number},
    outcome::Outcome,
};
use crate::{catalogue, error::Error};

/// What has to be done to one collection.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Create(&'static Collection),
    SetValidator(&'static Collection),
    CreateIndex(&'static Collection, &'static Index),
    /// The name is taken by another index; the catalogue owns its names.
    ReplaceIndex(&'static Collection, &'static Index),
    /// The index is right but for being unique, because documents stood in the way.
    MakeUnique(&'static Collection, &'static Index),
}

/// What of a database a step changes: an index of a collection, or its validator where no index is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    pub collection: &'static str,
    pub index: Option<&'static str>,
}

impl Step {
    pub fn part(&self) -> Part {
        match self {
            Self::Create(collection) | Self::SetValidator(collection) => {
                Part { collection: collection.name, index: None }
            }
            Self::CreateIndex(collection, index)
            | Self::ReplaceIndex(collection, index)
            | Self::MakeUnique(collection, index) => Part { collection: collection.name, index: Some(index.name) },
        }
    }
}

/// The difference between the catalogue and the database.
#[derive(Debug, Default)]
pub struct Difference {
    pub steps: Vec<Step>,
    /// What of the catalogue the database has already.
    /// What stands in the way of a collection is refused; the others are none the worse for it.
    pub in_place: Outcome,
}

/// The difference between the catalogue and the database, in steps. Pure.
pub fn plan(found: &[Found]) -> Difference {
    let mut difference = Difference::default();
    for collection in &catalogue::current().collections {
        let Some(existing) = found.iter().find(|f| f.name == collection.name) else {
            difference.steps.push(Step::Create(collection));
            continue;
        };
        let status = in_place(collection, existing);
        if is_plain(existing) {
            if !status.documents_validated {
                difference.steps.push(Step::SetValidator(collection));
            }
            let is_missing = |index: &&Index| !status.indexes.iter().any(|there| there == index.name);
            let missing = collection.indexes.iter().filter(is_missing);
            difference.steps.extend(missing.map(|index| index_step(collection, index, existing)));
            // What stands in the way is to be taken away, and is no loss then.
            difference.in_place.ids.extend(existing.id.map(|id| (collection.name.to_owned(), id)));
        } else {
            difference.in_place.refused.get_or_insert_with(|| in_another_form(collection, existing));
        }
        difference.in_place.collections.push(status);
    }
    difference
}

fn in_another_form(collection: &Collection, existing: &Found) -> Error {
    let kind = if existing.kind == "collection" { "capped collection" } else { &existing.kind };
    Error::refused(
        ConditionType::SchemaReady,
        Reason::SchemaConflict,
        format!(
            "{} is a {kind}, where a hospital needs a plain collection. Rename or remove it; the operator never drops what holds data.",
            collection.name
        ),
    )
}

fn index_step(collection: &'static Collection, index: &'static Index, existing: &Found) -> Step {
    match existing.indexes.iter().find(|found| found.get_str("name").ok() == Some(index.name)) {
        None => Step::CreateIndex(collection, index),
        Some(found) if index.unique && same_index(index, found, false) => Step::MakeUnique(collection, index),
        Some(_) => Step::ReplaceIndex(collection, index),
    }
}

/// Whether it is a collection as the catalogue means them: no view, no time series, none that forgets.
fn is_plain(existing: &Found) -> bool {
    existing.kind == "collection" && !existing.options.get_bool("capped").unwrap_or(false)
}

fn in_place(collection: &Collection, existing: &Found) -> CollectionStatus {
    let serves = |index: &&Index| existing.indexes.iter().any(|found| same_index(index, found, index.unique));
    CollectionStatus {
        name: collection.name.to_owned(),
        documents_validated: validated(collection, existing),
        indexes: collection.indexes.iter().filter(serves).map(|index| index.name.to_owned()).collect(),
    }
}

/// How much of what others added is told by name.
const TOLD: usize = 20;

/// How many characters of a name are told: MongoDB takes users and indexes with names longer than any status may be.
const LONGEST_TOLD: usize = 256;

/// What somebody added beside the catalogue.
pub fn unmanaged(found: &[Found], users: &[String]) -> Option<Unmanaged> {
    let of_catalogue = |name: &str| catalogue::current().collections.iter().find(|collection| collection.name == name);
    let mut collections = Vec::new();
    let mut indexes = Vec::new();
    for existing in found {
        let Some(collection) = of_catalogue(&existing.name) else {
            collections.push(existing.name.clone());
            continue;
        };
        let is_extra = |index: &&RawDocumentBuf| {
            let name = index.get_str("name").unwrap_or_default();
            let serves = |wanted: &Index| wanted.name == name || same_index(wanted, index, wanted.unique);
            name != "_id_" && !collection.indexes.iter().any(serves)
        };
        let extra = existing.indexes.iter().filter(is_extra);
        indexes.extend(extra.map(|index| format!("{}.{}", collection.name, index.get_str("name").unwrap_or_default())));
    }
    let mut users = users.to_vec();
    let count = i64::try_from(collections.len() + indexes.len() + users.len()).unwrap_or(i64::MAX);
    for names in [&mut collections, &mut indexes, &mut users] {
        names.sort();
        names.truncate(TOLD);
        names.iter_mut().for_each(shorten);
    }
    (count > 0).then_some(Unmanaged { collections, indexes, users, count })
}

fn shorten(name: &mut String) {
    if let Some((end, _)) = name.char_indices().nth(LONGEST_TOLD) {
        name.truncate(end);
        name.push('…');
    }
}

/// Whether the catalogue's validator is in force. The server leaves defaults out of its answer.
fn validated(collection: &Collection, existing: &Found) -> bool {
    existing.options.get_document("validator").is_ok_and(|found| same_document(found, &collection.validator))
        && existing.options.get_str("validationLevel").unwrap_or("strict") == "strict"
        && existing.options.get_str("validationAction").unwrap_or("error") == "error"
}

/// Whether a found index does what the catalogue's does, whatever its name.
pub fn same_index(index: &Index, found: &RawDocument, unique: bool) -> bool {
    let keys = found.get_document("key").is_ok_and(|keys| {
        let mut wanted = index.keys.iter();
        let mut is_next = |key: &str, direction| {
            wanted.next().is_some_and(|(name, wanted)| key == name && raw_number(direction) == number(Some(wanted)))
        };
        keys.iter().all(|field| field.is_ok_and(|(key, direction)| is_next(key.as_str(), direction)))
            && wanted.next().is_none()
    });
    let collation = match found.get_document("collation") {
        Ok(collation) if collation.get_str("locale").is_ok_and(|locale| locale == "simple") => !index.case_insensitive,
        Ok(collation) => {
            // The server tells all of them; what is left out has its default.
            index.case_insensitive
                && collation.get_str("locale").is_ok_and(|locale| locale == "en")
                && matches!(collation.get("strength"), Ok(Some(strength)) if raw_number(strength) == 2)
                && [("caseFirst", "off"), ("alternate", "non-ignorable"), ("maxVariable", "punct")]
                    .iter()
                    .all(|(option, usual)| collation.get_str(option).unwrap_or(usual) == *usual)
                && ["caseLevel", "numericOrdering", "normalization", "backwards"]
                    .iter()
                    .all(|option| !collation.get_bool(option).unwrap_or(false))
        }
        Err(_) => !index.case_insensitive,
    };
    let plain = ["partialFilterExpression", "expireAfterSeconds", "sparse", "hidden", "prepareUnique"]
        .iter()
        // An index on its way to being unique refuses duplicates already.
        .filter(|option| !(index.unique && **option == "prepareUnique"))
        .all(|option| matches!(found.get(option), Ok(None | Some(RawBsonRef::Boolean(false)))));
    keys && collation && plain && found.get_bool("unique").unwrap_or(false) == unique
}

/// Compares documents as the server does: numbers by value, fields without regard to order. As many fields, each of those
/// that are wanted among them: so none is there twice.
pub(super) fn same_document(found: &RawDocument, wanted: &Document) -> bool {
    let has = |key: &str, value: &Bson| matches!(found.get(key), Ok(Some(found)) if same_value(found, value));
    found.iter_elements().count() == wanted.len() && wanted.iter().all(|(key, value)| has(key, value))
}

fn same_value(found: RawBsonRef<'_>, wanted: &Bson) -> bool {
    match (found, wanted) {
        (RawBsonRef::Document(found), Bson::Document(wanted)) => same_document(found, wanted),
        (RawBsonRef::Array(found), Bson::Array(wanted)) => {
            let mut wanted = wanted.iter();
            let mut is_next = |value| wanted.next().is_some_and(|wanted| same_value(value, wanted));
            found.into_iter().all(|value| value.is_ok_and(&mut is_next)) && wanted.next().is_none()
        }
        (RawBsonRef::String(found), Bson::String(wanted)) => found == wanted,
        (
            RawBsonRef::Int32(_) | RawBsonRef::Int64(_) | RawBsonRef::Double(_),
            Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_),
        ) => raw_number(found) == number(Some(wanted)),
        _ => Bson::try_from(found).is_ok_and(|found| found == *wanted),
    }
}

#[cfg(test)]
mod tests {
    use chakravue_crds::tenant_schema::TENANT_SCHEMA;
    use mongodb::bson::{self, doc};

    use super::*;

    fn raw(document: &Document) -> RawDocumentBuf {
        RawDocumentBuf::try_from(document).unwrap()
    }

    /// Changes what the server sent.
    fn change(found: &mut RawDocumentBuf, change: impl FnOnce(&mut Document)) {
        let mut document = Document::try_from(&**found).unwrap();
        change(&mut document);
        *found = raw(&document);
    }

    fn insert(found: &mut RawDocumentBuf, key: &str, value: impl Into<Bson>) {
        change(found, |document| drop(document.insert(key, value)));
    }

    fn complete() -> Vec<Found> {
        TENANT_SCHEMA
            .collections
            .iter()
            .map(|collection| Found {
                name: collection.name.to_owned(),
                id: None,
                kind: "collection".to_owned(),
                options: raw(&doc! { "validator": collection.validator.clone() }),
                indexes: std::iter::once(doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" })
                    .chain(collection.indexes.iter().map(|index| {
                        let mut found = index.specification();
                        if let Ok(collation) = found.get_document_mut("collation") {
                            // The server answers every field of a collation.
                            collation.extend(doc! { "caseLevel": false, "numericOrdering": false, "version": "57.1" });
                        }
                        found
                    }))
                    .map(|index| raw(&index))
                    .collect(),
            })
            .collect()
    }

    fn steps(found: &[Found]) -> Vec<Step> {
        let Difference { steps, in_place: Outcome { refused, .. } } = plan(found);
        assert!(refused.is_none(), "{refused:?}");
        steps
    }

    #[test]
    fn a_complete_database_needs_nothing() {
        assert_eq!(steps(&complete()), []);
    }

    #[test]
    fn an_empty_database_needs_every_collection() {
        let steps = steps(&[]);
        assert_eq!(steps.len(), 6);
        assert!(steps.iter().all(|step| matches!(step, Step::Create(_))));
    }

    #[test]
    fn each_kind_of_difference_has_its_step() {
        let users = &TENANT_SCHEMA.collections[0];
        let email = &users.indexes[0];

        let mut found = complete();
        found[0].indexes.pop();
        assert_eq!(steps(&found), [Step::CreateIndex(users, email)]);

        let mut found = complete();
        insert(&mut found[0].options, "validationAction", "warn");
        assert_eq!(steps(&found), [Step::SetValidator(users)]);

        let mut found = complete();
        change(&mut found[0].indexes[1], |index| drop(index.remove("unique")));
        assert_eq!(steps(&found), [Step::MakeUnique(users, email)]);
        insert(&mut found[0].indexes[1], "prepareUnique", true);
        assert_eq!(steps(&found), [Step::MakeUnique(users, email)]);

        let mut found = complete();
        insert(&mut found[0].indexes[1], "key", doc! { "name": 1 });
        assert_eq!(steps(&found), [Step::ReplaceIndex(users, email)]);

        for other in [doc! { "numericOrdering": true }, doc! { "alternate": "shifted" }, doc! { "locale": "de" }] {
            let mut found = complete();
            let collation = |index: &mut Document| index.get_document_mut("collation").unwrap().extend(other.clone());
            change(&mut found[0].indexes[1], collation);
            assert_eq!(steps(&found), [Step::ReplaceIndex(users, email)], "{other}: it would tell other words apart");
        }
        let patients = &TENANT_SCHEMA.collections[1];
        let plain = patients.indexes.iter().position(|index| !index.case_insensitive).unwrap();
        let mut found = complete();
        insert(&mut found[1].indexes[1 + plain], "collation", doc! { "locale": "de", "strength": 2 });
        assert_eq!(steps(&found), [Step::ReplaceIndex(patients, &patients.indexes[plain])]);
    }

    #[test]
    fn an_index_of_another_name_serves_as_well() {
        let mut found = complete();
        insert(&mut found[0].indexes[1], "name", "made_by_the_dba");
        assert_eq!(steps(&found), []);
    }

    #[test]
    fn what_others_added_is_told_and_what_serves_the_catalogue_is_not() {
        let mut found = complete();
        assert_eq!(unmanaged(&found, &[]), None);
        insert(&mut found[0].indexes[1], "name", "made_by_the_dba");
        assert_eq!(unmanaged(&found, &[]), None);
        found[1].indexes.push(raw(&doc! { "v": 2, "key": { "ward": 1 }, "name": "by_ward" }));
        found.extend((0..30).map(|n| Found { name: format!("extra{n:02}"), ..Found::default() }));
        let told = unmanaged(&found, &[]).unwrap();
        assert_eq!((told.indexes, told.count), (vec!["patients.by_ward".to_owned()], 31));
        assert_eq!((told.collections.len(), told.collections[0].as_str()), (TOLD, "extra00"));
    }

    #[test]
    fn of_a_name_without_end_the_beginning_is_told() {
        let long = "ä".repeat(1_000_000);
        let told = unmanaged(&complete(), &[long, "ä".repeat(LONGEST_TOLD)]).unwrap();
        assert_eq!(told.users, ["ä".repeat(LONGEST_TOLD), format!("{}…", "ä".repeat(LONGEST_TOLD))]);
    }

    #[test]
    fn a_validator_is_the_same_in_another_order_and_not_with_a_field_twice_or_less() {
        let wanted = doc! { "a": 1, "b": { "c": ["x", 2_i64] } };
        assert!(same_document(&raw(&doc! { "b": { "c": ["x", 2] }, "a": 1.0 }), &wanted));
        for other in [
            doc! { "a": 1 },
            doc! { "a": 1, "b": { "c": ["x"] } },
            doc! { "a": 1, "b": { "c": ["x", 2, 3] } },
            doc! { "a": 1, "b": { "c": ["y", 2] } },
            doc! { "a": 1, "b": { "c": ["x", 2], "d": 1 } },
            doc! { "a": "1", "b": { "c": ["x", 2] } },
            doc! { "a": 1, "B": { "c": ["x", 2] } },
        ] {
            assert!(!same_document(&raw(&other), &wanted), "{other}");
        }
        let mut twice = RawDocumentBuf::new();
        twice.append(bson::cstr!("a"), 1);
        twice.append(bson::cstr!("a"), 1);
        assert!(!same_document(&twice, &wanted));
    }

    #[test]
    fn keys_of_an_index_are_compared_in_their_order() {
        let patients = &TENANT_SCHEMA.collections[1];
        let (at, index) = patients.indexes.iter().enumerate().find(|(_, index)| index.keys.len() > 1).unwrap();
        let turned: Vec<_> = index.keys.clone().into_iter().collect();
        let turned: Document = turned.into_iter().rev().collect();
        let mut shorter = index.keys.clone();
        shorter.remove(index.keys.keys().last().unwrap());
        for keys in [turned, shorter, Document::new()] {
            let mut found = complete();
            insert(&mut found[1].indexes[1 + at], "key", keys);
            assert_eq!(steps(&found), [Step::ReplaceIndex(patients, index)]);
        }
    }

    #[test]
    fn numbers_are_compared_by_value() {
        let mut found = complete();
        insert(&mut found[0].indexes[1], "key", doc! { "email": 1.0 });
        assert_eq!(steps(&found), []);
    }

    #[test]
    fn what_holds_data_in_another_form_is_refused() {
        let mut found = complete();
        found[1].kind = "view".to_owned();
        // The others are mended all the same.
        insert(&mut found[0].options, "validationAction", "warn");
        let Difference { steps, in_place: Outcome { refused, .. } } = plan(&found);
        assert_eq!(steps, [Step::SetValidator(&TENANT_SCHEMA.collections[0])]);
        let error = refused.unwrap();
        assert_eq!(error.reason(), Reason::SchemaConflict);
        assert!(error.to_string().contains("patients is a view"));
    }
}
