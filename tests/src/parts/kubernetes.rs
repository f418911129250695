//! Kubernetes from its published sources: `go install` builds it from `tests/kubernetes/go.mod`, whose go.sum fixes every
//! byte. `KUBEBUILDER_ASSETS` names a folder with programs that are used instead.

use std::{env, path::PathBuf};

use anyhow::bail;

use super::go::{Module, Program};

const MODULE: Module = Module {
    name: "kubernetes-v1.37.2",
    go_mod: include_str!("../../kubernetes/go.mod"),
    go_sum: include_str!("../../kubernetes/go.sum"),
    sources: &[],
    // Without the version, kubectl and helm cannot make sense of what the server says about itself.
    linker_flags: "-s -w -X k8s.io/component-base/version.gitVersion=v1.37.2 \
        -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37",
    get_go: "install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough), or set \
        KUBEBUILDER_ASSETS to a folder with kube-apiserver, kube-controller-manager, kubectl and etcd",
    takes: "Up to ten minutes and 3 GB of disk with two cores and an empty Go cache; seconds with a warm one.",
};

const ETCD: Program = Program { name: "etcd", package: "go.etcd.io/etcd/server/v3", built_as: "server" };
const APISERVER: Program = Program::new("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver");
const CONTROLLER_MANAGER: Program =
    Program::new("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager");
const KUBECTL: Program = Program::new("kubectl", "k8s.io/kubernetes/cmd/kubectl");
const SCHEDULER: Program = Program::new("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler");
const KUBELET: Program = Program::new("kubelet", "k8s.io/kubernetes/cmd/kubelet");
const PROXY: Program = Program::new("kube-proxy", "k8s.io/kubernetes/cmd/kube-proxy");

#[derive(Clone)]
pub(crate) struct KubernetesParts {
    pub(crate) etcd: PathBuf,
    pub(crate) apiserver: PathBuf,
    pub(crate) controller_manager: PathBuf,
    pub(crate) kubectl: PathBuf,
}

/// What makes a control plane a cluster with pods.
#[derive(Clone)]
pub(crate) struct NodeParts {
    pub(crate) scheduler: PathBuf,
    pub(crate) kubelet: PathBuf,
    pub(crate) proxy: PathBuf,
}

/// Finds the programs in `KUBEBUILDER_ASSETS` or the cache, and builds those that are in neither.
pub(super) fn prepare() -> anyhow::Result<KubernetesParts> {
    let assets = env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(folder) = assets.as_deref().filter(|folder| !folder.is_dir()) {
        bail!("KUBEBUILDER_ASSETS is {}, which is not a folder; correct it or unset it", folder.display());
    }
    let given = |program: &Program| assets.iter().map(|folder| folder.join(program.name)).find(|path| path.is_file());
    let programs = [ETCD, KUBECTL, CONTROLLER_MANAGER, APISERVER];
    let wanted: Vec<Program> = programs.into_iter().filter(|program| given(program).is_none()).collect();
    MODULE.prepare(&wanted)?;
    let find = |program: &Program| given(program).map_or_else(|| MODULE.path_of(program), Ok);
    Ok(KubernetesParts {
        etcd: find(&ETCD)?,
        apiserver: find(&APISERVER)?,
        controller_manager: find(&CONTROLLER_MANAGER)?,
        kubectl: find(&KUBECTL)?,
    })
}

/// The programs of a node, of the version of the control plane that is built here.
pub(crate) fn prepare_node() -> anyhow::Result<NodeParts> {
    MODULE.prepare(&[SCHEDULER, PROXY, KUBELET])?;
    Ok(NodeParts {
        scheduler: MODULE.path_of(&SCHEDULER)?,
        kubelet: MODULE.path_of(&KUBELET)?,
        proxy: MODULE.path_of(&PROXY)?,
    })
}
