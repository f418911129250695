//! One file per group of endpoints: what comes in, what goes out, the handler between. `app` puts them together.

pub mod appointments;
pub mod audit_log;
pub mod health;
pub mod hospital_settings;
pub mod invitations;
pub mod me;
pub mod organizations;
pub mod password_reset;
pub mod patients;
pub mod payments;
pub mod pharmacy;
pub mod plans;
pub mod platform;
pub mod platform_audit;
pub mod provisioning;
pub mod roles;
pub mod sign_in;
pub mod signup;
pub mod users;
