//! What the service is told: a TOML file, over it the environment, over it flags.
//!
//! A setting `section.field` is the variable `CHAKRAVUE_API__SECTION__FIELD`. A secret can stand in a file of its own:
//! `<setting>_file` names it. Everything is read and checked at the start, and all mistakes are named at once; a service
//! that has started has settings it can work with.

mod layers;
pub mod section;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use chakravue_crds::master::MASTER_DATABASE;
use clap::{Args, ValueEnum};
use config::{Map, Value};
use ipnet::IpNet;
use mongodb::options::ConnectionString;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, de};

use self::section::{Mistakes, choice, duration};
use crate::{
    access::{mail::MailSettings, sessions::SessionSettings, sign_in::hashing::HashingSettings},
    data::tenant::TenantSettings,
    http::{frontend, limits::LimitSettings},
    program::{public_url::PublicUrl, secret_key::SecretKey},
    subscription::payments::PaymentSettings,
};

const VARIABLES: &str = "CHAKRAVUE_API";

/// What holds when nothing else is said. A section that is missing here has its defaults in its own file.
const DEFAULTS: &str = r#"
listen = "0.0.0.0:8008"
metrics_listen = "0.0.0.0:9008"
log_format = "text"
namespace = "hospitals"
trusted_proxies = []
request_timeout = "60s"
signup_wait = "20s"
payment_wait = "30s"
body_limit = 65536
connection_limit = 4096
directory = "open"

[mongodb]

[payments]

[sessions]
idle = "15m"
absolute = "12h"
"#;

/// More than a process has file descriptors for.
const MOST_CONNECTIONS: usize = 1_000_000;

/// What nobody can guess for an installation, and a value that stands in while the other mistakes are looked for.
const REQUIRED: [Required; 4] = [
    Required {
        setting: "mongodb.uri",
        instead: "mongodb://localhost",
        advice: "write the service's MongoDB connection, or set mongodb.uri_file or MONGODB_URI",
    },
    Required {
        setting: "payments.provider",
        instead: "test",
        advice: "write test (test cards, nothing is charged) or stripe",
    },
    Required {
        setting: "public_url",
        instead: "http://localhost",
        advice: "write the address under which browsers reach the service, such as https://app.example.org",
    },
    Required {
        setting: "secret_key",
        instead: "a stand-in for the key that is missing",
        advice: "write at least 32 random bytes in base64 (openssl rand -base64 32), or set secret_key_file",
    },
];

struct Required {
    setting: &'static str,
    instead: &'static str,
    advice: &'static str,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the API listens; port 0 takes a free one, which is logged.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// Where the metrics are; a port of their own, as they are nobody's business outside.
    #[serde(deserialize_with = "address")]
    pub metrics_listen: SocketAddr,
    #[serde(deserialize_with = "choice")]
    pub log_format: LogFormat,
    /// The address under which browsers reach the service: what links begin with.
    pub public_url: PublicUrl,
    pub mongodb: MongodbSettings,
    #[serde(default = "master_database")]
    pub master_database: String,
    /// The Kubernetes namespace of the hospitals.
    pub namespace: String,
    /// Every key is derived from it.
    pub secret_key: SecretKey,
    /// Whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// How long a request may take before it is given up with 503.
    #[serde(deserialize_with = "duration")]
    pub request_timeout: Duration,
    /// How long a sign-up waits for the operator to give the hospital its id.
    #[serde(deserialize_with = "duration")]
    pub signup_wait: Duration,
    /// How long a payment waits for the hospital before it answers 202.
    #[serde(deserialize_with = "duration")]
    pub payment_wait: Duration,
    /// The largest request body, in bytes.
    pub body_limit: usize,
    /// How many clients may be connected at once.
    pub connection_limit: usize,
    /// Who may look up hospitals on the sign-in page.
    #[serde(deserialize_with = "choice")]
    pub directory: Directory,
    /// The folder of the built front end; without it, only programs are served.
    #[serde(default)]
    pub frontend: Option<PathBuf>,
    pub sessions: SessionSettings,
    pub payments: PaymentSettings,
    #[serde(default)]
    pub tenants: TenantSettings,
    #[serde(default)]
    pub hashing: HashingSettings,
    #[serde(default)]
    pub limits: LimitSettings,
    #[serde(default)]
    pub mail: MailSettings,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MongodbSettings {
    /// The service's own login, which reaches the master database and nothing else.
    pub uri: SecretString,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For log collectors.
    Json,
}

/// The list of hospitals on the sign-in page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Directory {
    /// Everybody sees all active hospitals.
    Open,
    /// Only what a search of three letters or more finds.
    Search,
    /// Nothing; people bring their hospital's id.
    Off,
}

