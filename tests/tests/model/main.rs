//! The operator's protocol as a model: claim, adoption, Secret and user, deletion. A checker tries every order in which
//! people, one or two operators and the two servers can act, with caches that lag behind and a process that ends
//! between any two requests, and looks at every state that comes of it.
//!
//! With a working lease there is one operator; its passes over different objects run at the same time, and a successor
//! may begin from a stale cache. Without one there are two that know nothing of each other, and each can do all that the
//! other can: begin a pass anywhere and at any time, from a stale cache too, and end in the middle of it. What they leave
//! behind may be untidy (`chakravue-operator orphans` reports it), but no data is lost and every hospital that lives is
//! served. That also stands for a lease that changes hands while a last request of the former holder is still under way:
//! it is what two can do, and less.
//!
//! `world` is what the servers hold, `pass` what the operator does, and `lease` how two operators agree who works. A rule
//! that nothing would miss is no rule, so each is broken at least once, and the model has to notice.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(clippy::option_option, reason = "a look may have found that there is nothing")]

mod lease;
mod pass;
mod world;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use regex::Regex;
use stateright::{Checker, DiscoveryClassification, HasDiscoveries, Model, Property};

use crate::{
    pass::{Kind, Next, Pass, Setting, Variant},
    world::{ANY_NUMBER, Budget, ClaimState, Deed, Loss, Place, Policy, World},
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    world: World,
    /// In order: it makes no difference which of two operators does what.
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
    /// Whether a hospital is there and served when the story begins.
    begun: bool,
    /// The one property to look at; all of them otherwise.
    watched: Option<&'static str>,
    settled: Arc<Mutex<HashMap<World, World>>>,
}

impl Protocol {
    fn new(variant: Variant, lease: bool, budget: Budget) -> Self {
        Self { variant, lease, adopts: false, budget, begun: false, watched: None, settled: Arc::default() }
    }

