//! `check-operators`: asks the operators behind a name whether they are ready, and whether one leads. `helm test` runs it in the
//! cluster, where the images have nothing else to ask with.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::bail;
use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpStream, lookup_host},
    time::{sleep, timeout},
};

/// Where the chart has them.
const PORTS: Ports = Ports { probes: 8080, metrics: 9090 };
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A pod that has just begun may need a moment, and the one that leads next until the Lease is over.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);
/// Longer than any answer of ours.
const LONGEST: usize = 16 << 20;

#[derive(Clone, Copy)]
struct Ports {
    probes: u16,
    metrics: u16,
}

/// Asks each operator that has an address under this name, again and again for a while, and prints a line for each.
///
/// # Errors
/// When there is none, one is not ready, or none leads.
pub async fn check(host: &str) -> anyhow::Result<()> {
    for attempt in 1.. {
        let wrong = match addresses(host).await {
            Ok(addresses) => look(&addresses, PORTS).await,
            Err(error) => vec![error],
        };
        if wrong.is_empty() {
            println!("ok      every operator behind {host} is ready, and one leads");
            break;
        }
        if attempt == TRIES {
            bail!("{host}: {}", wrong.join("; "));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Of a headless Service a name leads to each pod's own.
async fn addresses(host: &str) -> Result<BTreeSet<IpAddr>, String> {
    let found =
        lookup_host((host, PORTS.probes)).await.map_err(|error| format!("no operator has an address: {error}"))?;
    Ok(found.map(|address| address.ip()).collect())
}

/// What is wrong, in words.
async fn look(addresses: &BTreeSet<IpAddr>, ports: Ports) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut leads = false;
    for address in addresses {
        if let Err(why) = ask((*address, ports.probes).into(), "/readyz").await {
            wrong.push(format!("{address} is not ready: {why}"));
        }
        match ask((*address, ports.metrics).into(), "/metrics").await {
            Ok(metrics) => leads |= metrics.lines().any(|line| line == "chakravue_operator_leader 1"),
            Err(why) => wrong.push(format!("{address} tells no metrics: {why}")),
        }
    }
    if !leads {
        wrong.push("no operator leads".to_owned());
    }
    wrong
}

async fn ask(address: SocketAddr, path: &str) -> Result<String, String> {
    let answer = timeout(PATIENCE, get(address, path)).await;
    let (status, body) = answer.map_err(|_| "no answer in time".to_owned())?.map_err(|error| format!("{error:#}"))?;
    if status.is_success() { Ok(body) } else { Err(format!("{status}, {}", body.trim())) }
}

async fn get(address: SocketAddr, path: &str) -> anyhow::Result<(StatusCode, String)> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get(path).header(header::HOST, address.to_string()).body(Body::empty())?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), LONGEST).await?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::net::TcpListener;

    use super::*;

    async fn served(routes: Router) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(axum::serve(listener, routes).into_future());
        port
    }

    #[tokio::test]
    async fn what_is_not_ready_or_led_by_nobody_is_told() {
        let well = served(Router::new().route("/readyz", get(async || "ok\n"))).await;
        let away = (StatusCode::SERVICE_UNAVAILABLE, "MongoDB is away\n");
        let ill = served(Router::new().route("/readyz", get(async move || away))).await;
        let metrics =
            async |leader: &'static str| served(Router::new().route("/metrics", get(async move || leader))).await;
        let leader = metrics("# TYPE chakravue_operator_leader gauge\nchakravue_operator_leader 1\n").await;
        let standby = metrics("# TYPE chakravue_operator_leader gauge\nchakravue_operator_leader 0\n").await;
        let here = BTreeSet::from([IpAddr::from([127, 0, 0, 1])]);
        let told = async |probes, metrics| look(&here, Ports { probes, metrics }).await.join("; ");
        assert_eq!(told(well, leader).await, "");
        assert_eq!(told(well, standby).await, "no operator leads");
        assert_eq!(told(ill, leader).await, "127.0.0.1 is not ready: 503 Service Unavailable, MongoDB is away");
        let nobody = told(9, leader).await;
        assert!(nobody.starts_with("127.0.0.1 is not ready: ") && nobody.contains("refused"), "{nobody}");
        assert_eq!(look(&BTreeSet::new(), PORTS).await, ["no operator leads"]);
    }
}
