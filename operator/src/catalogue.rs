//! The tenant schema that this process brings hospitals to: the one that it was built with, or in tests of migrations
//! one from a file, which is the same printed, edited and read back.

use std::{path::Path, sync::OnceLock};

use anyhow::{Context as _, ensure};
use chakravue_crds::tenant_schema::{Access, Collection, Index, TENANT_SCHEMA, TenantSchema};
use mongodb::bson::Document;
use serde::{Deserialize, Serialize};

static INSTEAD: OnceLock<TenantSchema> = OnceLock::new();

pub fn current() -> &'static TenantSchema {
    INSTEAD.get().unwrap_or(&TENANT_SCHEMA)
}

/// Takes the schema from a file, once and before anything is done with it.
pub fn read(path: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let printed: Printed = serde_json::from_str(&text).with_context(|| format!("{} is no schema", path.display()))?;
    tracing::warn!(version = printed.version, "the tenant schema is not the one that this operator was built with");
    ensure!(INSTEAD.set(printed.into()).is_ok(), "the schema was read twice");
    Ok(())
}

/// For `chakravue-operator tenant-schema`.
pub fn print() -> anyhow::Result<String> {
    serde_json::to_string_pretty(&Printed::from(current())).context("the schema cannot be printed")
}

#[derive(Serialize, Deserialize)]
struct Printed {
    version: i64,
    collections: Vec<PrintedCollection>,
}

#[derive(Serialize, Deserialize)]
struct PrintedCollection {
    name: String,
    append_only: bool,
    validator: Document,
    indexes: Vec<PrintedIndex>,
}

#[derive(Serialize, Deserialize)]
struct PrintedIndex {
    name: String,
    keys: Document,
    unique: bool,
    case_insensitive: bool,
}

impl From<&TenantSchema> for Printed {
    fn from(schema: &TenantSchema) -> Self {
        let index = |index: &Index| PrintedIndex {
            name: index.name.to_owned(),
            keys: index.keys.clone(),
            unique: index.unique,
            case_insensitive: index.case_insensitive,
        };
        let collection = |collection: &Collection| PrintedCollection {
            name: collection.name.to_owned(),
            append_only: collection.access == Access::AppendOnly,
            validator: collection.validator.clone(),
            indexes: collection.indexes.iter().map(index).collect(),
        };
        Self { version: schema.version, collections: schema.collections.iter().map(collection).collect() }
    }
}

impl From<Printed> for TenantSchema {
    fn from(printed: Printed) -> Self {
        // Read once, and kept for as long as the process runs.
        let kept = |name: String| -> &'static str { name.leak() };
        let index = |index: PrintedIndex| Index {
            name: kept(index.name),
            keys: index.keys,
            unique: index.unique,
            case_insensitive: index.case_insensitive,
        };
        let collection = |collection: PrintedCollection| Collection {
            name: kept(collection.name),
            access: if collection.append_only { Access::AppendOnly } else { Access::ReadWrite },
            validator: collection.validator,
            indexes: collection.indexes.into_iter().map(index).collect(),
        };
        Self { version: printed.version, collections: printed.collections.into_iter().map(collection).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back_as_it_was() {
        let printed: Printed = serde_json::from_str(&print().unwrap()).unwrap();
        let read = TenantSchema::from(printed);
        assert_eq!(read.version, TENANT_SCHEMA.version);
        for (read, built) in read.collections.iter().zip(&TENANT_SCHEMA.collections) {
            assert_eq!((read.name, read.access), (built.name, built.access));
            // Numbers may come back in another type, which the server does not tell apart.
            assert_eq!(serde_json::to_value(&read.validator).unwrap(), serde_json::to_value(&built.validator).unwrap());
            let indexes = |collection: &Collection| {
                let index = |i: &Index| (i.name, serde_json::to_value(&i.keys).unwrap(), i.unique, i.case_insensitive);
                collection.indexes.iter().map(index).collect::<Vec<_>>()
            };
            assert_eq!(indexes(read), indexes(built));
        }
    }
}
