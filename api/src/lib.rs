//! `chakravue-api` as a library: the program in `main.rs`, the tests and the benchmarks put the same parts together.
//!
//! A request is followed from [`app`] (routes and layers) to its file in [`endpoints`], and from there to [`data::tenant`],
//! the only door to a hospital's data. Who may come so far is decided in [`access`].

pub mod access;
pub mod app;
pub mod data;
pub mod endpoints;
pub mod hospitals;
pub mod http;
pub mod program;
pub mod state;
pub mod subscription;
