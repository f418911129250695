//! The programs that are measured: those beside this one, which were built with it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// The probe that says that a program can work.
pub const READY: &str = "/readyz";

#[derive(Clone, Copy)]
pub enum Program {
    Operator,
    Api,
}

impl Program {
    pub const ALL: [Self; 2] = [Self::Operator, Self::Api];

    pub fn name(self) -> &'static str {
        match self {
            Self::Operator => "chakravue-operator",
            Self::Api => "chakravue-api",
        }
    }

    pub fn path(self) -> anyhow::Result<PathBuf> {
        let path = folder()?.join(self.name());
        ensure!(path.is_file(), "{} is not built: cargo build --workspace --bins --release", path.display());
        Ok(path)
    }
}

/// The profile in which all of them were built, as cargo calls its folder.
pub fn profile() -> anyhow::Result<String> {
    Ok(folder()?.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

fn folder() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    own.parent().map(Path::to_owned).context("this program is not where cargo puts programs")
}
