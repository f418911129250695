//! The contract crate: what the operator, the API and the tests must agree on, and nothing else.
//!
//! | module | one idea |
//! |---|---|
//! | [`organization`] | the `HospitalOrganization` resource: spec, status, columns, validation rules |
//! | [`conditions`] | condition types and reasons, and how a condition changes |
//! | [`plans`] | the plan catalogue: price and seats |
//! | [`roles`] | what a member of a hospital's staff can be |
//! | [`naming`] | every name that is derived from an object: database, user, role, Secret |
//! | [`organization_id`] | the stable id of a tenant |
//! | [`texts`] | the rules for what people write about a hospital: its name, e-mail address and telephone number |
//! | [`tenant_schema`] | the versioned catalogue of collections, validators and indexes |
//! | [`master`] | the documents of the master database that more than one program reads |
//! | [`privileges`] | what a program's MongoDB login must be allowed to do, and what one that is there lacks |
//! | [`annotations`] | the annotations with which a person steers the operator |
//! | [`cluster`] | which cluster a program works on, and whether by way of a proxy |

pub mod annotations;
pub mod cluster;
pub mod conditions;
pub mod master;
pub mod naming;
pub mod organization;
pub mod organization_id;
pub mod plans;
pub mod privileges;
pub mod roles;
pub mod tenant_schema;
pub mod texts;

pub use organization::{HospitalOrganization, HospitalOrganizationSpec, HospitalOrganizationStatus};
pub use organization_id::OrganizationId;
