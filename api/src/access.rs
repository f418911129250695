//! Who somebody is, how they prove it, and what they may do.

pub mod accounts;
pub mod blind_index;
pub mod first_administrators;
pub mod identity;
pub mod links;
pub mod mail;
pub mod memberships;
pub mod permissions;
pub mod platform_users;
pub mod sessions;
pub mod sign_in;
pub mod tokens;
