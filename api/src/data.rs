//! Where everything is kept: the hospitals' own databases, the platform's, and the audit log of each.

pub mod audit;
pub mod commit;
pub mod database_error;
pub mod master;
pub mod platform_audit;
pub mod tenant;
pub mod timed;
