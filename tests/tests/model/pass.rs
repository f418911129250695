//! A pass of the operator over one object, one request to a server at a time: whatever else happens can happen between
//! any two of them, and the process can end there.
//!
//! Each step stands for a function of the operator, which its comment names; a test looks for every name that stands in
//! backticks with its module. Left out, because they concern neither whose a database is nor who knows its password:
//! subscriptions (a claim without a database), roles but for their removal, validators and indexes, annotations that
//! release by force, Secrets that are somebody else's or were edited, databases that were never ChakraVue's, and what a pass
//! that failed says in the status.

use crate::world::{Claim, ClaimState, Database, Loss, NOBODY, Object, Place, Policy, Secret, User, World};

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
    /// A claim that was found marked is not marked again, so nobody asks whether it is still there.
    DropMarkedBefore,
    /// MongoDB hears the password before it is in the Secret.
    UserBeforeSecret,
    /// Where a password is replaced, MongoDB hears the new one before it is in the Secret.
    RotateMongoDbFirst,
    /// The finalizer is taken from whatever object has the name.
    FinalizerByName,
    /// A name is claimed for an object that only a stale cache still knows.
    ClaimForTheDead,
    /// A name is claimed, or a claim taken up again, for an object that is being deleted.
    ClaimForTheDeparting,
    /// The claim is taken up without looking at whether it is still the one that was found.
    TakeUpBlindly,
    /// Who asks for another one's claim gets it, whether or not that one lives.
    TakeUpFromTheLiving,
    /// Lost collections are made again without a word.
    LossUntold,
}

/// What is numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Password,
    Organization,
    Collections,
}

/// `claim::holder::must_live`
fn must_live(world: &World, place: Place, uid: u8, variant: Variant) -> Option<()> {
    let there = world.object(place).filter(|there| there.uid == uid)?;
    (!there.deleting || variant == Variant::ClaimForTheDeparting).then_some(())
}

/// What the first looks of a pass found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Found {
    access: Access,
    database: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::option_option, reason = "looked for or not yet, there or not")]
pub enum Step {
    /// `claim::find` beside `credentials::find`, `access::find` and `schema::observed::find`, beside `finalizer::add`
    Look { claim: Option<Option<Claim>>, found: Option<Found>, adds: bool },
    /// `claim::holder::must_live`, where there is no claim yet
    MustLive { found: Found },
    /// `claim::find` once more in `claim::hold`: somebody was faster
    FindAgain { found: Found },
    /// `claim::may_take_up`, which asks for the object that holds it or for the own one
    MayTakeUp { claim: Claim, found: Found },
    /// `claim::insert`
    Insert { found: Found },
    /// `claim::take_up`
    TakeUp { claim: Claim, found: Found },
    /// `loss::look`, which writes with `claim::facts::remember`
    Remember { organization: u8, found: Found },
    /// `provision::give_access` beside `schema::ensure`: each goes on when the other fails
    Work { organization: u8, access: Access, schema: Schema },
    /// `reconcile::record`, which writes with `claim::facts::record_facts`
    Record { organization: u8, collections: u8 },
    /// `status::write`
    Finish,

    /// `claim::find_of`
    FindOf,
    /// `removal::list`, before the claim is marked
    List { organization: u8, marked: bool },
    /// `claim::begin_drop`
    BeginDrop { organization: u8, doomed: Option<u8> },
    /// `removal::delete`: all users
    DropUsers { organization: u8, doomed: Option<u8> },
    /// `removal::drop_collections`
    DropCollections { organization: u8, doomed: Option<u8> },
    /// `removal::verify_absent`
    VerifyAbsent { organization: u8 },
    /// `removal::delete`: all roles
    DropRoles { organization: u8 },
    /// `access::remove`, in `removal::retain`
    Revoke { organization: u8 },
    /// `claim::release`
    Release { organization: u8, retain: bool },
    /// `credentials::remove`
    RemoveSecret,
    /// `finalizer::remove`
    RemoveFinalizer,
}

/// `user`: whether the looks found one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// `credentials::issue`
    Issue {
        user: bool,
    },
    /// `credentials::delete_exactly`: the Secret of the object that stood here before
    Replace {
        secret: Secret,
        user: bool,
    },
    /// `credentials::mend`: a new password in the Secret that was found, as `credentials::secret::rotates` says
    Rotate {
        secret: Secret,
        user: bool,
    },
    /// `access::ensure_user`
    User {
        password: u8,
        user: bool,
    },
    /// Only the broken order: the Secret is still to come.
    SecretAtLast {
        password: u8,
    },
    Done,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Schema {
    Missing,
    /// All is there, and the claim does not say so yet.
    Made(u8),
    Recorded,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pass {
    pub place: Place,
    /// The object as the cache showed it when the pass began.
    pub object: Object,
    pub step: Step,
}

/// Which of the requests that are under way at the same time is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    Only,
    Claim,
    Found,
    Finalizer,
    Access,
    Schema,
}

