//! A plan for a machine, as JSON, and for a person.

use std::fmt::Write as _;

use serde::Serialize;

/// What would be done for one hospital.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    pub namespace: String,
    pub name: String,
    pub database: Option<String>,
    pub outcome: Outcome,
    /// Why it is refused or not known: one of the reasons of conditions, or the API server's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// In the order in which they are written down here, which is not the order in which they would be done.
    pub actions: Vec<Action>,
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Unchanged,
    Changes,
    /// The operator or the API server would refuse, and somebody has to change something first.
    Refused,
    /// A server does not answer as it should.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    pub verb: Verb,
    pub kind: String,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Create,
    Update,
    Delete,
}

impl Plan {
    pub fn add(&mut self, verb: Verb, kind: &str, name: &str, detail: &str) {
        let [kind, name, detail] = [kind, name, detail].map(str::to_owned);
        self.actions.push(Action { verb, kind, name, detail });
    }
}

/// For a person.
pub fn told(plans: &[Plan]) -> String {
    let mut text = String::new();
    for plan in plans {
        let database = plan.database.as_ref().map(|name| format!(" (database {name})")).unwrap_or_default();
        let outcome = match (plan.outcome, plan.actions.len()) {
            (Outcome::Unchanged, _) => "nothing to do".to_owned(),
            (Outcome::Changes, 1) => "1 change".to_owned(),
            (Outcome::Changes, count) => format!("{count} changes"),
            (Outcome::Refused, _) => "refused".to_owned(),
            (Outcome::Unknown, _) => "not known".to_owned(),
        };
        let name = if plan.name.is_empty() { "(no name)" } else { &plan.name };
        let _ = writeln!(text, "{}/{name}{database}: {outcome}", plan.namespace);
        for Action { verb, kind, name, detail } in &plan.actions {
            let sign = match verb {
                Verb::Create => '+',
                Verb::Update => '~',
                Verb::Delete => '-',
            };
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            let _ = writeln!(text, "  {sign} {kind} {name}{detail}");
        }
        if let (Some(reason), Some(message)) = (&plan.reason, &plan.message) {
            let _ = writeln!(text, "  ! {reason}: {message}");
        }
        for note in &plan.notes {
            let _ = writeln!(text, "  # {note}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_a_machine_reads() {
        let mut plan = Plan {
            namespace: "n".into(),
            name: "a".into(),
            database: Some("a".into()),
            outcome: Outcome::Changes,
            reason: None,
            message: None,
            actions: Vec::new(),
            notes: vec!["Migrates.".into()],
        };
        plan.add(Verb::Create, "collection", "patients", "with 2 indexes");
        plan.add(Verb::Delete, "user", "a", "");
        assert_eq!(
            told(std::slice::from_ref(&plan)),
            "n/a (database a): 2 changes\n  + collection patients: with 2 indexes\n  - user a\n  # Migrates.\n"
        );
        let json = serde_json::to_value(&plan).unwrap();
        assert_eq!((&json["outcome"], &json["actions"][0]["verb"]), (&"changes".into(), &"create".into()));
        let refused = Plan {
            outcome: Outcome::Refused,
            reason: Some("DatabaseNameTaken".into()),
            message: Some("taken".into()),
            name: String::new(),
            ..plan
        };
        assert!(told(&[refused]).starts_with("n/(no name) (database a): refused\n"));
    }
}
