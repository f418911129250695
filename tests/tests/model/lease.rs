//! The Lease as a model of its own: two operators that look, take, renew, lose patience, end and begin anew, with requests
//! that are served and answered at any time after they were sent, or never, and a clock that goes on meanwhile. At no
//! moment may both of them believe that they lead, and who wakes from a long sleep may write nothing.
//!
//! Both can do the same, so it makes no difference which is which. To stand still needs no state of its own: whoever is not
//! chosen for a while stands still. A tick is a third of a lease; the time is always [`NOW`], and with every tick all that
//! was is longer ago, until it makes no difference any more how long.

use std::time::Instant;

use stateright::{Checker as _, CheckerBuilder, HasDiscoveries, Model, Property};

/// How long a lease lasts that is not renewed, in ticks.
const LASTS: u8 = 3;
/// When the holder stops, counted from before its last renewal was sent.
const TERM: u8 = 2;
const NOW: u8 = LASTS;
/// Writes of the lease, enough for two changes of hands; every state space has an end.
const VERSIONS: u8 = 4;

/// The election as it is, and as it must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    AsBuilt,
    /// A write to the lease names no version.
    Unconditional,
    /// The holder counts from when it has the answer.
    CountsFromTheAnswer,
    /// A candidate does not wait for as long as the lease lasts.
    Impatient,
    /// Who makes a lease, where there is none any more, holds it at once.
    HoldsWhatItMade,
    /// Nobody asks before a write whether the term is over.
    WritesUnasked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Holder {
    /// Of a lease that was just made: has to be watched like any other.
    Nobody,
    /// It was given up.
    Vacant,
    Operator(usize),
    /// A process that ended. One that is started again is called otherwise.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Lease {
    version: u8,
    holder: Holder,
}

/// A request under way, with the version that it was decided upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Request {
    /// `leader::election::look`
    Look,
    /// `leader::election::make`
    Make,
    /// `leader::election::take`
    Take(u8),
    /// `leader::election::renew`
    Renew(u8),
    /// Its look at who wrote in between.
    LookWho,
    /// Its second write, after somebody wrote to the lease that did not take it.
    RenewFound(u8),
    /// `leader::election::vacate`
    Vacate(u8),
}

