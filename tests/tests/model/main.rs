//! The operator's protocol as a model: claim, adoption, Secret and user, deletion. A checker tries every order in which
//! people, one or two operators and the two servers can act, with caches that lag behind and a process that ends
//! between any two requests, and looks at every state that comes of it.
//!
//! With a working lease there is one operator; its passes over different objects run at the same time, and a successor
//! may begin from a stale cache. Without one there are two that know nothing of each other: what they leave behind may
//! be untidy (`chakravue-operator orphans` reports it), but no data is lost and every hospital that lives is served.
//!
//! `world` is what the servers hold, `pass` what the operator does, and `lease` how two operators agree who works. A rule that nothing would miss is no rule, so each
//! is broken once, and the model has to notice.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(
    clippy::too_many_lines,
    clippy::option_option,
    reason = "a pass stands in one piece, as it does in the operator; a look may have found that there is nothing"
)]

mod lease;
mod pass;
mod world;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use stateright::{Checker as _, DiscoveryClassification, HasDiscoveries, Model, Property};

use crate::{
    pass::{Kind, MIRRORED, Next, Pass, Variant},
    world::{Budget, ClaimState, Deed, Place, World},
};

/// Whose passes run in the second place where there is no lease: those of the second operator.
const SECOND: usize = 1;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    world: World,
    /// In order, so that it makes no difference which of two operators does what.
    passes: [Option<Pass>; 2],
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Action {
    Deed(Deed),
    /// A pass begins on an object, maybe as a cache that lags behind shows it.
    Begin {
        slot: usize,
        place: Place,
        stale: bool,
    },
    Advance(usize, Next),
    Crash(usize),
}

#[derive(Clone)]
struct Protocol {
    variant: Variant,
    lease: bool,
    /// Whether the stranger's object carries the annotation with the right organization id.
    adopts: bool,
    budget: Budget,
    /// The one property to look at; all of them otherwise.
    watched: Option<&'static str>,
    settled: Arc<Mutex<HashMap<World, World>>>,
}

impl Protocol {
    fn new(variant: Variant, lease: bool, budget: Budget) -> Self {
        Self { variant, lease, adopts: false, budget, watched: None, settled: Arc::default() }
    }

    /// Where a pass can begin: with a lease anywhere, without one the second operator has only so many.
    fn free_slots(&self, state: &State) -> impl Iterator<Item = usize> {
        let first = state.passes.iter().position(Option::is_none).filter(|slot| self.lease || *slot != SECOND);
        let second = !self.lease && state.passes[SECOND].is_none() && state.world.budget.strays > 0;
        first.into_iter().chain(second.then_some(SECOND))
    }

    fn adopts(&self, place: Place) -> bool {
        self.adopts && place == Place::Stranger
    }

    /// What comes of a world that is left alone: passes that were under way have ended, caches have caught up, and one
    /// operator looks at every object until there is nothing left to do.
    fn settled(&self, world: &World) -> World {
        if let Some(known) = self.settled.lock().unwrap().get(world) {
            return *known;
        }
        let mut now = World { stale: [None; 2], ..*world };
        for _round in 0..10 {
            let before = now;
            for place in Place::ALL {
                if now.secret(place).is_some_and(|secret| !now.lives(secret.owner)) {
                    now.happen(Deed::CollectGarbage(place));
                }
                let mut pass = now.object(place).and_then(|object| Pass::begin(place, object, self.variant));
                while let Some(going) = pass {
                    let fresh = |world: &World, kind| unused(world, &[Some(going), None], kind);
                    pass = going.advance(&mut now, Next::First, self.variant, self.adopts(place), fresh);
                    now.stale = [None; 2];
                }
            }
            if now == before {
                break;
            }
        }
        self.settled.lock().unwrap().insert(*world, now);
        now
    }

