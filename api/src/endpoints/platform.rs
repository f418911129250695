//! For the platform's administrators: every organization, what they bring in, and suspending, resuming and changing them.
//!
//! Lists and figures come from the read model that the operator keeps in the master database; nothing here reads a
//! hospital's data.

mod metrics;
mod organization;
mod organizations;

use bson::{Document, doc};
use utoipa_axum::router::OpenApiRouter;

use crate::state::App;

#[must_use]
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().merge(organizations::routes()).merge(organization::routes()).merge(metrics::routes())
}

/// Of an organization that was removed, the record stays as long as its data does.
fn that_are_there() -> Document {
    doc! { "claim": { "$ne": "Retained" }, "left_behind": { "$exists": false } }
}
