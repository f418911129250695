//! Before the operator goes for good: hospitals that are being removed wait for it to let go of them, and without it they would
//! wait for ever. The chart runs this before it is uninstalled, so that hospitals and operator can be removed at once.

use std::{fmt::Write as _, pin::pin, time::Duration};

use anyhow::Context as _;
use chakravue_crds::{HospitalOrganization, cluster};
use futures::{
    FutureExt as _, Stream, StreamExt as _,
    future::{Fuse, FusedFuture as _},
};
use kube::{
    Resource as _, ResourceExt as _,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, Store},
        watcher,
    },
};

use crate::{cli::AwaitRemovals, context::Context, controller::scoped, echoes::Watched, finalizer, pause};

/// How often an operator that is about to end looks whether it may.
const LOOK: Duration = Duration::from_millis(50);

type Hospital = PartialObjectMeta<HospitalOrganization>;

/// Returns when no hospital is being removed, or when the patience is over, and prints which. That is no failure: whoever
/// uninstalls has decided, and a MongoDB that is away must not hold them up.
///
/// Where hospitals and operator are removed by two who do not wait for each other, as with Flux, the hospitals' turn may come
/// a moment later. So nothing is believed before there was silence for a while, except where no hospital is left.
pub async fn await_removals(options: AwaitRemovals) -> anyhow::Result<()> {
    let config = cluster::infer().await.context("no Kubernetes: set KUBECONFIG")?;
    let client = kube::Client::try_from(config).context("this Kubernetes cannot be used")?;
    let (store, writer) = reflector::store();
    let hospitals = watcher(scoped::<Hospital>(&client, options.namespace.as_deref()), watcher::Config::default());
    let seen = hospitals.default_backoff().reflect(writer);
    let silence = || tokio::time::sleep(options.silence.unwrap_or_default());
    let in_time = tokio::time::timeout(options.timeout, settled(seen, &store, silence)).await.is_ok();
    let left = being_removed(&store);
    if !left.is_empty() {
        print!("{}", told(&left, options.timeout));
    } else if in_time || store.wait_until_ready().now_or_never().is_some() {
        println!("no hospital is being removed");
    } else {
        println!("after {} s it is not known whether hospitals are being removed", options.timeout.as_secs());
    }
    Ok(())
}

/// Returns when the operator has nothing left to do for hospitals that are being removed. Whoever deletes them together with
/// the operator's Deployment gets them removed so, as long as its rights are still there. One of which the last pass failed
/// is not waited for: the next operator, where there is one, must not wait for what may take for ever.
pub async fn last_removals(context: &Context) {
    let waits = |hospital: &Watched| {
        let meta = hospital.meta();
        meta.deletion_timestamp.is_some()
            && finalizer::is_in(meta)
            && !pause::is_on(meta)
            && !context.backoff.is_failing(meta.uid.as_deref().unwrap_or_default(), meta.generation)
    };
    while context.store.state().iter().any(|hospital| waits(hospital)) {
        tokio::time::sleep(LOOK).await;
    }
}

