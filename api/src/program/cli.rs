//! The command line: `serve`, and the commands that an operator of the service runs beside it.

use std::process::ExitCode;

use anyhow::Context as _;
use chakravue_crds::{cluster, master::MASTER_DATABASE};
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::runtime;

use crate::{
    app,
    data::master,
    http::people::EmailAddress,
    program::{
        administrators, background, check_urls,
        clock::Clock,
        kubernetes, metrics, reference, server,
        settings::{Flags, Settings},
        telemetry,
    },
    state::AppState,
};

/// What every installation has to be told, for the help text.
const HELP: &str = "\
Settings come from the file of --config, then from variables such as CHAKRAVUE_API__SESSIONS__IDLE=15m, then from flags.
`chakravue-api check-config` names everything that is wrong with them.
RUST_LOG sets what is logged (default: info), for example RUST_LOG=debug or RUST_LOG=chakravue_api=trace.";

#[derive(Parser)]
#[command(name = "chakravue-api", version, about = "The web service of ChakraVue", after_help = HELP)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until told to stop; the default.
    Serve,
    /// Check the settings and name every mistake.
    CheckConfig,
    /// Ask addresses, such as those of a running service, and fail unless each answers with success: for images and
    /// clusters that have no other program to ask with.
    CheckUrls {
        /// Such as <http://chakravue-api:8008/readyz>.
        #[arg(required = true)]
        urls: Vec<reqwest::Url>,
    },
    /// Manage the platform's administrators.
    #[command(subcommand)]
    Admin(Admin),
    /// Print the MongoDB role that the service needs and the commands that create it.
    MongodbRole(MongodbRole),
    /// Print the OpenAPI document.
    Openapi,
    /// Print the reference of problems and permissions, in Markdown.
    Reference,
}

#[derive(Subcommand)]
enum Admin {
    /// Print a link, once, with which somebody becomes a platform administrator; one who is gets a new password with it.
    Invite {
        #[arg(long, value_parser = email)]
        email: EmailAddress,
        /// Print nothing when some platform administrator can sign in already.
        #[arg(long)]
        only_the_first: bool,
    },
}

#[derive(Args)]
struct MongodbRole {
    /// The name of the role to create.
    #[arg(long, default_value = "chakravue-api")]
    role: String,
    /// The name of the user to create with it.
    #[arg(long, default_value = "chakravue-api")]
    user: String,
    /// mongosh: a script for people. json: the createRole command for programs.
    #[arg(long, short, default_value = "mongosh")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Mongosh,
    Json,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence with its causes: what goes wrong here is a matter of settings and ports, not of code.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    // One TLS provider, chosen here: a dependency that brings another could otherwise panic at the first connection.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        anyhow::bail!("another TLS provider was installed before ours");
    }
    let flags = cli.flags;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            let settings = Settings::load(&flags)?;
            let telemetry = telemetry::start(settings.log_format)?;
            let result = runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(settings));
            telemetry.finish();
            result
        }
        Command::Reference => {
            print!("{}", reference::page());
            Ok(())
        }
        Command::CheckConfig => {
            Settings::load(&flags)?;
            println!("The settings are right.");
            Ok(())
        }
        Command::CheckUrls { urls } => {
            runtime::Builder::new_current_thread().enable_all().build()?.block_on(check_urls::check(&urls))
        }
        Command::Admin(Admin::Invite { email, only_the_first }) => {
            let settings = Settings::load(&flags)?;
            telemetry::start(settings.log_format)?.finish();
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            if let Some(link) = runtime.block_on(administrators::invite(&settings, &email, only_the_first))? {
                eprintln!("Whoever opens this link first chooses the password of {}:", email.as_str());
                println!("{link}");
            }
            Ok(())
        }
        Command::Openapi => {
            println!("{}", app::document().to_pretty_json()?);
            Ok(())
        }
        Command::MongodbRole(MongodbRole { role, user, output }) => {
            let database = flags.master_database.unwrap_or_else(|| MASTER_DATABASE.to_owned());
            match output {
                Output::Mongosh => print!("{}", master::role::mongosh_script(&role, &user, &database)),
                Output::Json => {
                    let command = master::role::create_role_command(&role, &database);
                    println!("{}", serde_json::to_string(&command)?);
                }
            }
            Ok(())
        }
    }
}

fn email(text: &str) -> Result<EmailAddress, &'static str> {
    EmailAddress::try_from(text.to_owned())
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    // Before the socket: from the first request on, a signal to stop finds somebody who listens to it.
    let stop = server::stop_signal()?;
    let listener = server::listen(settings.listen, "listen").await?;
    let metrics_listener = server::listen(settings.metrics_listen, "metrics-listen").await?;
    let (address, metrics) = (listener.local_addr()?, metrics_listener.local_addr()?);
    tracing::info!(%address, %metrics, version = env!("CARGO_PKG_VERSION"), "listening");
    let cluster =
        cluster::infer().await.context("cannot find the Kubernetes cluster; run inside one or set KUBECONFIG")?;
    let kube = kubernetes::client(cluster).context("the Kubernetes configuration cannot be used")?;
    let app = AppState::start(settings, Clock::system(), kube, stop.clone()).await?;
    background::start(&app, &stop);
    // The metrics stay until the last request is finished, and end with the process.
    let counted = app.clone();
    let metrics = metrics::routes(app.metrics.clone(), move || counted.now());
    tokio::spawn(axum::serve(metrics_listener, metrics).into_future());
    let (under_way, limit) = (app.under_way.clone(), app.settings.connection_limit);
    server::serve(listener, limit, app::router(app), under_way, stop, server::DRAIN).await;
    tracing::info!("stopped");
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_flags_stand_before_or_after_a_command() {
        let parse = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap();
        assert!(parse("chakravue-api --listen 127.0.0.1:0").command.is_none());
        for line in ["chakravue-api --listen 127.0.0.1:1 serve", "chakravue-api serve --listen 127.0.0.1:1"] {
            assert_eq!(parse(line).flags.listen.as_deref(), Some("127.0.0.1:1"), "{line}");
        }
    }
}
