//! Kubeconfig files: who one is on which cluster.

use std::path::Path;

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use chakravue_crds::cluster::without_needless_proxy;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::{Value, json};

use crate::files::write_private;

/// Writes a kubeconfig file (mode 0600) for one cluster and one user.
pub(crate) fn write(path: &Path, server: &str, authority: &Value, user: &Value) -> anyhow::Result<()> {
    let mut cluster = json!({ "server": server });
    if let (Some(cluster), Some(authority)) = (cluster.as_object_mut(), authority.as_object()) {
        cluster.extend(authority.clone());
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "chakravue", "cluster": cluster }],
        "users": [{ "name": "chakravue", "user": user }],
        "contexts": [{ "name": "chakravue", "context": { "cluster": "chakravue", "user": "chakravue" } }],
        "current-context": "chakravue",
    });
    write_private(path, &serde_saphyr::to_string(&config).context("cannot write a kubeconfig as YAML")?)
}

/// The content of a certificate or key, as a kubeconfig holds it.
pub(crate) fn inline(file: &Path) -> anyhow::Result<String> {
    let content = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(BASE64_STANDARD.encode(content))
}

/// Writes a kubeconfig for a bearer token on the cluster of another kubeconfig.
pub(crate) fn write_with_token(path: &Path, of: &Path, token: &str) -> anyhow::Result<()> {
    let existing = read(of)?;
    let wanted = existing.current_context.as_deref();
    let context = existing.contexts.iter().find(|context| Some(context.name.as_str()) == wanted);
    let name = context.and_then(|context| context.context.as_ref()).map(|context| context.cluster.as_str());
    let cluster = existing.clusters.iter().find(|cluster| Some(cluster.name.as_str()) == name);
    let cluster = cluster
        .and_then(|cluster| cluster.cluster.as_ref())
        .with_context(|| format!("{} has no current context with a cluster", of.display()))?;
    let server = cluster.server.as_deref().with_context(|| format!("{} names no server", of.display()))?;
    let authority = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) => json!({ "certificate-authority-data": data }),
        (None, Some(file)) => json!({ "certificate-authority-data": inline(Path::new(file))? }),
        (None, None) => json!({}),
    };
    write(path, server, &authority, &json!({ "token": token }))
}

/// A client that is who the file says. It belongs to the async runtime that it is made in.
pub(crate) async fn client(path: &Path) -> anyhow::Result<Client> {
    use_ring();
    let config = Config::from_custom_kubeconfig(read(path)?, &KubeConfigOptions::default())
        .await
        .with_context(|| format!("cannot use the kubeconfig {}", path.display()))?;
    Client::try_from(without_needless_proxy(config))
        .with_context(|| format!("cannot make a client for the kubeconfig {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Kubeconfig> {
    Kubeconfig::read_from(path).with_context(|| format!("cannot read the kubeconfig {}", path.display()))
}

/// One TLS provider for the process, said explicitly: a second one among the dependencies would panic otherwise.
pub(crate) fn use_ring() {
    // An error only means that it was said before.
    rustls::crypto::ring::default_provider().install_default().ok();
}
