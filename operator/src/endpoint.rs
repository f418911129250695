//! Where tenants find MongoDB: the operator's own URI without what is the operator's alone, or the URI it was told.

use std::fmt::Write as _;

use chakravue_crds::naming::{DatabaseName, tenant_user};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Options that concern the operator's login or its process, not a tenant's connection.
const OPERATORS_OWN: [&str; 7] = [
    "authsource",
    "authmechanism",
    "authmechanismproperties",
    "appname",
    "tlscertificatekeyfile",
    "tlscertificatekeyfilepassword",
    "tlscafile",
];

/// A MongoDB address without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: String,
    /// `host:port`, separated by commas.
    hosts: String,
    options: Vec<String>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the MongoDB URI must look like mongodb://user:password@host:27017/?options or mongodb+srv://…")]
pub struct InvalidUri;

impl Endpoint {
    pub fn parse(uri: &str) -> Result<Self, InvalidUri> {
        let (scheme, rest) = uri.split_once("://").ok_or(InvalidUri)?;
        if !matches!(scheme, "mongodb" | "mongodb+srv") {
            return Err(InvalidUri);
        }
        let (authority, tail) = rest.split_once('/').unwrap_or((rest, ""));
        // Without a slash the options may follow the hosts at once.
        let (authority, options) = match authority.split_once('?') {
            Some((authority, options)) => (authority, options),
            None => (authority, tail.split_once('?').map_or("", |(_database, options)| options)),
        };
        let hosts = authority.rsplit_once('@').map_or(authority, |(_credentials, hosts)| hosts);
        if hosts.is_empty() {
            return Err(InvalidUri);
        }
        let options = options
            .split('&')
            .filter(|option| !option.is_empty())
            .filter(|option| {
                let name = option.split_once('=').map_or(*option, |(name, _)| name).to_ascii_lowercase();
                !OPERATORS_OWN.contains(&name.as_str())
            })
            .map(str::to_owned)
            .collect();
        Ok(Self { scheme: scheme.to_owned(), hosts: hosts.to_owned(), options })
    }

    /// The first host, for clients that know only one.
    pub fn host(&self) -> &str {
        self.first().0
    }

    pub fn port(&self) -> &str {
        self.first().1
    }

    fn first(&self) -> (&str, &str) {
        let first = self.hosts.split(',').next().unwrap_or_default();
        match first.rsplit_once(':') {
            // An IPv6 address without a port ends in a bracket.
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (first, "27017"),
        }
    }

    /// The URI with which a tenant connects: its own credentials, checked against its own database.
    pub fn tenant_uri(&self, database: &DatabaseName, password: &SecretString) -> SecretString {
        let mut uri = format!(
            "{}://{}:{}@{}/{database}?authSource={database}",
            self.scheme,
            utf8_percent_encode(tenant_user(database), RESERVED),
            utf8_percent_encode(password.expose_secret(), RESERVED),
            self.hosts,
        );
        for option in &self.options {
            let _ = write!(uri, "&{option}");
        }
        SecretString::from(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operators_own_options_stay_behind() {
        let endpoint = Endpoint::parse(
            "mongodb://operator:p%40ss@a.example:27017,b.example:27018/admin?replicaSet=rs0&authSource=admin&tls=true&appName=x",
        )
        .unwrap();
        assert_eq!((endpoint.host(), endpoint.port()), ("a.example", "27017"));
        let database = DatabaseName::new("st_marys").unwrap();
        assert_eq!(
            endpoint.tenant_uri(&database, &SecretString::from("a b/+")).expose_secret(),
            "mongodb://st_marys:a%20b%2F%2B@a.example:27017,b.example:27018/st_marys?authSource=st_marys&replicaSet=rs0&tls=true"
        );
    }

    #[test]
    fn every_shape_of_uri_is_understood() {
        for (uri, host, port) in [
            ("mongodb://h", "h", "27017"),
            ("mongodb://h:1?replicaSet=r", "h", "1"),
            ("mongodb://u:p@[::1]:5/", "[::1]", "5"),
            ("mongodb://[::1]/", "[::1]", "27017"),
            ("mongodb+srv://u:p@cluster.example/x", "cluster.example", "27017"),
        ] {
            let endpoint = Endpoint::parse(uri).unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{uri}");
        }
        for uri in ["", "http://h", "mongodb://", "mongodb:///x", "h:27017"] {
            assert_eq!(Endpoint::parse(uri), Err(InvalidUri), "{uri}");
        }
    }
}
