//! `bench`: figures that say whether ChakraVue is fast enough, with what they depend on. See `bench --help`.
//!
//! Nothing here fails because something is slow: a number that depends on the machine is read by a person. What counts
//! are ratios within one run. One file per scenario.

mod at_once;
mod bare_hash;
mod bare_list;
mod burden;
mod by_hand;
mod cold_start;
mod conditions;
mod drift;
mod extent;
mod fastapi;
mod fleet;
mod footprint;
mod hospital;
mod leader_change;
mod list_patients;
mod load;
mod markdown;
mod one_tenant;
mod paint;
mod plots;
mod processor;
mod profiles;
mod programs;
mod raw;
mod report;
mod same_commands;
mod sign_in;
mod signups;
mod statistics;
mod timeline;
mod workplace;

use std::{fs, net::SocketAddr, panic::AssertUnwindSafe, path::PathBuf, time::Instant};

use anyhow::{Context as _, anyhow, ensure};
use chakravue_testbed::Testbed;
use clap::{ArgGroup, Parser, ValueEnum};
use futures::FutureExt as _;

use crate::{
    extent::Extent,
    report::{Conditions, Report, Scenario},
};

/// Measure ChakraVue on a real Kubernetes and a real MongoDB of its own.
#[derive(Parser)]
#[command(name = "bench", version)]
#[command(group = ArgGroup::new("pages").args(["plots", "markdown"]).multiple(true))]
struct Cli {
    /// What to measure; everything if none is named.
    scenarios: Vec<Which>,
    /// Leave this one out; may be said several times.
    #[arg(long, value_name = "SCENARIO", conflicts_with = "scenarios")]
    except: Vec<Which>,
    /// How often each thing is measured, instead of the scenario's own number.
    #[arg(long)]
    repeats: Option<usize>,
    /// Measure so little that all of it is over in minutes: whether everything works, not how fast it is.
    #[arg(long)]
    quick: bool,
    /// Let no fleet have more hospitals than this.
    #[arg(long, value_parser = clap::value_parser!(u16).range(10..))]
    most_hospitals: Option<u16>,
    /// Also write the figures into this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also draw how figures grow with the number of hospitals, each curve as an SVG file in this folder.
    #[arg(long)]
    plots: Option<PathBuf>,
    /// Also write the figures as tables into this file, a page of Markdown.
    #[arg(long, value_name = "MD")]
    markdown: Option<PathBuf>,
    /// Measure nothing: draw and write the figures that an earlier run wrote into this file.
    #[arg(long, value_name = "JSON", requires = "pages",
        conflicts_with_all = ["scenarios", "except", "repeats", "quick", "json"])]
    redraw: Option<PathBuf>,
    /// Measure nothing: sample with perf what the processors do in what falls short of its target, and write it into this
    /// folder.
    #[arg(long, value_name = "FOLDER",
        conflicts_with_all = ["scenarios", "except", "repeats", "quick", "json", "plots", "markdown", "redraw"])]
    profiles: Option<PathBuf>,
    /// Let Kubernetes wait for the disk at every write, as in production; tests do without.
    #[arg(long)]
    durable_etcd: bool,
    /// Be the server that `list_patients` compares with; it starts this by itself.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    serve_bare_list: Option<SocketAddr>,
    /// Be the server that `list_patients` and `sign_in` compare with besides; they start this by themselves.
    #[arg(long, value_name = "ADDRESS", hide = true)]
    serve_same_commands: Option<SocketAddr>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Which {
    /// One hospital from apply to ready, against the raw driver.
    OneTenant,
    /// Hundreds of hospitals at once, against the raw driver's best; and one more meanwhile.
    AtOnce,
    /// How long a change by hand lasts, among many healthy hospitals.
    Drift,
    /// A fleet that grows to a thousand hospitals: resync, restart, memory, drift.
    Fleet,
    /// The leader of two operators goes away.
    LeaderChange,
    /// From exec to ready.
    ColdStart,
    /// Memory and size.
    Footprint,
    /// Signing in, against bare argon2 and a plain server; and what overload does.
    SignIn,
    /// The list of patients, against a bare handler and a plain server.
    ListPatients,
    /// Both, against a server of the original design in Python.
    Fastapi,
    /// Many hospitals that sign up and pay at once.
    Signups,
    /// How soon the front end's pages are painted in Chromium, and what they carry.
    Paint,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut cli = Cli::parse();
    if let Some(address) = cli.serve_bare_list {
        return bare_list::serve(address).await;
    }
    if let Some(address) = cli.serve_same_commands {
        return same_commands::serve(address).await;
    }
    let pages = Pages { plots: cli.plots, markdown: cli.markdown };
    if let Some(file) = &cli.redraw {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let report = serde_json::from_str(&text).with_context(|| format!("{} is no report", file.display()))?;
        return pages.write(&report);
    }
    if let Some(folder) = &cli.profiles {
        return profiles::write(folder).await;
    }
    if cli.scenarios.is_empty() {
        cli.scenarios = Which::value_variants().iter().copied().filter(|which| !cli.except.contains(which)).collect();
    }
    let durable = cli.durable_etcd;
    let extent = Extent { repeats: cli.repeats, quick: cli.quick, most_hospitals: cli.most_hospitals.map(usize::from) };
    // Before our own servers start and are part of it.
    let (load_at_start, speed) = (conditions::load()?, conditions::speed()?);
    let testbed =
        tokio::task::spawn_blocking(move || if durable { Testbed::shared_durable() } else { Testbed::shared() })
            .await?;
    let mut conditions = conditions::of(testbed, durable, load_at_start).await?;
    let mut run = conditions::of_run(cli.quick, speed)?;
    let mut scenarios = Vec::new();
    let began = Instant::now();
    for which in cli.scenarios {
        let (name, began) = (which.name(), Instant::now());
        match undisturbed(Box::pin(which.run(extent))).await {
            Ok(scenario) => {
                eprintln!("{name} took {} s", began.elapsed().as_secs());
                if let Some(error) = &scenario.ended_early {
                    eprintln!("{name} ended before everything was measured: {error}");
                    run.failed.push(name);
                }
                scenarios.push(scenario);
            }
            Err(error) => {
                eprintln!("{name} failed: {error:?}");
                run.failed.push(name);
            }
        }
        conditions.load_at_end = conditions::load()?;
        run.hash = Some([speed, conditions::speed()?]);
        let so_far = Report { conditions: Conditions { run: Some(run.clone()), ..conditions.clone() }, scenarios };
        // Also should the rest come to nothing.
        if let Some(path) = &cli.json {
            let text = serde_json::to_string_pretty(&so_far)?;
            fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        scenarios = so_far.scenarios;
    }
    eprintln!("all of it took {} s", began.elapsed().as_secs());
    let failed = run.failed.clone();
    let report = Report { conditions: Conditions { run: Some(run), ..conditions }, scenarios };
    println!("\n{report}");
    pages.write(&report)?;
    ensure!(failed.is_empty(), "these could not be measured, see above: {}", failed.join(", "));
    Ok(())
}

/// What the others measure, perhaps in half an hour, is not lost with one that fails, however it does so.
async fn undisturbed(scenario: impl Future<Output = anyhow::Result<Scenario>>) -> anyhow::Result<Scenario> {
    AssertUnwindSafe(scenario).catch_unwind().await.unwrap_or_else(|panicked| {
        let said = panicked.downcast::<String>().map(|said| *said);
        let said = said.or_else(|panicked| panicked.downcast::<&str>().map(|said| (*said).to_owned()));
        Err(anyhow!("it panicked: {}", said.unwrap_or_default()))
    })
}

impl Which {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    async fn run(self, extent: Extent) -> anyhow::Result<Scenario> {
        match self {
            Self::OneTenant => one_tenant::run(extent).await,
            Self::AtOnce => at_once::run(extent).await,
            Self::Drift => drift::run(extent).await,
            Self::Fleet => fleet::run(extent).await,
            Self::LeaderChange => leader_change::run(extent).await,
            Self::ColdStart => cold_start::run(extent).await,
            Self::Footprint => footprint::run(extent).await,
            Self::SignIn => sign_in::run(extent).await,
            Self::ListPatients => list_patients::run(extent).await,
            Self::Fastapi => fastapi::run(extent).await,
            Self::Signups => signups::run(extent).await,
            Self::Paint => paint::run(extent).await,
        }
    }
}

/// What becomes of a report besides what is printed.
struct Pages {
    plots: Option<PathBuf>,
    markdown: Option<PathBuf>,
}

impl Pages {
    fn write(&self, report: &Report) -> anyhow::Result<()> {
        if let Some(folder) = &self.plots {
            for file in plots::draw(report, folder)? {
                println!("{}", folder.join(file).display());
            }
        }
        if let Some(path) = &self.markdown {
            fs::write(path, markdown::page(report)).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}
