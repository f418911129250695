//! Where what was built or downloaded is kept, outside the tree.

use std::{
    env,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// `$XDG_CACHE_HOME/chakravue` or `~/.cache/chakravue`.
pub(super) fn cache() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for the cache; set one of them")?;
    let folder = base.join("chakravue");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create the cache {}", folder.display()))?;
    Ok(folder)
}

/// Two runs side by side prepare a thing once: the second one waits here, and says so.
pub(super) fn only_one(cache: &Path, thing: &str) -> anyhow::Result<File> {
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
