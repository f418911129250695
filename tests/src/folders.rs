//! Temporary folders that are known to be somebody's for as long as that process lives, so that whoever comes after a
//! SIGKILL can tell what was left behind.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context;

/// Held by whoever uses the folder.
const LOCK: &str = "lock";

/// A name for a new one.
pub(crate) fn new_folder(prefix: &str) -> PathBuf {
    std::env::temp_dir().join(format!("{prefix}{}", crate::files::random_secret(8)))
}

/// It gets its name when it is locked: somebody who looks for abandoned folders must not find it unlocked.
pub(crate) fn lock(folder: &Path) -> anyhow::Result<File> {
    let partial = folder.join("lock.partial");
    let make = || {
        let lock = File::create(&partial)?;
        lock.try_lock()?;
        fs::rename(&partial, folder.join(LOCK))?;
        std::io::Result::Ok(lock)
    };
    make().with_context(|| format!("cannot lock {}", folder.display()))
}

/// Removes the folders whose lock nobody holds, after `before` has removed what belongs to them elsewhere.
pub(crate) fn remove_abandoned(prefix: &str, before: impl Fn(&Path)) {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for folder in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
        // A folder without a lock file is just being made.
        if ours && File::open(folder.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            before(&folder);
            fs::remove_dir_all(&folder).ok();
        }
    }
}
