//! The command line: what the operator is told, and the parts of it that several commands share.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use chakravue_crds::master::MASTER_DATABASE;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use k8s_openapi::jiff::SignedDuration;

use crate::{capacity::Budget, telemetry::LogFormat, turns::Limits};

#[derive(Parser)]
#[command(
    name = "chakravue-operator",
    version,
    about = "Turns every HospitalOrganization into its own MongoDB database and keeps it so"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Run the operator until it is told to stop.
    Run(Box<Run>),
    /// Print what would be done for hospitals, and do nothing.
    Plan(Plan),
    /// Print what has lost its counterpart: databases, users, claims and Secrets without an object, and the reverse.
    Orphans(Orphans),
    /// Wait until no hospital is being removed any more: for whoever is about to take the operator away.
    AwaitRemovals(AwaitRemovals),
    /// Ask the operators behind a name whether all are ready and one leads: for `helm test`.
    CheckOperators {
        /// The name, such as that of the Service with their metrics.
        #[arg(value_name = "HOST")]
        host: String,
    },
    /// Print the MongoDB role that the operator needs and the commands that create it.
    MongodbRole(MongodbRole),
    /// Print the collections, validators and indexes that every hospital gets, as JSON.
    TenantSchema,
}

/// Which Kubernetes and which MongoDB.
#[derive(Args)]
#[allow(clippy::doc_markdown, reason = "shown as the help of the command line")]
pub struct Connection {
    /// A file that holds the operator's MongoDB URI; otherwise the environment variable MONGODB_URI holds it. It is not a
    /// flag, because a command line can be read by everybody on the machine.
    #[arg(long, env = "MONGODB_URI_FILE")]
    mongodb_uri_file: Option<PathBuf>,
    /// The MongoDB address in the tenants' Secrets, without credentials. Default: the operator's own.
    #[arg(long, env = "TENANT_MONGODB_URI")]
    pub tenant_mongodb_uri: Option<String>,
    /// The database that holds the claims.
    #[arg(long, env = "MASTER_DATABASE", default_value = MASTER_DATABASE)]
    pub master_database: String,
    /// Only this namespace. Default: all.
    #[arg(long, env = "WATCH_NAMESPACE")]
    pub namespace: Option<String>,
    /// Let an object that asks for it adopt a database that exists without any claim.
    #[arg(long, env = "ALLOW_DATABASE_ADOPTION")]
    pub allow_database_adoption: bool,
    /// Which cluster this is, in the claims. Default: the UID of the namespace kube-system.
    #[arg(long, env = "CLUSTER_ID")]
    pub cluster_id: Option<String>,
    #[command(flatten)]
    capacity: Capacity,
    /// For tests of migrations: another tenant schema, as the command tenant-schema prints it.
    #[arg(long, env = "TENANT_SCHEMA", hide = true)]
    pub tenant_schema: Option<PathBuf>,
}

/// How much of MongoDB hospitals may take.
#[derive(Args)]
#[allow(clippy::doc_markdown, reason = "shown as the help of the command line")]
#[allow(clippy::struct_field_names, reason = "they are the names of the flags")]
struct Capacity {
    /// How many tables (collections and indexes) MongoDB may have; a hospital that would come over it is refused.
    #[arg(long, env = "MAX_TABLES", default_value_t = 100_000, value_parser = budget)]
    max_tables: i64,
    /// How many files mongod may have open (its ulimit -n), where it does not tell. Hospitals may take 80 % of them.
    #[arg(long, env = "MAX_OPEN_FILES", value_parser = budget)]
    max_open_files: Option<i64>,
    /// How many database users MongoDB may have. Default: any number.
    #[arg(long, env = "MAX_DATABASE_USERS", value_parser = budget)]
    max_database_users: Option<i64>,
}

