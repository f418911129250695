//! The images of this workspace's programs, built by the Dockerfile that users build them with, and one for pods' networks.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

use super::{Pods, node::PAUSE};
use crate::programs::Program;

/// A program that waits for the end, and buries others' children meanwhile. The test needs nothing of it but that it is there.
const PAUSE_SOURCE: &str = "#include <signal.h>\n#include <unistd.h>\n\
    static void end(int s) { (void)s; _exit(0); }\n\
    int main(void) { signal(SIGTERM, end); signal(SIGINT, end); for (;;) pause(); }\n";
const PAUSE_DOCKERFILE: &str =
    "FROM scratch\nCOPY --chmod=0555 pause /pause\nUSER 65535:65535\nENTRYPOINT [\"/pause\"]\n";

/// What goes into images, and the archives of those that are built.
#[derive(Debug)]
pub struct Images {
    context: PathBuf,
    store: PathBuf,
    archives: Vec<PathBuf>,
}

impl Images {
    /// Lays out what goes into the images of operator and web service, as cargo has built them.
    ///
    /// # Errors
    /// When something is not built.
    pub fn lay_out(folder: &Path) -> anyhow::Result<Self> {
        let (context, store) = (folder.join("images"), folder.join("buildah"));
        let programs = Program::Operator.path()?;
        let programs = programs.parent().context("a program without a folder")?;
        // What the programs are made of takes a tool of its own to say; here it counts that it gets into the image.
        let sboms = folder.join("sbom");
        fs::create_dir_all(&sboms)?;
        for program in ["operator", "api"] {
            fs::write(sboms.join(format!("chakravue-{program}.cdx.json")), "{}")?;
        }
        let mut layout = Command::new(source("tests/image-files"));
        run(layout.arg(programs).arg(&context).arg(&sboms), "tests/image-files")?;
        Ok(Self { context, store, archives: Vec::new() })
    }

    /// Builds both images with this tag.
    ///
    /// # Errors
    /// When they cannot be built.
    pub async fn build(&mut self, tag: &str) -> anyhow::Result<()> {
        for target in ["operator", "api"] {
            let name = format!("localhost/chakravue-{target}:{tag}");
            let mut build = Command::new(source("tests/build-image"));
            build.args([target, &name, tag]).arg(&self.context).arg("buildah").args(self.store());
            self.finish(build, &name).await?;
        }
        Ok(())
    }

    /// Builds the image of a program of the testbed that pods run as an application.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn build_application(&mut self, name: &str) -> anyhow::Result<()> {
        let folder = self.context.join("application");
        fs::create_dir_all(&folder)?;
        let mut strip = Command::new("strip");
        run(strip.arg("-o").arg(folder.join("testbed")).arg(Program::Testbed.path()?), "strip")?;
        fs::write(
            folder.join("Dockerfile"),
            "FROM scratch\nCOPY --chmod=0555 testbed /testbed\nUSER 65532:65532\nENTRYPOINT [\"/testbed\"]\n",
        )?;
        let mut build = self.buildah("build");
        build.args(["--tag", name]).arg(&folder);
        self.finish(build, name).await
    }

    /// Builds the image that every pod needs for its network.
    ///
    /// # Errors
    /// When it cannot be built.
    pub async fn build_pause(&mut self) -> anyhow::Result<()> {
        let folder = self.context.join("pause");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("pause.c"), PAUSE_SOURCE)?;
        fs::write(folder.join("Dockerfile"), PAUSE_DOCKERFILE)?;
        let mut compile = Command::new("cc");
        compile.args(["-Os", "-static", "-s", "-o"]).arg(folder.join("pause")).arg(folder.join("pause.c"));
        run(&mut compile, "cc")?;
        let mut build = self.buildah("build");
        build.args(["--tag", PAUSE]).arg(&folder);
        self.finish(build, PAUSE).await
    }

    /// How an image is configured, and a folder with its files.
    ///
    /// # Errors
    /// When there is no such image.
    pub fn look_into(&self, name: &str) -> anyhow::Result<(serde_json::Value, PathBuf)> {
        let image = run(self.buildah("inspect").args(["--type", "image", name]), "buildah inspect")?;
        let image: serde_json::Value = serde_json::from_str(&image)?;
        let container = run(self.buildah("from").args(["--pull-never", name]), "buildah from")?;
        let files = run(self.buildah("mount").arg(container.trim()), "buildah mount")?;
        Ok((image["OCIv1"]["config"].clone(), files.trim().into()))
    }

    /// Of its own, so that nothing stays on the machine.
    fn store(&self) -> [OsString; 6] {
        let [images, run] = ["images", "run"].map(|name| self.store.join(name).into_os_string());
        ["--root".into(), images, "--runroot".into(), run, "--storage-driver".into(), "vfs".into()]
    }

    fn buildah(&self, command: &str) -> Command {
        let mut buildah = Command::new("buildah");
        buildah.args(self.store()).arg(command);
        if command == "build" {
            // Nothing is run in the image, so it takes no container to build it.
            buildah.args(["--isolation", "chroot", "--timestamp", "0"]);
        }
        buildah
    }

    async fn finish(&mut self, mut build: Command, name: &str) -> anyhow::Result<()> {
        let archive = self.store.join(format!("{}.tar", self.archives.len()));
        let mut push = self.buildah("push");
        push.arg(name).arg(format!("docker-archive:{}:{name}", archive.display()));
        tokio::task::spawn_blocking(move || {
            run(&mut build, "buildah build")?;
            run(&mut push, "buildah push")
        })
        .await??;
        self.archives.push(archive);
        Ok(())
    }

    /// Makes what is built known to every node.
    ///
    /// # Errors
    /// When a node does not take it.
    pub async fn import(&self, pods: &Pods) -> anyhow::Result<()> {
        for archive in &self.archives {
            pods.import(archive).await?;
        }
        Ok(())
    }
}

/// A file of the checkout that this program was built from.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Returns its standard output.
fn run(command: &mut Command, name: &str) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed ({}): {}", output.status, said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
