//! A paused hospital is left exactly as it is: no pass looks at its database, nothing is mended, a deletion waits. Only
//! the status says so, beside what was known before.

use chakravue_crds::{
    HospitalOrganization,
    annotations::PAUSED,
    conditions::{ConditionType, Reason, Truth, condition},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::ObjectMeta, jiff::Timestamp};
use kube::runtime::controller::Action;

use crate::{
    context::Context,
    error::Result,
    status::{self, is_own},
};

pub fn is_on(meta: &ObjectMeta) -> bool {
    let annotation = meta.annotations.as_ref().and_then(|all| all.get(PAUSED));
    annotation.is_some_and(|value| value == "true")
}

pub async fn tell(object: &HospitalOrganization, context: &Context) -> Result<Action> {
    let mut status = object.status.clone().unwrap_or_default();
    let message = if object.metadata.deletion_timestamp.is_some() {
        format!("The deletion waits, and nothing else is done either, until the annotation {PAUSED} is removed")
    } else {
        format!("Nothing is done for this hospital until the annotation {PAUSED} is removed")
    };
    let paused = condition(
        ConditionType::Paused,
        Truth::True,
        Reason::Paused,
        message,
        object.metadata.generation,
        &status.conditions,
        Timestamp::now(),
    );
    status.conditions.retain(|known| is_own(known) && known.type_ != ConditionType::Paused.as_str());
    status.conditions.push(paused);
    // What is said of the rest, and of which generation, stays as it was when somebody last looked.
    status::write(context, object, status).await?;
    Ok(Action::await_change())
}
