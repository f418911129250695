//! The programs that are measured, in the profiles in which they happen to be built.

use std::path::PathBuf;

use anyhow::Context as _;

pub const PROFILES: [&str; 2] = ["debug", "release"];
/// What answers 200 when a program can be used.
pub const READY: &str = "/readyz";
pub const HOW_TO_BUILD_RELEASE: &str = "to measure the release profile, run `cargo build --workspace --bins --release`";

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

    /// Where cargo puts it, beside or near this program; `None` if it is not built.
    pub fn path(self, profile: &str) -> anyhow::Result<Option<PathBuf>> {
        let own = std::env::current_exe().context("cannot tell where this program is")?;
        let target = own.ancestors().nth(2).context("this program is not where cargo puts programs")?;
        let path = target.join(profile).join(self.name());
        Ok(path.is_file().then_some(path))
    }
}
