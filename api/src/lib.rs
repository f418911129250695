//! `chakravue-api` as a library: the program in `main.rs`, the tests and the benchmarks put the same parts together.
//!
//! A request is followed from [`app`] (routes and layers) to its file in `endpoints`, and from there to [`tenant`], the
//! only door to a hospital's data.

pub mod app;
pub mod health;
pub mod plans;
pub mod problem;
