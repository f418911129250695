//! What can happen in a run, and how often it did: a run in which one of them never took effect proves nothing of it.

use std::{collections::BTreeMap, fmt};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Apply,
    Edit,
    Suspend,
    Resume,
    /// With `deletionPolicy: Retain`.
    DeleteAndRetain,
    /// With `deletionPolicy: Delete`.
    DeleteAndDrop,
    /// Applied again after it was gone.
    Recreate,
    DropIndex,
    DropUser,
    DeleteSecret,
    /// An annotation asks for a new password.
    Rotate,
    /// Somebody at the hospital admits a patient: what must not be lost.
    Admit,
    KillOperator,
    RestartMongod,
    StepDown,
    RestartApiServer,
    PauseEtcd,
}

impl Kind {
    pub const ALL: [Self; 17] = [
        Self::Apply,
        Self::Edit,
        Self::Suspend,
        Self::Resume,
        Self::DeleteAndRetain,
        Self::DeleteAndDrop,
        Self::Recreate,
        Self::DropIndex,
        Self::DropUser,
        Self::DeleteSecret,
        Self::Rotate,
        Self::Admit,
        Self::KillOperator,
        Self::RestartMongod,
        Self::StepDown,
        Self::RestartApiServer,
        Self::PauseEtcd,
    ];

    /// What has to have happened before, where there is nothing to do it to.
    pub fn needs(self) -> Option<Self> {
        match self {
            Self::Suspend => Some(Self::Recreate),
            Self::Resume => Some(Self::Suspend),
            Self::Admit => Some(Self::Resume),
            // Only what has patients can lose some.
            Self::DeleteAndRetain => Some(Self::Admit),
            Self::Recreate => Some(Self::DeleteAndRetain),
            _ => None,
        }
    }
}

/// How often each kind took effect.
#[derive(Default)]
pub struct Tally(BTreeMap<Kind, u32>);

impl Tally {
    pub fn count(&mut self, kind: Kind) {
        *self.0.entry(kind).or_default() += 1;
    }

    pub fn has(&self, kind: Kind) -> bool {
        self.0.contains_key(&kind)
    }

    pub fn never(&self) -> Vec<Kind> {
        Kind::ALL.into_iter().filter(|kind| !self.0.contains_key(kind)).collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, kind) in Kind::ALL.into_iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{kind:?} {}", self.0.get(&kind).unwrap_or(&0))?;
        }
        Ok(())
    }
}
