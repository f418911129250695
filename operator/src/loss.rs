//! A collection that the hospital had and that is gone, or another of the same name stands in its place: it is made
//! again, empty, and said loudly until somebody acknowledges it, because silence would hide a disaster.
//!
//! The claim remembers which collections there were, by the ids that the server gives them. So neither a restart of the
//! operator, nor a hand-edited status, nor a quick re-creation hides a loss. It is written down before the collection
//! is made again: a crash between the two repeats nothing and forgets nothing.

use std::collections::{BTreeMap, BTreeSet};

use chakravue_crds::{
    annotations::ACKNOWLEDGE_DATA_LOSS,
    conditions::events,
    master::{DataLoss, OrganizationRecord},
    organization::DataLossStatus,
};
use mongodb::bson::{DateTime, Uuid};

use crate::{
    claim,
    context::Context,
    error::Result,
    events::{Change, Changes},
    schema::observed::Found,
    tenant::Tenant,
};

/// Compares what the claim remembers with what is there, and answers the claim with what is lost and not acknowledged.
pub async fn look(
    context: &Context,
    tenant: &Tenant,
    record: OrganizationRecord,
    found: &[Found],
    changes: &mut Changes,
) -> Result<OrganizationRecord> {
    let lost = lost_of(&record, found);
    let acknowledged = is_acknowledged(record.data_loss.as_ref(), tenant.acknowledged_loss.as_deref());
    if lost.is_empty() && !acknowledged {
        return Ok(record);
    }
    let earlier = record.data_loss.clone().filter(|_| !acknowledged);
    let data_loss = if lost.is_empty() { earlier } else { Some(with(earlier, &lost, DateTime::now())) };
    let mut collections = record.collections.clone();
    collections.retain(|name, _| !lost.contains(name));
    claim::remember(context, &record, &collections, data_loss.as_ref()).await?;

    let database = &record.database_name;
    if acknowledged {
        let note = format!("Somebody knows of the loss of data in database {database}");
        changes.push(Change::new(events::DATA_LOSS_ACKNOWLEDGED, note));
    }
    if !lost.is_empty() {
        let note = format!(
            "{} dropped or replaced in database {database} behind the operator's back; what is missing is made again, empty",
            were(&lost)
        );
        tracing::warn!("{note}");
        changes.push(Change::warning(events::DATA_LOSS_SUSPECTED, note));
    }
    Ok(OrganizationRecord { collections, data_loss, ..record })
}

/// Collections that the claim remembers and that are not there any more.
pub fn lost_of(record: &OrganizationRecord, found: &[Found]) -> Vec<String> {
    let there = found.iter().filter_map(|found| Some((found.name.as_str(), found.id?))).collect();
    lost(&record.collections, &there)
}

/// Collections that there were and are not.
fn lost(known: &BTreeMap<String, Uuid>, there: &BTreeMap<&str, Uuid>) -> Vec<String> {
    let gone = known.iter().filter(|(name, id)| there.get(name.as_str()) != Some(id));
    gone.map(|(name, _)| name.clone()).collect()
}

/// An earlier loss that nobody has acknowledged, and this one.
fn with(earlier: Option<DataLoss>, lost: &[String], now: DateTime) -> DataLoss {
    let earlier = earlier.into_iter().flat_map(|loss| loss.collections);
    let collections: BTreeSet<String> = earlier.chain(lost.iter().cloned()).collect();
    DataLoss { detected_at: now, collections: collections.into_iter().collect() }
}

fn is_acknowledged(loss: Option<&DataLoss>, acknowledged: Option<&str>) -> bool {
    loss.is_some_and(|loss| acknowledged == Some(detected_at(loss).as_str()))
}

/// To the millisecond, so that no two losses of a hospital are confirmed by the same word.
fn detected_at(loss: &DataLoss) -> String {
    loss.detected_at.try_to_rfc3339_string().unwrap_or_else(|_| loss.detected_at.timestamp_millis().to_string())
}

/// As the status tells it.
pub fn told(loss: &DataLoss) -> DataLossStatus {
    DataLossStatus { detected_at: detected_at(loss), collections: loss.collections.clone() }
}

/// What happened and what to do about it.
pub fn message(loss: &DataLossStatus, namespace: &str, object: &str) -> String {
    format!(
        "{} dropped or replaced behind the operator's back. Find out who did it and restore the documents from a backup; \
         then confirm it: kubectl annotate horg -n {namespace} {object} --overwrite {ACKNOWLEDGE_DATA_LOSS}={}",
        were(&loss.collections),
        loss.detected_at
    )
}

fn were(collections: &[String]) -> String {
    match collections {
        [one] => format!("Collection {one} was"),
        many => format!("Collections {} were", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(millis: i64, collections: &[&str]) -> DataLoss {
        let collections = collections.iter().map(|&name| name.to_owned()).collect();
        DataLoss { detected_at: DateTime::from_millis(millis), collections }
    }

    #[test]
    fn what_is_missing_or_has_another_id_is_lost() {
        let [a, b, c] = [1, 2, 3].map(|n| Uuid::from_bytes([n; 16]));
        let known = BTreeMap::from([("patients".to_owned(), a), ("settings".to_owned(), b), ("users".to_owned(), c)]);
        assert_eq!(lost(&known, &BTreeMap::from([("patients", a), ("settings", b), ("users", c), ("x", a)])), [""; 0]);
        assert_eq!(lost(&known, &BTreeMap::from([("patients", b), ("settings", b)])), ["patients", "users"]);
        assert_eq!(lost(&BTreeMap::new(), &BTreeMap::new()), [""; 0], "what was never complete cannot be lost");
    }

    #[test]
    fn losses_add_up_until_they_are_acknowledged() {
        let first = loss(1_000, &["users"]);
        let both = with(Some(first.clone()), &["patients".to_owned()], DateTime::from_millis(2_001));
        assert_eq!(both, loss(2_001, &["patients", "users"]));
        assert!(is_acknowledged(Some(&both), Some("1970-01-01T00:00:02.001Z")));
        for nonsense in [Some("true"), Some(""), Some("1970-01-01T00:00:01Z"), None] {
            assert!(!is_acknowledged(Some(&both), nonsense), "{nonsense:?} confirms an earlier loss or none");
        }
        assert!(!is_acknowledged(None, Some("1970-01-01T00:00:01Z")));
    }
}
