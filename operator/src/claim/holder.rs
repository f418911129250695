//! Whether the object that holds a claim is still there: asked of the API server, never of a cache.

use chakravue_crds::{HospitalOrganization, master::Owner};
use kube::{Api, ResourceExt as _};

use crate::{
    context::Context,
    error::{Doing as _, Error, Result},
    tenant::Tenant,
};

/// Whether the object that holds a claim still exists. Another cluster's objects cannot be seen: they count as alive.
pub(super) async fn holder_lives(context: &Context, tenant: &Tenant, holder: &Owner) -> Result<bool> {
    if holder.cluster != tenant.owner.cluster {
        return Ok(true);
    }
    lives(context, holder).await
}

/// Whether an object still stands in its place.
pub async fn lives(context: &Context, owner: &Owner) -> Result<bool> {
    Ok(live_uid(context, owner).await?.as_deref() == Some(&owner.uid))
}

/// Asks the API server, not a cache, whether an object still stands in its place.
pub async fn must_live(context: &Context, tenant: &Tenant) -> Result<()> {
    // What is only planned stands nowhere yet.
    if !tenant.exists || lives(context, &tenant.owner).await? {
        return Ok(());
    }
    Err(Error::Conflict { what: "the object, which was deleted or re-created,".to_owned() })
}

async fn live_uid(context: &Context, owner: &Owner) -> Result<Option<String>> {
    let api: Api<HospitalOrganization> = Api::namespaced(context.kube.clone(), &owner.namespace);
    let object = api.get_metadata_opt(&owner.name).await.doing("look for the claim's holder")?;
    Ok(object.and_then(|object| object.uid()))
}