    fn setting<'a>(
        &self,
        place: Place,
        passes: &'a [Option<Pass>; 2],
    ) -> Setting<impl Fn(&World, Kind) -> u8 + use<'a>> {
        let fresh = |world: &World, kind| unused(world, passes, kind);
        Setting { variant: self.variant, adopts: self.adopts(place), fresh }
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
                    let first = going.choices()[0];
                    pass = going.advance(&mut now, first, &self.setting(place, &[Some(going), None]));
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

    /// Whether the password that MongoDB has stands in the Secret of whoever holds the claim, or is about to be replaced by
    /// the one that stands there: who reads the Secret again has what MongoDB has, or will have after the next pass. Also
    /// after a crash, and unless people deleted the Secret.
    fn keeps_password(&self, world: &World) -> bool {
        let (Some(claim), Some(user)) = (world.claim, world.user) else { return true };
        let holder = world.object(claim.place).filter(|holder| holder.uid == claim.uid && !holder.deleting);
        if claim.state != ClaimState::Held || holder.is_none() {
            return true;
        }
        match world.secret(claim.place).filter(|secret| secret.owner == claim.uid) {
            Some(secret) => user.superseded || user.password == secret.password,
            None => world.budget.secret_deletions < self.budget.secret_deletions,
        }
    }

    /// Whether a world at rest is as it should be.
    fn is_right(&self, world: &World) -> bool {
        let objects = Place::ALL.iter().filter_map(|place| Some((*place, world.object(*place)?)));
        let mut served = false;
        for (place, object) in objects {
            if object.deleting {
                // What somebody else keeps is nothing to the operator any more.
                if object.finalizer {
                    return false;
                }
                continue;
            }
            let right = match world.claim {
                Some(claim) if claim.uid == object.uid => {
                    served = true;
                    let secret = world.secret(place).filter(|secret| secret.owner == object.uid);
                    let password = secret.map(|secret| secret.password);
                    claim.state == ClaimState::Held
                        && object.ready
                        // What was asked for is carried out.
                        && secret.is_some_and(|secret| object.asks == 0 || secret.answers == object.asks)
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
        let world = World::new(self.budget);
        if !self.begun {
            return vec![State { world, passes: [None; 2] }];
        }
        let begun = |policy| {
            let mut world = World { budget: Budget { creations: self.budget.creations + 1, ..self.budget }, ..world };
            world.happen(Deed::Create(Place::Home, policy));
            State { world: self.settled(&world), passes: [None; 2] }
        };
        [Policy::Retain, Policy::Delete].map(begun).into()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.extend(state.world.deeds().into_iter().map(Action::Deed));
        for (slot, pass) in state.passes.iter().enumerate() {
            if let Some(pass) = pass {
                actions.extend(pass.choices().into_iter().map(|next| Action::Advance(slot, next)));
                actions.push(Action::Crash(slot));
            }
        }
        let may_begin = state.world.budget.passes > 0;
        if let Some(slot) = state.passes.iter().position(Option::is_none).filter(|_| may_begin) {
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
                if next.world.budget.passes != ANY_NUMBER {
                    next.world.budget.passes -= 1;
                }
            }
            Action::Advance(slot, which) => {
                let pass = next.passes[slot]?;
                let setting = self.setting(pass.place, &state.passes);
                next.passes[slot] = pass.advance(&mut next.world, which, &setting);
            }
            Action::Crash(slot) => next.passes[slot] = None,
        }
        next.passes.sort_unstable();
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
            properties.push(Property::<Self>::always(LOSS_IS_TOLD, |model, state| {
                let claim = model.settled(&state.world).claim;
                claim.is_none_or(|claim| claim.state == ClaimState::Retained || claim.loss != Loss::Untold)
            }));
        }
        if self.lease || self.watched == Some(PASSWORD_IS_KEPT) {
            properties
                .push(Property::<Self>::always(PASSWORD_IS_KEPT, |model, state| model.keeps_password(&state.world)));
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
const PASSWORD_IS_KEPT: &str = "with a lease, no password is lost that MongoDB has";
const LOSS_IS_TOLD: &str = "with a lease, no database is made anew in silence";
const COMES_RIGHT: &str = "left alone, everything comes right";

/// What people do in each of the stories, in any order and at any time.
const A_STRANGER_WANTS_THE_NAME: Budget = Budget {
    creations: 1,
    keepers: false,
    strangers: 1,
    policy_edits: 0,
    secret_deletions: 0,
    rotations: 0,
    drops: 0,
    passes: 3,
};
const RE_CREATED: Budget = Budget {
    creations: 2,
    keepers: false,
    strangers: 0,
    policy_edits: 0,
    secret_deletions: 0,
    rotations: 0,
    drops: 0,
    passes: ANY_NUMBER,
};
const EDITED: Budget = Budget { creations: 1, policy_edits: 1, secret_deletions: 1, ..RE_CREATED };
const RE_CREATED_AND_EDITED: Budget = Budget { creations: 2, ..EDITED };
const EDITED_AND_ROTATED: Budget = Budget { rotations: 2, ..EDITED };
const RE_CREATED_AND_ROTATED: Budget = Budget { rotations: 1, ..RE_CREATED };
const KEPT: Budget = Budget { keepers: true, ..RE_CREATED };
const DROPPED: Budget = Budget { drops: 1, ..RE_CREATED };

/// The property that some order of things breaks, with that order.
fn broken(model: Protocol) -> Option<(&'static str, String)> {
    let (begun, what) = (Instant::now(), format!("{:?}, lease: {}, {:?}", model.variant, model.lease, model.budget));
    let is_built = model.variant == Variant::AsBuilt;
    let checker = model.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
    if !is_built {
        // Two operators do harm late in a story: one that goes deep finds it soon.
        return counterexample(&checker.spawn_dfs().join(), begun, &what);
    }
    counterexample(&checker.spawn_bfs().join(), begun, &what)
}

fn counterexample(checker: &impl Checker<Protocol>, begun: Instant, what: &str) -> Option<(&'static str, String)> {
    println!("{} states in {:.1?}: {what}", checker.unique_state_count(), begun.elapsed());
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
    for budget in [RE_CREATED_AND_EDITED, EDITED_AND_ROTATED, RE_CREATED_AND_ROTATED, KEPT, DROPPED] {
        holds(Protocol::new(Variant::AsBuilt, true, budget));
    }
    for adopts in [false, true] {
        holds(Protocol { adopts, ..Protocol::new(Variant::AsBuilt, true, A_STRANGER_WANTS_THE_NAME) });
    }
    // Also where the object that asks is not the one whose password MongoDB has.
    let rotated = Budget { creations: 0, rotations: 1, ..A_STRANGER_WANTS_THE_NAME };
    holds(Protocol { adopts: true, begun: true, ..Protocol::new(Variant::AsBuilt, true, rotated) });
}

#[test]
fn two_operators_without_a_lease_do_no_harm() {
    // From nothing, and from a hospital that is served.
    for (begun, adopts, budget) in [
        (false, false, Budget { creations: 1, passes: 3, ..RE_CREATED }),
        (true, false, Budget { creations: 1, passes: 3, ..RE_CREATED }),
        (true, false, Budget { creations: 0, passes: 2, ..RE_CREATED_AND_EDITED }),
        (true, false, Budget { creations: 0, rotations: 2, passes: 3, ..RE_CREATED }),
        (false, false, Budget { passes: 2, ..A_STRANGER_WANTS_THE_NAME }),
        (true, true, Budget { creations: 0, passes: 2, ..A_STRANGER_WANTS_THE_NAME }),
    ] {
        holds(Protocol { adopts, begun, ..Protocol::new(Variant::AsBuilt, false, budget) });
    }
}

#[test]
fn every_rule_is_missed_when_it_is_broken() {
    let adopting = Budget { strangers: 1, ..RE_CREATED };
    let again = Budget { creations: 1, passes: 4, ..RE_CREATED };
    for (variant, lease, adopts, budget, rule) in [
        (Variant::DropWithoutClaim, true, false, A_STRANGER_WANTS_THE_NAME, DROPS_ONLY_ITS_OWN),
        (Variant::DropByName, false, false, again, DROPS_ONLY_ITS_OWN),
        (Variant::DropUnmarked, false, false, again, DROPS_ONLY_ITS_OWN),
        (Variant::DropMarkedBefore, false, false, again, DROPS_ONLY_ITS_OWN),
        (Variant::DropRetained, true, false, RE_CREATED_AND_EDITED, COMES_RIGHT),
        (Variant::TakeUpBlindly, true, true, adopting, CHANGES_ONLY_ITS_OWN),
        (Variant::TakeUpFromTheLiving, true, true, A_STRANGER_WANTS_THE_NAME, ONE_OWNER),
        (Variant::UserBeforeSecret, true, false, RE_CREATED, SECRET_BEFORE_USER),
        (Variant::RotateMongoDbFirst, true, false, RE_CREATED_AND_ROTATED, PASSWORD_IS_KEPT),
        (Variant::UserBeforeSecret, true, false, RE_CREATED, PASSWORD_IS_KEPT),
        // Here it is the lease that is missing: one of two operators is late with the password of an earlier request, until
        // the next look. In the end that comes right as well.
        (
            Variant::AsBuilt,
            false,
            false,
            Budget { creations: 0, rotations: 2, passes: 3, ..RE_CREATED },
            PASSWORD_IS_KEPT,
        ),
        (Variant::FinalizerByName, false, false, again, COMES_RIGHT),
        (Variant::ClaimForTheDead, true, false, RE_CREATED, COMES_RIGHT),
        (Variant::ClaimForTheDeparting, true, false, KEPT, COMES_RIGHT),
        (Variant::LossUntold, true, false, DROPPED, LOSS_IS_TOLD),
    ] {
        let (watched, begun) = (Some(rule), !lease);
        let found = broken(Protocol { adopts, begun, watched, ..Protocol::new(variant, lease, budget) });
        assert!(found.is_some(), "nobody noticed {variant:?}");
    }
}

/// Every function of the operator that a comment of the model names, as its path and in which file it has to be.
fn mirrored() -> Vec<(String, String, String)> {
    let named = Regex::new(r"`((?:[a-z_]+::)+)([a-z_]+)`").unwrap();
    let sources = [include_str!("pass.rs"), include_str!("lease.rs")];
    let comments = sources.into_iter().flat_map(str::lines).filter(|line| line.trim_start().starts_with("//"));
    comments
        .flat_map(|comment| named.captures_iter(comment))
        .map(|found| {
            let file = found[1].trim_end_matches("::").replace("::", "/") + ".rs";
            (found[0].to_owned(), file, found[2].to_owned())
        })
        .collect()
}

/// Whether a file of the operator has a function, not counting its own tests.
fn has_function(file: &str, function: &str) -> bool {
    let operator = Path::new(env!("CARGO_MANIFEST_DIR")).join("../operator/src");
    let source = std::fs::read_to_string(operator.join(file)).unwrap_or_default();
    let source = source.split("#[cfg(test)]").next().unwrap();
    let head = format!(r"(?m)^\s*(pub(\([a-z]+\))? )?(async )?fn {function}[(<]");
    Regex::new(&head).unwrap().is_match(source)
}

/// A model of something that is not there any more proves nothing.
#[test]
fn the_functions_that_the_model_mirrors_exist() {
    let mirrored = mirrored();
    for (path, file, function) in &mirrored {
        assert!(has_function(file, function), "{path} is mirrored, and operator/src/{file} has no such function");
    }
    println!("{} names of functions", mirrored.len());

    // Every step stands for one.
    let source = include_str!("pass.rs");
    let steps = source.split("pub enum Step {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let steps: Vec<&str> = steps.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for pair in steps.windows(2).filter(|pair| !pair[1].starts_with("//")) {
        assert!(pair[0].starts_with("/// ") && pair[0].contains("::"), "nothing is said of {}", pair[1]);
    }

    // And who looks for a function finds none that is gone, nor one of another file.
    assert!(!has_function("claim.rs", "no_such_function") && !has_function("no_such_file.rs", "find"));
    assert!(!has_function("reconcile.rs", "give_access"));
}