/// The flags, which win over everything else.
#[derive(Args, Clone, Debug, Default)]
pub struct Flags {
    /// A TOML file with the settings.
    #[arg(long, env = "CHAKRAVUE_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Address and port of the API; port 0 takes a free one, which is logged. [default: 0.0.0.0:8008]
    #[arg(long, env = "LISTEN_ADDRESS", value_name = "ADDRESS:PORT", global = true)]
    pub listen: Option<String>,

    /// Address and port of the metrics. [default: 0.0.0.0:9008]
    #[arg(long, env = "METRICS_LISTEN_ADDRESS", value_name = "ADDRESS:PORT", global = true)]
    pub metrics_listen: Option<String>,

    /// How log lines look: text for people, json for log collectors. [default: text]
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", global = true)]
    pub log_format: Option<String>,

    /// The Kubernetes namespace of the hospitals. [default: hospitals]
    #[arg(long, env = "HOSPITALS_NAMESPACE", value_name = "NAME", global = true)]
    pub namespace: Option<String>,

    /// The database of the platform itself. [default: `chakravue_master`]
    #[arg(long, env = "MASTER_DATABASE", value_name = "NAME", global = true)]
    pub master_database: Option<String>,

    /// A file that holds the service's MongoDB URI; otherwise MONGODB_URI holds it.
    #[arg(long, env = "MONGODB_URI_FILE", value_name = "FILE", global = true)]
    pub mongodb_uri_file: Option<PathBuf>,

    /// Not a flag, because a command line can be read by everybody on the machine.
    #[arg(skip)]
    pub mongodb_uri: Option<String>,
}

impl Flags {
    fn values(&self) -> [(&'static str, Option<String>); 7] {
        let file = self.mongodb_uri_file.as_ref().map(|path| path.to_string_lossy().into_owned());
        [
            ("listen", self.listen.clone()),
            ("metrics_listen", self.metrics_listen.clone()),
            ("log_format", self.log_format.clone()),
            ("namespace", self.namespace.clone()),
            ("master_database", self.master_database.clone()),
            ("mongodb.uri_file", file),
            ("mongodb.uri", self.mongodb_uri.clone()),
        ]
    }
}

impl Settings {
    /// Reads the file that the flags name, this process' environment, and the flags.
    ///
    /// # Errors
    /// All mistakes.
    pub fn load(flags: &Flags) -> Result<Self, Mistakes> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let flags =
            Flags { mongodb_uri: flags.mongodb_uri.clone().or_else(|| variable("MONGODB_URI")), ..flags.clone() };
        Self::from_sources(&flags, None)
    }