/// Where a pass runs.
#[derive(Clone, Copy)]
pub struct Setting<F> {
    pub variant: Variant,
    /// Whether the object asks for the organization that holds the name.
    pub adopts: bool,
    /// A number of its kind that nobody has.
    pub fresh: F,
}

impl Pass {
    /// `reconcile::pass`: what begins for an object as a cache shows it, if anything does.
    pub fn begin(place: Place, object: Object, variant: Variant) -> Option<Self> {
        let step = match (object.deleting, object.finalizer) {
            (false, on) => Step::Look { claim: None, found: None, adds: !on },
            (true, true) if variant == Variant::DropWithoutClaim => Step::List { organization: NOBODY, marked: true },
            (true, true) => Step::FindOf,
            (true, false) => return None,
        };
        Some(Self { place, object: Object { ready: false, ..object }, step })
    }

    /// Which requests are under way at the same time.
    pub fn choices(&self) -> Vec<Next> {
        let choices = match self.step {
            // Whether the finalizer comes between two looks makes no difference that it does not make before or after both.
            Step::Look { claim, found, adds } => [
                claim.is_none().then_some(Next::Claim),
                found.is_none().then_some(Next::Found),
                (adds && claim.is_some() == found.is_some()).then_some(Next::Finalizer),
            ],
            Step::Work { access, schema, .. } => [
                (!matches!(access, Access::Done | Access::Failed)).then_some(Next::Access),
                (schema == Schema::Missing).then_some(Next::Schema),
                None,
            ],
            _ => [Some(Next::Only), None, None],
        };
        choices.into_iter().flatten().collect()
    }

    /// One request is answered. `None`: the pass has ended, by its success, a conflict or a refusal.
    pub fn advance<F: Fn(&World, Kind) -> u8>(
        self,
        world: &mut World,
        next: Next,
        setting: &Setting<F>,
    ) -> Option<Self> {
        let step = match self.step {
            Step::Look { .. }
            | Step::MustLive { .. }
            | Step::FindAgain { .. }
            | Step::MayTakeUp { .. }
            | Step::Insert { .. }
            | Step::TakeUp { .. }
            | Step::Remember { .. }
            | Step::Work { .. }
            | Step::Record { .. }
            | Step::Finish => self.provision(world, next, setting),
            _ => self.remove(world, setting.variant),
        }?;
        Some(Self { step, ..self })
    }

