//! The API end to end: its real process beside a real operator, Kubernetes and MongoDB, called over HTTP. One program, so
//! that all tests share one control plane and one mongod; each has a namespace and a prefix of its own.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod proxied;
mod support;

mod organizations;
mod outages;
mod payments;
mod process;
mod provisioning;
mod rotation;
mod signup;
mod telemetry;
