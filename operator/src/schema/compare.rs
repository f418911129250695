//! The difference between the catalogue and a database, in steps. Pure.

use chakravue_crds::{
    conditions::{ConditionType, Reason},
    organization::{CollectionStatus, Unmanaged},
    tenant_schema::{Collection, Index},
};
use mongodb::bson::{Bson, Document};

use super::{
    observed::{Found, number},
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
    /// What stands in the way of a collection. The others are none the worse for it.
    pub refused: Option<Error>,
}

/// The difference between the catalogue and the database, in steps. Pure.
pub fn plan(found: &[Found]) -> Difference {
    let mut difference = Difference::default();
    for collection in &catalogue::current().collections {
        let Some(existing) = found.iter().find(|f| f.name == collection.name) else {
            difference.steps.push(Step::Create(collection));
            continue;
        };
        if !is_plain(existing) {
            difference.refused.get_or_insert_with(|| in_another_form(collection, existing));
            continue;
        }
        if !validated(collection, existing) {
            difference.steps.push(Step::SetValidator(collection));
        }
        for index in &collection.indexes {
            difference.steps.extend(index_step(collection, index, existing));
        }
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

fn index_step(collection: &'static Collection, index: &'static Index, existing: &Found) -> Option<Step> {
    if existing.indexes.iter().any(|found| same_index(index, found, index.unique)) {
        return None;
    }
    match existing.indexes.iter().find(|found| found.get_str("name").ok() == Some(index.name)) {
        None => Some(Step::CreateIndex(collection, index)),
        Some(found) if index.unique && same_index(index, found, false) => Some(Step::MakeUnique(collection, index)),
        Some(_) => Some(Step::ReplaceIndex(collection, index)),
    }
}

/// Whether it is a collection as the catalogue means them: no view, no time series, none that forgets.
fn is_plain(existing: &Found) -> bool {
    existing.kind == "collection" && !existing.options.get_bool("capped").unwrap_or(false)
}

/// What of the catalogue the database has already.
pub(super) fn in_place(found: &[Found]) -> Outcome {
    let mut outcome = Outcome::default();
    for collection in &catalogue::current().collections {
        if let Some(existing) = found.iter().find(|f| f.name == collection.name) {
            // What stands in the way is to be taken away, and is no loss then.
            let id = existing.id.filter(|_| is_plain(existing));
            outcome.ids.extend(id.map(|id| (collection.name.to_owned(), id)));
            outcome.collections.push(CollectionStatus {
                name: collection.name.to_owned(),
                documents_validated: validated(collection, existing),
                indexes: collection
                    .indexes
                    .iter()
                    .filter(|index| existing.indexes.iter().any(|found| same_index(index, found, index.unique)))
                    .map(|index| index.name.to_owned())
                    .collect(),
            });
        }
    }
    outcome
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
        let is_extra = |index: &&Document| {
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
pub fn same_index(index: &Index, found: &Document, unique: bool) -> bool {
    let keys = found.get_document("key").is_ok_and(|keys| {
        keys.len() == index.keys.len()
            && keys.iter().zip(&index.keys).all(|((a, x), (b, y))| a == b && number(Some(x)) == number(Some(y)))
    });
    let collation = match found.get_document("collation") {
        Ok(collation) if collation.get_str("locale").is_ok_and(|locale| locale == "simple") => !index.case_insensitive,
        Ok(collation) => {
            // The server tells all of them; what is left out has its default.
            index.case_insensitive
                && collation.get_str("locale").is_ok_and(|locale| locale == "en")
                && number(collation.get("strength")) == 2
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
        .all(|option| matches!(found.get(option), None | Some(Bson::Boolean(false))));
    keys && collation && plain && found.get_bool("unique").unwrap_or(false) == unique
}

/// Compares documents as the server does: numbers by value, fields without regard to order.
pub(super) fn same_document(a: &Document, b: &Document) -> bool {
    a.len() == b.len() && a.iter().all(|(key, x)| b.get(key).is_some_and(|y| same_value(x, y)))
}

fn same_value(a: &Bson, b: &Bson) -> bool {
    match (a, b) {
        (Bson::Document(a), Bson::Document(b)) => same_document(a, b),
        (Bson::Array(a), Bson::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b)),
        (Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_), Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) => {
            number(Some(a)) == number(Some(b))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use chakravue_crds::tenant_schema::TENANT_SCHEMA;
    use mongodb::bson::doc;

    use super::*;

    fn complete() -> Vec<Found> {
        TENANT_SCHEMA
            .collections
            .iter()
            .map(|collection| Found {
                name: collection.name.to_owned(),
                id: None,
                kind: "collection".to_owned(),
                options: doc! { "validator": collection.validator.clone() },
                indexes: std::iter::once(doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" })
                    .chain(collection.indexes.iter().map(|index| {
                        let mut found = index.specification();
                        if let Ok(collation) = found.get_document_mut("collation") {
                            // The server answers every field of a collation.
                            collation.extend(doc! { "caseLevel": false, "numericOrdering": false, "version": "57.1" });
                        }
                        found
                    }))
                    .collect(),
            })
            .collect()
    }

    fn steps(found: &[Found]) -> Vec<Step> {
        let Difference { steps, refused } = plan(found);
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
        found[0].options.insert("validationAction", "warn");
        assert_eq!(steps(&found), [Step::SetValidator(users)]);

        let mut found = complete();
        found[0].indexes[1].remove("unique");
        assert_eq!(steps(&found), [Step::MakeUnique(users, email)]);
        found[0].indexes[1].insert("prepareUnique", true);
        assert_eq!(steps(&found), [Step::MakeUnique(users, email)]);

        let mut found = complete();
        found[0].indexes[1].insert("key", doc! { "name": 1 });
        assert_eq!(steps(&found), [Step::ReplaceIndex(users, email)]);

        for other in [doc! { "numericOrdering": true }, doc! { "alternate": "shifted" }, doc! { "locale": "de" }] {
            let mut found = complete();
            found[0].indexes[1].get_document_mut("collation").unwrap().extend(other.clone());
            assert_eq!(steps(&found), [Step::ReplaceIndex(users, email)], "{other}: it would tell other words apart");
        }
        let patients = &TENANT_SCHEMA.collections[1];
        let plain = patients.indexes.iter().position(|index| !index.case_insensitive).unwrap();
        let mut found = complete();
        found[1].indexes[1 + plain].insert("collation", doc! { "locale": "de", "strength": 2 });
        assert_eq!(steps(&found), [Step::ReplaceIndex(patients, &patients.indexes[plain])]);
    }

    #[test]
    fn an_index_of_another_name_serves_as_well() {
        let mut found = complete();
        found[0].indexes[1].insert("name", "made_by_the_dba");
        assert_eq!(steps(&found), []);
    }

    #[test]
    fn what_others_added_is_told_and_what_serves_the_catalogue_is_not() {
        let mut found = complete();
        assert_eq!(unmanaged(&found, &[]), None);
        found[0].indexes[1].insert("name", "made_by_the_dba");
        assert_eq!(unmanaged(&found, &[]), None);
        found[1].indexes.push(doc! { "v": 2, "key": { "ward": 1 }, "name": "by_ward" });
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
    fn numbers_are_compared_by_value() {
        let mut found = complete();
        found[0].indexes[1].insert("key", doc! { "email": 1.0 });
        assert_eq!(steps(&found), []);
    }

    #[test]
    fn what_holds_data_in_another_form_is_refused() {
        let mut found = complete();
        found[1].kind = "view".to_owned();
        // The others are mended all the same.
        found[0].options.insert("validationAction", "warn");
        let Difference { steps, refused } = plan(&found);
        assert_eq!(steps, [Step::SetValidator(&TENANT_SCHEMA.collections[0])]);
        let error = refused.unwrap();
        assert_eq!(error.reason(), Reason::SchemaConflict);
        assert!(error.to_string().contains("patients is a view"));
    }
}