#[derive(Args)]
#[allow(clippy::doc_markdown, reason = "shown as the help of the command line")]
pub struct Run {
    #[command(flatten)]
    pub connection: Connection,
    /// A file that holds the MongoDB URI of the login that watches for changes of collections and indexes; otherwise the
    /// environment variable WATCH_MONGODB_URI holds it. Without one, the resync alone finds them.
    #[arg(long, env = "WATCH_MONGODB_URI_FILE")]
    watch_mongodb_uri_file: Option<PathBuf>,
    /// The address for probes: /livez and /readyz.
    #[arg(long, env = "LISTEN_ADDRESS", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// The address for metrics (/metrics) and, from the same machine or pod only, the log level (/log-level).
    #[arg(long, env = "METRICS_LISTEN_ADDRESS", default_value = "0.0.0.0:9090")]
    pub metrics_listen: SocketAddr,
    /// Also export metrics with a label for each hospital.
    #[arg(long, env = "METRICS_PER_HOSPITAL")]
    pub metrics_per_hospital: bool,
    /// How often a healthy hospital is compared with its declaration, such as 30s, 10m or 1h.
    #[arg(long, env = "RESYNC_INTERVAL", default_value = "10m", value_parser = duration)]
    pub resync_interval: Duration,
    /// How often all users and roles are compared with what they should be, such as 500ms or 5s; less often where there
    /// are so many that it would take more than an eighth of the time.
    #[arg(long, env = "ACCOUNTS_INTERVAL", default_value = "500ms", value_parser = short_duration)]
    pub accounts_interval: Duration,
    /// How many hospitals are worked on at the same time. One MongoDB does not get faster from more than about eight.
    #[arg(long, env = "WORKERS", default_value_t = 8, value_parser = at_least_one)]
    workers: usize,
    /// How many databases are migrated to a newer schema at the same time.
    #[arg(long, env = "MIGRATIONS", default_value_t = 2, value_parser = at_least_one)]
    migrations: usize,
    /// Work only while holding a Lease, so that of several operators one works and the others stand by.
    #[arg(long, env = "LEADER_ELECT", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = false, default_missing_value = "true")]
    pub leader_elect: bool,
    /// The name of the Lease.
    #[arg(long, env = "LEASE_NAME", default_value = "chakravue-operator")]
    pub lease_name: String,
    /// The namespace of the Lease. Default: the operator's own.
    #[arg(long, env = "LEASE_NAMESPACE")]
    pub lease_namespace: Option<String>,
    /// How long the Lease of an operator that is gone keeps the others waiting, in whole seconds.
    #[arg(long, env = "LEASE_DURATION", default_value = "15s", value_parser = whole_seconds)]
    pub lease_duration: Duration,
    /// How logs are written; what is logged is decided by RUST_LOG, and can be changed while the operator runs.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    pub connection: Connection,
    /// A YAML file with hospitals as they would be applied; - is standard input.
    #[arg(long, short, required_unless_present = "all", conflicts_with = "all")]
    pub filename: Option<String>,
    /// Every hospital as it is declared in the cluster.
    #[arg(long)]
    pub all: bool,
    /// For a person or for a machine.
    #[arg(long, short, default_value = "text")]
    pub output: Report,
}

#[derive(Args)]
pub struct Orphans {
    #[command(flatten)]
    pub connection: Connection,
    /// For a person or for a machine.
    #[arg(long, short, default_value = "text")]
    pub output: Report,
}

#[derive(Args)]
pub struct AwaitRemovals {
    /// Only this namespace. Default: all.
    #[arg(long, env = "WATCH_NAMESPACE")]
    pub namespace: Option<String>,
    /// For how long. What is not removed by then waits for the next operator.
    #[arg(long, default_value = "1m", value_parser = duration)]
    pub timeout: Duration,
    /// For how long none must be removed, in case others are about to be. Default: not at all.
    #[arg(long, value_parser = duration)]
    pub silence: Option<Duration>,
}

