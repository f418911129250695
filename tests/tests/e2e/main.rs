//! End to end: the operator's real process against a real API server and a real MongoDB. One program, so that all
//! tests share one control plane and one mongod; each has a namespace and a prefix of its own.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod proxied;
mod support;

mod admission;
mod backup;
mod bad_input;
mod by_hand;
mod capacity;
mod catalogue;
mod claims;
mod clock;
mod crash;
mod crash_changes;
mod drift;
mod fairness;
mod faults;
mod health;
mod invalid;
mod kubectl;
mod leader;
mod long_work;
mod migration;
mod offline;
mod once;
mod plan;
mod provisioning;
mod quiet;
mod read_model;
mod readiness;
mod refused;
mod removal;
mod repair;
mod rotation;
mod seats;
mod secrecy;
mod telemetry;
mod way;
