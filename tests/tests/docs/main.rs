//! The documentation against the repository: what a page says of links, commands, flags, settings, alerts, Events, reasons
//! and tests is there. No server is started; the programs are asked by running them.
//!
//! Each check first fails on something wrong that was made up, so that none passes because it looks at nothing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod pages;
mod programs;
mod shell;

mod commands;
mod configuration;
mod hospital;
mod links;
mod observability;
mod references;
mod values;

/// Fails with everything that is wrong, one a line.
fn nothing_wrong(mistakes: &[String]) {
    assert!(mistakes.is_empty(), "{} mistakes:\n{}", mistakes.len(), mistakes.join("\n"));
}
