//! The way to the API server: by a proxy where the kubeconfig names one, and past what the environment names where the API
//! server is on this machine.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kube::{ResourceExt as _, config::Kubeconfig};
use tokio::{
    io::{self, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_used_where_the_kubeconfig_names_it_and_the_environments_is_not_in_the_way() {
    let world = World::new("way").await;
    let (proxy, tunnels) = tunnelling().await;
    let mut kubeconfig = Kubeconfig::read_from(world.sandbox.operator_kubeconfig()).unwrap();
    for cluster in &mut kubeconfig.clusters {
        cluster.cluster.as_mut().unwrap().proxy_url = Some(proxy.clone());
    }
    let by_proxy = world.sandbox.folder().join("by-proxy.kubeconfig");
    std::fs::write(&by_proxy, serde_saphyr::to_string(&kubeconfig).unwrap()).unwrap();

    let operator = world.sandbox.operator().kubeconfig(&by_proxy).start().await;
    world.ready_hospital("by-proxy").await;
    assert!(tunnels.load(Ordering::Relaxed) > 0, "the operator went past the proxy of its kubeconfig");
    operator.terminate().await;

    let used = tunnels.load(Ordering::Relaxed);
    let operator = world.sandbox.operator().env("HTTPS_PROXY", &proxy).start().await;
    let past = world.ready_hospital("past-it").await;
    assert_eq!(tunnels.load(Ordering::Relaxed), used, "{}: by a proxy to this machine", past.name_any());
    operator.terminate().await;
    world.close().await;
}

/// A proxy that opens tunnels, its address, and how many it has opened.
async fn tunnelling() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let opened = Arc::new(AtomicUsize::new(0));
    let tunnels = opened.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tunnels.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(tunnel(client));
        }
    });
    (address, opened)
}

async fn tunnel(client: TcpStream) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut lines = Vec::new();
    while lines.last().is_none_or(|line: &String| !line.trim().is_empty()) {
        let mut line = String::new();
        client.read_line(&mut line).await?;
        lines.push(line);
    }
    let target = lines[0].strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let mut server = TcpStream::connect(target).await?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}
