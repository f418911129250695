//! A stack whose API reaches Kubernetes and MongoDB, also the hospitals' databases, only through proxies that count,
//! disturb and cut. The operator beside it is left alone.

use std::ops::{Deref, DerefMut};

use chakravue_testbed::{
    ApiOptions, Sandbox,
    proxy::{KubeProxy, MongoProxy, WriteLog},
};

use crate::support::Stack;

pub struct Proxied {
    pub stack: Stack,
    /// What both servers acknowledged to the API, in one order.
    pub log: WriteLog,
    pub kube_proxy: KubeProxy,
    pub mongo_proxy: MongoProxy,
}

impl Proxied {
    pub async fn new(label: &str) -> Self {
        Self::with(label, |api| api).await
    }

    /// With other options of the API than the usual ones.
    pub async fn with(label: &str, options: impl FnOnce(ApiOptions) -> ApiOptions) -> Self {
        let sandbox = Sandbox::new(label).await;
        let log = WriteLog::new();
        let kube_proxy = KubeProxy::start(sandbox.api_kubeconfig(), log.clone()).await.unwrap();
        let uri = Uri::of(sandbox.api_mongodb_uri());
        let mongo_proxy = MongoProxy::start(&uri.host, log.clone()).unwrap();
        let through = mongo_proxy.address();
        let operator = sandbox.operator().tenant_mongodb_uri(&format!("mongodb://{through}/{}", uri.options));
        let api = sandbox
            .api()
            .kubeconfig(kube_proxy.kubeconfig(sandbox.folder()).unwrap())
            .mongodb_uri(format!("mongodb://{}@{through}/{}", uri.login, uri.options));
        let (operator, api) = tokio::join!(operator.start(), options(api).start());
        let (kube, mongo) = tokio::join!(sandbox.admin(), sandbox.mongodb());
        tokio::join!(operator.wait_ready(), api.wait_ready());
        Self { stack: Stack { operator, api, kube, mongo, sandbox }, log, kube_proxy, mongo_proxy }
    }

    /// What was written, as lines for a message.
    pub fn written(&self) -> String {
        let lines: Vec<_> = self.log.writes().into_iter().map(|write| write.what).collect();
        lines.join("\n  ")
    }

    /// Stops everything and removes what it made.
    pub async fn close(self) {
        self.stack.close().await;
    }
}

impl Deref for Proxied {
    type Target = Stack;

    fn deref(&self) -> &Stack {
        &self.stack
    }
}

impl DerefMut for Proxied {
    fn deref_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }
}

/// The parts of the testbed's connection strings, which have one host, a login and options.
struct Uri {
    login: String,
    host: String,
    options: String,
}

impl Uri {
    fn of(uri: &str) -> Self {
        let (login, place) = uri.strip_prefix("mongodb://").unwrap().split_once('@').unwrap();
        let (host, options) = place.split_once('/').unwrap();
        Self { login: login.to_owned(), host: host.to_owned(), options: options.to_owned() }
    }
}
