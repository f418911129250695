//! The Lease as a model of its own: two operators that look, take, renew, stand still and wake up, with requests that are
//! served and answered at any time after they were sent, and a clock that goes on meanwhile. At no moment may both of them
//! believe that they lead, and who wakes from a long sleep may write nothing.
//!
//! Each step stands for a function of `leader/election.rs`, which its comment names. A tick is a third of a lease.

use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// The functions that the steps stand for: file and name.
pub const MIRRORED: [(&str, &str); 7] = [
    ("leader.rs", "check"),
    ("leader.rs", "holds_until"),
    ("leader/election.rs", "look"),
    ("leader/election.rs", "make"),
    ("leader/election.rs", "take"),
    ("leader/election.rs", "renew"),
    ("leader/election.rs", "vacate"),
];

/// How long a lease lasts that is not renewed, in ticks.
const LASTS: u8 = 3;
/// When the holder stops, counted from before its last renewal was sent.
const TERM: u8 = 2;
/// Long enough for two changes of hands.
const END: u8 = 7;
/// Writes of the lease; every state space has an end.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Lease {
    version: u8,
    /// Given up; one that was just made is not, though nobody holds it.
    vacant: bool,
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Request {
    Get,
    Make,
    /// The version that it was decided upon.
    Take(u8),
    Renew(u8),
    Vacate(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Saw(Option<Lease>),
    Written(u8),
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Flight {
    request: Request,
    sent: u8,
    answer: Option<Answer>,
}

/// How a candidate saw the lease last: its version, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sight {
    version: u8,
    since: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Operator {
    sight: Option<Sight>,
    /// Of the lease, as it was last written by this one.
    version: Option<u8>,
    flight: Option<Flight>,
    /// When its term ends.
    ends: u8,
    frozen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    clock: u8,
    lease: Option<Lease>,
    versions: u8,
    operators: [Operator; 2],
    deletions: u8,
    /// Somebody wrote while another one led.
    wrote_beside: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Action {
    Tick,
    Send(usize, Request),
    Serve(usize),
    Receive(usize),
    Freeze(usize),
    Wake(usize),
    /// To a hospital.
    Write(usize),
    /// By a person.
    DeleteLease,
}

struct Election(Variant);

impl State {
    fn leads(&self, operator: usize) -> bool {
        self.clock < self.operators[operator].ends
    }
}

impl Election {
    /// `Election::look` and `Election::take`: what a candidate asks next.
    fn candidate(&self, state: &State, operator: &Operator) -> Vec<Request> {
        let mut requests = vec![Request::Get];
        if let Some(sight) = operator.sight {
            let waits = match self.0 {
                Variant::Impatient => LASTS - 2,
                _ => LASTS,
            };
            if state.clock - sight.since >= waits {
                requests.push(Request::Take(sight.version));
            }
        }
        requests
    }

    /// What comes of an answer.
    fn receive(&self, state: &mut State, number: usize) {
        let clock = state.clock;
        let operator = &mut state.operators[number];
        let Some(Flight { request, sent, answer: Some(answer) }) = operator.flight.take() else { return };
        match (request, answer) {
            (Request::Get, Answer::Saw(None)) => {
                operator.flight = Some(Flight { request: Request::Make, sent: clock, answer: None });
            }
            (Request::Get, Answer::Saw(Some(Lease { version, vacant }))) => {
                if operator.sight.is_none_or(|sight| sight.version != version) {
                    operator.sight = Some(Sight { version, since: clock });
                }
                if vacant {
                    operator.flight = Some(Flight { request: Request::Take(version), sent: clock, answer: None });
                }
            }
            (Request::Make, Answer::Written(version)) if self.0 == Variant::HoldsWhatItMade => {
                operator.ends = sent + TERM;
                operator.version = Some(version);
            }
            (Request::Take(_) | Request::Renew(_), Answer::Written(version)) => {
                let from = if self.0 == Variant::CountsFromTheAnswer { clock } else { sent };
                operator.ends = from + TERM;
                operator.version = Some(version);
            }
            // Taken, deleted, or somebody was faster: a holder stops at once and begins anew as a candidate.
            (Request::Renew(_) | Request::Take(_), Answer::Refused) => {
                *operator = Operator { frozen: operator.frozen, ..Operator::default() };
            }
            _ => {}
        }
    }

    fn serve(&self, state: &mut State, number: usize) {
        let Some(flight) = state.operators[number].flight else { return };
        let current = state.lease.map(|lease| lease.version);
        let named = match flight.request {
            Request::Get => {
                let answer = Some(Answer::Saw(state.lease));
                state.operators[number].flight = Some(Flight { answer, ..flight });
                return;
            }
            Request::Make => None,
            Request::Take(version) | Request::Renew(version) | Request::Vacate(version) => Some(version),
        };
        // Making a lease that is there fails whatever is named.
        let fits = named == current || (self.0 == Variant::Unconditional && named.is_some() == current.is_some());
        let answer = if fits {
            state.versions += 1;
            let vacant = matches!(flight.request, Request::Vacate(_));
            state.lease = Some(Lease { version: state.versions, vacant });
            Answer::Written(state.versions)
        } else {
            Answer::Refused
        };
        state.operators[number].flight = Some(Flight { answer: Some(answer), ..flight });
    }
}

impl Model for Election {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            clock: 0,
            lease: None,
            versions: 0,
            operators: [Operator::default(); 2],
            deletions: 0,
            wrote_beside: false,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.clock < END {
            actions.push(Action::Tick);
        }
        for (number, operator) in state.operators.iter().enumerate() {
            match operator.flight {
                Some(Flight { answer: None, request, .. }) => {
                    let ends = request != Request::Get && state.versions == VERSIONS;
                    actions.extend((!ends).then_some(Action::Serve(number)));
                }
                Some(Flight { answer: Some(_), .. }) if !operator.frozen => actions.push(Action::Receive(number)),
                _ => {}
            }
            if operator.frozen {
                actions.push(Action::Wake(number));
                continue;
            }
            // Only the first one is ever frozen, and once is enough.
            if number == 0 && state.leads(number) {
                actions.push(Action::Freeze(number));
            }
            let asks = self.0 != Variant::WritesUnasked;
            if operator.version.is_some() && (state.leads(number) || !asks) {
                actions.push(Action::Write(number));
            }
            if operator.flight.is_some() {
                continue;
            }
            match operator.version {
                Some(version) if state.leads(number) => {
                    actions.push(Action::Send(number, Request::Renew(version)));
                    actions.push(Action::Send(number, Request::Vacate(version)));
                }
                // The term is over without a renewal: the process ends.
                Some(_) => {}
                None => {
                    let requests = self.candidate(state, operator);
                    actions.extend(requests.into_iter().map(|request| Action::Send(number, request)));
                }
            }
        }
        if state.deletions == 0 && state.lease.is_some() {
            actions.push(Action::DeleteLease);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = *last;
        match action {
            Action::Tick => state.clock += 1,
            Action::Send(number, request) => {
                let operator = &mut state.operators[number];
                operator.flight = Some(Flight { request, sent: state.clock, answer: None });
                if matches!(request, Request::Vacate(_)) {
                    // `Leadership::give_up`, before it is sent.
                    operator.ends = 0;
                    operator.version = None;
                }
            }
            Action::Serve(number) => self.serve(&mut state, number),
            Action::Receive(number) => self.receive(&mut state, number),
            Action::Freeze(number) => state.operators[number].frozen = true,
            Action::Wake(number) => state.operators[number].frozen = false,
            Action::Write(number) => {
                state.wrote_beside |= state.leads(1 - number);
                // Nothing else comes of it.
                if !state.wrote_beside {
                    return None;
                }
            }
            Action::DeleteLease => {
                state.deletions = 1;
                state.lease = None;
            }
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("never do two lead", |_, state| !(state.leads(0) && state.leads(1))),
            Property::<Self>::always("nobody writes while another one leads", |_, state| !state.wrote_beside),
            Property::<Self>::sometimes("the lease changes hands", |_, state| {
                state.leads(1) && state.operators[0].version.is_some()
            }),
        ]
    }
}

fn broken(variant: Variant) -> Option<String> {
    let checker = Election(variant).checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = ["never do two lead", "nobody writes while another one leads"]
        .into_iter()
        .find_map(|name| checker.discovery(name).map(|path| (name, path)));
    if variant == Variant::AsBuilt && found.is_none() {
        assert!(
            checker.discovery("the lease changes hands").is_some(),
            "the model shows nothing: no lease changes hands"
        );
        println!("{} states of the election", checker.unique_state_count());
    }
    found.map(|(name, path)| format!("{name}\n{:#?}", path.into_actions()))
}

#[test]
fn no_two_operators_lead_at_the_same_time() {
    if let Some(how) = broken(Variant::AsBuilt) {
        panic!("{how}");
    }
}

#[test]
fn every_rule_of_the_lease_is_missed_when_it_is_broken() {
    for variant in [
        Variant::Unconditional,
        Variant::CountsFromTheAnswer,
        Variant::Impatient,
        Variant::HoldsWhatItMade,
        Variant::WritesUnasked,
    ] {
        assert!(broken(variant).is_some(), "nobody noticed {variant:?}");
    }
}