    /// As [`Self::load`]; with `environment` instead of this process' own, for tests.
    fn from_sources(flags: &Flags, environment: Option<Map<String, String>>) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let tree = layers::collect(DEFAULTS, flags.config.as_deref(), VARIABLES, environment, flags.values());
        let mut tree = tree.map_err(|(setting, advice)| {
            let mut mistakes = Mistakes::default();
            mistakes.add(&setting, advice);
            mistakes
        })?;
        layers::read_files(&mut tree, "", &mut mistakes);
        for Required { setting, instead, advice } in REQUIRED {
            if layers::at(&mut tree, setting).is_none() {
                // A file that cannot be read has been named already.
                if !mistakes.concern(&format!("{setting}_file")) {
                    mistakes.add(setting, format_args!("is missing: {advice}"));
                }
                layers::set(&mut tree, setting, instead);
            }
        }
        if let Some(settings) = layers::deserialize::<Self>(tree, instead_of, &mut mistakes) {
            settings.check(&mut mistakes);
            if mistakes.is_empty() {
                return Ok(settings);
            }
        }
        Err(mistakes.sorted())
    }

    /// Settings of a service that reaches nothing.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let environment = [
            ("CHAKRAVUE_API__PAYMENTS__PROVIDER", "test"),
            ("CHAKRAVUE_API__SECRET_KEY", "c2l4dHkgZm91ciBieXRlcyBmb3IgYSBrZXkgdGhhdCBub2JvZHkgdXNlcw=="),
            ("CHAKRAVUE_API__PUBLIC_URL", "http://localhost:8008"),
            ("CHAKRAVUE_API__MONGODB__URI", "mongodb://nobody:nothing@127.0.0.1:1/?serverSelectionTimeoutMS=50"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        Self::from_sources(&Flags::default(), Some(environment)).expect("they are complete")
    }

    /// What is wrong although every field can be read.
    fn check(&self, mistakes: &mut Mistakes) {
        self.hashing.check(mistakes);
        self.mail.check(mistakes);
        if ConnectionString::parse(self.mongodb.uri.expose_secret()).is_err() {
            // The driver's own message may quote it, password and all.
            mistakes.add("mongodb.uri", "must look like mongodb://user:password@host:27017/?options");
        }
        let is_name = |text: &str, also: char| {
            (1..=63).contains(&text.len())
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == also)
        };
        if !is_name(&self.namespace, '-') {
            mistakes.add("namespace", "must be the name of a Kubernetes namespace, such as hospitals");
        }
        if !is_name(&self.master_database, '_') {
            mistakes.add("master_database", format_args!("must be the name of a database, such as {MASTER_DATABASE}"));
        }
        if self.request_timeout <= self.signup_wait.max(self.payment_wait) {
            mistakes.add("request_timeout", "must be longer than signup_wait and payment_wait, which it would cut off");
        }
        if let Some(folder) = &self.frontend {
            for page in [frontend::PAGE, frontend::FIRST_PAGE].map(|page| page.trim_start_matches('/')) {
                if !folder.join(page).is_file() {
                    let folder = folder.display();
                    let advice = format_args!("has no {page} in {folder}: build the front end, or leave it out");
                    mistakes.add("frontend", advice);
                }
            }
        }
        if self.body_limit < 4096 {
            mistakes.add("body_limit", "must be at least 4096 bytes, or ordinary requests do not fit");
        }
        if !(16..=MOST_CONNECTIONS).contains(&self.connection_limit) {
            mistakes.add(
                "connection_limit",
                format_args!("must be between 16, or a few browsers take them all, and {MOST_CONNECTIONS}"),
            );
        }
        self.payments.check(mistakes);
        self.tenants.check(mistakes);
        if self.sessions.idle > self.sessions.absolute {
            mistakes.add("sessions.idle", "must not be longer than sessions.absolute");
        }
    }
}

/// What stands in for a setting while the other mistakes are looked for.
fn instead_of(setting: &str) -> Option<Value> {
    let required = REQUIRED.iter().find(|required| required.setting == setting);
    required.map(|required| required.instead.into()).or_else(|| layers::value_in(DEFAULTS, setting))
}

fn master_database() -> String {
    MASTER_DATABASE.to_owned()
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom("must be an address and a port, such as 0.0.0.0:8008"))
}

