//! `make up-pods`: a cluster with pods on this machine, and `ChakraVue` installed on it by its chart, in the foreground.
//! Nothing of it outlasts it: the cluster stands in an enclosure, into which two ports of this machine lead.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use futures::FutureExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::Api;

use super::{Enclosure, Images, Installation, NAMESPACE, Pods, RELEASE, inside, network, possible, prepare, relay};
use crate::{
    guard::stop_signal,
    ports::Port,
    processes::spawn,
    programs::Program,
    up::{Screen, Signals},
};

/// Where a browser finds the web service, if the port is free.
const API_PORT: u16 = 8008;
/// The web service's own port.
const SERVICE_PORT: u16 = 8008;
const TAG: &str = env!("CARGO_PKG_VERSION");
/// For everything inside to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Outside: makes the enclosure and leads into it, until Ctrl-C.
pub(crate) async fn run() -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let screen = Screen::new();
    if let Err(impossible) = possible() {
        bail!("{impossible}; `make up` needs neither root nor pods");
    }
    screen.title("ChakraVue in pods of a cluster on this machine");
    let step = screen.step("programs");
    // There is no way out of the enclosure to download anything.
    tokio::select! {
        prepared = tokio::task::spawn_blocking(prepare) => prepared??,
        () = signals.next() => return Ok(()),
    }
    step.done("ready to start");

    let enclosure = Enclosure::new()?;
    let door = |port: Port, name: &str| (port, enclosure.folder().join(format!("{name}.sock")));
    let api = door(Port::exactly(API_PORT).map_or_else(Port::any, Ok)?, "api");
    let kubernetes = door(Port::any()?, "kubernetes");
    let mut inner = enclosure.command(&Program::Testbed.path()?, ["up-pods", "--inside"]);
    inner.stdin(Stdio::piped());
    inner.env("API_PORT", api.0.number().to_string()).env("KUBERNETES_PORT", kubernetes.0.number().to_string());
    let mut inner = spawn(inner)?;
    let doors = async {
        let [api, kubernetes] = [api, kubernetes].map(|(port, socket)| relay::outside(port.number(), socket));
        let (api, kubernetes) = tokio::try_join!(api, kubernetes)?;
        tokio::join!(api, kubernetes);
        anyhow::Ok(())
    };
    let ended = tokio::select! {
        () = signals.next() => None,
        ended = until_ended(&mut inner) => Some(ended?),
        failed = doors => return failed,
    };
    if let Some(status) = ended {
        bail!("the cluster ended ({status})");
    }
    screen.say("Stopping …");
    drop(inner.stdin.take());
    tokio::select! {
        _ = tokio::time::timeout(PATIENCE, until_ended(&mut inner)) => {}
        () = signals.next() => {}
    }
    // With its first process, everything in the enclosure is gone.
    inner.kill().ok();
    inner.wait().ok();
    screen.say("Everything is stopped, and nothing is left of it.");
    Ok(())
}

async fn until_ended(child: &mut Child) -> anyhow::Result<std::process::ExitStatus> {
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for the enclosure")? {
            return Ok(status);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Inside: starts the cluster and installs the chart, and holds both until standard input closes.
pub(crate) async fn run_inside() -> anyhow::Result<()> {
    let folder = inside().context("this is only for inside an enclosure")?;
    let told_to_stop = stop_signal()?.shared();
    let started = Instant::now();
    let screen = Screen::new();
    let up = async {
        let step = screen.step("cluster");
        let mut images = Images::lay_out(&folder)?;
        let built = async {
            images.build_pause().await?;
            images.build(TAG).await
        };
        let (pods, ()) = tokio::try_join!(Pods::start(&folder), built)?;
        images.import(&pods).await?;
        let nodes = pods.nodes().len();
        step.done(&format!("{nodes} nodes, MongoDB with TLS, chakravue-operator:{TAG}, chakravue-api:{TAG}"));
        let doors = install(&pods, &folder, &screen, started).await?;
        anyhow::Ok((pods, doors))
    };
    let (pods, _doors) = tokio::select! {
        up = up => up?,
        () = told_to_stop.clone() => return Ok(()),
    };
    told_to_stop.await;
    // Nothing of it is kept, so nothing has to end in good order.
    drop(pods);
    Ok(())
}

/// Installs the chart, makes a hospital, opens the doors, and says what there is.
async fn install(
    pods: &Pods,
    folder: &Path,
    screen: &Screen,
    started: Instant,
) -> anyhow::Result<tokio::task::JoinSet<()>> {
    let step = screen.step("chart");
    let installation = Installation::prepare(pods).await?;
    let notes = installation.install(TAG, &[]).await.map_err(anyhow::Error::msg)?;
    step.done(&format!("release {RELEASE} in namespace {NAMESPACE}"));
    fs::write(folder.join("notes.txt"), notes)?;

    let step = screen.step("hospital");
    step.done(&installation.first_hospital().await?);

    let services = Api::<Service>::namespaced(pods.admin().await, NAMESPACE);
    let address = services.get("chakravue-api").await?.spec.and_then(|spec| spec.cluster_ip);
    let address = address.context("the Service of the web service has no address")?;
    let mut doors = tokio::task::JoinSet::new();
    doors.spawn(relay::inside(&folder.join("api.sock"), format!("{address}:{SERVICE_PORT}"))?);
    doors.spawn(relay::inside(&folder.join("kubernetes.sock"), format!("{}:6443", network::HOST))?);
    let kubeconfig = kubeconfig_outside(pods, folder)?;
    let link = pods
        .kubectl()
        .run(
            &[
                "-n",
                NAMESPACE,
                "exec",
                "deploy/chakravue-api",
                "--",
                "/chakravue-api",
                "admin",
                "invite",
                "--email",
                "administrator@chakravue.example",
            ],
            "",
        )
        .await
        .map_err(anyhow::Error::msg)?;
    let port = port_of("API_PORT")?;
    let link =
        link.lines().last().unwrap_or_default().replace("http://localhost:8008", &format!("http://localhost:{port}"));
    screen.say(&format!(
        "\nReady after {:.0} s.

  in a browser   http://localhost:{port}/

Whoever opens this link first becomes the platform's administrator:

  {link}

In another terminal:

  export KUBECONFIG={}
  kubectl get pods --all-namespaces
  kubectl get horg --all-namespaces
  helm -n {NAMESPACE} test {RELEASE}

Ctrl-C stops everything and leaves nothing.
",
        started.elapsed().as_secs_f64(),
        kubeconfig.display(),
    ));
    Ok(doors)
}

/// The administrator's kubeconfig, by the way through the door.
fn kubeconfig_outside(pods: &Pods, folder: &Path) -> anyhow::Result<PathBuf> {
    let text = fs::read_to_string(pods.kubeconfig()).context("cannot read the kubeconfig")?;
    let (from, to) = (format!("{}:6443", network::HOST), format!("127.0.0.1:{}", port_of("KUBERNETES_PORT")?));
    let path = folder.join("kubeconfig-outside");
    crate::files::write_private(&path, &text.replace(&from, &to))?;
    Ok(path)
}

fn port_of(variable: &str) -> anyhow::Result<u16> {
    std::env::var(variable).ok().and_then(|port| port.parse().ok()).with_context(|| format!("{variable} is not set"))
}
