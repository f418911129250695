//! The client of Kubernetes that everything here shares.

use std::time::Duration;

use kube::runtime::{utils::Backoff, watcher::DefaultBackoff};
use tower::timeout::TimeoutLayer;

/// How long Kubernetes may take to begin an answer, all repetitions included. Whoever asked is a person who waits, and is
/// told to come back before their own request is given up. (A watch begins its answer at once.)
const LONGEST: Duration = Duration::from_secs(10);

/// How long a watch that broke off waits at most before it is tried again.
const LONGEST_WATCHING: Duration = Duration::from_secs(4);

/// A client that repeats what an overloaded server did not take (429, 503, 504), but not for minutes, as it would without
/// a limit, and that does not wait for ever on a connection that died.
///
/// # Errors
/// When the configuration cannot be used.
pub fn client(config: kube::Config) -> kube::Result<kube::Client> {
    Ok(kube::client::ClientBuilder::try_from(config)?.with_layer(&TimeoutLayer::new(LONGEST)).build())
}

/// How long a watch that broke off waits: as kube means it, but never for half a minute, for which nobody would hear that
/// their hospital is ready after an API server was away.
#[derive(Default)]
pub struct Watching(DefaultBackoff);

impl Iterator for Watching {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|wait| wait.min(LONGEST_WATCHING))
    }
}

impl Backoff for Watching {
    fn reset(&mut self) {
        self.0.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_never_away_for_long_because_of_its_own_patience() {
        let mut watching = Watching::default();
        let waits: Vec<_> = watching.by_ref().take(20).collect();
        assert!(waits.iter().all(|wait| *wait <= LONGEST_WATCHING) && waits[19] == LONGEST_WATCHING, "{waits:?}");
        watching.reset();
        assert!(watching.next().is_some_and(|first| first < LONGEST_WATCHING));
    }
}
