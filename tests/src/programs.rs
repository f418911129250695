//! The programs of this workspace, where cargo puts them.

use std::{env, fmt, path::PathBuf};

use anyhow::{Context, bail};

#[derive(Clone, Copy)]
pub(crate) enum Program {
    Operator,
    Api,
    Testbed,
}

impl Program {
    /// Beside the running program; tests and benchmarks run one folder further down, in `deps` or `examples`.
    pub(crate) fn path(self) -> anyhow::Result<PathBuf> {
        let own = env::current_exe().context("cannot tell where this program is")?;
        for folder in own.ancestors().skip(1).take(2) {
            let path = folder.join(self.to_string());
            if path.is_file() {
                return Ok(path);
            }
        }
        bail!("{self} is not built; run `cargo build --workspace --bins` (it is looked for near {})", own.display())
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "chakravue-operator",
            Self::Api => "chakravue-api",
            Self::Testbed => "testbed",
        })
    }
}
