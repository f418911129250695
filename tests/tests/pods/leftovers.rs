//! What a cluster leaves on a machine if nobody removes it: mounts, links, nftables tables, control groups, processes,
//! folders, settings of the kernel.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use chakravue_testbed::pods::KERNEL_SETTINGS;

/// Everything of that kind on this machine: what has the name of an enclosure in it, and what cannot have one.
pub fn of(enclosure: &str) -> BTreeSet<String> {
    let mounts = lines("/proc/self/mountinfo").into_iter().filter(|mount| mount.contains(enclosure));
    let links = listed("ip", &["-brief", "link"]).into_iter().filter(|link| link.starts_with("pods"));
    let groups = names("/sys/fs/cgroup")
        .into_iter()
        .flat_map(|controller| names(&format!("/sys/fs/cgroup/{controller}")))
        .chain(names("/sys/fs/cgroup"))
        .filter(|group| group == enclosure);
    let folders = names(&std::env::temp_dir().display().to_string());
    let folders = folders.into_iter().filter(|name| name == enclosure);
    let sockets = names("/run").into_iter().filter(|name| name.starts_with("node-"));
    // Those by which kube-proxy leads to Services.
    let rules = listed("nft", &["list", "tables"]).into_iter().filter(|table| table.contains("kube-proxy"));
    let kinds: [(&str, Vec<String>); 7] = [
        ("mount", mounts.collect()),
        ("link", links.collect()),
        ("nftables", rules.collect()),
        ("control group", groups.collect()),
        ("process", processes(enclosure)),
        ("folder", folders.collect()),
        ("socket", sockets.collect()),
    ];
    kinds.into_iter().flat_map(|(kind, found)| found.into_iter().map(move |name| format!("{kind} {name}"))).collect()
}

/// What kubelets set for the whole machine.
pub fn kernel_settings() -> BTreeMap<&'static str, String> {
    let value = |name| fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap_or_default();
    KERNEL_SETTINGS.into_iter().map(|name| (name, value(name).trim().to_owned())).collect()
}

/// Of the enclosure with this folder.
pub fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// While the cluster runs there is something of each kind, so that finding nothing afterwards means something.
pub fn are_noticed(folder: &Path) {
    let found = of(name(folder));
    for kind in ["mount", "link pods1", "link pods2", "nftables", "control group", "process", "folder", "socket"] {
        assert!(found.iter().any(|what| what.starts_with(kind)), "{kind}, in {}: {found:#?}", folder.display());
    }
}

/// What a program of root's prints, line by line.
fn listed(program: &str, arguments: &[&str]) -> Vec<String> {
    let path =
        ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(program)).into_iter().find(|path| path.is_file());
    let output = Command::new(path.unwrap_or(program.into())).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// By their command lines; a container's shim names its node's socket.
fn processes(enclosure: &str) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.path().join("cmdline"));
    let commands = all.filter_map(|path: PathBuf| fs::read_to_string(path).ok()).map(|line| line.replace('\0', " "));
    commands.filter(|line| line.contains(enclosure) || line.contains("/run/node-")).collect()
}

fn lines(path: &str) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
