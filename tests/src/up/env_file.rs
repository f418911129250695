//! `.dev/env`: what a shell sources to find everything. It exists exactly while everything runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::files::write_private;

/// Removed when dropped.
pub(super) struct EnvFile(PathBuf);

impl EnvFile {
    pub(super) fn write(path: &Path, variables: &[(&str, String)]) -> anyhow::Result<Self> {
        let lines = variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value)));
        write_private(path, &lines.collect::<String>())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for EnvFile {
    fn drop(&mut self) {
        fs::remove_file(&self.0).ok();
    }
}

/// As one word for a shell: bare where that is safe, else in single quotes.
pub(super) fn quoted(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(safe) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, process::Command};

    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        let value = "it's $HOME & a `b` \"c\" \\ d; ?x=1";
        let file = EnvFile::write(&path, &[("ONE", value.to_owned()), ("TWO", "/plain/path".to_owned())]).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let script = ". \"$1\" && printf '%s|%s' \"$ONE\" \"$TWO\"";
        let output = Command::new("sh").args(["-c", script, "sh"]).arg(&path).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{value}|/plain/path"));
        drop(file);
        assert!(!path.exists());
    }
}
