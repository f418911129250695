//! What the two servers hold, as far as the protocol is concerned: one database name that everybody wants, the objects
//! that want it, their Secrets, and what people do to them meanwhile.

/// Where an object stands: its namespace and name. The home is the hospital's; the stranger's is another, whose object
/// names the same database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    Home,
    Stranger,
}

impl Place {
    pub const ALL: [Self; 2] = [Self::Home, Self::Stranger];
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    Retain,
    Delete,
}

/// A `HospitalOrganization`; comparing all of it stands for comparing its resource version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "as many as an object has that are set one by one")]
pub struct Object {
    pub uid: u8,
    pub policy: Policy,
    pub deleting: bool,
    pub finalizer: bool,
    /// Somebody else's finalizer is on it too.
    pub kept: bool,
    pub ready: bool,
    /// The value of the annotation that asks for a new password; 0 while there is none.
    pub asks: u8,
}

impl Object {
    /// Whether the API server still has it.
    pub fn stays(&self) -> bool {
        !self.deleting || self.finalizer || self.kept
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret {
    /// The UID in its owner reference.
    pub owner: u8,
    pub password: u8,
    /// For which request the password was made, which stands beside it.
    pub answers: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClaimState {
    Held,
    Dropping,
    Retained,
}

/// Whether people dropped, behind the operator's back, what the claim remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loss {
    None,
    Untold,
    Told,
}

/// The document of the master database; the unique index on the database name lets there be only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    pub organization: u8,
    pub place: Place,
    pub uid: u8,
    pub state: ClaimState,
    /// The ids of the collections that the organization had when a pass was last done with it.
    pub collections: Option<u8>,
    pub loss: Loss,
}

/// The organization of empty collections that a pass made which had lost its claim.
pub const NOBODY: u8 = 0;

/// The database's collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Database {
    /// The ids that the server gave the collections when they were made.
    pub ids: u8,
    /// Whose documents are in them.
    pub organization: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User {
    pub password: u8,
    /// Whether the password was in a Secret before MongoDB heard it.
    pub recorded: bool,
    /// Whether whoever holds the claim has written another one down since, for MongoDB to hear next.
    pub superseded: bool,
}

/// What people may still do; every state space has an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Budget {
    pub creations: u8,
    /// Whether somebody else keeps each object of the hospital's as well.
    pub keepers: bool,
    pub strangers: u8,
    pub policy_edits: u8,
    pub secret_deletions: u8,
    pub rotations: u8,
    /// Of the database, by somebody with an administrator's rights.
    pub drops: u8,
    /// Of all operators together.
    pub passes: u8,
}

/// Of passes.
pub const ANY_NUMBER: u8 = u8::MAX;

/// What must never have happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Harm {
    /// Collections were dropped by a pass whose object did not hold the claim.
    pub dropped_unclaimed: bool,
    /// A pass changed users or collections while its object did not hold the claim.
    pub changed_unclaimed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct World {
    pub objects: [Option<Object>; 2],
    /// An older version that a cache may still hold.
    pub stale: [Option<Object>; 2],
    pub secrets: [Option<Secret>; 2],
    pub claim: Option<Claim>,
    pub database: Option<Database>,
    pub user: Option<User>,
    pub next_uid: u8,
    pub budget: Budget,
    pub harm: Harm,
}

/// What people and Kubernetes itself do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed {
    Create(Place, Policy),
    Delete(Place),
    EditPolicy(Place),
    DeleteSecret(Place),
    AskForRotation(Place),
    DropDatabase,
    /// Who kept an object lets it go.
    LetGo(Place),
    /// The garbage collector removes a Secret whose owner is gone.
    CollectGarbage(Place),
    /// The watches have brought everything about a place to every operator.
    CatchUp(Place),
}

impl World {
    pub fn new(budget: Budget) -> Self {
        Self {
            objects: [None; 2],
            stale: [None; 2],
            secrets: [None; 2],
            claim: None,
            database: None,
            user: None,
            next_uid: 1,
            budget,
            harm: Harm::default(),
        }
    }

    pub fn object(&self, place: Place) -> Option<Object> {
        self.objects[place as usize]
    }

    pub fn secret(&self, place: Place) -> Option<Secret> {
        self.secrets[place as usize]
    }

    pub fn lives(&self, uid: u8) -> bool {
        self.objects.iter().flatten().any(|object| object.uid == uid)
    }