    /// `provision::provision`
    fn provision<F: Fn(&World, Kind) -> u8>(self, world: &mut World, next: Next, setting: &Setting<F>) -> Option<Step> {
        let Self { place, object, step } = self;
        let Setting { variant, adopts, fresh } = setting;
        let (variant, uid) = (*variant, object.uid);
        Some(match step {
            Step::Look { mut claim, mut found, mut adds } => {
                match next {
                    Next::Claim => claim = Some(world.claim.map(known)),
                    Next::Found => found = Some(look(world, place, object)),
                    _ => {
                        if world.object(place) != Some(object) {
                            return None;
                        }
                        world.write_object(place, Some(Object { finalizer: true, ..object }));
                        adds = false;
                    }
                }
                match (claim, found) {
                    (Some(claim), Some(found)) if !adds => match claim {
                        Some(claim) => self.decide(world, claim, found, setting)?,
                        // Whoever has just taken the finalizer lives; one that had it before may be known from a stale
                        // cache alone.
                        None if object.finalizer && variant != Variant::ClaimForTheDead => Step::MustLive { found },
                        None => unclaimed(found, *adopts)?,
                    },
                    _ => Step::Look { claim, found, adds },
                }
            }
            Step::MustLive { found } => {
                must_live(world, place, uid, variant)?;
                unclaimed(found, *adopts)?
            }
            // A database without a claim is refused.
            Step::FindAgain { found } => self.decide(world, known(world.claim?), found, setting)?,
            Step::Insert { found } if world.claim.is_some() => Step::FindAgain { found },
            Step::Insert { found } => {
                let organization = fresh(world, Kind::Organization);
                let state = ClaimState::Held;
                world.claim = Some(Claim { organization, place, uid, state, collections: None, loss: Loss::None });
                self.held(world, organization, None, found, variant)?
            }
            Step::MayTakeUp { claim, found } => {
                // The API server is asked, not a cache.
                let may = if claim.place == place {
                    must_live(world, place, uid, variant).is_some()
                } else {
                    claim.state == ClaimState::Retained
                        || world.object(claim.place).map(|there| there.uid) != Some(claim.uid)
                };
                if !may && variant != Variant::TakeUpFromTheLiving {
                    return None;
                }
                Step::TakeUp { claim, found }
            }
            Step::TakeUp { claim, found } => {
                let Claim { organization, uid: from, state, .. } = claim;
                let same = |there: &Claim| {
                    there.organization == organization
                        && (variant == Variant::TakeUpBlindly || (there.uid == from && there.state == state))
                };
                let there = world.claim.filter(same)?;
                world.claim = Some(Claim { place, uid, state: ClaimState::Held, ..there });
                let next = self.held(world, organization, claim.collections, found, variant)?;
                match (next, found.database) {
                    // The platform was shown that it ends.
                    (Step::Work { access, schema: Schema::Recorded, .. }, Some(ids)) if state != ClaimState::Held => {
                        Step::Work { organization, access, schema: Schema::Made(ids) }
                    }
                    (next, _) => next,
                }
            }
            Step::Remember { organization, found } => {
                let claim = holds(world, organization, uid)?;
                world.claim = Some(Claim { collections: None, loss: Loss::Told, ..claim });
                self.work(world, organization, found.access, found.database.map_or(Schema::Missing, Schema::Made))?
            }
            Step::Work { organization, access, schema } => {
                let (access, schema) = match next {
                    Next::Schema => (access, self.make(world, fresh)),
                    _ => (self.give_access(world, access, setting), schema),
                };
                self.work(world, organization, access, schema)?
            }
            Step::Record { organization, collections } => {
                let claim = holds(world, organization, uid)?;
                world.claim = Some(Claim { collections: Some(collections), ..claim });
                Step::Finish
            }
            _ => {
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
        })
    }

    /// `claim::decide`, about a claim that was found.
    fn decide<F>(&self, world: &World, claim: Claim, found: Found, setting: &Setting<F>) -> Option<Step> {
        let is_own = claim.uid == self.object.uid;
        match claim.state {
            ClaimState::Held if is_own => {
                self.held(world, claim.organization, claim.collections, found, setting.variant)
            }
            // The object is being deleted, and this pass works from how it was before.
            ClaimState::Dropping if is_own => None,
            _ if claim.place == self.place => Some(Step::MayTakeUp { claim, found }),
            _ if !setting.adopts => None,
            ClaimState::Retained => Some(Step::TakeUp { claim, found }),
            ClaimState::Held | ClaimState::Dropping => Some(Step::MayTakeUp { claim, found }),
        }
    }

    /// What comes once the claim is held: `loss::lost_of` says whether something is to be told first.
    fn held(
        &self,
        world: &World,
        organization: u8,
        collections: Option<u8>,
        found: Found,
        variant: Variant,
    ) -> Option<Step> {
        let is_lost = collections.is_some() && collections != found.database;
        if is_lost && variant != Variant::LossUntold {
            return Some(Step::Remember { organization, found });
        }
        let schema = match found.database {
            None => Schema::Missing,
            // What else the platform shows of it is the same then too.
            Some(_) if collections == found.database => Schema::Recorded,
            Some(ids) => Schema::Made(ids),
        };
        self.work(world, organization, found.access, schema)
    }

    /// What comes once both sides are done.
    fn work(&self, world: &World, organization: u8, access: Access, schema: Schema) -> Option<Step> {
        match (access, schema) {
            (Access::Done, Schema::Made(collections)) => Some(Step::Record { organization, collections }),
            // A status that says the same already is not written.
            (Access::Done, Schema::Recorded) => {
                let is_ready = world.object(self.place).is_some_and(|it| it.uid == self.object.uid && it.ready);
                (!is_ready).then_some(Step::Finish)
            }
            (Access::Done, Schema::Failed) | (Access::Failed, Schema::Made(_) | Schema::Recorded | Schema::Failed) => {
                None
            }
            _ => Some(Step::Work { organization, access, schema }),
        }
    }

    fn make(&self, world: &mut World, fresh: &impl Fn(&World, Kind) -> u8) -> Schema {
        if world.database.is_some() {
            return Schema::Failed;
        }
        world.harm.changed_unclaimed |= !world.claimed_by(self.object.uid);
        let claim = world.claim.filter(|claim| claim.uid == self.object.uid);
        let organization = claim.map_or(NOBODY, |claim| claim.organization);
        let ids = fresh(world, Kind::Collections);
        world.database = Some(Database { ids, organization });
        Schema::Made(ids)
    }

    /// `provision::give_access`: the Secret first, then the user with its password.
    fn give_access<F: Fn(&World, Kind) -> u8>(
        &self,
        world: &mut World,
        access: Access,
        setting: &Setting<F>,
    ) -> Access {
        let (place, uid) = (self.place, self.object.uid);
        let secret = |password| Secret { owner: uid, password, answers: self.object.asks };
        match access {
            Access::Issue { user } => {
                let password = (setting.fresh)(world, Kind::Password);
                if setting.variant != Variant::UserBeforeSecret {
                    if world.secret(place).is_some() {
                        return Access::Failed;
                    }
                    world.write_secret(place, secret(password));
                }
                Access::User { password, user }
            }
            // The resource version makes sure that it is the very Secret that was found.
            Access::Replace { secret, .. } if world.secret(place).is_some_and(|there| there != secret) => {
                Access::Failed
            }
            Access::Replace { user, .. } => {
                world.secrets[place as usize] = None;
                Access::Issue { user }
            }
            // As above, but what is gone cannot be changed.
            Access::Rotate { secret, .. } if world.secret(place) != Some(secret) => Access::Failed,
            Access::Rotate { user, .. } => {
                let password = (setting.fresh)(world, Kind::Password);
                if setting.variant != Variant::RotateMongoDbFirst {
                    world.write_secret(place, secret(password));
                }
                Access::User { password, user }
            }
            // Created or changed, where it is still as it was found.
            Access::User { user, .. } if user != world.user.is_some() => Access::Failed,
            Access::User { password, .. } => {
                world.harm.changed_unclaimed |= !world.claimed_by(uid);
                let broken = matches!(setting.variant, Variant::UserBeforeSecret | Variant::RotateMongoDbFirst);
                let recorded = !broken || world.secret(place).is_some_and(|secret| secret.password == password);
                world.user = Some(User { password, recorded, superseded: false });
                if recorded { Access::Done } else { Access::SecretAtLast { password } }
            }
            Access::SecretAtLast { password } => {
                let may_write = setting.variant == Variant::RotateMongoDbFirst || world.secret(place).is_none();
                if may_write {
                    world.write_secret(place, secret(password));
                }
                Access::Done
            }
            Access::Done | Access::Failed => access,
        }
    }

    /// `reconcile::remove`
    fn remove(self, world: &mut World, variant: Variant) -> Option<Step> {
        let Self { place, object, step } = self;
        let uid = object.uid;
        Some(match step {
            Step::FindOf => match world.claim.filter(|claim| {
                claim.uid == uid && (variant == Variant::DropRetained || claim.state != ClaimState::Retained)
            }) {
                None => Step::RemoveSecret,
                Some(Claim { organization, state: ClaimState::Dropping, .. }) => {
                    Step::List { organization, marked: true }
                }
                Some(Claim { organization, .. }) => match object.policy {
                    Policy::Delete => Step::List { organization, marked: false },
                    Policy::Retain => Step::Revoke { organization },
                },
            },
            Step::List { organization, marked } => {
                let doomed = world.database.map(|database| database.ids);
                match variant {
                    Variant::DropWithoutClaim | Variant::DropUnmarked => Step::DropUsers { organization, doomed },
                    Variant::DropMarkedBefore if marked => Step::DropUsers { organization, doomed },
                    _ => Step::BeginDrop { organization, doomed },
                }
            }
            // Asked also where it was found marked: another pass may have finished the drop since, and the name may be the
            // next hospital's by now, whose collections were listed.
            Step::BeginDrop { organization, doomed } => {
                let claim = held_by(world, organization, uid)?;
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
            Step::VerifyAbsent { organization } => Step::DropRoles { organization },
            Step::DropRoles { organization } => {
                // Who has a user has a role.
                world.harm.changed_unclaimed |= world.user.is_some() && !world.claimed_by(uid);
                Step::Release { organization, retain: false }
            }
            Step::Revoke { organization } => {
                world.harm.changed_unclaimed |= world.user.is_some() && !world.claimed_by(uid);
                world.user = None;
                Step::Release { organization, retain: true }
            }
            Step::Release { organization, retain: true } => {
                let may = |claim: &Claim| claim.state == ClaimState::Held || variant == Variant::DropRetained;
                let claim = held_by(world, organization, uid).filter(may)?;
                world.claim = Some(Claim { state: ClaimState::Retained, ..claim });
                Step::RemoveSecret
            }
            Step::Release { organization, retain: false } => {
                if held_by(world, organization, uid).is_some() {
                    world.claim = None;
                }
                Step::RemoveSecret
            }
            Step::RemoveSecret => {
                if world.secret(place).is_some_and(|secret| secret.owner == uid) {
                    world.secrets[place as usize] = None;
                }
                Step::RemoveFinalizer
            }
            _ => {
                let by_name = variant == Variant::FinalizerByName;
                let there = world.object(place).filter(|there| there.finalizer && (by_name || there.uid == uid));
                if let Some(there) = there {
                    let let_go = Object { finalizer: false, ..there };
                    world.write_object(place, Some(let_go).filter(Object::stays));
                }
                return None;
            }
        })
    }

    /// The numbers that the pass remembers: nobody else may be given them meanwhile.
    pub fn numbers(&self, kind: Kind) -> [Option<u8>; 2] {
        let password = |access: Access| match access {
            Access::Replace { secret, .. } | Access::Rotate { secret, .. } => Some(secret.password),
            Access::User { password, .. } | Access::SecretAtLast { password } => Some(password),
            Access::Issue { .. } | Access::Done | Access::Failed => None,
        };
        let of_found = |found: Found| (password(found.access), [found.database, None]);
        let (password, organization, collections) = match self.step {
            Step::Look { claim, found, .. } => {
                let claim = claim.flatten();
                let (password, [database, _]) = found.map_or((None, [None; 2]), of_found);
                let remembered = claim.and_then(|claim| claim.collections);
                (password, claim.map(|claim| claim.organization), [database, remembered])
            }
            Step::MustLive { found } | Step::FindAgain { found } | Step::Insert { found } => {
                let (password, collections) = of_found(found);
                (password, None, collections)
            }
            Step::MayTakeUp { claim, found } | Step::TakeUp { claim, found } => {
                (password(found.access), Some(claim.organization), [found.database, claim.collections])
            }
            Step::Remember { organization, found } => {
                let (password, collections) = of_found(found);
                (password, Some(organization), collections)
            }
            Step::Work { organization, access, schema } => {
                let made = if let Schema::Made(ids) = schema { Some(ids) } else { None };
                (password(access), Some(organization), [made, None])
            }
            Step::Record { organization, collections } => (None, Some(organization), [Some(collections), None]),
            Step::List { organization, .. }
            | Step::VerifyAbsent { organization }
            | Step::DropRoles { organization }
            | Step::Revoke { organization }
            | Step::Release { organization, .. } => (None, Some(organization), [None; 2]),
            Step::BeginDrop { organization, doomed }
            | Step::DropUsers { organization, doomed }
            | Step::DropCollections { organization, doomed } => (None, Some(organization), [doomed, None]),
            Step::Finish | Step::FindOf | Step::RemoveSecret | Step::RemoveFinalizer => (None, None, [None; 2]),
        };
        match kind {
            Kind::Password => [password, None],
            Kind::Organization => [organization, None],
            Kind::Collections => collections,
        }
    }
}

/// Without a claim: what is to be done about the name.
fn unclaimed(found: Found, adopts: bool) -> Option<Step> {
    match found.database {
        // A claim that was made in between is the reason it exists.
        Some(_) => Some(Step::FindAgain { found }),
        // There is nothing to adopt.
        None => (!adopts).then_some(Step::Insert { found }),
    }
}

/// What the Secret, the user and the database are, in the eyes of this object.
fn look(world: &World, place: Place, object: Object) -> Found {
    let user = world.user.is_some();
    // `credentials::decision::decide`
    let access = match world.secret(place) {
        None => Access::Issue { user },
        Some(secret) if secret.owner != object.uid => Access::Replace { secret, user },
        Some(secret) if object.asks != 0 && object.asks != secret.answers => Access::Rotate { secret, user },
        Some(Secret { password, .. }) if world.user.is_some_and(|user| user.password == password) => Access::Done,
        Some(Secret { password, .. }) => Access::User { password, user },
    };
    Found { access, database: world.database.map(|database| database.ids) }
}

/// A claim as a pass remembers it.
fn known(claim: Claim) -> Claim {
    Claim { loss: Loss::None, ..claim }
}

/// The claim, if it is this organization's and this object's: `claim::held_by`, in the filter of every write to it.
fn held_by(world: &World, organization: u8, uid: u8) -> Option<Claim> {
    world.claim.filter(|claim| claim.organization == organization && claim.uid == uid)
}

/// The same where it is not being given up: `claim::change`, by which whoever makes something writes.
fn holds(world: &World, organization: u8, uid: u8) -> Option<Claim> {
    held_by(world, organization, uid).filter(|claim| claim.state == ClaimState::Held)
}
