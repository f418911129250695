//! `chakravue-operator`: turns every `HospitalOrganization` into its own MongoDB database and keeps it so.
//!
//! To read it from the top: [`run`] (the process), `controller` (what starts a pass), `turns` (who goes first),
//! `reconcile` (the pass), `provision` (what a hospital is brought to, in order), then one file per step that compares
//! and changes: `claim`, `credentials`, `access`, `schema`, `removal`; then `status`. Beside them `drift` (what others
//! change), `leader` (which of several operators works), `capacity`, `orphans`, `plan`, `departure`, `check`, `metrics` and
//! `telemetry`.

mod access;
mod answer;
mod arrivals;
mod backoff;
mod capacity;
mod catalogue;
mod check;
mod claim;
mod cli;
mod context;
mod controller;
mod credentials;
mod departure;
mod drift;
mod echoes;
mod endpoint;
mod error;
mod events;
mod finalizer;
mod http;
mod inspect;
mod invalid;
mod leader;
mod loss;
mod metrics;
mod mongo;
mod orphans;
mod pause;
mod plan;
mod privileges;
mod provision;
mod reach;
mod reconcile;
mod removal;
mod run;
mod schema;
mod scram;
mod seats;
mod status;
mod telemetry;
mod tenant;
mod turns;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser as _;

use crate::{
    cli::{Cli, Command, MongodbRole, Script},
    privileges::Login,
};

fn main() -> anyhow::Result<ExitCode> {
    // One TLS provider, chosen here: a dependency that brings another could otherwise panic at the first connection.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        bail!("another TLS provider was installed before ours");
    }
    match Cli::parse().command {
        Command::MongodbRole(options) => print_role(&options)?,
        Command::TenantSchema => println!("{}", catalogue::print()?),
        Command::Plan(options) => return runtime()?.block_on(inspect::plan(options)),
        Command::AwaitRemovals(options) => runtime()?.block_on(departure::await_removals(options))?,
        Command::CheckOperators { host } => runtime()?.block_on(check::check(&host))?,
        Command::Orphans(options) => return runtime()?.block_on(inspect::orphans(options)),
        Command::Run(options) => {
            let telemetry = telemetry::start(options.log_format)?;
            let outcome = runtime()?.block_on(run::run(*options, telemetry.level()));
            if let Err(error) = &outcome {
                tracing::error!("{error:#}");
            }
            telemetry.finish();
            outcome?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// With one thread for all tasks: they wait for the two servers nearly all of the time, and two threads that wake each other
/// took a fifth more processor time for the same passes, and an arena of the allocator each.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

fn print_role(options: &MongodbRole) -> anyhow::Result<()> {
    let (login, name) = if options.watch {
        (Login::Watch, "chakravue-operator-watch")
    } else {
        (Login::Operator { master: &options.master_database }, "chakravue-operator")
    };
    let [role, user] = [&options.role, &options.user].map(|given| given.as_deref().unwrap_or(name));
    match options.output {
        Script::Mongosh => print!("{}", privileges::mongosh_script(role, user, login)),
        Script::Json => println!("{}", serde_json::to_string(&privileges::create_role_command(role, login))?),
    }
    Ok(())
}
