//! The client of Kubernetes that everything here shares.

use std::time::Duration;

use tower::timeout::TimeoutLayer;

/// How long Kubernetes may take to begin an answer, all repetitions included. Whoever asked is a person who waits, and is
/// told to come back before their own request is given up. (A watch begins its answer at once.)
const LONGEST: Duration = Duration::from_secs(10);

/// A client that repeats what an overloaded server did not take (429, 503, 504), but not for minutes, as it would without
/// a limit, and that does not wait for ever on a connection that died.
///
/// # Errors
/// When the configuration cannot be used.
pub fn client(config: kube::Config) -> kube::Result<kube::Client> {
    Ok(kube::client::ClientBuilder::try_from(config)?.with_layer(&TimeoutLayer::new(LONGEST)).build())
}
