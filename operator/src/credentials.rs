//! The connection Secret (Service Binding). The password is written here before MongoDB hears of it, so that a crash
//! between the two leaves a Secret that the next pass makes true, never a user whose password nobody knows.

pub mod decision;
pub mod secret;

use chakravue_crds::{annotations::ROTATE_CREDENTIALS, conditions::events};
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
};

use self::{
    decision::{Decision, Mending, Why, decide},
    secret::{Credentials, desired, is_left_behind, is_owned_by},
};
use crate::{
    answer::in_time,
    context::{Context, FIELD_MANAGER},
    drift::kind::Kind,
    endpoint::Endpoint,
    error::{Doing as _, Error, Result},
    events::{Change, Changes},
    tenant::Tenant,
};

pub async fn find(context: &Context, tenant: &Tenant) -> Result<Option<Secret>> {
    let api = secrets(context, &tenant.owner.namespace);
    in_time(api.get_opt(&tenant.secret_name)).await.doing("read the connection Secret")
}

/// Makes sure that the Secret is as it should be and answers its password.
pub async fn ensure(
    context: &Context,
    tenant: &Tenant,
    found: Option<Secret>,
    changes: &mut Changes,
) -> Result<Credentials> {
    let api = secrets(context, &tenant.owner.namespace);
    let endpoint = &context.settings.endpoint;
    let decision = decide(tenant, endpoint, found.as_ref())?;
    if let Decision::Keep(credentials) = decision {
        return Ok(credentials);
    }
    changes.found(Kind::Secret);
    let credentials = match (decision, found) {
        (Decision::Keep(credentials), _) => credentials,
        (Decision::Issue, _) | (Decision::Replace | Decision::Write(_), None) => {
            issue(&api, tenant, endpoint, changes).await?
        }
        (Decision::Replace, Some(found)) => {
            delete_exactly(&api, &found).await?;
            issue(&api, tenant, endpoint, changes).await?
        }
        (Decision::Write(mending), Some(found)) => mend(&api, tenant, &found, *mending, changes).await?,
    };
    changes.healed(Kind::Secret);
    Ok(credentials)
}

async fn mend(
    api: &Api<Secret>,
    tenant: &Tenant,
    found: &Secret,
    mending: Mending,
    changes: &mut Changes,
) -> Result<Credentials> {
    let Mending { credentials, desired, anew, why } = mending;
    if anew {
        delete_exactly(api, found).await?;
        create(api, tenant, desired).await?;
    } else {
        // The resource version makes a write that somebody else did in between a conflict.
        let mut patch = desired;
        patch.metadata.resource_version = found.resource_version();
        let (parameters, patch) = (PatchParams::apply(FIELD_MANAGER).force(), Patch::Apply(&patch));
        let mended = in_time(api.patch(&tenant.secret_name, &parameters, &patch)).await;
        mended.doing("mend the connection Secret")?;
    }
    let secret = &tenant.secret_name;
    changes.push(match why {
        Why::Rotation => Change::new(
            events::CREDENTIALS_ROTATED,
            format!("Wrote a new password into Secret {secret}, as annotation {ROTATE_CREDENTIALS} asks"),
        ),
        Why::Differs => Change::new(events::CREDENTIALS_REPAIRED, format!("Mended Secret {secret}")),
        Why::Unusable => Change::new(
            events::CREDENTIALS_REPAIRED,
            format!("Mended Secret {secret}, whose password could not be used, with a new password"),
        ),
    });
    Ok(credentials)
}

/// Writes a new Secret with a new password.
async fn issue(api: &Api<Secret>, tenant: &Tenant, endpoint: &Endpoint, changes: &mut Changes) -> Result<Credentials> {
    let credentials = Credentials::generate(tenant, None)?;
    create(api, tenant, desired(tenant, endpoint, &credentials)).await?;
    changes.push(Change::new(
        events::CREDENTIALS_ISSUED,
        format!("Wrote new credentials into Secret {}", tenant.secret_name),
    ));
    Ok(credentials)
}

/// Deletes the Secret of an object that goes away, if it is that object's.
pub async fn remove(context: &Context, namespace: &str, name: &str, uid: &str) -> Result<()> {
    let api = secrets(context, namespace);
    let found = in_time(api.get_opt(name)).await.doing("read the connection Secret")?;
    match found {
        Some(secret) if is_owned_by(&secret, uid) || is_left_behind(&secret) => delete_exactly(&api, &secret).await,
        _ => Ok(()),
    }
}

async fn create(api: &Api<Secret>, tenant: &Tenant, secret: Secret) -> Result<()> {
    let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match in_time(api.create(&parameters, &secret)).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            Err(Error::Conflict { what: format!("Secret {}", tenant.secret_name) })
        }
        other => other.map(drop).doing("create the connection Secret"),
    }
}

/// Deletes this very Secret: not one that was changed or made since it was read.
async fn delete_exactly(api: &Api<Secret>, secret: &Secret) -> Result<()> {
    let parameters = DeleteParams {
        preconditions: Some(Preconditions { uid: secret.uid(), resource_version: secret.resource_version() }),
        ..DeleteParams::default()
    };
    match in_time(api.delete(&secret.name_any(), &parameters)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop).doing("delete the connection Secret"),
    }
}

fn secrets(context: &Context, namespace: &str) -> Api<Secret> {
    Api::namespaced(context.kube.clone(), namespace)
}
