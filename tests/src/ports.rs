//! Free TCP ports that two runs side by side never both take.
//!
//! Asking the kernel for "any port" frees it again before the server binds it. Here a port is taken by a lock file that
//! its owner holds for as long as it lives, in a range below the one from which the kernel hands out ports by itself.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, Permissions},
    net::{Ipv4Addr, TcpListener},
    ops::RangeInclusive,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;

const RANGE: RangeInclusive<u16> = 20_000..=31_999;

/// A port on 127.0.0.1 that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes any free port.
    pub(crate) fn any() -> anyhow::Result<Self> {
        let count = RANGE.end() - RANGE.start() + 1;
        let first: u16 = rand::random_range(0..count);
        (0..count)
            .find_map(|step| Self::exactly(RANGE.start() + (first + step) % count))
            .with_context(|| format!("no free port between {} and {} on 127.0.0.1", RANGE.start(), RANGE.end()))
    }

    /// Takes this port, unless it is in use.
    pub(crate) fn exactly(number: u16) -> Option<Self> {
        let lock = lock_file(number)?;
        lock.try_lock().ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
        Some(Self { number, _lock: lock })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:<port>`
    pub(crate) fn address(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.number)
    }
}

fn lock_file(number: u16) -> Option<File> {
    let folder = std::env::temp_dir().join("chakravue-ports");
    let path = folder.join(format!("{number}.lock"));
    // An existing file is opened without `create`: the kernel refuses that for files of others in a shared folder.
    if let Ok(file) = File::open(&path) {
        return Some(file);
    }
    if fs::create_dir(&folder).is_ok() {
        // Other users of this machine take their ports here too.
        fs::set_permissions(&folder, Permissions::from_mode(0o1777)).ok();
    }
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).ok()?;
    file.set_permissions(Permissions::from_mode(0o644)).ok();
    Some(file)
}

/// Remembers in a file which port a server had, so that it gets the same one again where possible.
pub(crate) struct PortBook {
    file: Option<PathBuf>,
    ports: BTreeMap<String, u16>,
}

impl PortBook {
    /// Remembers nothing.
    pub(crate) fn forgetful() -> Self {
        Self { file: None, ports: BTreeMap::new() }
    }

    pub(crate) fn in_file(file: &Path) -> Self {
        // A file that is missing or broken only costs the memory of last time's ports.
        let ports = fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        Self { file: Some(file.to_owned()), ports }
    }

    /// Last time's port of `server` if it is free, else any.
    pub(crate) fn take(&mut self, server: &str) -> anyhow::Result<Port> {
        let port = match self.ports.get(server).and_then(|number| Port::exactly(*number)) {
            Some(port) => port,
            None => Port::any()?,
        };
        self.ports.insert(server.to_owned(), port.number());
        if let Some(file) = &self.file {
            fs::write(file, serde_json::to_string_pretty(&self.ports)?)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_once() {
        let port = Port::any().unwrap();
        assert!(Port::exactly(port.number()).is_none(), "{} was given twice", port.address());
        let number = port.number();
        drop(port);
        assert!(Port::exactly(number).is_some(), "{number} is free again after its owner is gone");
    }

    #[test]
    fn a_port_that_somebody_listens_on_is_not_taken() {
        let port = Port::any().unwrap();
        let listener = TcpListener::bind(port.address()).unwrap();
        let number = port.number();
        drop(port);
        assert!(Port::exactly(number).is_none());
        drop(listener);
    }

    #[test]
    fn the_book_remembers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ports.json");
        let first = PortBook::in_file(&file).take("mongod").unwrap().number();
        let again = PortBook::in_file(&file).take("mongod").unwrap();
        assert_eq!(first, again.number());
        let other = PortBook::in_file(&file).take("mongod").unwrap();
        assert_ne!(first, other.number(), "it is in use, so another one is found");
    }
}
