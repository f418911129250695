//! Why hospitals are looked at, and how many of each there are to look at.

use std::{collections::HashMap, time::Duration};

/// Why a hospital is looked at; a label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Somebody made, changed or deleted the object.
    Change,
    /// Something was changed underneath a hospital that was at rest.
    Drift,
    /// The last pass failed.
    Retry,
    /// It is time to look again.
    Resync,
    /// The database has an older schema than the catalogue.
    Migration,
}

impl Class {
    pub const ALL: [Self; 5] = [Self::Change, Self::Drift, Self::Retry, Self::Resync, Self::Migration];

    pub fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Drift => "drift",
            Self::Retry => "retry",
            Self::Resync => "resync",
            Self::Migration => "migration",
        }
    }

    /// For how long it lets others go first.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Change => Duration::ZERO,
            Self::Drift => Duration::from_millis(250),
            Self::Retry => Duration::from_secs(2),
            Self::Resync | Self::Migration => Duration::from_secs(30),
        }
    }
}

/// What there is to do at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub waiting: HashMap<Class, usize>,
    pub running: usize,
    /// How many of them migrate a database.
    pub migrating: usize,
}
