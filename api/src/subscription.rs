//! A hospital's way from signing up to paying, to another plan, and to being suspended.

pub mod names;
pub mod payments;
pub mod plan_change;
pub mod signups;
pub mod suspension;
