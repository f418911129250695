//! Connection strings for other logins on the same MongoDB.

use std::borrow::Cow;

use anyhow::{Context, ensure};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The same hosts and options as in `uri`, but logged in as a user of the database `admin`.
///
/// # Errors
/// When `uri` is not a MongoDB connection string. The error does not repeat it: it may hold a password.
pub fn with_credentials(uri: &str, user: &str, password: &str) -> anyhow::Result<String> {
    let (scheme, rest) = uri.split_once("://").context("a MongoDB connection string starts with mongodb://")?;
    ensure!(
        matches!(scheme, "mongodb" | "mongodb+srv"),
        "a MongoDB connection string starts with mongodb:// or mongodb+srv://"
    );
    let (location, options) = rest.split_once('?').unwrap_or((rest, ""));
    // A password with an unescaped @ or / is not valid, but what is after the last @ is never part of it.
    let hosts = location.rsplit_once('@').map_or(location, |(_, hosts)| hosts);
    let hosts = hosts.split('/').next().unwrap_or(hosts);
    ensure!(!hosts.is_empty(), "the MongoDB connection string names no host");
    // How the other user logged in says nothing about this one.
    let others = options.split('&').filter(|option| {
        let name = option.split('=').next().unwrap_or_default().to_ascii_lowercase();
        !matches!(name.as_str(), "" | "authsource" | "authmechanism" | "authmechanismproperties")
    });
    let options: Vec<&str> = std::iter::once("authSource=admin").chain(others).collect();
    let [user, password] = [user, password].map(|text| Cow::from(utf8_percent_encode(text, NON_ALPHANUMERIC)));
    Ok(format!("{scheme}://{user}:{password}@{hosts}/?{}", options.join("&")))
}

#[cfg(test)]
mod tests {
    use super::with_credentials;

    #[test]
    fn hosts_and_options_stay() {
        for (uri, expected) in [
            (
                "mongodb://a:b@h1:1,h2:2/?replicaSet=rs0",
                "mongodb://u:p%40%2F@h1:1,h2:2/?authSource=admin&replicaSet=rs0",
            ),
            ("mongodb://h", "mongodb://u:p%40%2F@h/?authSource=admin"),
            ("mongodb://a:b@h/db?authSource=db&tls=true", "mongodb://u:p%40%2F@h/?authSource=admin&tls=true"),
            ("mongodb+srv://a:b@h.example/", "mongodb+srv://u:p%40%2F@h.example/?authSource=admin"),
            ("mongodb://x@h/?authMechanism=MONGODB-X509", "mongodb://u:p%40%2F@h/?authSource=admin"),
        ] {
            assert_eq!(with_credentials(uri, "u", "p@/").unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_a_connection_string_is_refused_without_repeating_it() {
        for uri in ["postgres://a:secret@h/", "secret", "mongodb://a:secret@/"] {
            let error = with_credentials(uri, "u", "p").unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
