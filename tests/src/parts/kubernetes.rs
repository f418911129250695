//! A Kubernetes control plane from its published sources: `go install` builds it from `tests/kubernetes/go.mod`, whose
//! go.sum fixes every byte. `KUBEBUILDER_ASSETS` names a folder with programs that are used instead.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

use super::{cache, go, hex, only_one, progress::Progress};

const GO_MOD: &str = include_str!("../../kubernetes/go.mod");
const GO_SUM: &str = include_str!("../../kubernetes/go.sum");
const VERSION: &str = "v1.37.2";
/// Without the version, kubectl and helm cannot make sense of what the server says about itself.
const LINKER_FLAGS: &str = "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 \
    -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37";

const GET_GO: &str = "install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough), \
    or set KUBEBUILDER_ASSETS to a folder with kube-apiserver, kube-controller-manager, kubectl and etcd";

/// A program: its name, the package it is built from, and the name that `go install` gives it.
struct Program {
    name: &'static str,
    package: &'static str,
    built_as: &'static str,
}

const fn kubernetes(name: &'static str, package: &'static str) -> Program {
    Program { name, package, built_as: name }
}

const ETCD: Program = Program { name: "etcd", package: "go.etcd.io/etcd/server/v3", built_as: "server" };
const APISERVER: Program = kubernetes("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver");
const CONTROLLER_MANAGER: Program =
    kubernetes("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager");
const KUBECTL: Program = kubernetes("kubectl", "k8s.io/kubernetes/cmd/kubectl");

#[derive(Clone)]
pub(crate) struct KubernetesParts {
    pub(crate) etcd: PathBuf,
    pub(crate) apiserver: PathBuf,
    pub(crate) controller_manager: PathBuf,
    pub(crate) kubectl: PathBuf,
}

/// Finds the programs in `KUBEBUILDER_ASSETS` or the cache, and builds those that are in neither.
pub(super) fn prepare() -> anyhow::Result<KubernetesParts> {
    let assets = env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = assets.as_deref().filter(|folder| !folder.is_dir()) {
        bail!("KUBEBUILDER_ASSETS is {}, which is not a folder; correct it or unset it", folder.display());
    }
    let cache = cache()?;
    let key = format!("kubernetes-{VERSION}-{}", fingerprint());
    let built = cache.join(&key);
    let find = |program: &Program| {
        let given = assets.iter().map(|folder| folder.join(program.name)).find(|path| path.is_file());
        given.unwrap_or_else(|| built.join(program.name))
    };
    let missing =
        || [ETCD, KUBECTL, CONTROLLER_MANAGER, APISERVER].into_iter().filter(|program| !find(program).is_file());
    if missing().next().is_some() {
        let _lock = only_one(&cache, &key)?;
        // Whoever held the lock may have built them meanwhile.
        let wanted: Vec<Program> = missing().collect();
        if !wanted.is_empty() {
            build(&wanted, &built)?;
        }
    }
    Ok(KubernetesParts {
        etcd: find(&ETCD),
        apiserver: find(&APISERVER),
        controller_manager: find(&CONTROLLER_MANAGER),
        kubectl: find(&KUBECTL),
    })
}

/// Everything that decides what comes out of the build.
fn fingerprint() -> String {
    let digest = Sha256::new().chain_update(GO_MOD).chain_update(GO_SUM).chain_update(LINKER_FLAGS).finalize();
    hex(&digest[..6])
}

/// Builds into a folder beside `target` and moves each program over when all of them are whole.
fn build(programs: &[Program], target: &Path) -> anyhow::Result<()> {
    go::find(GET_GO)?;
    let partial = target.with_added_extension("partial");
    let module = partial.join("module");
    // What an interrupted build left there is of no use: Go keeps what it compiled in its own cache.
    fs::remove_dir_all(&partial).ok();
    fs::create_dir_all(&module).with_context(|| format!("cannot create {}", module.display()))?;
    fs::write(module.join("go.mod"), GO_MOD)?;
    fs::write(module.join("go.sum"), GO_SUM)?;

    let names: Vec<&str> = programs.iter().map(|program| program.name).collect();
    eprintln!("Building Kubernetes {VERSION} from source ({}); this happens once.", names.join(", "));
    eprintln!("  Up to ten minutes and 3 GB of disk with two cores and an empty Go cache; seconds with a warm one.");
    go::check_version(&module, GET_GO)?;
    let mut progress = Progress::new();
    let packages: Vec<&str> = programs.iter().map(|program| program.package).collect();
    let total = count_packages(&module, &packages, &mut progress)?;

    let mut install = go::command(&module);
    install.env("GOBIN", &partial).args(["install", "-v", "-trimpath", "-ldflags", LINKER_FLAGS]).args(&packages);
    let mut done = 0;
    go::run(install, "go install", |line| {
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

/// How many packages there are to compile. Downloads the sources first, which is the longer part of it.
fn count_packages(module: &Path, packages: &[&str], progress: &mut Progress) -> anyhow::Result<usize> {
    let mut list = go::command(module);
    list.args(["list", "-deps"]).args(packages);
    let mut downloaded = 0;
    let listed = go::run(list, "go list", |line| {
        if line.starts_with("go: downloading") {
            downloaded += 1;
            progress.show(&format!("downloading sources: {downloaded} modules"));
        }
    })?;
    Ok(listed.lines().count())
}
