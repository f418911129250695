//! Building programs from published Go modules, whose go.sum fixes every byte.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::{
    cache::{cache, only_one},
    on_path::{missing, on_path},
    progress::Progress,
};
use crate::processes;

/// What programs are built from.
pub(super) struct Module {
    /// Of its folder in the cache; with a version, if people should see it.
    pub(super) name: &'static str,
    pub(super) go_mod: &'static str,
    pub(super) go_sum: &'static str,
    /// Files of its own, by their paths, where it is not made of others' alone.
    pub(super) sources: &'static [(&'static str, &'static str)],
    pub(super) linker_flags: &'static str,
    /// What to do where there is no Go, for a person.
    pub(super) get_go: &'static str,
    /// What the first build takes, for a person.
    pub(super) takes: &'static str,
}

/// A program: its name, the package it is built from, and the name that `go install` gives it.
#[derive(Clone, Copy)]
pub(super) struct Program {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    pub(super) built_as: &'static str,
}

impl Program {
    /// One that `go install` calls as it is called.
    pub(super) const fn new(name: &'static str, package: &'static str) -> Self {
        Self { name, package, built_as: name }
    }
}

impl Module {
    /// Where a program is once it is built.
    pub(super) fn path_of(&self, program: &Program) -> anyhow::Result<PathBuf> {
        Ok(cache()?.join(self.key()).join(program.name))
    }

    /// Builds those of `programs` that are not in the cache yet.
    pub(super) fn prepare(&self, programs: &[Program]) -> anyhow::Result<()> {
        let missing = || {
            let found = programs.iter().map(|program| anyhow::Ok((self.path_of(program)?.is_file(), *program)));
            anyhow::Ok(found.collect::<anyhow::Result<Vec<_>>>()?.into_iter().filter(|(built, _)| !built))
        };
        if missing()?.next().is_some() {
            let _lock = only_one(&cache()?, &self.key())?;
            // Whoever held the lock may have built them meanwhile.
            let wanted: Vec<Program> = missing()?.map(|(_, program)| program).collect();
            if !wanted.is_empty() {
                self.build(&wanted, &cache()?.join(self.key()))?;
            }
        }
        Ok(())
    }

    fn key(&self) -> String {
        let sources = self.sources.iter().fold(Sha256::new(), |digest, (_, text)| digest.chain_update(text));
        // Everything that decides what comes out of the build.
        let digest = sources.chain_update(self.go_mod).chain_update(self.go_sum).chain_update(self.linker_flags);
        format!("{}-{}", self.name, hex::encode(&digest.finalize()[..6]))
    }

    /// Builds into a folder beside `target` and moves each program over when all of them are whole.
    fn build(&self, programs: &[Program], target: &Path) -> anyhow::Result<()> {
        find(self.get_go)?;
        let partial = target.with_added_extension("partial");
        let module = partial.join("module");
        // What an interrupted build left there is of no use: Go keeps what it compiled in its own cache.
        fs::remove_dir_all(&partial).ok();
        let files = [("go.mod", self.go_mod), ("go.sum", self.go_sum)];
        for (path, text) in files.iter().chain(self.sources) {
            let path = module.join(path);
            let folder = path.parent().unwrap_or(&module);
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }

        let names: Vec<&str> = programs.iter().map(|program| program.name).collect();
        eprintln!("Building {} from source; this happens once.\n  {}", names.join(", "), self.takes);
        check_version(&module, self.get_go)?;
        let mut progress = Progress::new();
        let packages: Vec<&str> = programs.iter().map(|program| program.package).collect();
        let total = count_packages(&module, &packages, &mut progress)?;

        let mut install = command(&module);
        install
            .env("GOBIN", &partial)
            .args(["install", "-v", "-trimpath", "-ldflags", self.linker_flags])
            .args(&packages);
        let mut done = 0;
        run(install, "go install", |line| {
            if !line.contains(' ') {
                done += 1;
            }
            progress.share(done, total, "compiling");
        })?;
        fs::create_dir_all(target).with_context(|| format!("cannot create {}", target.display()))?;
        for program in programs {
            let from = partial.join(program.built_as);
            fs::rename(&from, target.join(program.name)).with_context(|| format!("cannot move {}", from.display()))?;
        }
        fs::remove_dir_all(&partial).ok();
        progress.finish(&format!("Built {}", target.display()));
        Ok(())
    }
}

/// Downloads a published module into a module cache of its own, below `modules`. Returns what Go says of it, in JSON.
pub(super) fn download(module: &str, folder: &Path, modules: &Path) -> anyhow::Result<String> {
    find("install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough)")?;
    let mut download = command(folder);
    // Go makes the files of its cache read-only, and these are removed again.
    download.env("GOMODCACHE", modules).env("GOFLAGS", "-modcacherw").args(["mod", "download", "-json", module]);
    run(download, "go mod download", |_| ())
}

/// How many packages there are to compile. Downloads the sources first, which is the longer part of it.
fn count_packages(module: &Path, packages: &[&str], progress: &mut Progress) -> anyhow::Result<usize> {
    let mut list = command(module);
    list.args(["list", "-deps"]).args(packages);
    let mut downloaded = 0;
    let listed = run(list, "go list", |line| {
        if line.starts_with("go: downloading") {
            downloaded += 1;
            progress.show(&format!("downloading sources: {downloaded} modules"));
        }
    })?;
    Ok(listed.lines().count())
}

/// Says how to get Go where there is none.
fn find(how_to_get_it: &str) -> anyhow::Result<()> {
    if on_path("go").is_none() {
        return Err(missing(io::ErrorKind::NotFound.into(), "go", how_to_get_it));
    }
    Ok(())
}

/// A `go` command in the module, without anything of the surroundings that could change the result.
fn command(module: &Path) -> Command {
    let mut command = processes::command("go");
    command.current_dir(module).env("CGO_ENABLED", "0").env("GO111MODULE", "on").env("GOWORK", "off");
    for name in ["GOOS", "GOARCH", "GOBIN"] {
        command.env_remove(name);
    }
    command
}

fn check_version(module: &Path, how_to_get_it: &str) -> anyhow::Result<()> {
    // Inside the module, an older Go that may not fetch a newer one refuses to say anything.
    let mut version = command(module);
    version.args(["env", "GOVERSION"]);
    run(version, "go env GOVERSION", |_| ()).with_context(|| format!("the Go on PATH is too old; {how_to_get_it}"))?;
    Ok(())
}

/// Runs a command; `on_line` sees what it says on standard error. Returns its standard output.
fn run(mut command: Command, name: &str, mut on_line: impl FnMut(&str)) -> anyhow::Result<String> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = processes::spawn(command).with_context(|| format!("cannot run {name}"))?;
    let mut stdout = child.stdout.take().context("no standard output")?;
    let output = std::thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).map(|_| text)
    });
    let mut said = Vec::new();
    for line in BufReader::new(child.stderr.take().context("no standard error")?).lines().map_while(Result::ok) {
        on_line(&line);
        // Names of packages and downloads are progress; the rest explains a failure.
        if line.contains(' ') && !line.starts_with("go: downloading") {
            said.push(line);
        }
    }
    let status = child.wait().with_context(|| format!("cannot wait for {name}"))?;
    if !status.success() {
        bail!("{name} failed ({status}):\n  {}", said[said.len().saturating_sub(20)..].join("\n  "));
    }
    output
        .join()
        .ok()
        .context("reading its output failed")?
        .with_context(|| format!("cannot read the output of {name}"))
}
