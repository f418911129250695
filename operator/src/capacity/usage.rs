//! What hospitals take of a MongoDB, and how much may be taken. Pure.

use chakravue_crds::tenant_schema::TenantSchema;

/// The connections that come with a hospital: of a client, one that works and one that watches the server.
const CONNECTIONS: i64 = 2;

/// What a hospital takes of MongoDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A collection and an index each are a table, and a file.
    Tables,
    /// Open files and connections; every table may have to be open at once.
    Descriptors,
    Users,
}

impl Resource {
    pub const ALL: [Self; 3] = [Self::Tables, Self::Descriptors, Self::Users];

    /// The label of metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tables => "tables",
            Self::Descriptors => "file_descriptors",
            Self::Users => "users",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Tables => "tables (collections and indexes)",
            Self::Descriptors => "file descriptors",
            Self::Users => "database users",
        }
    }

    pub(super) fn cure(self) -> &'static str {
        match self {
            Self::Tables => "raise --max-tables if this MongoDB can have more",
            Self::Descriptors => "raise the limit of open files (ulimit -n) of mongod, MongoDB recommends 64000",
            Self::Users => "raise --max-database-users if this MongoDB can have more",
        }
    }
}

/// What is in use, and how much may be; a budget that nobody knows is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub(super) tables: (i64, Option<i64>),
    pub(super) descriptors: (i64, Option<i64>),
    pub(super) users: (i64, Option<i64>),
}

impl Usage {
    /// With a budget for everything.
    #[cfg(test)]
    pub fn limited() -> Self {
        Self { tables: (1, Some(2)), descriptors: (1, Some(2)), users: (1, Some(2)) }
    }

    pub fn rows(&self) -> [(Resource, i64, Option<i64>); 3] {
        [
            (Resource::Tables, self.tables.0, self.tables.1),
            (Resource::Descriptors, self.descriptors.0, self.descriptors.1),
            (Resource::Users, self.users.0, self.users.1),
        ]
    }

    /// What does not suffice for so many more hospitals, and how much of it may be in use.
    pub(super) fn lacks(&self, hospitals: i64, cost: &Cost) -> Option<(Resource, i64)> {
        self.rows().into_iter().find_map(|(resource, used, budget)| {
            let would_be = used.saturating_add(hospitals.saturating_mul(cost.of(resource)));
            budget.filter(|budget| would_be > *budget).map(|budget| (resource, budget))
        })
    }

    pub(super) fn with(self, hospitals: i64, cost: &Cost) -> Self {
        let more = |(used, budget): (i64, Option<i64>), resource| {
            (used.saturating_add(hospitals.saturating_mul(cost.of(resource))), budget)
        };
        Self {
            tables: more(self.tables, Resource::Tables),
            descriptors: more(self.descriptors, Resource::Descriptors),
            users: more(self.users, Resource::Users),
        }
    }
}

/// What one hospital takes.
pub(super) struct Cost {
    pub(super) tables: i64,
}

impl Cost {
    pub(super) fn of_hospital(schema: &TenantSchema) -> Self {
        // The index on _id comes with every collection.
        let tables: usize = schema.collections.iter().map(|collection| 2 + collection.indexes.len()).sum();
        Self { tables: i64::try_from(tables).unwrap_or(i64::MAX) }
    }

    pub(super) fn of(&self, resource: Resource) -> i64 {
        match resource {
            Resource::Tables => self.tables,
            Resource::Descriptors => self.tables + CONNECTIONS,
            Resource::Users => 1,
        }
    }
}
