//! Whether the object that holds a claim is still there: asked of the API server, never of a cache.

use chakravue_crds::{HospitalOrganization, master::Owner};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;

use crate::{
    answer::in_time,
    context::Context,
    error::{Doing as _, Error, Result},
    finalizer,
    tenant::Tenant,
};

/// Whether the object that holds a claim still exists. What cannot be seen counts as alive: another cluster's objects, and
/// those of a namespace that this operator may not look into.
pub(super) async fn holder_lives(context: &Context, tenant: &Tenant, holder: &Owner) -> Result<bool> {
    if holder.cluster != tenant.owner.cluster {
        return Ok(true);
    }
    match ask(context, holder).await {
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(true),
        found => Ok(found.doing(LOOKING)?.is_some()),
    }
}

/// Whether an object still stands in its place.
pub async fn lives(context: &Context, owner: &Owner) -> Result<bool> {
    Ok(ask(context, owner).await.doing(LOOKING)?.is_some())
}

/// Whether an object still stands in its place and waits there for the operator.
pub async fn waits(context: &Context, owner: &Owner) -> Result<bool> {
    Ok(ask(context, owner).await.doing(LOOKING)?.is_some_and(|object| finalizer::is_in(&object)))
}

/// Asks the API server, not a cache, whether an object still stands in its place. One that is being deleted may do so for long
/// after its claim was given up, because of somebody else's finalizer.
pub async fn must_live(context: &Context, tenant: &Tenant) -> Result<()> {
    // What is only planned stands nowhere yet.
    if !tenant.exists {
        return Ok(());
    }
    let found = ask(context, &tenant.owner).await.doing(LOOKING)?;
    if found.is_some_and(|object| object.deletion_timestamp.is_none()) {
        return Ok(());
    }
    Err(Error::Conflict { what: "the object, which was deleted or re-created,".to_owned() })
}

const LOOKING: &str = "look for the claim's holder";

/// What of this very object is no declaration, if it stands in its place.
async fn ask(context: &Context, owner: &Owner) -> kube::Result<Option<ObjectMeta>> {
    let api: Api<HospitalOrganization> = Api::namespaced(context.kube.clone(), &owner.namespace);
    let found = in_time(api.get_metadata_opt(&owner.name)).await?.map(|object| object.metadata);
    Ok(found.filter(|object| object.uid.as_ref() == Some(&owner.uid)))
}
