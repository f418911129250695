//! The folder `.dev`: everything that `make up` remembers. Only its owner can enter, and only one `make up` uses it.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};

use crate::{files::private_folder, ports::PortBook};

const LOCK: &str = "lock";

pub(super) struct Home {
    path: PathBuf,
    _lock: File,
}

impl Home {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        private_folder(path)?;
        let path = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
        let lock = lock(&path)?;
        // After a SIGKILL it is still there, and would send shells to servers that are gone.
        fs::remove_file(path.join("env")).ok();
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    pub(super) fn env_file(&self) -> PathBuf {
        self.path.join("env")
    }

    /// The ports of last time. One file for each part, because parts start side by side.
    pub(super) fn ports(&self, part: &str) -> PortBook {
        PortBook::in_file(&self.path.join(format!("ports-{part}.json")))
    }
}

fn lock(home: &Path) -> anyhow::Result<File> {
    let path = home.join(LOCK);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let process = fs::read_to_string(&path).unwrap_or_default();
            bail!("`make up` is running in this checkout already, as process {}; stop that one first", process.trim());
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())?;
    Ok(file)
}

/// `make clean-dev`: removes the folder with everything in it.
pub(crate) fn forget(path: &Path) -> anyhow::Result<()> {
    if !path.exists() {
        println!("There is no {}; nothing to forget.", path.display());
        return Ok(());
    }
    ensure!(path.join(LOCK).is_file(), "{} was not made by `make up`; it is left alone", path.display());
    let _lock = lock(path)?;
    fs::remove_dir_all(path).with_context(|| format!("cannot remove {}", path.display()))?;
    println!("Removed {}; the next `make up` starts with nothing.", path.display());
    Ok(())
}
