//! A pass of the operator over one object, one request to a server at a time: whatever else happens can happen between
//! any two of them, and the process can end there.
//!
//! Each step stands for a function of the operator, which its comment names; a test checks that they exist. Left out,
//! because they concern neither whose a database is nor who knows its password: subscriptions (a claim without a
//! database), roles, validators and indexes, annotations that release by force, databases that were never ChakraVue's.

use crate::world::{Claim, ClaimState, Database, NOBODY, Object, Place, Policy, Secret, User, World};

/// The functions that the steps stand for: file and name.
pub const MIRRORED: [(&str, &str); 19] = [
    ("provision.rs", "provision"),
    ("reconcile.rs", "remove"),
    ("claim.rs", "find"),
    ("claim.rs", "find_of"),
    ("claim.rs", "hold"),
    ("claim.rs", "insert"),
    ("claim.rs", "take_up"),
    ("claim.rs", "begin_drop"),
    ("claim.rs", "release"),
    ("credentials.rs", "ensure"),
    ("credentials.rs", "remove"),
    ("access.rs", "ensure_user"),
    ("access.rs", "remove"),
    ("schema.rs", "find"),
    ("schema.rs", "ensure"),
    ("removal.rs", "delete"),
    ("removal.rs", "retain"),
    ("removal.rs", "drop_collections"),
    ("finalizer.rs", "remove"),
];

/// The operator as it is, and as it must not be: each of the others breaks one rule, and the model has to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    AsBuilt,
    /// Deletion drops the database of its name without asking whose it is.
    DropWithoutClaim,
    /// Deletion drops by name what it found claimed, instead of the very collections that it saw.
    DropByName,
    /// A claim that was given up, with the data kept, is taken for one that is held.
    DropRetained,
    /// Nothing marks the claim before the drop.
    DropUnmarked,
    /// MongoDB hears the password before it is in the Secret.
    UserBeforeSecret,
    /// The finalizer is taken from whatever object has the name.
    FinalizerByName,
    /// A name is claimed for an object that only a stale cache still knows.
    ClaimForTheDead,
    /// The claim is taken up without looking at whether it is still the one that was found.
    TakeUpBlindly,
}

/// What is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Password,
    Organization,
    Collections,
}

/// What the first looks of a pass found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Found {
    secret: Option<Secret>,
    user: Option<u8>,
    database: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::option_option, reason = "looked for or not yet, there or not")]
pub enum Step {
    /// `claim::find` beside `credentials::find`, `access::find` and `schema::find`, in any order.
    Look { claim: Option<Option<Claim>>, found: Option<Found> },
    /// `finalizer::add`
    AddFinalizer { claim: Option<Claim>, found: Found },
    /// `claim::hold`
    Hold { claim: Option<Claim>, found: Found },
    /// `claim::insert`
    Insert { found: Found },
    /// `claim::take_up`, after it was found that it may
    TakeUp { claim: Claim, found: Found },
    /// `credentials::ensure` and `access::ensure_user`, beside `schema::ensure`
    Work { access: Access, user: Option<u8>, database: bool },
    /// `status::write`
    Finish,

    /// `claim::find_of`
    FindOf,
    /// `schema::find`, before the claim is marked
    List { organization: u8 },
    /// `claim::begin_drop`
    BeginDrop { organization: u8, doomed: Option<u8> },
    /// `dropAllUsersFromDatabase`
    DropUsers { organization: u8, doomed: Option<u8> },
    /// `removal::drop_collections`
    DropCollections { organization: u8, doomed: Option<u8> },
    /// `removal::verify_absent`
    VerifyAbsent { organization: u8 },
    /// `access::remove`
    Revoke { organization: u8 },
    /// `claim::release`
    Release { organization: u8, retain: bool },
    /// `credentials::remove`
    RemoveSecret,
    /// `finalizer::remove`
    RemoveFinalizer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    Secret(Option<Secret>),
    /// The Secret of the object before is gone; the own one is still to be written.
    Issue,
    User {
        password: u8,
    },
    /// Only the broken order: the Secret is still to come.
    SecretAtLast {
        password: u8,
    },
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pass {
    pub place: Place,
    /// The object as the cache showed it when the pass began.
    pub object: Object,
    pub step: Step,
}

/// Which of the requests that can be answered next is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    First,
    Second,
}