    /// Whether a world at rest is as it should be.
    fn is_right(&self, world: &World) -> bool {
        let objects = Place::ALL.iter().filter_map(|place| Some((*place, world.object(*place)?)));
        let mut served = false;
        for (place, object) in objects {
            if object.deleting {
                return false;
            }
            let right = match world.claim {
                Some(claim) if claim.uid == object.uid => {
                    served = true;
                    let password =
                        world.secret(place).filter(|secret| secret.owner == object.uid).map(|secret| secret.password);
                    claim.state == ClaimState::Held
                        && object.ready
                        && password.is_some()
                        && world.user.map(|user| user.password) == password
                        && world.database.map(|database| database.organization) == Some(claim.organization)
                }
                // Another one's, or waiting for another one: refused, and rightly.
                Some(claim) => {
                    let held = claim.state != ClaimState::Retained && world.lives(claim.uid);
                    held || (claim.place != place && !self.adopts(place))
                }
                None => self.adopts(place) || (!self.lease && world.database.is_some()),
            };
            if !right {
                return false;
            }
        }
        let tidy = match world.claim {
            Some(claim) => claim.state == ClaimState::Retained && world.user.is_none(),
            None => world.database.is_none() && world.user.is_none(),
        };
        served || tidy || !self.lease
    }
}

/// The smallest number of its kind that nothing in sight has.
fn unused(world: &World, passes: &[Option<Pass>; 2], kind: Kind) -> u8 {
    let servers = match kind {
        Kind::Password => {
            let user = world.user.map(|user| user.password);
            [user, world.secrets[0].map(|secret| secret.password), world.secrets[1].map(|secret| secret.password)]
        }
        Kind::Organization => {
            [world.claim.map(|claim| claim.organization), world.database.map(|database| database.organization), None]
        }
        Kind::Collections => [world.database.map(|database| database.ids), None, None],
    };
    let remembered = passes.iter().flatten().flat_map(|pass| pass.numbers(kind));
    let known: u32 =
        servers.into_iter().flatten().chain(remembered.flatten()).fold(1, |known, number| known | 1 << number);
    u8::try_from(known.trailing_ones()).unwrap()
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State { world: World::new(self.budget), passes: [None; 2] }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(state.world.deeds().into_iter().map(Action::Deed));
        for (slot, pass) in state.passes.iter().enumerate() {
            if let Some(pass) = pass {
                actions.extend(pass.choices().iter().map(|next| Action::Advance(slot, *next)));
                // Without a lease the second operator stands for everything that goes wrong.
                actions.extend((self.lease || slot == SECOND).then_some(Action::Crash(slot)));
            }
        }
        for slot in self.free_slots(state) {
            for place in Place::ALL {
                // One operator never runs two passes over one object at once.
                if self.lease && state.passes.iter().flatten().any(|pass| pass.place == place) {
                    continue;
                }
                actions.extend(state.world.object(place).map(|_| Action::Begin { slot, place, stale: false }));
                actions.extend(state.world.stale[place as usize].map(|_| Action::Begin { slot, place, stale: true }));
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Deed(deed) => next.world.happen(deed),
            Action::Begin { slot, place, stale } => {
                let object = if stale { next.world.stale[place as usize] } else { next.world.object(place) };
                next.passes[slot] = Some(Pass::begin(place, object?, self.variant)?);
                if !self.lease && slot == SECOND {
                    next.world.budget.strays -= 1;
                }
            }
            Action::Advance(slot, which) => {
                let pass = next.passes[slot]?;
                let fresh = |world: &World, kind| unused(world, &state.passes, kind);
                next.passes[slot] = pass.advance(&mut next.world, which, self.variant, self.adopts(pass.place), fresh);
            }
            Action::Crash(slot) => next.passes[slot] = None,
        }
        if self.lease {
            next.passes.sort_unstable();
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::<Self>::always(DROPS_ONLY_ITS_OWN, |_, state| !state.world.harm.dropped_unclaimed),
            Property::<Self>::always(ONE_OWNER, |_, state| {
                !state.world.objects.iter().all(|object| object.is_some_and(|object| object.ready && !object.deleting))
            }),
            Property::<Self>::always(SECRET_BEFORE_USER, |_, state| state.world.user.is_none_or(|user| user.recorded)),
            Property::<Self>::always(COMES_RIGHT, |model, state| model.is_right(&model.settled(&state.world))),
        ];
        if self.lease {
            properties
                .push(Property::<Self>::always(CHANGES_ONLY_ITS_OWN, |_, state| !state.world.harm.changed_unclaimed));
        }
        properties.retain(|property| self.watched.is_none_or(|watched| watched == property.name));
        properties
    }
}

