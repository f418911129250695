//! The Kubernetes cluster that a program works on, and the way there.

use std::{env, net::IpAddr};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use kube::{Config, config::InferConfigError};

/// The cluster of `KUBECONFIG`, or the one that the program runs in.
///
/// # Errors
/// When there is neither, or the file cannot be used.
pub async fn infer() -> Result<Config, InferConfigError> {
    Ok(without_needless_proxy(Config::infer().await?))
}

/// Where a kubeconfig names no proxy, kube 5.0 takes that of `HTTPS_PROXY`, and looks in `NO_PROXY` for the proxy instead of
/// the cluster. So the cluster is looked for here; and one on this machine has no proxy before it, as for Go's programs.
#[must_use]
pub fn without_needless_proxy(mut config: Config) -> Config {
    let mut named = ["HTTPS_PROXY", "https_proxy"].iter().filter_map(|name| env::var(name).ok());
    let of_environment = named.find(|proxy| !proxy.is_empty()).and_then(|proxy| proxy.parse().ok());
    if config.proxy_url == of_environment && is_excepted(&Matcher::from_env(), &config.cluster_url) {
        config.proxy_url = None;
    }
    config
}

fn is_excepted(environment: &Matcher, cluster: &Uri) -> bool {
    let host = cluster.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    is_here || environment.intercept(cluster).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_a_proxy_before_it_unless_it_is_excepted_or_on_this_machine() {
        let environment =
            |no_proxy: &str| Matcher::builder().https("http://proxy.example:3128").no(no_proxy.to_owned()).build();
        let excepted = |no_proxy, cluster: &str| is_excepted(&environment(no_proxy), &cluster.parse().unwrap());
        assert!(!excepted("", "https://10.0.0.1:6443"));
        assert!(!excepted("proxy.example", "https://10.0.0.1:6443"), "what is excepted is the cluster, not the proxy");
        assert!(excepted("10.0.0.0/8", "https://10.0.0.1:6443"));
        assert!(excepted(".corp.example", "https://kubernetes.corp.example"));
        assert!(excepted("*", "https://kubernetes.corp.example"));
        for here in ["https://127.0.0.1:6443", "https://localhost:6443", "https://[::1]:6443"] {
            assert!(excepted("", here), "{here}");
        }
    }
}
