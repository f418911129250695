//! Servers that a test may stop, restart and freeze: a control plane and a replica set of three members of its own, so that
//! nobody else is disturbed.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::Context as _;

use crate::{
    control_plane::{ControlPlane, Durability},
    guard::Report,
    install, kubeconfig,
    parts::{self, KubernetesParts, Wanted},
    ports::PortBook,
    replica_set::{MEMBERS, ReplicaSet},
    testbed::Testbed,
};

/// What etcd held at some time.
pub struct Backup(PathBuf);

/// The servers; they end when this is dropped, and their folder goes with them.
pub struct Fragile {
    control_plane: ControlPlane,
    replica_set: ReplicaSet,
    kubernetes: KubernetesParts,
    mongod: PathBuf,
    testbed: &'static Testbed,
    folder: tempfile::TempDir,
}

impl Fragile {
    /// Starts everything.
    ///
    /// # Panics
    /// When it cannot be started, with the reason.
    pub async fn start() -> Self {
        Self::try_start().await.unwrap_or_else(|error| panic!("cannot start servers to break: {error:#}"))
    }

    async fn try_start() -> anyhow::Result<Self> {
        let wanted = Wanted { kubernetes: true, mongod: true };
        let parts = tokio::task::spawn_blocking(move || parts::prepare(wanted)).await??;
        let kubernetes = parts.kubernetes.context("the programs of Kubernetes were not prepared")?;
        let mongod = parts.mongod.context("mongod was not prepared")?;
        let folder = tempfile::Builder::new().prefix("chakravue-fragile-").tempdir().context("no temporary folder")?;
        let (mut port_book, mut other_port_book) = (PortBook::forgetful(), PortBook::forgetful());
        let control_plane = async {
            let control_plane =
                ControlPlane::start(&kubernetes, folder.path(), &mut port_book, Durability::Throwaway).await?;
            install::crd(&kubeconfig::client(&control_plane.kubeconfig).await?).await?;
            anyhow::Ok(control_plane)
        };
        let replica_set = ReplicaSet::start(&mongod, folder.path(), &mut other_port_book);
        let (control_plane, replica_set) = tokio::try_join!(control_plane, replica_set)?;
        let report = Report {
            folder: folder.path().to_owned(),
            kubeconfig: control_plane.kubeconfig.clone(),
            mongodb_uri: replica_set.uri.clone(),
            audit_log: Some(control_plane.audit_log.clone()),
            processes: BTreeMap::new(),
        };
        // Sandboxes hold it for as long as the process lives; it is a few paths.
        let testbed = Box::leak(Box::new(Testbed::of_others(report)));
        Ok(Self { control_plane, replica_set, kubernetes, mongod, testbed, folder })
    }

    /// What a sandbox is made on.
    #[must_use]
    pub fn testbed(&self) -> &'static Testbed {
        self.testbed
    }

    /// How many members the replica set has.
    #[must_use]
    pub fn members(&self) -> usize {
        MEMBERS
    }

    /// Kills a member of the replica set, or stops it in good order, and starts it again on its data.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn restart_mongod(&mut self, member: usize, kill: bool) {
        let restarted = self.replica_set.restart(&self.mongod, member, kill).await;
        restarted.unwrap_or_else(|error| panic!("member {member} does not come back: {error:#}"));
    }

    /// Asks the primary to let another member have its place, and answers whether another one has it now. It may refuse, such
    /// as when no other one has caught up.
    pub async fn step_down(&self) -> bool {
        self.replica_set.step_down().await
    }

    /// Kills the API server and starts it again.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn restart_apiserver(&mut self) {
        let restarted = self.control_plane.restart_apiserver(&self.kubernetes, self.folder.path()).await;
        restarted.unwrap_or_else(|error| panic!("the API server does not come back: {error:#}"));
    }

    /// A copy of everything that Kubernetes knows, as of now. It is away meanwhile.
    ///
    /// # Panics
    /// When it cannot be made, or Kubernetes does not come back.
    pub async fn backup_etcd(&mut self) -> Backup {
        let backup = self.folder.path().join("etcd-backup");
        let made = self.control_plane.backup(&self.kubernetes, self.folder.path(), &backup).await;
        made.unwrap_or_else(|error| panic!("cannot back etcd up: {error:#}"));
        Backup(backup)
    }

    /// Kubernetes knows again what it knew at the time of the backup, and nothing later.
    ///
    /// # Panics
    /// When it does not come back.
    pub async fn restore_etcd(&mut self, backup: Backup) {
        let restored = self.control_plane.restore(&self.kubernetes, self.folder.path(), &backup.0).await;
        restored.unwrap_or_else(|error| panic!("cannot restore etcd: {error:#}"));
    }

    /// Freezes etcd for this long: the API server answers nothing that it has to ask etcd for.
    pub async fn freeze_etcd(&self, time: Duration) {
        self.control_plane.etcd().freeze();
        tokio::time::sleep(time).await;
        self.control_plane.etcd().wake();
    }
}
