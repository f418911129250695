//! The address under which browsers reach the service: what links begin with.

use serde::{Deserialize, Deserializer, de};

/// Scheme, host and port, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

impl PublicUrl {
    /// The address of a path of the service, which begins with a slash.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        const FORM: &str = "must be scheme and host alone, such as https://app.example.org";
        let text = text.trim_end_matches('/');
        let url: axum::http::Uri = text.parse().map_err(|_| FORM)?;
        let host = url.host().ok_or(FORM)?;
        let loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        match url.scheme_str() {
            Some("https") => {}
            Some("http") if loopback => {}
            Some("http") => return Err("must begin with https://, or browsers do not keep the session's cookie"),
            _ => return Err(FORM),
        }
        // A URI always has a path; without one it is a slash.
        let bare = url.path() == "/" && url.query().is_none() && !text.contains(['@', '#']);
        if bare { Ok(Self(text.to_owned())) } else { Err(FORM) }
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls_are_bare_and_safe() {
        for good in ["https://app.example.org", "http://localhost:8008", "http://127.0.0.1:1", "https://h:444/"] {
            assert!(PublicUrl::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "app.example.org", "ftp://h", "http://h", "https://h/path", "https://u:p@h", "https://h/?x=1"] {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
