//! How long a pass waits for the API server. One that has stopped answering must hold up nothing that needs no answer: what
//! is wrong in MongoDB is put right all the same.

use std::time::Duration;

/// An API server that works has answered by then, also one with much to do.
const WITHIN: Duration = Duration::from_secs(10);

/// The answer to one request. Of a write that is given up nobody knows whether it was done, as after a crash: the next pass
/// looks.
pub async fn in_time<T>(request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    within(WITHIN, request).await
}

/// The same for who has less or more time.
pub async fn within<T>(limit: Duration, request: impl Future<Output = kube::Result<T>>) -> kube::Result<T> {
    tokio::time::timeout(limit, request).await.unwrap_or_else(|elapsed| Err(kube::Error::Service(elapsed.into())))
}
