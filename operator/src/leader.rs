//! Which of several operators works: the one that holds a Lease ([`election`]). Whoever leads knows until when nobody
//! else can, and asks that before every single write ([`Leadership::check`]): a process that was stopped for longer than
//! its lease wakes in the middle of a pass, and must not write another word. A driver may keep what was allowed waiting,
//! for a server or a connection, so it is asked again whenever that goes on ([`Leadership::hold_on_to`]).
//!
//! A write that was on its way when the lease ran out can still arrive, lease or not; so every step of a pass is one that
//! two operators can do at once without harm, and the lease spares only the double work.

pub mod election;
pub mod handover;

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::{Duration, Instant},
};

use axum::http::{Method, Request};
use futures::{FutureExt as _, future::BoxFuture};
use tower::{filter::FilterLayer, util::MapFutureLayer};

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

    /// Work that is carried no further once the term is over, wherever it had come to. Who does not lead may read.
    pub async fn hold_on_to<T>(&self, work: impl Future<Output = T>) -> Result<T, NotLeading> {
        let led = self.holds();
        let mut work = pin!(work);
        poll_fn(|context| match self.check() {
            Err(lost) if led => Poll::Ready(Err(lost)),
            _ => work.as_mut().poll(context).map(Ok),
        })
        .await
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

/// A client of Kubernetes that sends a write only while this process leads, also where it had to wait for a connection.
///
/// It repeats no request by itself, as the usual client does: a repetition would be sent without being asked about, and a
/// pass that fails is repeated as a whole.
pub fn guarded(mut config: kube::Config, leadership: &Leadership) -> kube::Result<kube::Client> {
    config.default_retry = false;
    let asked = leadership.clone();
    let guard = FilterLayer::new(move |request: Request<kube::client::Body>| {
        if *request.method() != Method::GET {
            asked.check()?;
        }
        Ok::<_, NotLeading>(request)
    });
    let hold = holding(leadership.clone());
    Ok(kube::client::ClientBuilder::try_from(config)?.with_layer(&hold).with_layer(&guard).build())
}

/// Lets go of a request as soon as this process leads no more.
fn holding<T: Send + 'static>(
    leadership: Leadership,
) -> MapFutureLayer<impl Fn(Answer<T>) -> Answer<T> + Clone + Send + 'static> {
    MapFutureLayer::new(move |answer| {
        let leadership = leadership.clone();
        async move { leadership.hold_on_to(answer).await.unwrap_or_else(|lost| Err(lost.into())) }.boxed()
    })
}

type Answer<T> = BoxFuture<'static, Result<T, tower::BoxError>>;

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
    async fn what_waits_to_be_sent_is_sent_by_nobody_whose_term_is_over() {
        // What a driver does: it waits for a connection, and sends.
        let sends = async |leadership: &Leadership, meanwhile: &dyn Fn()| {
            let sent = AtomicU64::new(0);
            let work = async {
                tokio::task::yield_now().await;
                sent.fetch_add(1, Ordering::Relaxed);
            };
            let (held, ()) = tokio::join!(leadership.hold_on_to(work), async { meanwhile() });
            (held.is_ok(), sent.into_inner())
        };
        let leadership = Leadership::none();
        assert_eq!(sends(&leadership, &|| ()).await, (true, 1), "who stands by only reads");
        leadership.holds_until(Instant::now() + Duration::from_mins(1));
        assert_eq!(sends(&leadership, &|| ()).await, (true, 1));
        assert_eq!(sends(&leadership, &|| leadership.give_up()).await, (false, 0));
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
