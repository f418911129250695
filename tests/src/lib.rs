//! Real servers to try ChakraVue on: a Kubernetes control plane and a MongoDB, started from their own programs.
//!
//! `make up`, the end-to-end tests and the benchmarks all start them through this library, so that what a newcomer sees is
//! what the tests see. [`Testbed`] is what one process shares, [`Sandbox`] what one test has for itself, and [`proxy`]
//! stands between the operator and its servers to count and to disturb.
//!
//! To read it from the ground up: `parts` (where the programs come from), `processes` and `ports`, `control_plane` and
//! `mongod`, `install` (what operator and API need before they run), `operator` and `api` (the programs), `client` (who
//! calls the API), `companion` (other servers), `guard` (who cleans up), `up` (`make up`).

mod api;
mod application;
mod certificates;
mod client;
mod companion;
mod control_plane;
mod files;
mod folders;
mod fragile;
mod guard;
mod helm;
mod http;
mod install;
mod kubeconfig;
mod kubectl;
mod mongod;
mod new_mongodb;
mod operator;
mod parts;
pub mod pods;
mod ports;
mod processes;
mod programs;
pub mod proxy;
mod replica_set;
mod sandbox;
mod servers;
mod stripe_mock;
mod testbed;
mod up;
mod uri;

pub mod cli;

pub use api::{ApiOptions, ApiProcess};
pub use client::{ApiClient, Reply};
pub use companion::Companion;
pub use files::random_secret;
pub use fragile::{Backup, Fragile};
pub use helm::Helm;
pub use kubectl::Kubectl;
pub use mongod::Standalone;
pub use new_mongodb::NewMongodb;
pub use operator::{OperatorOptions, OperatorProcess};
pub use parts::{Tool, definitions, python_with};
pub use sandbox::Sandbox;
pub use stripe_mock::StripeMock;
pub use testbed::Testbed;
pub use uri::with_credentials;
