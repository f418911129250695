//! Which of several operators works: the one that holds a Lease ([`election`]). Whoever leads knows until when nobody
//! else can, and asks that before every single write ([`Leadership::check`]): a process that was stopped for longer than
//! its lease wakes in the middle of a pass, and must not write another word.
//!
//! A write that was on its way when the lease ran out can still arrive, lease or not; so every step of a pass is one that
//! two operators can do at once without harm, and the lease spares only the double work.

pub mod election;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::http::{Method, Request};
use tower::filter::FilterLayer;

/// Until when this process leads. Clones share it.
#[derive(Clone, Debug)]
pub struct Leadership(Arc<Term>);

#[derive(Debug)]
struct Term {
    /// The process's own clock, which nobody sets and which goes on while the process stands still.
    begin: Instant,
    /// In milliseconds since then; 0 while another one leads.
    ends: AtomicU64,
}

/// What is refused to who does not lead.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("another operator may lead by now")]
pub struct NotLeading;

impl Leadership {
    /// Of a process that waits for its turn.
    pub fn none() -> Self {
        Self(Arc::new(Term { begin: Instant::now(), ends: AtomicU64::new(0) }))
    }

    /// Of a process that asks nobody.
    pub fn forever() -> Self {
        let leadership = Self::none();
        leadership.0.ends.store(u64::MAX, Ordering::Relaxed);
        leadership
    }

    /// Asked before every write.
    pub fn check(&self) -> Result<(), NotLeading> {
        if self.holds() { Ok(()) } else { Err(NotLeading) }
    }

    pub fn holds(&self) -> bool {
        millis(self.0.begin.elapsed()) < self.0.ends.load(Ordering::Relaxed)
    }

    fn holds_until(&self, end: Instant) {
        self.0.ends.store(millis(end.duration_since(self.0.begin)), Ordering::Relaxed);
    }

    fn give_up(&self) {
        self.0.ends.store(0, Ordering::Relaxed);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A client of Kubernetes that sends a write only while this process leads.
///
/// It repeats no request by itself, as the usual client does: a repetition would be sent without being asked about, and a
/// pass that fails is repeated as a whole.
pub fn guarded(mut config: kube::Config, leadership: &Leadership) -> kube::Result<kube::Client> {
    config.default_retry = false;
    let leadership = leadership.clone();
    let guard = FilterLayer::new(move |request: Request<kube::client::Body>| {
        if *request.method() != Method::GET {
            leadership.check()?;
        }
        Ok::<_, NotLeading>(request)
    });
    Ok(kube::client::ClientBuilder::try_from(config)?.with_layer(&guard).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leads_may_write_until_the_term_ends() {
        let leadership = Leadership::none();
        assert!(leadership.check().is_err());
        leadership.holds_until(Instant::now() + Duration::from_mins(1));
        assert!(leadership.check().is_ok());
        leadership.holds_until(Instant::now());
        assert!(leadership.clone().check().is_err(), "the term is over, whoever asks");
        leadership.holds_until(Instant::now() + Duration::from_mins(1));
        leadership.give_up();
        assert!(leadership.check().is_err());
        assert!(Leadership::forever().check().is_ok());
    }

    #[tokio::test]
    async fn a_client_sends_reads_always_and_writes_only_while_leading() {
        let leadership = Leadership::none();
        // Nobody listens there: what is sent is refused by the kernel, what is not sent by us.
        let config = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        let client = guarded(config, &leadership).unwrap();
        let sent = async |method: Method| {
            let request = Request::builder().method(method).uri("/api/v1/namespaces").body(Vec::new()).unwrap();
            !format!("{:?}", client.request_text(request).await.unwrap_err()).contains("NotLeading")
        };
        assert!(sent(Method::GET).await);
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            assert!(!sent(method).await);
        }
        leadership.holds_until(Instant::now() + Duration::from_mins(1));
        assert!(sent(Method::PATCH).await);
    }
}
