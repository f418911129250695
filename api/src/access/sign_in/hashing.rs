//! argon2id on threads of its own.
//!
//! A hash takes a core for some 20 ms and 19 MiB. As many threads as cores do them, each with memory that it keeps, so
//! that no number of requests takes more; requests wait in a short queue, and what would wait too long is answered with
//! 503 before it costs anything. The threads yield to those that answer other requests: where both want a core, they get a
//! third of it.

use std::{
    fs,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use serde::Deserialize;
use tokio::sync::oneshot;
use tracing::Span;

use super::password::Password;
use crate::{
    http::problem::{Answer, Kind, Problem},
    program::settings::section::{Mistakes, duration},
};

/// What OWASP recommends, and no less.
const LEAST_MEMORY_KIB: u32 = 19_456;
const LEAST_PASSES: u32 = 2;

/// A stored hash that asks for more than this was not made here; checking it would take the memory that is bounded.
const MOST_MEMORY_KIB: u32 = 65_536;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HashingSettings {
    /// The cost of one hash: memory in KiB, passes over it, and lanes (each computed by the same thread).
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    /// Threads that hash; without it, one per core, or as many as have room in half of the process's memory limit.
    pub workers: Option<NonZeroUsize>,
    /// How many passwords may wait for a thread, and for how long.
    pub queue_length: usize,
    #[serde(deserialize_with = "duration")]
    pub queue_wait: Duration,
}

impl Default for HashingSettings {
    fn default() -> Self {
        Self {
            memory_kib: LEAST_MEMORY_KIB,
            passes: LEAST_PASSES,
            lanes: 1,
            workers: None,
            queue_length: 256,
            queue_wait: Duration::from_millis(500),
        }
    }
}

impl HashingSettings {
    /// Names what is wrong although every field can be read.
    pub fn check(&self, mistakes: &mut Mistakes) {
        if !(LEAST_MEMORY_KIB..=MOST_MEMORY_KIB).contains(&self.memory_kib) {
            mistakes.add("hashing.memory_kib", format_args!("must be {LEAST_MEMORY_KIB} to {MOST_MEMORY_KIB}"));
        }
        if !(LEAST_PASSES..=MOST_PASSES).contains(&self.passes) {
            mistakes.add("hashing.passes", format_args!("must be {LEAST_PASSES} to {MOST_PASSES}"));
        }
        if !(1..=MOST_LANES).contains(&self.lanes) {
            mistakes.add("hashing.lanes", format_args!("must be 1 to {MOST_LANES}"));
        }
        if self.queue_length == 0 {
            mistakes.add("hashing.queue_length", "must be at least 1");
        }
    }
}

/// Whether a password was the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wrong,
    Right {
        /// The stored hash was made at another cost than today's: store a new one.
        outdated: bool,
    },
}

/// One per core; but on a machine of many cores all of them together must not take what a container may have.
fn fitting(cores: NonZeroUsize, limit: Option<u64>, memory_kib: u32) -> NonZeroUsize {
    let Some(limit) = limit else { return cores };
    let room = usize::try_from(limit / 2 / 1024 / u64::from(memory_kib.max(1))).unwrap_or(usize::MAX);
    NonZeroUsize::new(room.min(cores.get())).unwrap_or(NonZeroUsize::MIN)
}

/// How many bytes the process may take, if it is in a container that says so (cgroup v2, or v1). Without a limit version 1
/// tells a number that no machine has.
fn memory_limit() -> Option<u64> {
    const FILES: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    FILES.iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}

/// How much the threads yield. Each step is a quarter less of a core that others want, too.
const NICE: i32 = 3;

/// What a thread does next, in its memory.
type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// Hashes and checks passwords. Its threads end with it.
pub struct Hasher {
    queue: mpsc::SyncSender<Job>,
    wait: Duration,
    argon2: Argon2<'static>,
    waiting: Arc<AtomicU64>,
    workers: NonZeroUsize,
    /// What one hash took at the start.
    measured: Duration,
}

impl Hasher {
    /// # Errors
    /// When the cost is none that argon2 knows, or the operating system gives no threads.
    pub fn new(settings: &HashingSettings) -> anyhow::Result<Self> {
        let params = Params::new(settings.memory_kib, settings.passes, settings.lanes, None)
            .map_err(|error| anyhow::anyhow!("the cost of password hashes is not possible: {error}"))?;
        let workers = match settings.workers {
            Some(workers) => workers,
            None => fitting(thread::available_parallelism()?, memory_limit(), settings.memory_kib),
        };
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let measured = measure(&argon2)?;
        let (queue, jobs) = mpsc::sync_channel::<Job>(settings.queue_length);
        let jobs = Arc::new(Mutex::new(jobs));
        for number in 0..workers.get() {
            let jobs = Arc::clone(&jobs);
            thread::Builder::new().name(format!("hashing-{number}")).spawn(move || work(&jobs))?;
        }
        Ok(Self { queue, wait: settings.queue_wait, argon2, waiting: Arc::default(), workers, measured })
    }

