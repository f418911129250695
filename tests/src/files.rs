//! Files that hold secrets: readable by their owner alone from the first moment, and never half written.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use anyhow::Context;
use rand::distr::{Alphanumeric, SampleString};

/// Creates a folder that only its owner can enter; one that exists stays as it is.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create the folder {}", path.display()))
}

/// Writes a file with mode 0600; whoever reads it sees the old or the new content.
pub(crate) fn write_private(path: &Path, content: &str) -> anyhow::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let write = || {
        // A leftover might have other permissions, which opening it again would keep.
        fs::remove_file(&partial).ok();
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&partial)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The secret in this file; made up and written at the first call.
pub(crate) fn remembered_secret(path: &Path, length: usize) -> anyhow::Result<String> {
    if path.exists() {
        return fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    }
    let secret = random_secret(length);
    write_private(path, &secret)?;
    Ok(secret)
}

/// Letters and digits, so that it needs no escaping anywhere.
#[must_use]
pub fn random_secret(length: usize) -> String {
    Alphanumeric.sample_string(&mut rand::rng(), length)
}
