//! The programs that the machine has.

use std::{
    env, io,
    path::{Path, PathBuf},
};

/// An error for a program that could not be started: which one, and how to get it.
pub(super) fn missing(error: io::Error, program: &str, how_to_get_it: &str) -> anyhow::Error {
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
