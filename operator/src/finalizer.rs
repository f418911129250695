//! The finalizer keeps a deleted object until what it stands for in MongoDB is dealt with. It is the only thing outside
//! of the status that the operator ever writes into an object.

use chakravue_crds::HospitalOrganization;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    answer::in_time,
    context::{Context, FIELD_MANAGER},
    error::{Doing as _, Error, Result},
};

/// The finalizer's name, in the domain of the kind.
pub const FINALIZER: &str = "chakravue.io/tenant";

pub fn is_on(object: &HospitalOrganization) -> bool {
    is_in(&object.metadata)
}

pub fn is_in(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER)
}

/// Whether others keep the object too.
pub fn is_shared(object: &HospitalOrganization) -> bool {
    object.finalizers().iter().any(|finalizer| finalizer != FINALIZER)
}

pub async fn add(object: &HospitalOrganization, context: &Context) -> Result<()> {
    if is_on(object) {
        return Ok(());
    }
    // The tests make this exact: on another version of the object, or a re-created one, it fails.
    let mut patch = vec![
        json!({ "op": "test", "path": "/metadata/uid", "value": object.uid() }),
        json!({ "op": "test", "path": "/metadata/resourceVersion", "value": object.resource_version() }),
    ];
    if object.finalizers().is_empty() {
        patch.push(json!({ "op": "add", "path": "/metadata/finalizers", "value": [FINALIZER] }));
    } else {
        patch.push(json!({ "op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER }));
    }
    match patch_metadata(object, context, patch).await {
        Ok(written) => {
            context.echoes.wrote(object, written);
            Ok(())
        }
        // A test failed: the object is not the one that this pass looks at.
        Err(kube::Error::Api(status)) if status.is_invalid() || status.is_not_found() => {
            Err(Error::Conflict { what: "the object".to_owned() })
        }
        Err(error) => Err(error).doing("add the finalizer"),
    }
}

pub async fn remove(object: &HospitalOrganization, context: &Context) -> Result<()> {
    let api: Api<HospitalOrganization> = Api::namespaced(context.kube.clone(), &object.namespace().unwrap_or_default());
    let Some(index) = object.finalizers().iter().position(|finalizer| finalizer == FINALIZER) else {
        return Ok(());
    };
    remove_at(&api, &object.metadata, index).await
}

pub async fn remove_at<K>(api: &Api<K>, object: &ObjectMeta, index: usize) -> Result<()>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let path = format!("/metadata/finalizers/{index}");
    // With the UID, so that an object that was re-created under the same name keeps its own.
    let removal = serde_json::from_value(json!([
        { "op": "test", "path": "/metadata/uid", "value": object.uid },
        { "op": "test", "path": path, "value": FINALIZER },
        { "op": "remove", "path": path },
    ]))
    .map_err(|_| Error::Conflict { what: "the finalizers".to_owned() })?;
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let name = object.name.as_deref().unwrap_or_default();
    match in_time(api.patch(name, &parameters, &Patch::<()>::Json(removal))).await {
        // Gone already: somebody else let it go.
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        // The list of finalizers changed since we looked, or the object was re-created.
        Err(kube::Error::Api(status)) if status.is_invalid() => {
            Err(Error::Conflict { what: "the finalizers".to_owned() })
        }
        other => other.map(drop).doing("remove the finalizer"),
    }
}

async fn patch_metadata(
    object: &HospitalOrganization,
    context: &Context,
    patch: Vec<serde_json::Value>,
) -> kube::Result<HospitalOrganization> {
    let api: Api<HospitalOrganization> = Api::namespaced(context.kube.clone(), &object.namespace().unwrap_or_default());
    let patch = serde_json::from_value(patch.into()).map_err(kube::Error::SerdeError)?;
    let parameters = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    in_time(api.patch(&object.name_any(), &parameters, &Patch::<()>::Json(patch))).await
}
