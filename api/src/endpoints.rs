//! One file per group of endpoints: what comes in, what goes out, the handler between. `app` puts them together.

pub mod health;
pub mod organizations;
pub mod payments;
pub mod plans;
pub mod platform;
pub mod provisioning;
pub mod signup;
