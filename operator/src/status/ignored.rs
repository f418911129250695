//! Annotations that were meant to ask for something, and whose value means nothing.

use chakravue_crds::{
    HospitalOrganization,
    annotations::{ADOPT_DATABASE, PAUSED},
};
use kube::ResourceExt as _;

/// What to say of annotations that were meant to ask for something. Their values are not repeated: they may be anything.
pub(super) fn annotations(object: &HospitalOrganization) -> Option<String> {
    let asks = [(PAUSED, "the hospital is not paused"), (ADOPT_DATABASE, "no database is adopted")];
    let ignored = asks.iter().filter_map(|(name, so)| {
        let value = object.annotations().get(*name)?;
        let is_known = ["true", "false"].contains(&value.as_str());
        (!is_known).then(|| format!("Annotation {name} is neither \"true\" nor \"false\", so {so}"))
    });
    let ignored: Vec<String> = ignored.collect();
    (!ignored.is_empty()).then(|| format!("{}. Correct or remove it.", ignored.join("; ")))
}
