//! Programs that are run against the chart, and the cluster's DNS server: built from `tests/tools/go.mod`.

use std::path::PathBuf;

use super::go::{Module, Program};

const MODULE: Module = Module {
    name: "tools",
    go_mod: include_str!("../../tools/go.mod"),
    go_sum: include_str!("../../tools/go.sum"),
    sources: &[("coredns/main.go", include_str!("../../tools/coredns/main.go"))],
    linker_flags: "-s -w",
    get_go: "install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough)",
    takes: "Three minutes with two cores and an empty Go cache.",
};

/// Of the chart's alerts: apart, so that what it takes of Prometheus asks nothing of the others.
const ALERTS: Module = Module {
    name: "alerts",
    go_mod: include_str!("../../alerts/go.mod"),
    go_sum: include_str!("../../alerts/go.sum"),
    sources: &[("main.go", include_str!("../../alerts/main.go"))],
    linker_flags: "-s -w",
    get_go: "install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough)",
    takes: "One to two minutes with two cores and an empty Go cache.",
};

/// What the documentation's backups are made with: apart, for the same reason.
const MONGO_TOOLS: Module = Module {
    name: "mongo-tools",
    go_mod: include_str!("../../mongo-tools/go.mod"),
    go_sum: include_str!("../../mongo-tools/go.sum"),
    sources: &[],
    linker_flags: "-s -w",
    get_go: "install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough)",
    takes: "Half a minute with two cores and an empty Go cache.",
};

/// A program of `tests/tools/go.mod`, `tests/alerts` or `tests/mongo-tools`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    Helm,
    /// The version before, which many still use.
    Helm3,
    /// Writes the chart's README from the comments in its values.
    HelmDocs,
    /// Checks manifests against schemas.
    Kubeconform,
    CoreDns,
    /// Tells when alerts fire.
    Alerts,
    Mongodump,
    Mongorestore,
}

impl Tool {
    fn program(self) -> Program {
        let of_mongodb = |name, package| Program { name, package, built_as: "main" };
        match self {
            Self::Helm => Program::new("helm", "helm.sh/helm/v4/cmd/helm"),
            Self::Helm3 => Program { name: "helm3", package: "helm.sh/helm/v3/cmd/helm", built_as: "helm" },
            Self::HelmDocs => Program::new("helm-docs", "github.com/norwoodj/helm-docs/cmd/helm-docs"),
            Self::Kubeconform => Program::new("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"),
            Self::CoreDns => Program::new("coredns", "chakravue.io/tests/tools/coredns"),
            Self::Alerts => Program::new("alerts", "chakravue.io/tests/alerts"),
            Self::Mongodump => of_mongodb("mongodump", "github.com/mongodb/mongo-tools/mongodump/main"),
            Self::Mongorestore => of_mongodb("mongorestore", "github.com/mongodb/mongo-tools/mongorestore/main"),
        }
    }

    fn module(self) -> &'static Module {
        match self {
            Self::Alerts => &ALERTS,
            Self::Mongodump | Self::Mongorestore => &MONGO_TOOLS,
            _ => &MODULE,
        }
    }

    /// Where it is, from the cache or built into it.
    ///
    /// # Errors
    /// When it cannot be built.
    pub fn path(self) -> anyhow::Result<PathBuf> {
        self.module().prepare(&[self.program()])?;
        self.module().path_of(&self.program())
    }
}
