//! The mock of Stripe's API that Stripe publishes: it checks every request against Stripe's own OpenAPI document. Built once,
//! when a test asks for it.

use std::{fs, path::PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

use super::{cache, go, hex, only_one};

const GO_MOD: &str = include_str!("../../stripe-mock/go.mod");
const GO_SUM: &str = include_str!("../../stripe-mock/go.sum");
const PACKAGE: &str = "github.com/stripe/stripe-mock";
const NAME: &str = "stripe-mock";

const GET_GO: &str =
    "install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough)";

/// The program, from the cache or built into it.
pub(crate) fn prepare() -> anyhow::Result<PathBuf> {
    let cache = cache()?;
    let digest = Sha256::new().chain_update(GO_MOD).chain_update(GO_SUM).finalize();
    let key = format!("{NAME}-{}", hex(&digest[..6]));
    let folder = cache.join(&key);
    let program = folder.join(NAME);
    if program.is_file() {
        return Ok(program);
    }
    let _lock = only_one(&cache, &key)?;
    // Whoever held the lock may have built it meanwhile.
    if program.is_file() {
        return Ok(program);
    }
    go::find(GET_GO)?;
    let partial = folder.with_added_extension("partial");
    fs::remove_dir_all(&partial).ok();
    fs::create_dir_all(&partial).with_context(|| format!("cannot create {}", partial.display()))?;
    fs::write(partial.join("go.mod"), GO_MOD)?;
    fs::write(partial.join("go.sum"), GO_SUM)?;
    eprintln!("Building {NAME} from source; this happens once and takes half a minute.");
    go::check_version(&partial, GET_GO)?;
    let mut install = go::command(&partial);
    install.env("GOBIN", &partial).args(["install", "-trimpath", "-ldflags", "-s -w", PACKAGE]);
    go::run(install, "go install", |_| ())?;
    fs::rename(&partial, &folder).with_context(|| format!("cannot move {}", partial.display()))?;
    Ok(program)
}
