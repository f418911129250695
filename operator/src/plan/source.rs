//! Where the hospitals come from that are planned: a file or standard input as somebody would apply it, or the cluster.

use std::io::Read as _;

use anyhow::{Context as _, bail, ensure};
use chakravue_crds::HospitalOrganization;
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{controller::scoped, echoes::Watched};

/// The field manager of an apply that is only tried, where nobody has applied the object before.
const MANAGER: &str = "chakravue-operator-plan";

/// One hospital as it is, or as it would be once somebody applies it.
pub struct Planned {
    pub object: HospitalOrganization,
    /// Whether there is an object in the cluster.
    pub exists: bool,
    /// What a person should know of where it comes from.
    pub note: Option<String>,
}

/// Every hospital of the cluster, or of one namespace; with those that cannot be read, in words.
pub async fn from_cluster(client: &Client, namespace: Option<&str>) -> anyhow::Result<(Vec<Planned>, Vec<String>)> {
    let hospitals: Api<Watched> = scoped(client, namespace);
    let listed = hospitals.list(&ListParams::default()).await.context("the hospitals cannot be listed")?;
    let (mut planned, mut unreadable) = (Vec::new(), Vec::new());
    for hospital in listed {
        match hospital.0 {
            Ok(object) => planned.push(Planned { object, exists: true, note: None }),
            Err(invalid) => {
                let meta = &invalid.metadata;
                let name = [&meta.namespace, &meta.name].map(|part| part.as_deref().unwrap_or_default()).join("/");
                unreadable.push(format!("{name} does not fit the resource definition: {}", invalid.error));
            }
        }
    }
    Ok((planned, unreadable))
}

/// The hospitals of a file, or of standard input where it is called `-`. `client` must be one that may write: applying is
/// tried with `dryRun`, so that the API server checks the object and nothing is stored.
pub async fn from_file(client: &Client, path: &str, namespace: Option<&str>) -> anyhow::Result<Vec<Planned>> {
    let text = if path == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?
    };
    let mut planned = Vec::new();
    for document in documents(&text)? {
        planned.push(one(client, document, namespace).await?);
    }
    ensure!(!planned.is_empty(), "{path} has no HospitalOrganization");
    Ok(planned)
}

/// The YAML documents of a text; the items of a list stand for themselves.
fn documents(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut documents = Vec::new();
    for part in text.split("\n---") {
        let value: Option<Value> = serde_saphyr::from_str(part).map_err(|error| anyhow::anyhow!("no YAML: {error}"))?;
        match value {
            None | Some(Value::Null) => {}
            Some(Value::Object(list)) if list.get("kind").is_some_and(|kind| kind == "List") => {
                documents.extend(list.get("items").and_then(Value::as_array).into_iter().flatten().cloned());
            }
            Some(document) => documents.push(document),
        }
    }
    Ok(documents)
}

async fn one(client: &Client, mut document: Value, namespace: Option<&str>) -> anyhow::Result<Planned> {
    let kind = [HospitalOrganization::api_version(&()), HospitalOrganization::kind(&())];
    let found = ["apiVersion", "kind"].map(|field| document[field].as_str().unwrap_or_default().to_owned());
    ensure!(found == kind, "{} {} is not a {} {}", found[0], found[1], kind[0], kind[1]);
    let Some(name) = document["metadata"]["name"].as_str().map(str::to_owned) else { bail!("an object has no name") };
    let given = document["metadata"]["namespace"].as_str().map(str::to_owned);
    let place = given.or_else(|| namespace.map(str::to_owned)).unwrap_or_else(|| client.default_namespace().to_owned());
    document["metadata"]["namespace"] = json!(place);
    let metadata = document["metadata"].as_object_mut().context("metadata is not an object")?;
    // What only the server gives, and applying refuses.
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
        metadata.remove(field);
    }

    let api: Api<HospitalOrganization> = Api::namespaced(client.clone(), &place);
    let live = api.get_opt(&name).await.with_context(|| format!("{place}/{name} cannot be read"))?;
    let manager = live.as_ref().and_then(applied_by).unwrap_or(MANAGER);
    let parameters = PatchParams { dry_run: true, ..PatchParams::apply(manager).force() };
    match api.patch(&name, &parameters, &Patch::Apply(&document)).await {
        Ok(object) => Ok(Planned { object, exists: live.is_some(), note: None }),
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            let note = "The API server was not asked whether it would take the object: this login may not apply it.";
            Ok(Planned { exists: live.is_some(), object: alone(&document, live)?, note: Some(note.to_owned()) })
        }
        Err(kube::Error::Api(status)) => bail!("{place}/{name} would be refused: {}", status.message),
        Err(error) => Err(error).with_context(|| format!("{place}/{name} cannot be tried")),
    }
}

/// Who applied the object last. What a file leaves out goes only from who applied it before.
fn applied_by(object: &HospitalOrganization) -> Option<&str> {
    let managers = object.metadata.managed_fields.iter().flatten();
    let applied = managers.filter(|by| by.operation.as_deref() == Some("Apply") && by.subresource.is_none());
    applied.max_by_key(|by| by.time.as_ref().map(|time| time.0))?.manager.as_deref()
}

/// The object without the API server's help.
fn alone(document: &Value, live: Option<HospitalOrganization>) -> anyhow::Result<HospitalOrganization> {
    let mut object: HospitalOrganization = serde_path_to_error::deserialize(document.clone())
        .map_err(|error| anyhow::anyhow!("{}: {}", error.path(), error.inner()))?;
    if let Some(live) = live {
        let annotations = object.metadata.annotations.take();
        object.metadata = live.metadata;
        if let Some(given) = annotations {
            object.annotations_mut().extend(given);
        }
        object.status = live.status;
    } else {
        // Nobody has this one; an object that is not there has none.
        object.metadata.uid = Some(format!("planned-{}", object.name_any()));
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_of_a_file_is_found() {
        let text = "# a comment\n---\nkind: A\n---\n\n---\nkind: List\nitems: [{kind: B}, {kind: C}]\n";
        let kinds: Vec<_> = documents(text).unwrap().iter().map(|d| d["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["A", "B", "C"]);
        assert!(documents("a: [").is_err());
    }
}