    /// A password is written down for a hospital, before MongoDB hears it.
    pub fn write_secret(&mut self, place: Place, secret: Secret) {
        self.secrets[place as usize] = Some(secret);
        let supersedes = self.claimed_by(secret.owner);
        if let Some(user) = self.user.as_mut().filter(|user| supersedes && user.password != secret.password) {
            user.superseded = true;
        }
    }

    pub fn claimed_by(&self, uid: u8) -> bool {
        self.claim.is_some_and(|claim| claim.uid == uid && claim.state != ClaimState::Retained)
    }

    /// Every write to an object leaves its older version in some cache. A pass that begins from one in which the
    /// finalizer is missing ends when it adds it; such versions and what no pass looks at are left out.
    pub fn write_object(&mut self, place: Place, new: Option<Object>) {
        let slot = place as usize;
        let seen = |object: Object| Object { ready: false, ..object };
        let old =
            self.objects[slot].filter(|old| place == Place::Home && old.finalizer && Some(seen(*old)) != new.map(seen));
        self.stale[slot] = self.stale[slot].or(old.map(seen));
        self.objects[slot] = new;
    }

    pub fn deeds(&self) -> Vec<Deed> {
        let mut deeds = Vec::new();
        for place in Place::ALL {
            match self.object(place) {
                None if place == Place::Home && self.budget.creations > 0 => {
                    deeds.extend([Policy::Retain, Policy::Delete].map(|policy| Deed::Create(place, policy)));
                }
                None if place == Place::Stranger && self.budget.strangers > 0 => {
                    deeds.push(Deed::Create(place, Policy::Delete));
                }
                Some(object) => {
                    deeds.extend((!object.deleting).then_some(Deed::Delete(place)));
                    deeds.extend(
                        (place == Place::Home && self.budget.policy_edits > 0).then_some(Deed::EditPolicy(place)),
                    );
                    deeds.extend((self.budget.rotations > 0).then_some(Deed::AskForRotation(place)));
                    deeds.extend((object.kept && object.deleting).then_some(Deed::LetGo(place)));
                }
                None => {}
            }
            if let Some(secret) = self.secret(place) {
                deeds.extend((self.budget.secret_deletions > 0).then_some(Deed::DeleteSecret(place)));
                deeds.extend((!self.lives(secret.owner)).then_some(Deed::CollectGarbage(place)));
            }
            deeds.extend(self.stale[place as usize].map(|_| Deed::CatchUp(place)));
        }
        deeds.extend((self.budget.drops > 0 && self.database.is_some()).then_some(Deed::DropDatabase));
        deeds
    }

    pub fn happen(&mut self, deed: Deed) {
        match deed {
            Deed::Create(place, policy) => {
                match place {
                    Place::Home => self.budget.creations -= 1,
                    Place::Stranger => self.budget.strangers -= 1,
                }
                let (uid, kept) = (self.next_uid, self.budget.keepers && place == Place::Home);
                let object = Object { uid, policy, deleting: false, finalizer: false, kept, ready: false, asks: 0 };
                self.next_uid += 1;
                self.write_object(place, Some(object));
            }
            Deed::Delete(place) => {
                let object = self.object(place).map(|object| Object { deleting: true, ..object });
                self.write_object(place, object.filter(Object::stays));
            }
            Deed::LetGo(place) => {
                let object = self.object(place).map(|object| Object { kept: false, ..object });
                self.write_object(place, object.filter(Object::stays));
            }
            Deed::EditPolicy(place) => {
                self.budget.policy_edits -= 1;
                let other = |policy| if policy == Policy::Retain { Policy::Delete } else { Policy::Retain };
                let object = self.object(place).map(|object| Object { policy: other(object.policy), ..object });
                self.write_object(place, object);
            }
            Deed::DeleteSecret(place) => {
                self.budget.secret_deletions -= 1;
                self.secrets[place as usize] = None;
            }
            Deed::AskForRotation(place) => {
                self.budget.rotations -= 1;
                let object = self.object(place).map(|object| Object { asks: object.asks + 1, ..object });
                self.write_object(place, object);
            }
            Deed::DropDatabase => {
                self.budget.drops -= 1;
                let gone = self.database.take().map(|database| database.ids);
                if let Some(claim) = self.claim.as_mut().filter(|claim| claim.collections == gone) {
                    claim.loss = Loss::Untold;
                }
            }
            Deed::CollectGarbage(place) => self.secrets[place as usize] = None,
            Deed::CatchUp(place) => self.stale[place as usize] = None,
        }
    }
}
