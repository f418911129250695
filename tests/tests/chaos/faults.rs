//! What is done to programs and servers.

use std::{os::unix::process::ExitStatusExt as _, time::Duration};

use chakravue_testbed::{Fragile, OperatorProcess};
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::{kinds::Kind, support::World};

const SIGKILL: i32 = 9;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    KillOperator,
    KillMongod,
    StopMongod,
    StepDown,
    RestartApiServer,
    FreezeEtcd,
}

/// The more often it stands here, the more often it comes.
const FAULTS: [Fault; 9] = [
    Fault::KillOperator,
    Fault::KillOperator,
    Fault::KillOperator,
    Fault::KillMongod,
    Fault::StopMongod,
    Fault::StepDown,
    Fault::StepDown,
    Fault::RestartApiServer,
    Fault::FreezeEtcd,
];

impl Fault {
    pub fn any(random: &mut StdRng) -> Self {
        *FAULTS.choose(random).unwrap()
    }

    /// One of this kind, if it is one of a fault.
    pub fn of(kind: Kind, random: &mut StdRng) -> Option<Self> {
        let all: Vec<Self> = FAULTS.into_iter().filter(|fault| fault.kind() == kind).collect();
        all.choose(random).copied()
    }

    fn kind(self) -> Kind {
        match self {
            Self::KillOperator => Kind::KillOperator,
            Self::KillMongod | Self::StopMongod => Kind::RestartMongod,
            Self::StepDown => Kind::StepDown,
            Self::RestartApiServer => Kind::RestartApiServer,
            Self::FreezeEtcd => Kind::PauseEtcd,
        }
    }
}

/// Everything that can be broken.
pub struct Victims {
    pub servers: Fragile,
    pub operator: OperatorProcess,
    /// The operator's second login.
    pub watch: String,
}

impl Victims {
    pub async fn start(servers: Fragile, world: &World) -> Self {
        let watch = world.sandbox.watch_mongodb_uri().await;
        let operator = start_operator(world, &watch).await;
        Self { servers, operator, watch }
    }

    /// Answers what took effect: all of it does, but a primary may refuse to step down.
    pub async fn strike(&mut self, world: &World, fault: Fault, random: &mut StdRng) -> Option<Kind> {
        let servers = &mut self.servers;
        let member = random.random_range(0..servers.members());
        match fault {
            Fault::KillOperator => {
                assert!(!self.operator.has_ended(), "the operator has ended by itself");
                self.operator.killer()();
                assert_eq!(self.operator.wait_exit().await.signal(), Some(SIGKILL), "how the operator ended");
                let pause = random.random_range(0..1500);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                self.operator = start_operator(world, &self.watch).await;
            }
            Fault::KillMongod => servers.restart_mongod(member, true).await,
            Fault::StopMongod => servers.restart_mongod(member, false).await,
            Fault::StepDown => return servers.step_down().await.then_some(fault.kind()),
            Fault::RestartApiServer => servers.restart_apiserver().await,
            Fault::FreezeEtcd => servers.freeze_etcd(Duration::from_millis(random.random_range(500..4000))).await,
        }
        Some(fault.kind())
    }
}

async fn start_operator(world: &World, watch: &str) -> OperatorProcess {
    // The resync would hide what the watches miss.
    world.sandbox.operator().resync_interval("10m").watch_mongodb_uri(watch).start().await
}