impl Pass {
    /// `reconcile::reconcile`: what begins for an object as a cache shows it, if anything does.
    pub fn begin(place: Place, object: Object, variant: Variant) -> Option<Self> {
        let step = match (object.deleting, object.finalizer) {
            (false, _) => Step::Look { claim: None, found: None },
            (true, true) if variant == Variant::DropWithoutClaim => Step::List { organization: NOBODY },
            (true, true) => Step::FindOf,
            (true, false) => return None,
        };
        Some(Self { place, object: Object { ready: false, ..object }, step })
    }

    /// Which requests are under way at the same time.
    pub fn choices(&self) -> &'static [Next] {
        match self.step {
            Step::Look { claim: None, found: None } => &[Next::First, Next::Second],
            Step::Work { access, database: false, .. } if access != Access::Done => &[Next::First, Next::Second],
            _ => &[Next::First],
        }
    }

    /// One request is answered. `None`: the pass has ended, by its success, a conflict or a refusal.
    #[allow(clippy::too_many_lines, reason = "one arm for each step, to be read beside the operator's files")]
    pub fn advance(
        self,
        world: &mut World,
        next: Next,
        variant: Variant,
        adopts: bool,
        fresh: impl Fn(&World, Kind) -> u8,
    ) -> Option<Self> {
        let Self { place, object, step } = self;
        let uid = object.uid;
        let step = match step {
            Step::Look { claim, found } => {
                let (claim, found) = if claim.is_none() && next == Next::First {
                    (Some(world.claim), found)
                } else {
                    let user = world.user.map(|user| user.password);
                    let seen = Found { secret: world.secret(place), user, database: world.database.is_some() };
                    (claim, Some(seen))
                };
                match (claim, found) {
                    (Some(claim), Some(found)) if object.finalizer => Step::Hold { claim, found },
                    (Some(claim), Some(found)) => Step::AddFinalizer { claim, found },
                    _ => Step::Look { claim, found },
                }
            }
            Step::AddFinalizer { claim, found } => {
                if world.object(place) != Some(object) {
                    return None;
                }
                world.write_object(place, Some(Object { finalizer: true, ..object }));
                Step::Hold { claim, found }
            }
            Step::Hold { claim: None, found } => {
                // Whoever has just taken the finalizer lives; one that had it before may be known from a stale cache alone.
                let lives = !object.finalizer || world.lives(uid) || variant == Variant::ClaimForTheDead;
                // A database without a claim is refused.
                if found.database || adopts || !lives {
                    return None;
                }
                Step::Insert { found }
            }
            Step::Insert { found } => {
                // A claim that was made meanwhile is met again in the next pass.
                if world.claim.is_some() {
                    return None;
                }
                let organization = fresh(world, Kind::Organization);
                world.claim = Some(Claim { organization, place, uid, state: ClaimState::Held });
                Step::Work { access: Access::Secret(found.secret), user: found.user, database: found.database }
            }
            Step::Hold { claim: Some(claim), found } => match claim.state {
                ClaimState::Held if claim.uid == uid => {
                    Step::Work { access: Access::Secret(found.secret), user: found.user, database: found.database }
                }
                ClaimState::Dropping if claim.uid == uid => return None,
                // The object asks the API server, not a cache, whether it is the one that stands there.
                _ if claim.place == place && world.object(place).is_some_and(|alive| alive.uid == uid) => {
                    Step::TakeUp { claim, found }
                }
                ClaimState::Held | ClaimState::Dropping if world.lives(claim.uid) => return None,
                _ if claim.place != place && adopts => Step::TakeUp { claim, found },
                _ => return None,
            },
            Step::TakeUp { claim, found } => {
                if world.claim != Some(claim) && variant != Variant::TakeUpBlindly {
                    return None;
                }
                world.claim = Some(Claim { place, uid, state: ClaimState::Held, ..claim });
                Step::Work { access: Access::Secret(found.secret), user: found.user, database: found.database }
            }
            Step::Work { access, user, database: false } if next == Next::Second || access == Access::Done => {
                if world.database.is_some() {
                    return None;
                }
                world.harm.changed_unclaimed |= !world.claimed_by(uid);
                let claim = world.claim.filter(|claim| claim.uid == uid);
                let organization = claim.map_or(NOBODY, |claim| claim.organization);
                world.database = Some(Database { ids: fresh(world, Kind::Collections), organization });
                Step::Work { access, user, database: true }
            }
            Step::Work { access, user, database } => {
                let access = give_access(world, place, uid, access, user, variant, &fresh)?;
                let user = user.filter(|_| access != Access::Done);
                Step::Work { access, user, database }
            }
            Step::Finish => {
                let alive = world.object(place).filter(|alive| alive.uid == uid)?;
                // From now on its people write documents.
                if let (Some(database), Some(claim)) =
                    (&mut world.database, world.claim.filter(|claim| claim.uid == uid))
                    && database.organization == NOBODY
                {
                    database.organization = claim.organization;
                }
                world.write_object(place, Some(Object { ready: true, ..alive }));
                return None;
            }

            Step::FindOf => match world.claim.filter(|claim| {
                claim.uid == uid && (variant == Variant::DropRetained || claim.state != ClaimState::Retained)
            }) {
                None => Step::RemoveSecret,
                Some(Claim { organization, state: ClaimState::Dropping, .. }) => Step::List { organization },
                Some(Claim { organization, .. }) => match object.policy {
                    Policy::Delete => Step::List { organization },
                    Policy::Retain => Step::Revoke { organization },
                },
            },
            Step::List { organization } => {
                let doomed = world.database.map(|database| database.ids);
                if matches!(variant, Variant::DropWithoutClaim | Variant::DropUnmarked) {
                    Step::DropUsers { organization, doomed }
                } else {
                    Step::BeginDrop { organization, doomed }
                }
            }
            Step::BeginDrop { organization, doomed } => {
                let claim = held(world, organization, uid)?;
                if claim.state == ClaimState::Retained && variant != Variant::DropRetained {
                    return None;
                }
                world.claim = Some(Claim { state: ClaimState::Dropping, ..claim });
                Step::DropUsers { organization, doomed }
            }
            Step::DropUsers { organization, doomed } => {
                world.harm.changed_unclaimed |= world.user.is_some() && !world.claimed_by(uid);
                world.user = None;
                Step::DropCollections { organization, doomed }
            }
            Step::DropCollections { organization, doomed } => {
                let by_name = matches!(variant, Variant::DropWithoutClaim | Variant::DropByName);
                let gone = world.database.filter(|database| by_name || doomed == Some(database.ids));
                if let Some(gone) = gone {
                    // What was marked for dropping may still be dropped when the claim has been released, by whoever
                    // dropped the rest of it.
                    let of_others = gone.organization != organization;
                    let handed_on =
                        world.claim.is_some_and(|claim| claim.organization == organization && claim.uid != uid);
                    let retained = world.claim.is_some_and(|claim| claim.state == ClaimState::Retained);
                    world.harm.dropped_unclaimed |= (of_others && gone.organization != NOBODY) || handed_on || retained;
                    world.database = None;
                }
                Step::VerifyAbsent { organization }
            }
            Step::VerifyAbsent { .. } if world.database.is_some() => return None,
            Step::VerifyAbsent { organization } => Step::Release { organization, retain: false },
            Step::Revoke { organization } => {
                world.harm.changed_unclaimed |= world.user.is_some() && !world.claimed_by(uid);
                world.user = None;
                Step::Release { organization, retain: true }
            }
            Step::Release { organization, retain } => {
                if let Some(claim) = held(world, organization, uid) {
                    if retain && claim.state == ClaimState::Dropping {
                        return None;
                    }
                    world.claim = retain.then_some(Claim { state: ClaimState::Retained, ..claim });
                }
                Step::RemoveSecret
            }
            Step::RemoveSecret => {
                if world.secret(place).is_some_and(|secret| secret.owner == uid) {
                    world.secrets[place as usize] = None;
                }
                Step::RemoveFinalizer
            }
            Step::RemoveFinalizer => {
                let by_name = variant == Variant::FinalizerByName;
                let there = world.object(place).filter(|there| there.finalizer && (by_name || there.uid == uid));
                if let Some(there) = there {
                    let let_go = Object { finalizer: false, ..there };
                    world.write_object(place, (!there.deleting).then_some(let_go));
                }
                return None;
            }
        };
        let step = match step {
            Step::Work { access: Access::Done, database: true, .. } => Step::Finish,
            step => step,
        };
        Some(Self { place, object, step })
    }
}

