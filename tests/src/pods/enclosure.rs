//! A place of its own on this machine for a cluster with pods: network, mounts and process numbers that nobody else sees.
//!
//! A program is started again inside, and what it starts there ends with it, however it ends: the kernel kills the
//! enclosure's first process when whoever made it dies, and with the first process everything else, its links, routes,
//! nftables tables and mounts. Only folders outlast a SIGKILL: one in the temporary folder, and the kubelets' control
//! groups, which the next enclosure finds and removes; and settings of the kernel that kubelets make, which it puts back.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context, ensure};

use super::{mongodb, network};
use crate::{
    files::private_folder,
    folders,
    parts::on_path_or_sbin,
    processes::{command, spawn},
};

/// What enclosures' folders are called, and below `/sys/fs/cgroup` their control groups.
const PREFIX: &str = "chakravue-pods-";
/// Tells the program inside where its folder is.
const VARIABLE: &str = "CHAKRAVUE_ENCLOSURE";
/// Where Linux keeps control groups.
const CONTROL_GROUPS: &str = "/sys/fs/cgroup";
/// What a kubelet sets for the whole machine, below `/proc/sys`.
pub const KERNEL_SETTINGS: [&str; 5] = [
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
];
/// Where an enclosure keeps what they were, in its folder.
const KERNEL: &str = "kernel";

/// Makes the enclosure ready; then it is its first process, which buries the processes that nobody else waits for.
///
/// Kubernetes, containerd and CNI keep some of what they know at fixed places. Those are empty here, and gone afterwards.
const SET_UP: &str = r#"
set -e
mount --make-rshared /
for place in /run /var/lib /var/log; do mount -t tmpfs tmpfs "$place"; done
mkdir /run/etc /run/etc/upper /run/etc/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
mkdir -p /etc/cni
mkdir -p -m 1777 "$PORTS" && mount -t tmpfs tmpfs "$PORTS"
ip link set lo up
for address in $ADDRESSES; do ip address add "$address/32" dev lo; done
# Somewhere, so that kube-proxy gets to see what goes to a Service from the machine itself.
ip route add "$SERVICES" dev lo src "${ADDRESSES%% *}"
echo 1 >/proc/sys/net/ipv4/ip_forward
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; fi
for name in $NAMES; do echo "${ADDRESSES%% *} $name" >>/etc/hosts; done
set +e
"$@"
exit $?
"#;

/// The programs that it takes, and the Debian packages that they come from.
const PROGRAMS: [(&str, &str); 8] = [
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("containerd", "containerd"),
    ("ctr", "containerd"),
    ("runc", "runc"),
    ("buildah", "buildah"),
];

/// Why there can be no pods here.
#[derive(Debug, thiserror::Error)]
pub enum Impossible {
    /// A machine, or a user, that may not do this: no fault of anybody.
    #[error("{0}")]
    NotHere(&'static str),
    /// Something that should be there.
    #[error("{0}")]
    Missing(String),
}

/// Whether a cluster with pods can be started here.
///
/// # Errors
/// When it cannot, with the reason.
pub fn possible() -> Result<(), Impossible> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(Impossible::NotHere("pods need Linux on x86-64"));
    }
    if !rustix::process::getuid().is_root() {
        return Err(Impossible::NotHere("pods need root"));
    }
    // First whether packages would help: where namespaces cannot be made nobody is told to install them.
    let tried = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "mount", "--make-rshared", "/"])
        .stdin(Stdio::null())
        .output();
    if tried.is_ok_and(|output| !output.status.success()) {
        return Err(Impossible::NotHere("pods need the right to make namespaces, which a container may not have"));
    }
    let programs = PROGRAMS.iter().filter(|(name, _)| on_path_or_sbin(name).is_none());
    let plugins = ["bridge", "host-local", "loopback"].map(|name| Path::new(network::PLUGINS).join(name));
    let plugins = plugins.iter().filter(|path| !path.is_file()).map(|_| "containernetworking-plugins");
    let lacking: BTreeSet<&str> = programs.map(|(_, package)| *package).chain(plugins).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let lacking: Vec<&str> = lacking.into_iter().collect();
    Err(Impossible::Missing(format!("install first: apt install {}", lacking.join(" "))))
}

