//! The chart in a cluster with real pods: images, rights, probes, Services, upgrades, and what becomes of hospitals and
//! requests while pods die. One cluster and one story, because a cluster takes longer to start than any of it.
//!
//! It needs root on Linux. Where it may not run it says so and passes, and where only packages are missing it fails and names
//! them; `make test-pods` runs it alone.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod clinic;
mod contents;
mod deaths;
mod leftovers;
mod removal;
mod rights;
#[path = "../api/support.rs"]
mod support;
mod traffic;
mod upgrade;

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use chakravue_testbed::pods::{self, Enclosure, Images, Impossible, Installation, Pods};

use crate::clinic::Clinic;

/// The tag of the images that are installed first, and of those that they are upgraded to.
const NOW: &str = "now";
const NEXT: &str = "next";

#[test]
fn chakravue_holds_in_real_pods() {
    if let Some(folder) = pods::inside() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(story(&folder));
    }
    match pods::possible() {
        Ok(()) => {}
        // Past the test harness, which hides what a test that passes has to say.
        Err(Impossible::NotHere(why)) => {
            writeln!(io::stderr(), "real pods: skipped, {why}; to run it, as root: make test-pods").unwrap();
            return;
        }
        // It could run, and a test that nobody notices does not is worse than one that fails.
        Err(Impossible::Missing(what)) => panic!("real pods: {what}"),
    }
    pods::prepare().unwrap_or_else(|error| panic!("{error:#}"));
    let before = leftovers::of("none yet");
    let enclosure = Enclosure::new().unwrap_or_else(|error| panic!("{error:#}"));
    // Now, because a new enclosure undoes what one that was killed has left.
    let kernel = leftovers::kernel_settings();
    let name = leftovers::name(enclosure.folder()).to_owned();
    let said = tempfile::NamedTempFile::new().unwrap();
    let shown = std::env::args().any(|argument| argument == "--nocapture");
    let arguments = ["chakravue_holds_in_real_pods", "--exact", "--nocapture"];
    let own = std::env::current_exe().unwrap();
    let status = enclosure.run(&own, &arguments, (!shown).then_some(said.as_file())).unwrap();
    assert!(status.success(), "{status}\n{}", fs::read_to_string(said.path()).unwrap());
    drop(enclosure);
    let after = leftovers::of(&name);
    let left: Vec<_> = after.difference(&before).collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
    assert_eq!(leftovers::kernel_settings(), kernel);
}

async fn story(folder: &Path) {
    let mut steps = Steps(Instant::now());
    let mut images = Images::lay_out(folder).unwrap_or_else(|error| panic!("{error:#}"));
    let built = async {
        images.build_pause().await?;
        images.build(NOW).await?;
        images.build(NEXT).await?;
        images.build_application(clinic::APPLICATION).await
    };
    let started = tokio::try_join!(Pods::start(folder), built);
    let (pods, ()) = started.unwrap_or_else(|error| panic!("{error:#}"));
    contents::are_as_they_ship(&images, NOW);
    images.import(&pods).await.unwrap_or_else(|error| panic!("{error:#}"));
    steps.done("a cluster with two nodes and MongoDB with TLS; the images, built without a daemon");

    let installation = Installation::prepare(&pods).await.unwrap_or_else(|error| panic!("{error:#}"));
    let notes = installation.install(NOW, &[deaths::SHORT_LEASE]).await.unwrap_or_else(|error| panic!("{error}"));
    assert!(notes.contains("`helm uninstall` leaves"), "{notes}");
    installation.first_hospital().await.unwrap_or_else(|error| panic!("{error:#}"));
    let clinic = Clinic::open(&pods).await;
    steps
        .done("installed by the chart; one hospital declared, one signed up through the Service, an application bound");

    leftovers::are_noticed(folder);
    clinic.helm_test(&installation).await;
    clinic.helm_test_fails(&installation, NOW, deaths::SHORT_LEASE).await;
    steps.done("helm test passes, and fails where an operator cannot use MongoDB");

    deaths::of_any_one_container(&clinic).await;
    steps.done("each container killed: nothing that was answered is lost");
    deaths::of_the_operator_that_leads(&clinic).await;
    steps.done("the operator that leads killed: the other one leads");
    deaths::by_a_drain(&clinic).await;
    steps.done("a node drained: no request failed");
    deaths::of_a_pod_by_force(&clinic).await;
    steps.done("a pod of the web service deleted by force: another one takes its place");
    let next = installation.with_chart(&upgrade::next_chart(&clinic, folder).await);
    upgrade::there_and_back_and_there(&clinic, &installation, &next).await;
    steps.done("upgraded to newer definition and collections, rolled back, upgraded again: no request failed");
    // From here on an older one would leave the hospitals alone.
    let installation = next;
    upgrade::that_cannot_work(&clinic, &installation).await;
    steps.done("an upgrade that cannot work: the pods of before work on");

    rights::are_what_is_used(&clinic).await;
    steps.done("the rights are those that are used");
    clinic.application_never_noticed().await;
    removal::keeps_the_hospitals(&clinic, &installation).await;
    steps.done("uninstalled: the hospitals' data stays, and is taken up again");
    removal::at_once(&clinic, &pods, &installation).await;
    steps.done("hospitals and release removed at once: nothing hangs");
    removal::the_operator_first(&clinic, &installation).await;
    steps.done("the release removed, and hospitals a moment later: nothing hangs");
    removal::in_one_namespace(&clinic, &installation).await;
    steps.done("installed again with rights in one namespace: a hospital gets ready there");
    removal::by_a_prune(&clinic, &installation).await;
    steps.done("everything pruned by waves: nothing hangs");
    removal::together_with_the_operator(&clinic, &installation).await;
    steps.done("hospitals pruned together with the operator: nothing hangs");
}

/// Says how long each part of the story took.
struct Steps(Instant);

impl Steps {
    fn done(&mut self, what: &str) {
        println!("{:>6.1} s  {what}", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}
