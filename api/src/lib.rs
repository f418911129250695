//! `chakravue-api` as a library: the program in `main.rs`, the tests and the benchmarks put the same parts together.
//!
//! A request is followed from [`app`] (routes and layers) to its file in `endpoints`, and from there to [`tenant`], the
//! only door to a hospital's data.

pub mod accounts;
pub mod administrators;
pub mod app;
pub mod audit;
pub mod beside;
pub mod blind_index;
pub mod check_urls;
pub mod cli;
pub mod client_address;
pub mod clock;
pub mod database_error;
pub mod dates;
pub mod endpoints;
pub mod extract;
pub mod first_administrators;
pub mod frontend;
pub mod hospitals;
pub mod idempotency;
pub mod identity;
pub mod kubernetes;
pub mod limits;
pub mod links;
pub mod mail;
pub mod master;
pub mod memberships;
pub mod merge;
pub mod metrics;
pub mod mongodb_role;
pub mod names;
pub mod openapi;
pub mod paging;
pub mod payments;
pub mod people;
pub mod permissions;
pub mod plan_change;
pub mod platform_audit;
pub mod platform_users;
pub mod problem;
pub mod reference;
pub mod request_id;
pub mod search;
pub mod secret_key;
pub mod server;
pub mod sessions;
pub mod settings;
pub mod sign_in;
pub mod signups;
pub mod state;
pub mod suspension;
pub mod telemetry;
pub mod tenant;
pub mod text;
pub mod tokens;