/// Returns when there is no hospital, or when none has been removed from the begin of a silence to its end.
async fn settled<S: Future<Output = ()>>(
    seen: impl Stream<Item = watcher::Result<watcher::Event<Hospital>>>,
    store: &Store<Hospital>,
    silence: impl Fn() -> S,
) {
    let mut seen = pin!(seen);
    let mut silent = pin!(Fuse::terminated());
    loop {
        let event = tokio::select! {
            biased;
            event = seen.next() => event,
            () = silent.as_mut() => return,
        };
        match event {
            Some(Ok(watcher::Event::InitDone | watcher::Event::Apply(_) | watcher::Event::Delete(_))) => {
                if store.is_empty() {
                    return;
                }
                if !being_removed(store).is_empty() {
                    silent.set(Fuse::terminated());
                } else if silent.is_terminated() {
                    silent.set(silence().fuse());
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => eprintln!("hospitals cannot be watched: {error}"),
            None => return,
        }
    }
}

fn being_removed(store: &Store<Hospital>) -> Vec<String> {
    let all = store.state();
    let going = all.iter().filter(|hospital| hospital.metadata.deletion_timestamp.is_some());
    let mut names: Vec<String> =
        going.map(|hospital| format!("{}/{}", hospital.namespace().unwrap_or_default(), hospital.name_any())).collect();
    names.sort();
    names
}

fn told(names: &[String], patience: Duration) -> String {
    let mut text = format!(
        "after {} s {} hospital(s) are still being removed; they wait until an operator runs again:\n",
        patience.as_secs(),
        names.len()
    );
    for name in names {
        // Writing to a String cannot fail.
        writeln!(text, "  {name}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, task::Poll};

    use futures::stream;
    use k8s_openapi::{
        apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
        jiff::Timestamp,
    };
    use kube::{core::PartialObjectMetaExt as _, runtime::reflector::store};

    use super::*;

    fn hospital(name: &str, going: bool) -> Hospital {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("hospitals".to_owned()),
            deletion_timestamp: going.then_some(Time(Timestamp::UNIX_EPOCH)),
            ..ObjectMeta::default()
        };
        metadata.into_response_partial::<HospitalOrganization>()
    }

    #[test]
    fn only_what_is_being_removed_is_waited_for_and_named() {
        let (store, mut writer) = store();
        writer.apply_watcher_event(&watcher::Event::Apply(hospital("stays", false)));
        assert!(being_removed(&store).is_empty());
        writer.apply_watcher_event(&watcher::Event::Apply(hospital("goes", true)));
        assert_eq!(being_removed(&store), ["hospitals/goes"]);
        let said = told(&being_removed(&store), Duration::from_mins(1));
        assert!(said.starts_with("after 60 s 1 hospital(s)") && said.ends_with("\n  hospitals/goes\n"), "{said}");
        writer.apply_watcher_event(&watcher::Event::Delete(hospital("goes", true)));
        assert!(being_removed(&store).is_empty());
    }

    /// What is seen, and when, by a clock that the test sets; then when that is settled, with a silence of 10.
    #[test]
    fn the_next_removal_is_given_a_moment_to_begin() {
        use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};
        let there = |going| vec![Init, InitApply(hospital("one", going)), InitDone];
        let apply = |going| vec![Apply(hospital("one", going))];
        let gone = || vec![Delete(hospital("one", true))];
        for (what, events, settles) in [
            ("there is none", vec![(0, vec![Init, InitDone])], 0),
            ("none is removed", vec![(0, there(false))], 10),
            ("none is removed, whatever else happens", vec![(0, there(false)), (7, apply(false))], 10),
            ("the last one is gone", vec![(0, there(true)), (25, gone())], 25),
            ("one is removed a moment later", vec![(0, there(false)), (9, apply(true)), (30, gone())], 30),
            (
                "another one stays",
                vec![(0, [there(true), vec![Apply(hospital("two", false))]].concat()), (20, gone())],
                30,
            ),
        ] {
            let (store, writer) = store();
            let now = &Cell::new(0);
            let until = |at| poll_fn(move |_| if now.get() < at { Poll::Pending } else { Poll::Ready(()) });
            let events = events.into_iter().flat_map(|(at, events)| events.into_iter().map(move |event| (at, event)));
            let seen = stream::iter(events).then(async |(at, event)| {
                until(at).await;
                Ok(event)
            });
            let seen = seen.chain(stream::pending()).reflect(writer);
            let mut settled = pin!(settled(seen, &store, || until(now.get() + 10)));
            let settled = (0..100).find(|at| {
                now.set(*at);
                settled.as_mut().now_or_never().is_some()
            });
            assert_eq!(settled, Some(settles), "{what}");
        }
    }
}