/// A list, or one string with commas, as in an environment variable.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        One(String),
        Many(Vec<String>),
    }
    let wrong = || de::Error::custom("must be networks with their length, such as 10.0.0.0/8 or fd00::/8");
    let list = List::deserialize(deserializer).map_err(|_| wrong())?;
    let texts = match list {
        List::One(text) => text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
        List::Many(texts) => texts,
    };
    texts.iter().map(|text| text.parse().map_err(|_| wrong())).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const KEY: &str = "c2l4dHkgZm91ciBieXRlcyBmb3IgYSBrZXkgdGhhdCBub2JvZHkgdXNlcw==";
    const GOOD: [(&str, &str); 4] = [
        ("CHAKRAVUE_API__PAYMENTS__PROVIDER", "test"),
        ("CHAKRAVUE_API__SECRET_KEY", KEY),
        ("CHAKRAVUE_API__PUBLIC_URL", "https://app.example.org/"),
        ("CHAKRAVUE_API__MONGODB__URI", "mongodb://u:p@h"),
    ];

    #[allow(clippy::unnecessary_wraps, reason = "what it is given to takes None for the process' own")]
    fn environment(more: &[(&str, &str)]) -> Option<Map<String, String>> {
        Some(GOOD.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn read(more: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::from_sources(&Flags::default(), environment(more)).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.listen, "0.0.0.0:8008".parse().unwrap());
        assert_eq!(settings.sessions.idle, Duration::from_mins(15));
        assert_eq!(settings.master_database, "chakravue_master");
        assert_eq!(settings.public_url.join("/login"), "https://app.example.org/login");
    }

    #[test]
    fn what_the_documentation_says_of_defaults_is_so() {
        let (_, page) = include_str!("../../../docs/configuration.md").split_once("\n## The web service\n").unwrap();
        let (table, _) = page.split_once("\nFlags, and").unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| `")).map(|row| row.split('|').map(str::trim));
        let whole = |cell: &str| cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
        let silent = format!("{:?}", read(&[]).unwrap());
        assert_ne!(silent, format!("{:?}", read(&[("CHAKRAVUE_API__BODY_LIMIT", "65537")]).unwrap()));
        let (mut compared, mut required) = (0, Vec::new());
        for cells in rows.map(Iterator::collect::<Vec<_>>) {
            let setting = whole(cells[1]).unwrap();
            if cells[2] == "**required**" {
                required.push(setting);
            } else if let Some(default) = whole(cells[2]) {
                let variable = format!("CHAKRAVUE_API__{}", setting.to_uppercase().replace('.', "__"));
                // An empty list has no other form in a variable.
                let value = if default == "[]" { "" } else { &default };
                assert_eq!(format!("{:?}", read(&[(&variable, value)]).unwrap()), silent, "{setting}");
                compared += 1;
            }
        }
        required.sort();
        assert_eq!(required, REQUIRED.map(|required| required.setting));
        assert!(compared >= 30, "only {compared} were compared");
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        fs::write(
            &file,
            "namespace = \"file\"\nlisten = \"127.0.0.1:1\"\nbody_limit = 5000\n[sessions]\nidle = \"1m\"\n",
        )
        .unwrap();
        let flags = Flags { config: Some(file), listen: Some("127.0.0.1:3".to_owned()), ..Flags::default() };
        let variables = [("CHAKRAVUE_API__LISTEN", "127.0.0.1:2"), ("CHAKRAVUE_API__NAMESPACE", "variable")];
        let settings = Settings::from_sources(&flags, environment(&variables)).unwrap();
        assert_eq!(settings.listen.port(), 3);
        assert_eq!(settings.namespace, "variable");
        assert_eq!(settings.body_limit, 5000);
        assert_eq!(settings.sessions.idle, Duration::from_mins(1));
        assert_eq!(settings.sessions.absolute, Duration::from_hours(12), "the rest of a section stays");
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let mistakes = read(&[
            ("CHAKRAVUE_API__SECRET_KEY", "short"),
            ("CHAKRAVUE_API__LISTEN", "nowhere"),
            ("CHAKRAVUE_API__SESSIONS__IDLE", "13h"),
            ("CHAKRAVUE_API__SESSIONS__ABSOLUTE", "soon"),
            ("CHAKRAVUE_API__SESSIONS__IDEL", "1m"),
            ("CHAKRAVUE_API__DIRECTORY", "closed"),
            ("CHAKRAVUE_API__BODY_LIMIT", "much"),
            ("CHAKRAVUE_API__PUBLIC_URL", "http://app.example.org"),
            ("CHAKRAVUE_API__MONGODB__URI", "postgres://u:hunter2@h"),
            ("CHAKRAVUE_API__TRUSTED_PROXIES", "10.0.0.0/8, everybody"),
            ("CHAKRAVUE_API__TENANTS__CONNECTIONS_PER_HOSPITAL", "0"),
            ("CHAKRAVUE_API__CONNECTION_LIMIT", "3"),
        ])
        .unwrap_err();
        for expected in [
            "secret_key: it must be at least 32 random bytes",
            "listen: must be an address and a port, such as",
            "sessions.absolute: must be a duration",
            "sessions.idel: unknown field `idel`, expected `idle` or `absolute`",
            "sessions.idle: must not be longer",
            "directory: unknown variant `closed`, expected one of `open`, `search`, `off`",
            "body_limit: invalid type: string \"much\", expected an integer",
            "public_url: must begin with https://",
            "mongodb.uri: must look like mongodb://",
            "trusted_proxies: must be networks",
            "tenants.connections_per_hospital: must be at least 1",
            "connection_limit: must be between 16, or a few browsers take them all, and 1000000",
        ] {
            assert!(mistakes.contains(expected), "{expected}\n{mistakes}");
        }
        assert_eq!(mistakes.lines().count(), 13, "{mistakes}");
        assert!(!mistakes.contains("hunter2"), "{mistakes}");
    }

    #[test]
    fn a_secret_in_the_place_of_a_section_is_not_repeated() {
        for section in ["MAIL", "PAYMENTS__STRIPE", "SESSIONS"] {
            let variable = format!("CHAKRAVUE_API__{section}");
            let mistakes = read(&[(&variable, "sk_live_marker-value\", expected an integer")]).unwrap_err();
            let setting = section.to_lowercase().replace("__", ".");
            assert!(mistakes.contains(&format!("{setting}: invalid type: a text, expected struct ")), "{mistakes}");
            assert!(!mistakes.contains("marker-value"), "{mistakes}");
        }
    }

    #[test]
    fn what_is_missing_is_named_with_the_rest() {
        let variables = [("CHAKRAVUE_API__NAMESPACE".to_owned(), "No Name".to_owned())];
        let mistakes = Settings::from_sources(&Flags::default(), Some(variables.into_iter().collect())).unwrap_err();
        let mistakes = mistakes.to_string();
        for setting in
            ["secret_key: is missing", "public_url: is missing", "mongodb.uri: is missing", "namespace: must be"]
        {
            assert!(mistakes.contains(setting), "{setting}\n{mistakes}");
        }
    }

    #[test]
    fn secrets_can_stand_in_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uri");
        let flags = Flags { mongodb_uri_file: Some(path.clone()), ..Flags::default() };
        let others: Map<String, String> =
            GOOD[..3].iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();

        let mistakes = Settings::from_sources(&flags, Some(others.clone())).unwrap_err().to_string();
        assert!(mistakes.contains("mongodb.uri_file: cannot be read: ") && !mistakes.contains("missing"), "{mistakes}");
        fs::write(&path, "mongodb://u:p@of-the-file\n").unwrap();
        let settings = Settings::from_sources(&flags, Some(others)).unwrap();
        assert_eq!(settings.mongodb.uri.expose_secret(), "mongodb://u:p@of-the-file");
        assert!(!format!("{settings:?}").contains("of-the-file"));

        let both = Settings::from_sources(&flags, environment(&[])).unwrap_err().to_string();
        assert!(both.contains("mongodb.uri_file: and uri are both set"), "{both}");
    }

    #[test]
    fn a_file_that_is_not_toml_is_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.toml");
        fs::write(&file, "secret_key = \"the-secret-of-the-house\n").unwrap();
        let flags = Flags { config: Some(file.clone()), ..Flags::default() };
        let mistakes = Settings::from_sources(&flags, environment(&[])).unwrap_err().to_string();
        assert!(mistakes.contains(&file.display().to_string()) && mistakes.contains("line 1"), "{mistakes}");
        assert!(!mistakes.contains("the-secret"), "{mistakes}");
    }

    #[test]
    fn durations_are_read_or_refused() {
        let read = |text: &str| read(&[("CHAKRAVUE_API__SIGNUP_WAIT", text)]).map(|settings| settings.signup_wait);
        assert!(read("1m").unwrap_err().contains("request_timeout: must be longer than signup_wait and payment_wait"));
        assert_eq!(read("1500ms"), Ok(Duration::from_millis(1500)));
        for text in ["0s", "m", "90", "-1s"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
