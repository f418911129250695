//! Proxies between a real operator process and the real servers.
//!
//! They let an end-to-end test count every write the operator makes, stop the world exactly after the n-th of them, and
//! inject the failures that real servers have, while production code holds no hook for any of it. [`WriteLog`] is the
//! one ordered record of both servers' writes; [`MongoProxy`] and [`KubeProxy`] feed it and ask it before they forward.

mod door;
mod kubernetes;
mod mongodb;
mod spans;
mod wire;
mod writes;

pub use self::{
    kubernetes::{KubeProxy, Traffic},
    mongodb::MongoProxy,
    writes::{Refusal, Server, Write, WriteLog},
};