impl Request {
    fn is_write(self) -> bool {
        !matches!(self, Self::Look | Self::LookWho)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Answer {
    Saw(Option<Lease>),
    Written(u8),
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Flight {
    request: Request,
    /// Of a renewal: when the first of its requests was.
    sent: u8,
    answer: Option<Answer>,
}

/// How a candidate saw the lease last: its version, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Sight {
    version: u8,
    since: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Operator {
    sight: Option<Sight>,
    /// Of the lease, as it was last written by this one.
    version: Option<u8>,
    flight: Option<Flight>,
    /// When its term ends.
    ends: u8,
}

/// A write whose answer nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Late {
    request: Request,
    holder: Holder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    lease: Option<Lease>,
    versions: u8,
    operators: [Operator; 2],
    late: Option<Late>,
    meddled: bool,
    /// Somebody wrote while another one led.
    wrote_beside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Tick,
    Send(usize, Request),
    Serve(usize),
    Receive(usize),
    /// `leader::election::in_time`: nobody waits for the answer any more.
    LosePatience(usize),
    /// The process ends, for whatever reason, and is started again.
    End(usize),
    ServeLate,
    /// To a hospital: `leader::check`.
    Write(usize),
    /// By a person.
    DeleteLease,
    /// By a person: a label.
    TouchLease,
}

struct Election(Variant);

impl State {
    fn leads(&self, operator: usize) -> bool {
        NOW < self.operators[operator].ends
    }

    /// A request that is on its way arrives or not, whoever sent it.
    fn leave(&mut self, number: usize, holder: Holder) {
        if let Some(Flight { request, answer: None, .. }) = self.operators[number].flight.take()
            && request.is_write()
            && self.late.is_none()
        {
            self.late = Some(Late { request, holder });
        }
    }

    fn end(&mut self, number: usize) {
        self.leave(number, Holder::Ended);
        self.operators[number] = Operator::default();
        let it = Holder::Operator(number);
        for holder in [self.lease.as_mut().map(|it| &mut it.holder), self.late.as_mut().map(|it| &mut it.holder)] {
            if let Some(holder) = holder.filter(|holder| **holder == it) {
                *holder = Holder::Ended;
            }
        }
    }

    fn tick(&mut self) {
        for operator in &mut self.operators {
            operator.ends = operator.ends.saturating_sub(1);
            if let Some(sight) = &mut operator.sight {
                sight.since = sight.since.saturating_sub(1);
            }
            if let Some(flight) = &mut operator.flight {
                flight.sent = flight.sent.saturating_sub(1);
            }
        }
    }

    /// What makes no difference is the same: which operator is which, terms that are over, a version seen that is not
    /// there any more.
    fn sorted(mut self) -> Self {
        let version = self.lease.map(|lease| lease.version);
        for operator in &mut self.operators {
            if operator.ends <= NOW {
                operator.ends = 0;
            }
            operator.sight = operator.sight.filter(|sight| Some(sight.version) == version);
        }
        if self.operators[0] > self.operators[1] {
            self.operators.swap(0, 1);
            let other = |holder: &mut Holder| {
                if let Holder::Operator(number) = holder {
                    *number = 1 - *number;
                }
            };
            self.lease.iter_mut().for_each(|lease| other(&mut lease.holder));
            self.late.iter_mut().for_each(|late| other(&mut late.holder));
            for operator in &mut self.operators {
                if let Some(Flight { answer: Some(Answer::Saw(Some(lease))), .. }) = &mut operator.flight {
                    other(&mut lease.holder);
                }
            }
        }
        self
    }
}

impl Election {
    /// What comes of an answer.
    fn receive(&self, state: &mut State, number: usize) {
        let operator = &mut state.operators[number];
        let Some(Flight { request, sent, answer: Some(answer) }) = operator.flight.take() else { return };
        let next = |request, sent| Some(Flight { request, sent, answer: None });
        match (request, answer) {
            (Request::Look, Answer::Saw(None)) => operator.flight = next(Request::Make, NOW),
            (Request::Look, Answer::Saw(Some(Lease { version, holder }))) => {
                let known = operator.sight.filter(|sight| sight.version == version);
                let sight = known.unwrap_or(Sight { version, since: NOW });
                operator.sight = Some(sight);
                let waits = if self.0 == Variant::Impatient { LASTS - 2 } else { LASTS };
                if holder == Holder::Vacant || NOW - sight.since >= waits {
                    operator.flight = next(Request::Take(version), NOW);
                }
            }
            (Request::Make, Answer::Written(version)) if self.0 == Variant::HoldsWhatItMade => {
                operator.ends = sent + TERM;
                operator.version = Some(version);
            }
            (Request::Take(_) | Request::Renew(_) | Request::RenewFound(_), Answer::Written(version)) => {
                // `leader::holds_until`
                let from = if self.0 == Variant::CountsFromTheAnswer { NOW } else { sent };
                operator.ends = from + TERM;
                operator.version = Some(version);
                operator.sight = None;
            }
            (Request::Renew(_), Answer::Refused) => operator.flight = next(Request::LookWho, sent),
            (Request::LookWho, Answer::Saw(Some(Lease { version, holder }))) if holder == Holder::Operator(number) => {
                operator.flight = next(Request::RenewFound(version), sent);
            }
            // Taken or deleted: `leader::give_up`, and the process ends.
            (Request::LookWho, Answer::Saw(_)) => state.end(number),
            // Somebody was faster: it looks or tries again.
            _ => {}
        }
    }

    /// What the API server does with a request.
    fn serve(&self, state: &mut State, request: Request, holder: Holder) -> Answer {
        let current = state.lease.map(|lease| lease.version);
        let named = match request {
            Request::Look | Request::LookWho => return Answer::Saw(state.lease),
            Request::Make => None,
            Request::Take(version)
            | Request::Renew(version)
            | Request::RenewFound(version)
            | Request::Vacate(version) => Some(version),
        };
        // Making a lease that is there fails whatever is named.
        let fits = named == current || (self.0 == Variant::Unconditional && named.is_some() && current.is_some());
        if !fits {
            return Answer::Refused;
        }
        state.versions += 1;
        let holder = match request {
            Request::Make => Holder::Nobody,
            Request::Vacate(_) => Holder::Vacant,
            _ => holder,
        };
        state.lease = Some(Lease { version: state.versions, holder });
        Answer::Written(state.versions)
    }
}

impl Model for Election {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            lease: None,
            versions: 0,
            operators: [Operator::default(); 2],
            late: None,
            meddled: false,
            wrote_beside: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        actions.push(Action::Tick);
        let may_be_served = |request: Request| !request.is_write() || state.versions < VERSIONS;
        for (number, operator) in state.operators.iter().enumerate() {
            // One that holds nothing and waits for nothing begins no other way after it ended.
            if operator.version.is_some() || operator.flight.is_some() {
                actions.push(Action::End(number));
            }
            let asks = self.0 != Variant::WritesUnasked;
            if operator.version.is_some() && (state.leads(number) || !asks) {
                actions.push(Action::Write(number));
            }
            if let Some(Flight { request, answer, .. }) = operator.flight {
                let served = answer.is_some();
                actions.extend((!served && may_be_served(request)).then_some(Action::Serve(number)));
                actions.extend(served.then_some(Action::Receive(number)));
                actions.push(Action::LosePatience(number));
                continue;
            }
            match operator.version {
                Some(version) if state.leads(number) => {
                    actions.push(Action::Send(number, Request::Renew(version)));
                    actions.push(Action::Send(number, Request::Vacate(version)));
                }
                // The term is over without a renewal: the process ends.
                Some(_) => {}
                None => actions.push(Action::Send(number, Request::Look)),
            }
        }
        actions.extend(state.late.filter(|late| may_be_served(late.request)).map(|_| Action::ServeLate));
        if !state.meddled && state.lease.is_some() {
            actions.push(Action::DeleteLease);
            actions.extend((state.versions < VERSIONS).then_some(Action::TouchLease));
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = *last;
        match action {
            Action::Tick => state.tick(),
            Action::Send(number, request) => {
                state.operators[number].flight = Some(Flight { request, sent: NOW, answer: None });
                if matches!(request, Request::Vacate(_)) {
                    // `leader::give_up`, before it is sent; and the process ends whatever the answer is.
                    state.end(number);
                }
            }
            Action::Serve(number) => {
                let flight = state.operators[number].flight?;
                let answer = self.serve(&mut state, flight.request, Holder::Operator(number));
                state.operators[number].flight = Some(Flight { answer: Some(answer), ..flight });
            }
            Action::Receive(number) => self.receive(&mut state, number),
            Action::LosePatience(number) => state.leave(number, Holder::Operator(number)),
            Action::End(number) => state.end(number),
            Action::ServeLate => {
                let late = state.late.take()?;
                self.serve(&mut state, late.request, late.holder);
            }
            Action::Write(number) => {
                state.wrote_beside |= state.leads(1 - number);
                // Nothing else comes of it.
                if !state.wrote_beside {
                    return None;
                }
            }
            Action::DeleteLease => {
                state.meddled = true;
                state.lease = None;
            }
            Action::TouchLease => {
                state.meddled = true;
                state.versions += 1;
                state.lease = state.lease.map(|lease| Lease { version: state.versions, ..lease });
            }
        }
        let state = state.sorted();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always(ONE_LEADS, |_, state| !(state.leads(0) && state.leads(1))),
            Property::<Self>::always(NOBODY_WRITES_BESIDE, |_, state| !state.wrote_beside),
            Property::<Self>::sometimes(CHANGES_HANDS, |_, state| {
                (0..2).any(|number| state.leads(number) && state.operators[1 - number].version.is_some())
            }),
        ]
    }
}

const ONE_LEADS: &str = "never do two lead";
const NOBODY_WRITES_BESIDE: &str = "nobody writes while another one leads";
const CHANGES_HANDS: &str = "the lease changes hands";

fn election(variant: Variant, until: HasDiscoveries) -> CheckerBuilder<Election> {
    Election(variant).checker().threads(2).finish_when(until)
}

#[test]
fn no_two_operators_lead_at_the_same_time() {
    let begun = Instant::now();
    let checker = election(Variant::AsBuilt, HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{} states of the election in {:.1?}", checker.unique_state_count(), begun.elapsed());
    for name in [ONE_LEADS, NOBODY_WRITES_BESIDE] {
        if let Some(path) = checker.discovery(name) {
            panic!("not true: {name}\n{:#?}", path.into_actions());
        }
    }
    assert!(checker.discovery(CHANGES_HANDS).is_some(), "the model shows nothing: no lease changes hands");
}

#[test]
fn every_rule_of_the_lease_is_missed_when_it_is_broken() {
    for (variant, rule) in [
        (Variant::Unconditional, ONE_LEADS),
        (Variant::CountsFromTheAnswer, ONE_LEADS),
        (Variant::Impatient, ONE_LEADS),
        (Variant::HoldsWhatItMade, ONE_LEADS),
        (Variant::WritesUnasked, NOBODY_WRITES_BESIDE),
    ] {
        // What is broken is found sooner by one that goes deep.
        let checker = election(variant, HasDiscoveries::AnyOf([rule].into())).spawn_dfs().join();
        println!("{} states of the election, {variant:?}", checker.unique_state_count());
        assert!(checker.discovery(rule).is_some(), "nobody noticed {variant:?}");
    }
}
