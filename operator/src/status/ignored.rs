//! Annotations that were meant to ask for something, and whose name or value means nothing.

use chakravue_crds::{
    HospitalOrganization, OrganizationId,
    annotations::{self, ACKNOWLEDGE_DATA_LOSS, ADOPT_DATABASE, ADOPT_ORGANIZATION, FORCE_RELEASE, PAUSED},
};
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

/// How many unknown ones are told: there may be any number.
const UNKNOWN_TOLD: usize = 5;

/// What to say of annotations that were meant to ask for something. Their values are not repeated: they may be anything.
pub(super) fn annotations(object: &HospitalOrganization) -> Option<String> {
    let switch: &dyn Fn(&str) -> bool = &|value| ["true", "false"].contains(&value);
    let organization: &dyn Fn(&str) -> bool = &|value| value.parse::<OrganizationId>().is_ok();
    let loss: &dyn Fn(&str) -> bool = &|value| value.parse::<Timestamp>().is_ok() || organization(value);
    let status = object.status.as_ref();
    let database = status.and_then(|status| status.database_name.clone());
    let database = database.or_else(|| object.wanted_database().ok().map(|name| name.to_string()));
    let own: &dyn Fn(&str) -> bool = &|value| database.as_deref() == Some(value);
    let asks = [
        (PAUSED, switch, "is neither \"true\" nor \"false\", so the hospital is not paused"),
        (ADOPT_DATABASE, switch, "is neither \"true\" nor \"false\", so no database is adopted"),
        (ADOPT_ORGANIZATION, organization, "is no organizationId, so no hospital is adopted"),
        (ACKNOWLEDGE_DATA_LOSS, loss, "is neither a detectedAt nor an organizationId, so no loss is confirmed"),
        (FORCE_RELEASE, own, "is not the name of the database, so a deletion would not leave it behind"),
    ];
    let ignored = asks.iter().filter_map(|(name, means_something, so)| {
        let value = object.annotations().get(*name)?;
        (!means_something(value)).then(|| format!("Annotation {name} {so}"))
    });
    let names = object.annotations().keys().filter(|name| name.starts_with(annotations::DOMAIN));
    let unknown = names.filter(|name| !annotations::ALL.contains(&name.as_str())).take(UNKNOWN_TOLD);
    let unknown = unknown.map(|name| format!("Annotation {name} is none that this operator knows"));
    let ignored: Vec<String> = ignored.chain(unknown).collect();
    (!ignored.is_empty()).then(|| format!("{}. Correct or remove it.", ignored.join("; ")))
}
