//! Which address a request comes from: the peer's, or what a trusted proxy says. `X-Forwarded-For` counts only from the
//! networks of `trusted_proxies`; from anybody else it is what the client likes it to be.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use ipnet::IpNet;

use crate::{
    access::{identity::session_in_cookie, tokens::TokenHash},
    http::problem::{Answer, Problem},
    state::App,
};

const FORWARDED_FOR: &str = "x-forwarded-for";

/// Where a request comes from, for limits and logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let Some(ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            tracing::error!("the server does not tell whose request it is");
            return Err(Problem::internal());
        };
        Ok(Self(client_address(peer.ip(), &parts.headers, &app.settings.trusted_proxies)))
    }
}

/// Where and with what somebody signs in.
#[derive(Clone, Debug)]
pub struct Client {
    pub address: IpAddr,
    pub user_agent: String,
    /// Of the session whose cookie the browser has, which the answer's takes the place of.
    pub replaces: Option<TokenHash>,
}

impl FromRequestParts<App> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        let user_agent =
            parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let replaces = session_in_cookie(&parts.headers);
        Ok(Self { address, user_agent: user_agent.to_owned(), replaces })
    }
}

/// The nearest address that is no trusted proxy: the list is read from its end, where the nearest proxy writes.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut nearest = peer.to_canonical();
    let values: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or("")).collect();
    for hop in values.iter().rev().flat_map(|value| value.rsplit(',')) {
        if !is_trusted(nearest) {
            break;
        }
        // Behind something that is no address nothing can be told; the proxy that wrote it is the best known.
        let Some(address) = parse(hop.trim()) else { break };
        nearest = address;
    }
    nearest
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1` or `[2001:db8::1]:4711`.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = || hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop).parse::<IpAddr>().ok();
    let address = bare().or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn address(peer: &str, forwarded: &[&'static str]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        assert_eq!(address("203.0.113.9", &[]), "203.0.113.9");
        assert_eq!(address("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        // Through a proxy, what the client itself sent stands further left.
        assert_eq!(address("10.0.0.1", &["198.51.100.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(address("10.0.0.1", &["198.51.100.1", "203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn trusted_proxies_are_passed_over() {
        assert_eq!(address("10.0.0.1", &["203.0.113.9, 10.1.2.3,10.0.0.2"]), "203.0.113.9");
        assert_eq!(address("fd00::1", &["[2001:db8::7]:4711"]), "2001:db8::7");
        assert_eq!(address("::ffff:10.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(address("10.0.0.1", &["10.0.0.7"]), "10.0.0.7", "a client inside the cluster");
    }

    #[test]
    fn what_is_no_address_hides_nothing() {
        assert_eq!(address("10.0.0.1", &["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(address("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.3"]), "10.0.0.3");
        assert_eq!(address("10.0.0.1", &[""]), "10.0.0.1");
    }
}
