//! The API end to end: its real process beside a real operator, Kubernetes and MongoDB, called over HTTP. One program, so
//! that all tests share one control plane and one mongod; each has a namespace and a prefix of its own.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(
    clippy::too_many_lines,
    clippy::format_collect,
    clippy::needless_for_each,
    clippy::doc_markdown,
    clippy::inconsistent_struct_constructor,
    clippy::unnecessary_wraps,
    clippy::format_push_string,
    clippy::match_same_arms,
    clippy::duration_suboptimal_units,
    clippy::needless_borrow,
    reason = "a story is told in one piece, and nobody waits for its messages"
)]

mod clinic;
mod collector;
mod proxied;
mod support;

mod appointments;
mod audit;
mod contract;
mod document;
mod field_managers;
mod invitations;
mod isolation;
mod matrix;
mod organizations;
mod outages;
mod patients;
mod payments;
mod pharmacy;
mod plan_changes;
mod process;
mod provisioning;
mod readiness;
mod readme;
mod repeated;
mod requests;
mod rotation;
mod secrecy;
mod settings;
mod sign_in;
mod signup;
mod stripe;
mod telemetry;
mod users;
