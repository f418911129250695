//! Logs: for people as text, for log collectors as JSON. What is logged is decided by `RUST_LOG`.

use std::{
    env,
    io::{self, IsTerminal as _},
};

use anyhow::Context as _;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::settings::LogFormat;

/// # Errors
/// When `RUST_LOG` cannot be understood.
pub fn start(format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .ok()
        .context("RUST_LOG is not a list of log directives; try RUST_LOG=info or RUST_LOG=chakravue_api=debug")?;
    // On stderr: stdout is left for what a command prints as its result.
    let logging = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => logging.with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none()).init(),
        LogFormat::Json => logging.json().init(),
    }
    Ok(())
}
