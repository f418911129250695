//! Where the programs come from: those of Kubernetes, `mongod`, and what the chart is tried with.
//!
//! What the machine has is used; the rest is built or downloaded once, into a cache outside the tree.

mod cache;
mod definitions;
mod go;
mod kubernetes;
mod mongod;
mod on_path;
mod progress;
mod python;
mod stripe_mock;
mod tools;

use std::path::PathBuf;

pub use definitions::definitions;
pub(crate) use kubernetes::{KubernetesParts, NodeParts, prepare_node};
pub(crate) use on_path::{on_path, on_path_or_sbin};
pub use python::python_with;
pub(crate) use stripe_mock::prepare as stripe_mock;
pub use tools::Tool;

/// What to prepare: nothing is built for a server that the environment already provides.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) kubernetes: bool,
    pub(crate) mongod: bool,
}

/// The programs, ready to run.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) kubernetes: Option<KubernetesParts>,
    pub(crate) mongod: Option<PathBuf>,
}

/// Finds, builds or downloads what is wanted. Minutes the first time, with progress on standard error; then nothing.
pub(crate) fn prepare(wanted: Wanted) -> anyhow::Result<Parts> {
    let mongod = wanted.mongod.then(mongod::prepare).transpose()?;
    let kubernetes = wanted.kubernetes.then(kubernetes::prepare).transpose()?;
    Ok(Parts { kubernetes, mongod })
}
