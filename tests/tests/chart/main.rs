//! The chart without pods: what it refuses, what it makes of values, and whether an API server takes every bit of that.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod alerts;
mod documentation;
mod gitops;
mod monitoring;
mod preflight;
mod refusals;
mod rendering;
mod roles;
mod schemas;
mod support;
