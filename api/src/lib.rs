//! `chakravue-api` as a library: the program in `main.rs`, the tests and the benchmarks put the same parts together.
//!
//! A request is followed from [`app`] (routes and layers) to its file in `endpoints`, and from there to [`tenant`], the
//! only door to a hospital's data.

pub mod app;
pub mod audit;
pub mod clock;
pub mod database_error;
pub mod extract;
pub mod health;
pub mod master;
pub mod names;
pub mod paging;
pub mod permissions;
pub mod plans;
pub mod problem;
pub mod request_id;
pub mod secret_key;
pub mod sessions;
pub mod settings;
pub mod tokens;
