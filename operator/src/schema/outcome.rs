//! What is in place after a pass.

use std::collections::BTreeMap;

use chakravue_crds::organization::CollectionStatus;
use mongodb::bson::Uuid;

use crate::{catalogue, error::Error};

/// What is in place afterwards.
#[derive(Debug, Default)]
pub struct Outcome {
    pub collections: Vec<CollectionStatus>,
    /// The ids of the catalogue's collections.
    pub ids: BTreeMap<String, Uuid>,
    /// What existing documents violate, in words.
    pub violations: Vec<String>,
    /// What is still being mended, in words.
    pub under_way: Vec<String>,
    /// What stands in the way of the rest.
    pub refused: Option<Error>,
}

impl Outcome {
    /// The catalogue's order, so that an unchanged database gives an unchanged status.
    pub(super) fn sort(&mut self) {
        let place = |name: &str| catalogue::current().collections.iter().position(|c| c.name == name);
        self.collections.sort_by_key(|status| place(&status.name));
        for status in &mut self.collections {
            if let Some(collection) = catalogue::current().collections.iter().find(|c| c.name == status.name) {
                status.indexes.sort_by_key(|name| collection.indexes.iter().position(|i| i.name == name));
            }
        }
        self.violations.sort();
        self.under_way.sort();
    }
}
