//! When a pass has taken too long. Two minutes are more than anything takes but a server that has stopped answering; only
//! work over many documents (to build an index, to count what does not fit) may take longer, as long as MongoDB answers
//! otherwise. What a cut-off pass began would be begun anew by the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// Enough for all that does not depend on how many documents there are.
pub const ORDINARY: Duration = Duration::from_mins(2);

/// Whatever a server does for longer is not waited for.
const LONGEST: Duration = Duration::from_hours(6);

/// Clones are of the same pass.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<AtomicUsize>);

impl Patience {
    /// Until the answer is dropped, the server is at work over documents.
    pub fn lengthy(&self) -> Lengthy {
        self.0.fetch_add(1, Ordering::Relaxed);
        Lengthy(Arc::clone(&self.0))
    }

    /// Returns when the pass is to be cut off.
    pub async fn ends(&self, is_usable: impl Fn() -> bool) {
        self.ends_within(ORDINARY, LONGEST, is_usable).await;
    }

    async fn ends_within(&self, ordinary: Duration, longest: Duration, is_usable: impl Fn() -> bool) {
        let began = Instant::now();
        loop {
            tokio::time::sleep(ordinary).await;
            if self.0.load(Ordering::Relaxed) == 0 || !is_usable() || began.elapsed() >= longest {
                return;
            }
        }
    }
}

pub struct Lengthy(Arc<AtomicUsize>);

impl Drop for Lengthy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Patience};

    const ORDINARY: Duration = Duration::from_millis(20);
    const LONGEST: Duration = Duration::from_millis(200);

    async fn lasts(patience: &Patience, is_usable: impl Fn() -> bool) -> Duration {
        let began = Instant::now();
        patience.ends_within(ORDINARY, LONGEST, is_usable).await;
        began.elapsed()
    }

    #[tokio::test]
    async fn only_work_over_documents_of_a_server_that_answers_is_waited_for() {
        let patience = Patience::default();
        assert!(lasts(&patience, || true).await < LONGEST, "nothing lengthy");
        let (index, validator) = (patience.lengthy(), patience.lengthy());
        drop(index);
        assert!(lasts(&patience, || false).await < LONGEST, "a server that does not answer");
        assert!(lasts(&patience, || true).await >= LONGEST, "it is at work all the time, and not waited for for ever");
        drop(validator);
        assert!(lasts(&patience, || true).await < LONGEST, "the work is done");
    }
}