/// The folder of the enclosure that this process runs in, if it does.
#[must_use]
pub fn inside() -> Option<PathBuf> {
    env::var_os(VARIABLE).map(PathBuf::from)
}

/// An enclosure, from outside. What it leaves is removed when this is dropped.
#[derive(Debug)]
pub struct Enclosure {
    folder: PathBuf,
    _lock: fs::File,
}

impl Enclosure {
    /// A new one, in which nothing runs yet. Removes what others left that were killed.
    ///
    /// # Errors
    /// When there is no place for its folder.
    pub fn new() -> anyhow::Result<Self> {
        folders::remove_abandoned(PREFIX, tidy_up);
        let folder = folders::new_folder(PREFIX);
        private_folder(&folder)?;
        let lock = folders::lock(&folder)?;
        keep_kernel_settings(&folder)?;
        Ok(Self { folder, _lock: lock })
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command that runs `program` inside. It knows the folder, and ends when its standard input does if it listens.
    pub(crate) fn command(&self, program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut enclosed = command("unshare");
        enclosed.args([
            "--net",
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]);
        enclosed.args(["sh", "-c", SET_UP, "sh"]).arg(program).args(arguments);
        enclosed
            .env(VARIABLE, &self.folder)
            .env("ADDRESSES", network::ADDRESSES.join(" "))
            .env("SERVICES", network::SERVICES);
        enclosed.env("NAMES", mongodb::HOST).env("PORTS", env::temp_dir().join("chakravue-ports"));
        enclosed
    }

    /// Runs `program` inside to its end; everything that it prints goes to `output`, or where ours goes.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn run(&self, program: &Path, arguments: &[&str], output: Option<&fs::File>) -> anyhow::Result<ExitStatus> {
        let mut command = self.command(program, arguments);
        if let Some(output) = output {
            command.stdout(output.try_clone()?).stderr(output.try_clone()?);
        }
        spawn(command)?.wait().context("cannot wait for the enclosure")
    }
}

