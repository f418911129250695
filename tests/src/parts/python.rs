//! Python packages in a virtual environment of their own, from a requirements file that fixes every byte by its hash.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, ensure};
use sha2::{Digest as _, Sha256};

use super::{
    cache::{cache, only_one},
    on_path::missing,
};

const GET_PYTHON: &str =
    "install Python 3.10 or newer with venv and pip (Debian packages python3-venv and python3-pip)";

/// The interpreter of an environment with exactly these packages; `requirements` is the text of a requirements file with
/// hashes. Made once, which downloads them; then it only has to be found.
///
/// # Errors
/// When there is no Python, or a package cannot be had or is not the one that was reviewed.
pub fn python_with(name: &str, requirements: &str) -> anyhow::Result<PathBuf> {
    let version = run(Command::new("python3").args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]))?;
    let digest = Sha256::digest(requirements);
    let cache = cache()?;
    // Packages with compiled parts are of one version of Python.
    let key = format!("{name}-python{}-{}", version.trim(), hex::encode(&digest[..6]));
    let environment = cache.join(&key);
    let python = environment.join("bin/python");
    if python.exists() {
        return Ok(python);
    }
    let _lock = only_one(&cache, &key)?;
    if !python.exists() {
        // Moved over when it is whole. The scripts in bin name the old place, but the interpreter does not care.
        let partial = environment.with_added_extension("partial");
        fs::remove_dir_all(&partial).ok();
        eprintln!("Downloading Python packages for {name}; this happens once.");
        run(Command::new("python3").args(["-m", "venv"]).arg(&partial))?;
        let listed = partial.join("requirements.txt");
        fs::write(&listed, requirements).with_context(|| format!("cannot write {}", listed.display()))?;
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"];
        run(Command::new(partial.join("bin/python")).args(pip).arg("--only-binary=:all:").arg("-r").arg(&listed))
            .with_context(|| format!("cannot get the Python packages for {name}"))?;
        fs::rename(&partial, &environment).with_context(|| format!("cannot make {}", environment.display()))?;
    }
    Ok(python)
}

/// Runs Python to its end; returns what it printed.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().map_err(|error| missing(error, "python3", GET_PYTHON))?;
    let said = [output.stdout.as_slice(), &output.stderr].map(String::from_utf8_lossy);
    ensure!(
        output.status.success(),
        "Python failed ({}); {GET_PYTHON}. It said:\n  {}",
        output.status,
        said.join("\n").trim().replace('\n', "\n  ")
    );
    Ok(said[0].clone().into_owned())
}
