//! Whether Kubernetes lets the operator work at all, found out once at the start, by whoever leads and whoever stands by:
//! one that could not take over must not pass for one that can.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;

use crate::{answer::in_time, controller};

/// How often Kubernetes is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What has been seen of the API server. Clones share it.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Where it is, for whoever reads what is wrong with it.
    address: Arc<str>,
    seen: watch::Sender<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    /// It has not answered yet.
    Nothing,
    /// What is in the way, and what to do.
    Hindered(String),
    /// All that was asked was answered. What goes wrong later is said by whoever meets it.
    Everything,
}

impl Reach {
    pub fn new(config: &kube::Config) -> Self {
        let address = &config.cluster_url;
        // No more of it: a URL may have a name and a password in it.
        let host = address.host().unwrap_or_default();
        let port = address.port().map(|port| format!(":{port}")).unwrap_or_default();
        let address = format!("{}://{host}{port}", address.scheme_str().unwrap_or("https"));
        Self { address: address.into(), seen: watch::Sender::new(Seen::Nothing) }
    }

    /// What keeps this process from being ready, whether it leads or not.
    pub fn hindrance(&self) -> Option<String> {
        match &*self.seen.borrow() {
            Seen::Nothing => Some(format!("The Kubernetes API at {} has not answered yet.", self.address)),
            Seen::Hindered(why) => Some(why.clone()),
            Seen::Everything => None,
        }
    }

    /// Everything that a process needs to lead was answered.
    pub fn is_whole(&self) {
        self.seen.send_replace(Seen::Everything);
    }

    /// Says what is in the way, as long as it has been there from the start; answers whether that is news.
    pub fn is_hindered(&self, why: &str) -> bool {
        self.seen.send_if_modified(|seen| {
            let news = Seen::Hindered(why.to_owned());
            let is_news = !matches!(seen, Seen::Everything) && *seen != news;
            if is_news {
                *seen = news;
            }
            is_news
        })
    }

    /// Waits for the API server and the resource definition, and answers which cluster this is.
    pub async fn wait_for_cluster(
        &self,
        kube: &kube::Client,
        namespace: Option<&str>,
        cluster_id: Option<&String>,
    ) -> String {
        loop {
            match self.identify_cluster(kube, namespace, cluster_id).await {
                Ok(cluster) => return cluster,
                Err(problem) if self.is_hindered(&problem) => tracing::error!("{problem}"),
                Err(_) => {}
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Which cluster this is, or what is missing.
    pub async fn identify_cluster(
        &self,
        kube: &kube::Client,
        namespace: Option<&str>,
        cluster_id: Option<&String>,
    ) -> Result<String, String> {
        match in_time(controller::definition_is_installed(kube, namespace)).await {
            Ok(true) => {}
            Ok(false) => {
                return Err(format!(
                    "The HospitalOrganization definition is not installed in the cluster at {}: \
                     kubectl apply -f charts/chakravue/files/hospitalorganizations.yaml",
                    self.address
                ));
            }
            Err(error) => return Err(self.sentence("list the hospitals", &error)),
        }
        if let Some(id) = cluster_id {
            return Ok(id.clone());
        }
        let kube_system = in_time(Api::<Namespace>::all(kube.clone()).get_metadata("kube-system"))
            .await
            .map_err(|error| self.sentence("read namespace kube-system, whose UID names the cluster", &error))?;
        kube_system.uid().ok_or_else(|| "namespace kube-system has no UID".to_owned())
    }

    /// What happened while `doing` something, where, and what to do, in a sentence.
    pub fn sentence(&self, doing: &str, error: &kube::Error) -> String {
        let address = &self.address;
        match error {
            kube::Error::Api(status) if status.code == 401 => format!(
                "The Kubernetes API at {address} does not know who the operator is (401): give it a token or a kubeconfig \
                 that is valid there."
            ),
            kube::Error::Api(status) if status.code == 403 => format!(
                "The Kubernetes API at {address} does not let the operator {doing} (403): bind its account to the role \
                 that the chart makes for it."
            ),
            kube::Error::Api(status) => format!(
                "The Kubernetes API at {address} did not {doing}: {} ({}). The operator tries again by itself.",
                status.reason, status.code
            ),
            _ => format!(
                "The Kubernetes API at {address} does not answer (tried to {doing}): look at the address, the network \
                 between, and the certificate authority. The operator tries again by itself."
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn reach() -> Reach {
        Reach::new(&kube::Config::new("https://user:secret@kubernetes.example:6443/cluster".parse().unwrap()))
    }

    #[test]
    fn only_what_is_in_the_way_from_the_start_keeps_it_from_being_ready() {
        let reach = reach();
        assert!(reach.hindrance().unwrap().contains("has not answered yet"));
        assert!(reach.is_hindered("one"));
        assert!(!reach.is_hindered("one"), "said once");
        assert!(reach.is_hindered("another"));
        assert_eq!(reach.clone().hindrance().as_deref(), Some("another"));
        reach.is_whole();
        assert!(!reach.is_hindered("away for a moment"));
        assert_eq!(reach.hindrance(), None);
    }

    #[test]
    fn what_is_wrong_is_told_apart_and_says_where() {
        let refused = |code| {
            let status = Status { code, reason: "Reason".to_owned(), ..Status::default() };
            reach().sentence("list the hospitals", &kube::Error::Api(Box::new(status)))
        };
        for (said, words) in [
            (refused(401), "does not know who the operator is (401)"),
            (refused(403), "does not let the operator list the hospitals (403)"),
            (refused(500), "did not list the hospitals: Reason (500)"),
            (reach().sentence("list the hospitals", &kube::Error::LinesCodecMaxLineLengthExceeded), "does not answer"),
        ] {
            assert!(said.contains(words) && said.contains("https://kubernetes.example:6443 "), "{said}");
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
