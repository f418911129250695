//! Collections, validators and indexes: compare what the database has with the catalogue, then change only what
//! differs. What existing documents would violate becomes a count in a condition, not an outage.

mod change;
pub mod compare;
pub mod observed;
pub mod outcome;
pub mod repairs;

use chakravue_crds::{conditions::events, organization::CollectionStatus, tenant_schema::Collection};

pub use self::change::refuse_other_case;
use self::{
    change::create_all,
    compare::{Difference, Part, Step, plan},
    observed::{Observed, ids_of},
    outcome::Outcome,
    repairs::Carried,
};
use crate::{
    context::Context,
    drift::kind::Kind,
    error::Result,
    events::{Change, Changes},
    mongo::Abilities,
    tenant::Tenant,
    turns::Migration,
};

/// Brings the database to the catalogue, as far as that is possible: what stands in the way of one collection is told at the
/// end.
pub async fn ensure(
    context: &Context,
    tenant: &Tenant,
    observed: &Observed,
    abilities: Abilities,
    migration: Option<Migration>,
    changes: &mut Changes,
) -> Result<Outcome> {
    let database = &tenant.database;
    let Difference { steps, in_place: mut outcome } = plan(&observed.collections);
    if steps.is_empty() && context.repairs.none(&tenant.owner.uid) {
        return Ok(outcome);
    }
    let (creations, repairs): (Vec<_>, Vec<_>) = steps.into_iter().partition(|s| matches!(s, Step::Create(_)));
    let creations: Vec<&Collection> =
        creations.into_iter().filter_map(|step| if let Step::Create(c) = step { Some(c) } else { None }).collect();

    for _ in &creations {
        changes.found(Kind::Collection);
    }
    create_all(&context.mongo, database, &creations, abilities).await?;
    for _ in &creations {
        changes.healed(Kind::Collection);
    }
    if !creations.is_empty() {
        outcome.ids.extend(ids_of(&context.mongo, database, &creations).await?);
    }
    outcome.collections.extend(creations.iter().map(|collection| CollectionStatus {
        name: collection.name.to_owned(),
        documents_validated: true,
        indexes: collection.indexes.iter().map(|index| index.name.to_owned()).collect(),
    }));

    let Carried { found, ended, under_way } =
        context.repairs.carry_out(&tenant.owner.uid, database, observed.at, repairs, migration).await;
    outcome.under_way = under_way.into_iter().map(in_words).collect();
    for part in found {
        changes.found(kind_of(part));
    }
    let mut repairs = 0;
    for (part @ Part { collection, index }, result) in ended {
        let violation = match result {
            Ok(violation) => violation,
            Err(error) => {
                outcome.refused.get_or_insert(error);
                continue;
            }
        };
        match (violation, outcome.collections.iter_mut().find(|status| status.name == collection)) {
            (Some(violation), _) => outcome.violations.push(violation),
            (None, Some(status)) => {
                repairs += 1;
                changes.healed(kind_of(part));
                match index {
                    Some(index) if !status.indexes.iter().any(|known| known == index) => {
                        status.indexes.push(index.to_owned());
                    }
                    Some(_) => {}
                    None => status.documents_validated = true,
                }
            }
            (None, None) => {}
        }
    }
    if !creations.is_empty() || repairs > 0 {
        changes.push(Change::new(
            events::SCHEMA_APPLIED,
            match (creations.len(), repairs) {
                (_, 0) => format!("Created {} with {} in {database}", made(&creations), indexes(&creations)),
                (0, _) => format!("Mended {} in {database}", mended(repairs)),
                (_, _) => format!(
                    "Created {} with {} and mended {} in {database}",
                    made(&creations),
                    indexes(&creations),
                    mended(repairs)
                ),
            },
        ));
    }
    outcome.sort();
    Ok(outcome)
}

/// By their names, if they are few.
fn made(collections: &[&Collection]) -> String {
    let names: Vec<&str> = collections.iter().map(|collection| collection.name).collect();
    match names.as_slice() {
        [one] => format!("collection {one}"),
        few if few.len() <= 3 => format!("collections {}", few.join(", ")),
        many => format!("{} collections", many.len()),
    }
}

fn indexes(collections: &[&Collection]) -> String {
    counted(collections.iter().map(|collection| collection.indexes.len()).sum(), "index", "indexes")
}

fn mended(repairs: usize) -> String {
    counted(repairs, "validator or index", "validators or indexes")
}

pub fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn kind_of(part: Part) -> Kind {
    if part.index.is_some() { Kind::Index } else { Kind::Validator }
}

fn in_words(part: Part) -> String {
    match part {
        Part { collection, index: Some(index) } => format!("index {index} of {collection} is being built"),
        Part { collection, index: None } => {
            format!("the documents of {collection} are being compared with its validator")
        }
    }
}