/// The claim, if it is this organization's and this object's: the filter of every write to it.
fn held(world: &World, organization: u8, uid: u8) -> Option<Claim> {
    world.claim.filter(|claim| claim.organization == organization && claim.uid == uid)
}

/// `reconcile::give_access`: the Secret first, then the user with its password.
fn give_access(
    world: &mut World,
    place: Place,
    uid: u8,
    access: Access,
    user: Option<u8>,
    variant: Variant,
    fresh: impl Fn(&World, Kind) -> u8,
) -> Option<Access> {
    let broken = variant == Variant::UserBeforeSecret;
    let write_secret = |world: &mut World, password| {
        if world.secret(place).is_some() {
            return None;
        }
        world.secrets[place as usize] = Some(Secret { owner: uid, password });
        Some(())
    };
    match access {
        Access::Secret(None) | Access::Issue => {
            let password = fresh(world, Kind::Password);
            if !broken {
                write_secret(world, password)?;
            }
            Some(Access::User { password })
        }
        Access::Secret(Some(secret)) if secret.owner == uid => Some(Access::User { password: secret.password }),
        Access::Secret(Some(before)) => {
            // The resource version makes sure that it is the very Secret that was found.
            match world.secret(place) {
                Some(there) if there != before => None,
                _ => {
                    world.secrets[place as usize] = None;
                    Some(Access::Issue)
                }
            }
        }
        Access::User { password } => {
            match user {
                Some(known) if known == password => {}
                // Created or changed, where it is still as it was found.
                _ if user.is_some() == world.user.is_some() => {
                    world.harm.changed_unclaimed |= !world.claimed_by(uid);
                    let recorded = !broken || world.secret(place).is_some_and(|secret| secret.password == password);
                    world.user = Some(User { password, recorded });
                }
                _ => return None,
            }
            Some(if broken { Access::SecretAtLast { password } } else { Access::Done })
        }
        Access::SecretAtLast { password } => {
            if world.secret(place).is_none() {
                write_secret(world, password)?;
            }
            Some(Access::Done)
        }
        Access::Done => None,
    }
}

