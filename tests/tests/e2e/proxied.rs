//! A world whose operator reaches both servers only through proxies that count, disturb and cut.

use std::path::PathBuf;

use chakravue_testbed::{
    OperatorOptions,
    proxy::{KubeProxy, MongoProxy, WriteLog},
};

use crate::support::World;

pub struct Proxied {
    pub world: World,
    /// What both servers acknowledged, in one order.
    pub log: WriteLog,
    pub kube: KubeProxy,
    pub mongo: MongoProxy,
    kubeconfig: PathBuf,
}

impl Proxied {
    pub async fn new(label: &str) -> Self {
        let world = World::new(label).await;
        let log = WriteLog::new();
        let kube = KubeProxy::start(world.sandbox.operator_kubeconfig(), log.clone()).await.unwrap();
        let mongo = MongoProxy::start(&Address::of(world.sandbox.operator_mongodb_uri()).hosts, log.clone()).unwrap();
        let kubeconfig = kube.kubeconfig(world.sandbox.folder()).unwrap();
        Self { world, log, kube, mongo, kubeconfig }
    }

    /// An operator behind the proxies, whose tenants are told MongoDB's own address.
    pub fn operator(&self) -> OperatorOptions {
        let options = self.world.sandbox.operator().kubeconfig(&self.kubeconfig);
        options.mongodb_uri(self.mongodb_uri()).tenant_mongodb_uri(&self.tenant_mongodb_uri())
    }

    /// An operator behind these proxies, for the hospitals of another world. Both are on the same servers.
    pub fn operator_of(&self, world: &World) -> OperatorOptions {
        let options = world.sandbox.operator().kubeconfig(&self.kubeconfig);
        let own = Address::of(world.sandbox.operator_mongodb_uri());
        let uri = format!("mongodb://{}@{}/{}", own.login, self.mongo.address(), own.rest);
        options.mongodb_uri(uri).tenant_mongodb_uri(&self.tenant_mongodb_uri())
    }

    /// The operator's connection string, by way of the proxy.
    pub fn mongodb_uri(&self) -> String {
        let own = Address::of(self.world.sandbox.operator_mongodb_uri());
        format!("mongodb://{}@{}/{}", own.login, self.mongo.address(), own.rest)
    }

    /// MongoDB's own address, without a login.
    pub fn tenant_mongodb_uri(&self) -> String {
        let own = Address::of(self.world.sandbox.operator_mongodb_uri());
        format!("mongodb://{}/{}", own.hosts, own.rest)
    }

    /// What was written, as lines for a message.
    pub fn written(&self) -> String {
        let lines: Vec<_> = self.log.writes().into_iter().map(|write| write.what).collect();
        lines.join("\n  ")
    }
}

/// The parts of the testbed's connection strings, which have one host, a login and options.
struct Address {
    login: String,
    hosts: String,
    rest: String,
}

impl Address {
    fn of(uri: &str) -> Self {
        let (login, place) = uri.strip_prefix("mongodb://").unwrap().split_once('@').unwrap();
        let (hosts, rest) = place.split_once('/').unwrap();
        Self { login: login.to_owned(), hosts: hosts.to_owned(), rest: rest.to_owned() }
    }
}