    /// How long so many hashes at once take, while nobody else wants any.
    #[must_use]
    pub fn time_for(&self, hashes: usize) -> Duration {
        let rounds = hashes.div_ceil(self.workers.get());
        self.measured.saturating_mul(rounds.try_into().unwrap_or(u32::MAX))
    }

    /// How many passwords wait for a thread at this moment.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Makes the hash that is stored, as a PHC string.
    ///
    /// # Errors
    /// When too many passwords are waiting.
    pub async fn hash(&self, password: Password) -> Answer<String> {
        let argon2 = self.argon2.clone();
        self.run(move |memory| {
            let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
            let salt = salt()?;
            compute(&argon2, memory, &password, &salt, &mut output)?;
            let hash = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(argon2.params()).map_err(failed)?,
                salt: Some(Salt::new(&salt).map_err(failed)?),
                hash: Some(Output::new(&output).map_err(failed)?),
            };
            Ok(hash.to_string())
        })
        .await?
    }

    /// Checks a password against what is stored. Without anything stored it does the same work and is wrong.
    ///
    /// # Errors
    /// When too many passwords are waiting, or what is stored is no hash.
    pub async fn verify(&self, password: Password, stored: Option<&str>) -> Answer<Verdict> {
        let argon2 = self.argon2.clone();
        let stored = stored.map(Stored::parse).transpose()?;
        self.run(move |memory| {
            if let Some(stored) = stored {
                return stored.verify(&argon2, memory, &password);
            }
            let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
            compute(&argon2, memory, &password, &salt()?, &mut output)?;
            std::hint::black_box(output);
            Ok(Verdict::Wrong)
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        let (span, latest) = (Span::current(), Instant::now() + self.wait);
        let waiting = Arc::clone(&self.waiting);
        let job: Job = Box::new(move |memory| {
            waiting.fetch_sub(1, Ordering::Relaxed);
            // Whoever has gone meanwhile needs no answer.
            if !reply.is_closed() {
                let in_time = Instant::now() <= latest;
                let _ = reply.send(in_time.then(|| span.in_scope(|| work(memory))));
            }
        });
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|_| {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            busy()
        })?;
        match answer.await {
            Ok(done) => done.ok_or_else(busy),
            Err(_) => Err(Problem::internal()),
        }
    }
}

/// What one hash takes here.
fn measure(argon2: &Argon2<'_>) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let (mut memory, mut output) = (Vec::new(), [0; Params::DEFAULT_OUTPUT_LEN]);
    compute(argon2, &mut memory, &Password::new("how long it takes"), &[0; argon2::RECOMMENDED_SALT_LEN], &mut output)
        .map_err(|_| anyhow::anyhow!("passwords cannot be hashed"))?;
    std::hint::black_box(output);
    Ok(begun.elapsed())
}

/// One thread: a job after the other until the hasher is gone.
fn work(jobs: &Mutex<mpsc::Receiver<Job>>) {
    // Of this thread alone: on Linux each has a priority of its own.
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "a thread that hashes passwords does not yield to others");
    }
    let mut memory = Vec::new();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        // The panic's message has gone to stderr; whoever waits for the job gets an internal error.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut memory)));
    }
}

fn busy() -> Problem {
    let detail = "More people are signing in than the service can check at once. Try again in a moment.";
    Problem::new(Kind::SignInBusy, detail).retry_after(Duration::from_secs(1))
}

fn failed(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "a password could not be hashed");
    Problem::internal()
}

fn salt() -> Answer<[u8; argon2::RECOMMENDED_SALT_LEN]> {
    let mut salt = [0; argon2::RECOMMENDED_SALT_LEN];
    getrandom::fill(&mut salt).map_err(failed)?;
    Ok(salt)
}

fn compute(
    argon2: &Argon2<'_>,
    memory: &mut Vec<Block>,
    password: &Password,
    salt: &[u8],
    output: &mut [u8],
) -> Answer<()> {
    let blocks = argon2.params().block_count();
    if memory.len() != blocks {
        *memory = vec![Block::new(); blocks];
    }
    argon2.hash_password_into_with_memory(password.expose().as_bytes(), salt, output, memory).map_err(failed)
}