impl Pass {
    /// The numbers that the pass remembers: nobody else may be given them meanwhile.
    pub fn numbers(&self, kind: Kind) -> [Option<u8>; 2] {
        let looked = |found: Found| [found.secret.map(|secret| secret.password), found.user];
        let (passwords, organization, collections) = match self.step {
            Step::Look { claim, found } => {
                (found.map_or([None; 2], looked), claim.flatten().map(|claim| claim.organization), None)
            }
            Step::AddFinalizer { claim, found } | Step::Hold { claim, found } => {
                (looked(found), claim.map(|claim| claim.organization), None)
            }
            Step::TakeUp { claim, found } => (looked(found), Some(claim.organization), None),
            Step::Insert { found } => (looked(found), None, None),
            Step::Work { access, user, .. } => {
                let password = match access {
                    Access::Secret(secret) => secret.map(|secret| secret.password),
                    Access::User { password } | Access::SecretAtLast { password } => Some(password),
                    Access::Issue | Access::Done => None,
                };
                ([password, user], None, None)
            }
            Step::List { organization }
            | Step::VerifyAbsent { organization }
            | Step::Revoke { organization }
            | Step::Release { organization, .. } => ([None; 2], Some(organization), None),
            Step::BeginDrop { organization, doomed }
            | Step::DropUsers { organization, doomed }
            | Step::DropCollections { organization, doomed } => ([None; 2], Some(organization), doomed),
            Step::Finish | Step::FindOf | Step::RemoveSecret | Step::RemoveFinalizer => ([None; 2], None, None),
        };
        match kind {
            Kind::Password => passwords,
            Kind::Organization => [organization, None],
            Kind::Collections => [collections, None],
        }
    }
}