#[derive(Args)]
pub struct MongodbRole {
    /// The database that holds the claims.
    #[arg(long, env = "MASTER_DATABASE", default_value = MASTER_DATABASE)]
    pub master_database: String,
    /// The role of the second, optional login that watches for changes of collections and indexes, instead.
    #[arg(long)]
    pub watch: bool,
    /// The name of the role to create. Default: chakravue-operator, or chakravue-operator-watch.
    #[arg(long)]
    pub role: Option<String>,
    /// The name of the user to create with it. Default: as the role's.
    #[arg(long)]
    pub user: Option<String>,
    /// mongosh: a script for people. json: the createRole command for programs.
    #[arg(long, short, default_value = "mongosh")]
    pub output: Script,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Script {
    Mongosh,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Report {
    Text,
    Json,
}

impl Connection {
    /// The operator's MongoDB connection.
    pub fn uri(&self) -> anyhow::Result<String> {
        read_uri(self.mongodb_uri_file.as_ref(), "MONGODB_URI")?.context(
            "no MongoDB: set the environment variable MONGODB_URI, or --mongodb-uri-file to a file that holds the URI",
        )
    }

    pub fn budget(&self) -> Budget {
        let Capacity { max_tables, max_open_files, max_database_users } = self.capacity;
        Budget { tables: max_tables, open_files: max_open_files, users: max_database_users }
    }
}

impl Run {
    /// The MongoDB connection that watches for changes, if there is one.
    pub fn watch_uri(&self) -> anyhow::Result<Option<String>> {
        read_uri(self.watch_mongodb_uri_file.as_ref(), "WATCH_MONGODB_URI")
    }

    pub fn limits(&self) -> Limits {
        Limits { passes: self.workers, migrations: self.migrations.min(self.workers) }
    }
}

/// From the file, if one is named, or from the environment.
fn read_uri(file: Option<&PathBuf>, variable: &str) -> anyhow::Result<Option<String>> {
    match file {
        Some(path) => Ok(Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("the MongoDB URI cannot be read from {}", path.display()))?
                .trim()
                .to_owned(),
        )),
        None => Ok(std::env::var(variable).ok().filter(|uri| !uri.is_empty())),
    }
}

/// A client for a URI, without the driver's own message, which may quote the URI, password and all.
pub fn understood<T>(client: mongodb::error::Result<T>, whose: &str) -> anyhow::Result<T> {
    match client {
        Ok(client) => Ok(client),
        Err(_) => bail!(
            "the {whose}MongoDB URI cannot be understood; it must look like mongodb://user:password@host:27017/?options"
        ),
    }
}

/// 30s, 10m, 1h 30m.
fn duration(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_secs(1), text)
        .map_err(|refused| refused.unwrap_or("must be at least one second".to_owned()))
}

/// 500ms, 5s.
fn short_duration(text: &str) -> Result<Duration, String> {
    at_least(Duration::from_millis(50), text).map_err(|refused| refused.unwrap_or("must be at least 50ms".to_owned()))
}

/// 15s, 1m; a Lease knows no fractions.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if duration.subsec_nanos() == 0 { Ok(duration) } else { Err("must be whole seconds".to_owned()) }
}

/// The error is `None` for a duration that is too short.
fn at_least(least: Duration, text: &str) -> Result<Duration, Option<String>> {
    let parsed: SignedDuration = text.parse().map_err(|_| Some("use a duration such as 30s, 10m or 1h".to_owned()))?;
    Duration::try_from(parsed).ok().filter(|duration| *duration >= least).ok_or(None)
}

/// A budget that leaves room for something.
fn budget(text: &str) -> Result<i64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "must be a number from 1".to_owned())
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| (1..=1000).contains(count)).ok_or_else(|| "must be 1 to 1000".to_owned())
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
    fn durations_are_read_or_refused() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        for text in ["", "0s", "m", "90", "-1s", "99999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(short_duration("500ms"), Ok(Duration::from_millis(500)));
        assert!(short_duration("49ms").is_err());
        assert_eq!(whole_seconds("15s"), Ok(Duration::from_secs(15)));
        assert!(whole_seconds("1500ms").is_err() && whole_seconds("0s").is_err());
        assert_eq!(budget("100000"), Ok(100_000));
        for text in ["0", "-5", "many", ""] {
            assert!(budget(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_lease_is_switched_on_by_its_flag_alone_or_by_a_word() {
        for (flags, leads) in [
            (&[][..], false),
            (&["--leader-elect"], true),
            (&["--leader-elect=true"], true),
            (&["--leader-elect=false"], false),
        ] {
            let all = ["chakravue-operator", "run"].iter().chain(flags);
            let Command::Run(run) = Cli::try_parse_from(all).unwrap().command else { panic!("another command") };
            assert_eq!(run.leader_elect, leads, "{flags:?}");
        }
        assert!(Cli::try_parse_from(["chakravue-operator", "plan"]).is_err(), "of what?");
        assert!(Cli::try_parse_from(["chakravue-operator", "run", "--workers", "0"]).is_err());
    }
}
