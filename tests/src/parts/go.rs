//! Building programs from published Go modules, whose go.sum fixes every byte.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

use super::{missing, on_path};
use crate::processes;

/// Says how to get Go where there is none.
pub(super) fn find(how_to_get_it: &str) -> anyhow::Result<()> {
    if on_path("go").is_none() {
        return Err(missing(io::ErrorKind::NotFound.into(), "go", how_to_get_it));
    }
    Ok(())
}

/// A `go` command in the module, without anything of the surroundings that could change the result.
pub(super) fn command(module: &Path) -> Command {
    let mut command = processes::command("go");
    command.current_dir(module).env("CGO_ENABLED", "0").env("GO111MODULE", "on").env("GOWORK", "off");
    for name in ["GOOS", "GOARCH", "GOBIN"] {
        command.env_remove(name);
    }
    command
}

pub(super) fn check_version(module: &Path, how_to_get_it: &str) -> anyhow::Result<()> {
    // Inside the module, an older Go that may not fetch a newer one refuses to say anything.
    let mut version = command(module);
    version.args(["env", "GOVERSION"]);
    run(version, "go env GOVERSION", |_| ()).with_context(|| format!("the Go on PATH is too old; {how_to_get_it}"))?;
    Ok(())
}

/// Runs a command; `on_line` sees what it says on standard error. Returns its standard output.
pub(super) fn run(mut command: Command, name: &str, mut on_line: impl FnMut(&str)) -> anyhow::Result<String> {
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