impl Drop for Enclosure {
    fn drop(&mut self) {
        tidy_up(&self.folder);
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Undoes what the enclosure with this folder did to the machine. Nothing runs in it any more.
fn tidy_up(folder: &Path) {
    restore_kernel_settings(folder);
    remove_control_groups(folder);
}

fn kernel_setting(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name)
}

/// Notes them in the folder, where the next enclosure finds them if this one is killed.
///
/// With two at a time, the second would note what the kubelets of the first made of them; so it takes over the first one's note.
fn keep_kernel_settings(folder: &Path) -> anyhow::Result<()> {
    let note = folder.join(KERNEL);
    fs::create_dir(&note).with_context(|| format!("cannot create {}", note.display()))?;
    let others = fs::read_dir(env::temp_dir()).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    let others: Vec<PathBuf> = others
        .filter(|other| {
            other != folder && other.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
        })
        .collect();
    for name in KERNEL_SETTINGS {
        let file = name.replace('/', ".");
        let noted = others.iter().find_map(|other| fs::read(other.join(KERNEL).join(&file)).ok());
        // Not every kernel has each of them.
        if let Some(value) = noted.or_else(|| fs::read(kernel_setting(name)).ok()) {
            fs::write(note.join(&file), value).with_context(|| format!("cannot note {name} of the kernel"))?;
        }
    }
    Ok(())
}

fn restore_kernel_settings(folder: &Path) {
    for name in KERNEL_SETTINGS {
        let Ok(before) = fs::read(folder.join(KERNEL).join(name.replace('/', "."))) else { continue };
        let setting = kernel_setting(name);
        if fs::read(&setting).is_ok_and(|now| now != before)
            && let Err(error) = fs::write(&setting, before)
        {
            eprintln!("the kernel's setting {} cannot be put back: {error}", setting.display());
        }
    }
}

/// The name of the control group of the enclosure with this folder.
fn control_group(folder: &Path) -> String {
    folder.file_name().map_or_else(|| PREFIX.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Makes a control group for a kubelet, which does not make the first one itself. Returns its name.
pub(crate) fn make_control_group(folder: &Path, node: &str) -> anyhow::Result<String> {
    let name = format!("/{}/{node}", control_group(folder));
    let root = Path::new(CONTROL_GROUPS);
    for hierarchy in hierarchies(root)? {
        let mut group = hierarchy.clone();
        for part in name.trim_start_matches('/').split('/') {
            let above = group.clone();
            group = group.join(part);
            fs::create_dir_all(&group).with_context(|| format!("cannot make the control group {}", group.display()))?;
            // The old kind of this one controller gives a new group no processors and no memory to run on.
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(value) = fs::read_to_string(above.join(file)) {
                    fs::write(group.join(file), value.trim()).ok();
                }
            }
        }
    }
    Ok(name)
}

/// One for each controller, or one for all of them.
fn hierarchies(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if root.join("cgroup.controllers").exists() {
        return Ok(vec![root.to_owned()]);
    }
    let entries = fs::read_dir(root).with_context(|| format!("cannot read {}", root.display()))?;
    let found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        // Two controllers in one hierarchy have a link beside it.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| path.join("cgroup.procs").exists())
        .collect();
    ensure!(!found.is_empty(), "there are no control groups below {}", root.display());
    Ok(found)
}

/// Removes what kubelets left below the groups of an enclosure.
fn remove_control_groups(folder: &Path) {
    let Ok(hierarchies) = hierarchies(Path::new(CONTROL_GROUPS)) else {
        return;
    };
    for hierarchy in hierarchies {
        remove_group(&hierarchy.join(control_group(folder)));
    }
}

/// From the inside out: a control group with others in it stays.
fn remove_group(group: &Path) {
    let Ok(entries) = fs::read_dir(group) else {
        return;
    };
    for entry in entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_group(&entry.path());
    }
    fs::remove_dir(group).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_inside_sees_a_network_of_its_own_and_leaves_nothing() {
        if let Err(error) = possible() {
            eprintln!("skipped: {error}; run as root: make test-pods");
            return;
        }
        let enclosure = Enclosure::new().unwrap();
        let folder = enclosure.folder().to_owned();
        let before = KERNEL_SETTINGS.map(|name| fs::read_to_string(kernel_setting(name)).ok());
        // As a kubelet does, which has the right to: the kernel has one of each for all.
        let look = "ip -o address > \"$CHAKRAVUE_ENCLOSURE/addresses\" && touch /run/mine /etc/mine \
            && expr $(cat /proc/sys/kernel/panic) + 10 >/proc/sys/kernel/panic && exit 7";
        let status = enclosure.run(Path::new("sh"), &["-c", look], None).unwrap();
        assert_eq!(status.code(), Some(7));
        let addresses = fs::read_to_string(folder.join("addresses")).unwrap();
        for address in crate::pods::network::ADDRESSES {
            assert!(addresses.contains(address), "{addresses}");
        }
        assert!(!addresses.contains("eth0"), "{addresses}");
        assert!(!Path::new("/run/mine").exists() && !Path::new("/etc/mine").exists());

        let group = make_control_group(&folder, "node-1").unwrap();
        let anywhere =
            || hierarchies(Path::new(CONTROL_GROUPS)).unwrap().iter().any(|root| root.join(&group[1..]).exists());
        assert!(anywhere());
        drop(enclosure);
        assert!(!anywhere() && !folder.exists());
        assert_eq!(KERNEL_SETTINGS.map(|name| fs::read_to_string(kernel_setting(name)).ok()), before);
    }
}
