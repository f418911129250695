//! The record of what the servers acknowledged, and the gate every write passes before it is forwarded.
//!
//! Gate and record share one lock, so "crash after write n" is exact: when the n-th write is acknowledged, the gate is
//! shut in the same breath, before the client can hear the answer. Only a write that was already on its way to a server
//! at that moment can still land; it is recorded too, and [`WriteLog::settled`] waits for it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{oneshot, watch};

/// The server that acknowledged or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    Kubernetes,
    MongoDb,
}

/// A write as the server acknowledged it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    pub server: Server,
    /// For example `insert chakravue_master.organizations` or `PATCH /api/v1/namespaces/hospitals/secrets/st-marys`.
    pub what: String,
}

/// A request that failed: a write refused by the server, or any request that a proxy answered with an injected fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub server: Server,
    pub what: String,
    /// MongoDB's error code or Kubernetes' HTTP status.
    pub code: i32,
    /// The proxy gave this answer; the server never saw the request.
    pub injected: bool,
}

/// The ordered record of all writes through the proxies that share it. Clones are the same record.
#[derive(Clone, Default)]
pub struct WriteLog {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    in_flight: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    writes: Vec<Write>,
    events: Vec<Write>,
    refused: Vec<Refusal>,
    trap: Option<Trap>,
    halted: bool,
    /// Raised by every `resume`: a connection from before it may hold bytes that a killed client sent.
    era: u64,
}

struct Trap {
    at: usize,
    action: Box<dyn FnOnce() + Send>,
    fired: oneshot::Sender<Write>,
}

impl WriteLog {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every acknowledged write since the last [`clear`](Self::clear), in order of acknowledgement.
    #[must_use]
    pub fn writes(&self) -> Vec<Write> {
        self.state().writes.clone()
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.state().writes.len()
    }

    /// Acknowledged writes of Kubernetes Events and Leases, which depend on time and are not counted as writes.
    #[must_use]
    pub fn events(&self) -> Vec<Write> {
        self.state().events.clone()
    }

    /// Writes that a server refused, and everything that a proxy refused in its place.
    #[must_use]
    pub fn refused(&self) -> Vec<Refusal> {
        self.state().refused.clone()
    }

    /// Forgets what was recorded and a trap that did not fire; counting starts at one again. Does not open a shut gate.
    pub fn clear(&self) {
        let mut state = self.state();
        state.writes.clear();
        state.events.clear();
        state.refused.clear();
        state.trap = None;
    }

    /// Runs `action` (say, SIGKILL) when the n-th write, counted from one, has been acknowledged. Its client never gets
    /// the answer, and no proxy forwards a write until [`resume`](Self::resume). `action` runs on the proxy's task, so it
    /// must not wait for anything.
    ///
    /// The future gives the n-th write once `action` has returned, or `None` if the trap was cleared or replaced.
    ///
    /// # Panics
    /// If that write has already happened: the trap could never fire and the test would wait for nothing.
    pub fn on_write<A>(&self, n: usize, action: A) -> impl Future<Output = Option<Write>> + Send + 'static + use<A>
    where
        A: FnOnce() + Send + 'static,
    {
        let (fired, answer) = oneshot::channel();
        let mut state = self.state();
        let count = state.writes.len();
        assert!(n > count, "write {n} cannot be trapped: {count} were acknowledged; call clear() first");
        state.trap = Some(Trap { at: n, action: Box::new(action), fired });
        async move { answer.await.ok() }
    }

    /// Opens the gate again, for connections made from now on. What an older connection still holds is never forwarded.
    pub fn resume(&self) {
        let mut state = self.state();
        state.halted = false;
        state.era += 1;
    }

    /// Resolves when no write is on its way to a server, so that the record is complete.
    pub async fn settled(&self) {
        let mut in_flight = self.shared.in_flight.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = in_flight.wait_for(|count| *count == 0).await;
    }

    /// The era a new connection belongs to.
    pub(super) fn era(&self) -> u64 {
        self.state().era
    }

    /// Leave to forward one write, or `None`: then the connection must be closed instead.
    pub(super) fn begin(&self, server: Server, era: u64) -> Option<Ticket> {
        let state = self.state();
        if state.halted || state.era != era {
            return None;
        }
        self.shared.in_flight.send_modify(|count| *count += 1);
        Some(Ticket { log: self.clone(), server, era })
    }

    pub(super) fn injected(&self, server: Server, what: String, code: i32) {
        self.state().refused.push(Refusal { server, what, code, injected: true });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the record as it was: every change below is one push.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WriteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("WriteLog")
            .field("writes", &state.writes)
            .field("refused", &state.refused)
            .field("halted", &state.halted)
            .finish_non_exhaustive()
    }
}

/// Whether the client may hear the server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Relay {
    Answer,
    Withhold,
}

