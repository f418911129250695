//! The command line of `testbed`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::{application, control_plane::Durability, guard, parts, pods, servers::Given, up};

/// Real servers for ChakraVue: a Kubernetes control plane and MongoDB.
#[derive(Parser)]
#[command(name = "testbed", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build or download the programs that everything else starts, and print where they are.
    Parts,
    /// Run a whole ChakraVue here, until Ctrl-C: Kubernetes, MongoDB, operator, API and one hospital.
    Up {
        /// Where its data is kept.
        #[arg(long, default_value = ".dev")]
        dir: PathBuf,
    },
    /// Forget the data of `up`.
    Clean {
        /// Where its data is kept.
        #[arg(long, default_value = ".dev")]
        dir: PathBuf,
    },
    /// Run a whole ChakraVue in real pods, until Ctrl-C: a cluster with nodes, images, the chart and one hospital. Needs
    /// root, and leaves nothing.
    UpPods {
        /// For itself: the part that runs in the enclosure.
        #[arg(long, hide = true)]
        inside: bool,
    },
    /// Be an application that finds its MongoDB by the Service Binding specification.
    #[command(hide = true)]
    Application,
    /// Build or find a program that the chart is tried with, and print where it is.
    Tool {
        #[arg(value_enum)]
        name: parts::Tool,
    },
    /// Hold servers for a test process: start them, print one JSON line, stop when standard input closes.
    Guard {
        /// A folder for their files; removed at the end.
        #[arg(long)]
        dir: PathBuf,
        /// Let Kubernetes wait for the disk at every write.
        #[arg(long)]
        durable: bool,
    },
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let command = Cli::parse().command;
    let result = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")
        .and_then(|runtime| {
            let result = runtime.block_on(run(command));
            // A build that is still under way ends with us; there is nothing to wait for.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Parts => print_parts(),
        Command::Up { dir } => up::run(&dir).await,
        Command::Clean { dir } => up::forget(&dir),
        Command::UpPods { inside: false } => pods::up::run().await,
        Command::UpPods { inside: true } => pods::up::run_inside().await,
        Command::Application => application::run().await,
        Command::Tool { name } => {
            println!("{}", name.path()?.display());
            Ok(())
        }
        Command::Guard { dir, durable } => {
            let durability = if durable { Durability::Durable } else { Durability::Throwaway };
            guard::run(&dir, durability).await
        }
    }
}

fn print_parts() -> anyhow::Result<()> {
    let parts = parts::prepare(Given::from_environment()?.wanted())?;
    let kubernetes = parts
        .kubernetes
        .iter()
        .flat_map(|parts| [&parts.apiserver, &parts.controller_manager, &parts.kubectl, &parts.etcd]);
    for program in kubernetes.chain(&parts.mongod) {
        println!("{}", program.display());
    }
    Ok(())
}
