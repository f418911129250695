//! The mock of Stripe's API that Stripe publishes: it checks every request against Stripe's own OpenAPI document. Built once,
//! when a test asks for it.

use std::path::PathBuf;

use super::go::{Module, Program};

const MODULE: Module = Module {
    name: "stripe-mock",
    go_mod: include_str!("../../stripe-mock/go.mod"),
    go_sum: include_str!("../../stripe-mock/go.sum"),
    sources: &[],
    linker_flags: "-s -w",
    get_go: "install Go 1.26 or newer (from go.dev/dl, or the Debian package golang-go where it is new enough)",
    takes: "Half a minute.",
};

const PROGRAM: Program = Program::new("stripe-mock", "github.com/stripe/stripe-mock");

/// The program, from the cache or built into it.
pub(crate) fn prepare() -> anyhow::Result<PathBuf> {
    MODULE.prepare(&[PROGRAM])?;
    MODULE.path_of(&PROGRAM)
}
