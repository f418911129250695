//! Proving who somebody is with a password: hashing it, what it must be like, and how guessing is slowed down.
//!
//! Whether the hospital or the user exists, has a password or is locked must not show: every refusal costs one hash and
//! reads the same.

pub mod attempt;
pub mod end;
pub mod hashing;
pub mod password;
pub mod password_policy;
pub mod soft_lock;
pub mod start;
