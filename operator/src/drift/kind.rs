//! What can differ from what it should be, and how that is noticed.

/// How a change was noticed; a label of a metric.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    Stream,
    Comparison,
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Comparison => "comparison",
        }
    }
}

/// What can differ; a label of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Collection,
    Validator,
    Index,
    /// The rights of the role, or the role itself.
    Role,
    User,
    /// The roles of the user.
    Grant,
    Password,
    Secret,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Collection,
        Self::Validator,
        Self::Index,
        Self::Role,
        Self::User,
        Self::Grant,
        Self::Password,
        Self::Secret,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Collection => "collection",
            Self::Validator => "validator",
            Self::Index => "index",
            Self::Role => "role",
            Self::User => "user",
            Self::Grant => "grant",
            Self::Password => "password",
            Self::Secret => "secret",
        }
    }
}