/// A stored hash, read.
struct Stored {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Salt,
    hash: Output,
}

impl Stored {
    fn parse(text: &str) -> Answer<Self> {
        let unreadable = |reason: String| {
            tracing::error!(reason, "a stored password hash cannot be used");
            Problem::internal()
        };
        let read = || {
            let hash = PasswordHash::new(text).map_err(|error| error.to_string())?;
            let params = Params::try_from(&hash).map_err(|error| error.to_string())?;
            if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
                return Err("it costs more than any hash that is made here".to_owned());
            }
            Ok(Self {
                algorithm: Algorithm::try_from(hash.algorithm.as_str()).map_err(|error| error.to_string())?,
                version: hash
                    .version
                    .map_or(Ok(Version::V0x13), Version::try_from)
                    .map_err(|error| error.to_string())?,
                params,
                salt: hash.salt.ok_or("it has no salt")?,
                hash: hash.hash.ok_or("it has no hash")?,
            })
        };
        read().map_err(unreadable)
    }

    fn verify(self, today: &Argon2<'_>, memory: &mut Vec<Block>, password: &Password) -> Answer<Verdict> {
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        let outdated = self.algorithm != Algorithm::Argon2id
            || self.version != Version::V0x13
            || cost(&self.params) != cost(today.params());
        let argon2 = Argon2::new(self.algorithm, self.version, self.params);
        let mut output = [0; Output::MAX_LENGTH];
        let output = &mut output[..self.hash.len()];
        compute(&argon2, memory, password, &self.salt, output)?;
        // Outputs are compared in constant time.
        let right = Output::new(output).map_err(failed)? == self.hash;
        Ok(if right { Verdict::Right { outdated } } else { Verdict::Wrong })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn mistakes(settings: &HashingSettings) -> String {
        let mut mistakes = Mistakes::default();
        settings.check(&mut mistakes);
        mistakes.to_string()
    }

    const ONE: Option<NonZeroUsize> = NonZeroUsize::new(1);

    fn hasher(settings: HashingSettings) -> Hasher {
        assert_eq!(mistakes(&settings), Mistakes::default().to_string());
        Hasher::new(&settings).unwrap()
    }

    #[test]
    fn the_threads_together_take_no_more_than_half_of_what_a_container_may() {
        let workers = |cores, limit: Option<u64>, kib| fitting(NonZeroUsize::new(cores).unwrap(), limit, kib).get();
        let half_a_gibibyte = Some(512 << 20);
        assert_eq!(workers(64, None, 19_456), 64);
        assert_eq!(workers(64, half_a_gibibyte, 19_456), 13);
        assert_eq!(workers(8, half_a_gibibyte, 65_536), 4);
        assert_eq!(workers(2, half_a_gibibyte, 19_456), 2);
        assert_eq!(workers(2, Some(1), 19_456), 1);
        assert_eq!(workers(64, Some(u64::MAX), 19_456), 64);
    }

    #[tokio::test]
    async fn the_threads_yield_to_others() {
        let hasher = hasher(HashingSettings { workers: ONE, ..HashingSettings::default() });
        let here = || rustix::process::getpriority_process(None).unwrap();
        let usual = here();
        let yielding = hasher.run(move |_| here()).await.unwrap();
        assert_eq!((yielding, here()), ((usual + NICE).min(19), usual));
    }

    #[tokio::test]
    async fn hashes_at_once_take_as_long_as_the_threads_need_rounds() {
        let hasher = hasher(HashingSettings { workers: NonZeroUsize::new(2), ..HashingSettings::default() });
        let one = hasher.time_for(1);
        assert!(!one.is_zero());
        assert_eq!([2, 3, 9].map(|hashes| hasher.time_for(hashes)), [one, one * 2, one * 5]);
    }

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let hasher = hasher(HashingSettings::default());
        let stored = hasher.hash(Password::new("a lamp for the night nurse")).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify = async |typed: &str, stored| hasher.verify(Password::new(typed), stored).await.unwrap();
        assert_eq!(verify("a lamp for the night nurse", Some(&stored)).await, Verdict::Right { outdated: false });
        assert_eq!(verify("a lamp for the night nurs", Some(&stored)).await, Verdict::Wrong);
        assert_eq!(verify("a lamp for the night nurse", None).await, Verdict::Wrong);
        assert_ne!(hasher.hash(Password::new("a lamp for the night nurse")).await.unwrap(), stored, "the same salt");
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_right_but_outdated() {
        let before = hasher(HashingSettings { memory_kib: 20_480, passes: 3, ..HashingSettings::default() });
        let stored = before.hash(Password::new("a lamp")).await.unwrap();
        let now = hasher(HashingSettings::default());
        assert_eq!(
            now.verify(Password::new("a lamp"), Some(&stored)).await.unwrap(),
            Verdict::Right { outdated: true }
        );
        assert_eq!(now.verify(Password::new("a lump"), Some(&stored)).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn other_implementations_hashes_are_read() {
        // From the reference implementation: argon2id, t=2, m=65536, p=1, salt "somesalt".
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hasher = hasher(HashingSettings { workers: ONE, ..HashingSettings::default() });
        let verdict = hasher.verify(Password::new("password"), Some(stored)).await.unwrap();
        assert_eq!(verdict, Verdict::Right { outdated: true });
    }

    #[tokio::test]
    async fn what_is_no_hash_or_asks_for_too_much_is_an_internal_error() {
        let hasher = hasher(HashingSettings { workers: ONE, ..HashingSettings::default() });
        for stored in [
            "",
            "plain text",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=4000000,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=19456,t=9000,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            let problem = hasher.verify(Password::new("password"), Some(stored)).await.unwrap_err();
            assert_eq!(problem.kind(), Kind::Internal, "{stored}");
        }
    }

    #[tokio::test]
    async fn what_would_wait_too_long_is_refused_and_the_rest_is_done() {
        let hasher = Arc::new(hasher(HashingSettings {
            workers: ONE,
            queue_length: 8,
            queue_wait: Duration::from_mins(1),
            ..HashingSettings::default()
        }));
        let checks: Vec<_> = (0..100)
            .map(|_| {
                let hasher = Arc::clone(&hasher);
                tokio::spawn(async move { hasher.verify(Password::new("a guess"), None).await })
            })
            .collect();
        let (mut done, mut busy) = (0, 0);
        for check in checks {
            match check.await.unwrap() {
                Ok(verdict) => {
                    assert_eq!(verdict, Verdict::Wrong);
                    done += 1;
                }
                Err(problem) => {
                    assert_eq!(problem.kind(), Kind::SignInBusy);
                    busy += 1;
                }
            }
        }
        assert!(done >= 8 && busy > 50, "done {done}, busy {busy}");
    }

    #[tokio::test]
    async fn a_wait_beyond_the_bound_costs_nothing() {
        // Long enough for the first to begin on a busy machine.
        let queue_wait = Duration::from_millis(200);
        let hasher = hasher(HashingSettings { workers: ONE, queue_wait, ..HashingSettings::default() });
        let (started, start) = oneshot::channel();
        let (go, gone) = mpsc::channel::<()>();
        // Holds the only thread until the other has waited for too long.
        let (first, second) = tokio::join!(
            hasher.run(move |_| {
                started.send(()).unwrap();
                gone.recv().unwrap();
            }),
            async {
                start.await.unwrap();
                let waiting = hasher.run(|_| panic!("it has waited too long"));
                let release = async {
                    tokio::time::sleep(queue_wait * 2).await;
                    go.send(()).unwrap();
                };
                tokio::join!(waiting, release).0
            }
        );
        first.unwrap();
        assert_eq!(second.unwrap_err().kind(), Kind::SignInBusy);
    }

    #[tokio::test]
    async fn a_panic_leaves_the_thread_at_work() {
        let hasher = hasher(HashingSettings { workers: ONE, ..HashingSettings::default() });
        assert_eq!(hasher.run(|_| -> () { panic!("a job") }).await.unwrap_err().kind(), Kind::Internal);
        assert_eq!(hasher.verify(Password::new("a guess"), None).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn weak_and_impossible_costs_are_named() {
        let weak = HashingSettings { memory_kib: 19_455, ..HashingSettings::default() };
        assert!(mistakes(&weak).contains("must be 19456 to 65536"), "{}", mistakes(&weak));
        let hasty = HashingSettings { passes: 1, ..HashingSettings::default() };
        assert!(mistakes(&hasty).contains("must be 2 to 16"), "{}", mistakes(&hasty));
        let absurd = HashingSettings { memory_kib: 4_000_000, lanes: 0, ..HashingSettings::default() };
        assert!(mistakes(&absurd).contains("hashing.memory_kib") && mistakes(&absurd).contains("hashing.lanes"));
    }
}
