//! What requests and answers have in common: how they are read and checked, told apart, limited, repeated, paged, refused.

pub mod client_address;
pub mod dates;
pub mod extract;
pub mod flaw;
pub mod frontend;
pub mod idempotency;
pub mod limits;
pub mod merge;
pub mod openapi;
pub mod paging;
pub mod people;
pub mod problem;
pub mod request_id;
pub mod search;
pub mod text;