/// What must be true of every state.
const DROPS_ONLY_ITS_OWN: &str = "nothing is dropped that another one holds";
const CHANGES_ONLY_ITS_OWN: &str = "with a lease, nothing is changed without holding its claim";
const ONE_OWNER: &str = "never two owners";
const SECRET_BEFORE_USER: &str = "MongoDB hears no password that was not written down";
const COMES_RIGHT: &str = "left alone, everything comes right";

/// What people do in each of the stories, in any order and at any time.
const A_STRANGER_WANTS_THE_NAME: Budget =
    Budget { creations: 1, strangers: 1, policy_edits: 0, secret_deletions: 0, strays: 1 };
const RE_CREATED: Budget = Budget { creations: 2, strangers: 0, policy_edits: 0, secret_deletions: 0, strays: 1 };
const RE_CREATED_AND_EDITED: Budget = Budget { policy_edits: 1, secret_deletions: 1, ..RE_CREATED };

/// The property that some order of things breaks, with that order.
fn broken(model: Protocol) -> Option<(&'static str, String)> {
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let classified = checker.discoveries().into_iter();
    let (name, path) = classified.map(|(name, path)| (name, checker.discovery_classification(name), path)).find_map(
        |(name, class, path)| matches!(class, DiscoveryClassification::Counterexample).then_some((name, path)),
    )?;
    let end = format!("{:#?}", path.last_state());
    Some((name, format!("{:#?}\n{end}", path.into_actions())))
}

fn holds(model: Protocol) {
    if let Some((name, how)) = broken(model) {
        panic!("not true: {name}\n{how}");
    }
}

#[test]
fn one_operator_and_its_successors_keep_every_rule() {
    for budget in [A_STRANGER_WANTS_THE_NAME, RE_CREATED_AND_EDITED] {
        holds(Protocol::new(Variant::AsBuilt, true, budget));
    }
    holds(Protocol { adopts: true, ..Protocol::new(Variant::AsBuilt, true, A_STRANGER_WANTS_THE_NAME) });
}

#[test]
fn two_operators_without_a_lease_do_no_harm() {
    for budget in [A_STRANGER_WANTS_THE_NAME, RE_CREATED] {
        holds(Protocol::new(Variant::AsBuilt, false, budget));
    }
}

#[test]
fn every_rule_is_missed_when_it_is_broken() {
    let adopting = Budget { strangers: 1, ..RE_CREATED };
    for (variant, lease, adopts, budget, rule) in [
        (Variant::DropWithoutClaim, true, false, A_STRANGER_WANTS_THE_NAME, DROPS_ONLY_ITS_OWN),
        (Variant::DropByName, false, false, A_STRANGER_WANTS_THE_NAME, DROPS_ONLY_ITS_OWN),
        (Variant::DropUnmarked, false, false, RE_CREATED_AND_EDITED, DROPS_ONLY_ITS_OWN),
        (Variant::DropRetained, true, false, RE_CREATED_AND_EDITED, COMES_RIGHT),
        (Variant::TakeUpBlindly, true, true, adopting, CHANGES_ONLY_ITS_OWN),
        (Variant::UserBeforeSecret, true, false, RE_CREATED, SECRET_BEFORE_USER),
        (Variant::FinalizerByName, false, false, RE_CREATED, COMES_RIGHT),
        (Variant::ClaimForTheDead, true, false, RE_CREATED, COMES_RIGHT),
    ] {
        let watched = Some(rule);
        let found = broken(Protocol { adopts, watched, ..Protocol::new(variant, lease, budget) });
        assert!(found.is_some(), "nobody noticed {variant:?}");
    }
}

/// A model of something that is not there any more proves nothing.
#[test]
fn the_functions_that_the_model_mirrors_exist() {
    let operator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operator/src");
    for (file, function) in MIRRORED.into_iter().chain(lease::MIRRORED) {
        let source = std::fs::read_to_string(operator.join(file)).unwrap();
        assert!(source.contains(&format!("fn {function}(")), "operator/src/{file} has no function {function}");
    }
}
