//! Where the programs come from: those of Kubernetes, `mongod`, and what the chart is tried with.
//!
//! What the machine has is used; the rest is built or downloaded once, into a cache outside the tree.

mod definitions;
mod go;
mod kubernetes;
mod mongod;
mod progress;
mod python;
mod stripe_mock;
mod tools;

use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use anyhow::Context;

pub use definitions::definitions;
pub(crate) use kubernetes::{KubernetesParts, NodeParts, prepare_node};
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

/// `$XDG_CACHE_HOME/chakravue` or `~/.cache/chakravue`.
fn cache() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for the cache; set one of them")?;
    let folder = base.join("chakravue");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create the cache {}", folder.display()))?;
    Ok(folder)
}

/// Two runs side by side prepare a thing once: the second one waits here, and says so.
fn only_one(cache: &Path, thing: &str) -> anyhow::Result<File> {
    let path = cache.join(format!("{thing}.lock"));
    let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => {
            eprintln!("Another run is preparing {thing} right now; waiting for it …");
            lock.lock()
        }
        Err(TryLockError::Error(error)) => Err(error),
        Ok(()) => Ok(()),
    }
    .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(lock)
}

/// An error for a program that could not be started: which one, and how to get it.
fn missing(error: io::Error, program: &str, how_to_get_it: &str) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("`{program}` is not on PATH; {how_to_get_it}"),
        _ => anyhow::Error::new(error).context(format!("cannot run `{program}`")),
    }
}

pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Also where Debian keeps programs for root, which root need not have on PATH.
pub(crate) fn on_path_or_sbin(program: &str) -> Option<PathBuf> {
    let sbin = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(program));
    on_path(program).or_else(|| sbin.into_iter().find(|path| path.is_file()))
}