/// One write on its way to a server. Dropped without a verdict when its outcome never became known.
pub(super) struct Ticket {
    log: WriteLog,
    server: Server,
    era: u64,
}

impl Ticket {
    /// The server has done it: counts, and springs the trap if this was the write it waited for.
    pub(super) fn acknowledged(&self, what: String) -> Relay {
        let write = Write { server: self.server, what };
        let mut state = self.log.state();
        state.writes.push(write.clone());
        let count = state.writes.len();
        let Some(trap) = state.trap.take_if(|trap| trap.at <= count) else {
            return self.relay(&state);
        };
        state.halted = true;
        // Released first, so that the action may look at the record.
        drop(state);
        (trap.action)();
        // Nobody has to wait for the trap.
        let _ = trap.fired.send(write);
        Relay::Withhold
    }

    /// Done, but part of no count: Events and Leases.
    pub(super) fn acknowledged_event(&self, what: String) -> Relay {
        let mut state = self.log.state();
        state.events.push(Write { server: self.server, what });
        self.relay(&state)
    }

    /// Done inside a transaction, which counts when it commits.
    pub(super) fn acknowledged_uncommitted(&self) -> Relay {
        self.relay(&self.log.state())
    }

    pub(super) fn refused(&self, what: String, code: i32) -> Relay {
        let mut state = self.log.state();
        state.refused.push(Refusal { server: self.server, what, code, injected: false });
        self.relay(&state)
    }

    /// A client that "crashed" must not hear of a write that landed after the crash.
    fn relay(&self, state: &State) -> Relay {
        if state.halted || state.era != self.era { Relay::Withhold } else { Relay::Answer }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.log.shared.in_flight.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn write(log: &WriteLog, what: &str) -> Option<Relay> {
        log.begin(Server::MongoDb, log.era()).map(|ticket| ticket.acknowledged(what.to_owned()))
    }

    #[tokio::test]
    async fn the_trap_fires_at_its_write_and_shuts_the_gate() {
        let log = WriteLog::new();
        let seen = Arc::new(AtomicUsize::new(0));
        let fired = log.on_write(2, {
            let (log, seen) = (log.clone(), seen.clone());
            move || seen.store(log.count(), Ordering::SeqCst)
        });
        assert_eq!(write(&log, "one"), Some(Relay::Answer));
        assert_eq!(write(&log, "two"), Some(Relay::Withhold));
        assert_eq!(write(&log, "three"), None);
        assert_eq!(fired.await.unwrap().what, "two");
        assert_eq!(seen.load(Ordering::SeqCst), 2);
        assert_eq!(log.count(), 2);
    }

    #[test]
    fn a_write_in_flight_at_the_crash_is_recorded_but_not_answered() {
        let log = WriteLog::new();
        let _fired = log.on_write(1, || ());
        let late = log.begin(Server::Kubernetes, log.era()).unwrap();
        assert_eq!(write(&log, "one"), Some(Relay::Withhold));
        assert_eq!(late.acknowledged("late".to_owned()), Relay::Withhold);
        assert_eq!(log.count(), 2);
    }

    #[test]
    fn a_connection_from_before_the_crash_never_writes_again() {
        let log = WriteLog::new();
        let before = log.era();
        let _fired = log.on_write(1, || ());
        assert_eq!(write(&log, "one"), Some(Relay::Withhold));
        log.resume();
        assert!(log.begin(Server::MongoDb, before).is_none());
        assert_eq!(write(&log, "two"), Some(Relay::Answer));
    }

    #[tokio::test]
    async fn settled_waits_for_the_write_in_flight() {
        let log = WriteLog::new();
        let ticket = log.begin(Server::MongoDb, log.era()).unwrap();
        let mut settled = Box::pin(log.settled());
        assert!(futures::poll!(&mut settled).is_pending());
        drop(ticket);
        settled.await;
    }

    #[tokio::test]
    async fn a_cleared_trap_does_not_leave_its_test_waiting() {
        let log = WriteLog::new();
        let fired = log.on_write(5, || ());
        log.clear();
        assert_eq!(fired.await, None);
    }

    #[test]
    #[should_panic(expected = "call clear() first")]
    fn a_trap_for_the_past_is_a_mistake_in_the_test() {
        let log = WriteLog::new();
        assert_eq!(write(&log, "one"), Some(Relay::Answer));
        drop(log.on_write(1, || ()));
    }

    #[test]
    fn many_threads_never_pass_the_trap() {
        let log = WriteLog::new();
        let _fired = log.on_write(50, || ());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| while write(&log, "one of many").is_some() {});
            }
        });
        // Each of the other seven threads may have had one in flight.
        assert!((50..=57).contains(&log.count()), "{}", log.count());
        assert_eq!(write(&log, "after"), None);
    }
}
