//! The servers of one run: those that the environment names, and our own for the rest.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use crate::{
    control_plane::{ControlPlane, Durability},
    mongod::{Mongod, command_on_admin, connect},
    parts::{Parts, Wanted},
    ports::PortBook,
    processes::Process,
};

/// What the environment says: which servers exist already.
pub(crate) struct Given {
    kubeconfig: Option<PathBuf>,
    mongodb_uri: Option<String>,
}

impl Given {
    /// `KUBECONFIG` counts only together with `USE_EXISTING_CLUSTER=true`: it may happen to be somebody's production.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let kubeconfig = match env::var("USE_EXISTING_CLUSTER").as_deref() {
            Ok("true") => {
                let path = env::var_os("KUBECONFIG").filter(|value| !value.is_empty()).map(PathBuf::from).context(
                    "USE_EXISTING_CLUSTER is true, but KUBECONFIG does not name the kubeconfig file of that cluster",
                )?;
                ensure!(path.is_file(), "KUBECONFIG is {}, which is not a file", path.display());
                Some(std::path::absolute(path)?)
            }
            _ => None,
        };
        let mongodb_uri = env::var("MONGODB_URI").ok().filter(|value| !value.is_empty());
        Ok(Self { kubeconfig, mongodb_uri })
    }

    /// What is left to start ourselves.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted { kubernetes: self.kubeconfig.is_none(), mongod: self.mongodb_uri.is_none() }
    }
}

pub(crate) enum Cluster {
    Ours(Box<ControlPlane>),
    Given(PathBuf),
}

impl Cluster {
    pub(crate) async fn start(
        given: &Given,
        parts: &Parts,
        folder: &Path,
        port_book: &mut PortBook,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        match (&given.kubeconfig, &parts.kubernetes) {
            (Some(path), _) => Ok(Self::Given(path.clone())),
            (None, Some(parts)) => {
                Ok(Self::Ours(Box::new(ControlPlane::start(parts, folder, port_book, durability).await?)))
            }
            (None, None) => anyhow::bail!("the programs of Kubernetes were not prepared"),
        }
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        match self {
            Self::Ours(control_plane) => &control_plane.kubeconfig,
            Self::Given(path) => path,
        }
    }

    /// For a person: where it is.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Ours(control_plane) => control_plane.server.clone(),
            Self::Given(path) => format!("the cluster of {}", path.display()),
        }
    }

    pub(crate) fn audit_log(&self) -> Option<&Path> {
        match self {
            Self::Ours(control_plane) => Some(&control_plane.audit_log),
            Self::Given(_) => None,
        }
    }

    /// Our processes, in the order in which they are to be stopped.
    pub(crate) fn processes(&self) -> Vec<&Process> {
        match self {
            Self::Ours(control_plane) => control_plane.processes().to_vec(),
            Self::Given(_) => Vec::new(),
        }
    }
}

pub(crate) enum Mongodb {
    Ours(Mongod),
    Given(String),
}

impl Mongodb {
    pub(crate) async fn start(
        given: &Given,
        parts: &Parts,
        folder: &Path,
        port_book: &mut PortBook,
    ) -> anyhow::Result<Self> {
        match (&given.mongodb_uri, &parts.mongod) {
            (Some(uri), _) => {
                let ping = mongodb::bson::doc! { "ping": 1 };
                command_on_admin(&connect(uri).await?, ping)
                    .await
                    .context("MONGODB_URI names a MongoDB that does not answer")?;
                Ok(Self::Given(uri.clone()))
            }
            (None, Some(program)) => Ok(Self::Ours(Mongod::start(program, folder, port_book).await?)),
            (None, None) => anyhow::bail!("mongod was not prepared"),
        }
    }

    /// The connection string of an administrator.
    pub(crate) fn uri(&self) -> &str {
        match self {
            Self::Ours(mongod) => &mongod.uri,
            Self::Given(uri) => uri,
        }
    }

    /// For a person: where it is, without the password.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Ours(mongod) => mongod.address.clone(),
            Self::Given(_) => "the MongoDB of MONGODB_URI".to_owned(),
        }
    }

    pub(crate) fn process(&self) -> Option<&Process> {
        match self {
            Self::Ours(mongod) => Some(mongod.process()),
            Self::Given(_) => None,
        }
    }
}
