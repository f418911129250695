//! What a program's MongoDB login must be allowed to do: told to whoever makes the login, and compared with what the one
//! that is there may do.

use bson::{Bson, Document, doc};

/// A right: actions on a resource, with the reason for which the program needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Privilege {
    pub resource: Resource,
    pub actions: &'static [&'static str],
    pub reason: &'static str,
    /// Whether the program cannot work without it.
    pub required: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Every database and every collection in it, system collections apart.
    EveryDatabase,
    /// The collection of this name in every database.
    InEveryDatabase { collection: &'static str },
    /// One collection.
    Collection { database: String, collection: &'static str },
    /// The server itself.
    Cluster,
}

impl Resource {
    fn document(&self) -> Document {
        match self {
            Self::EveryDatabase => doc! { "db": "", "collection": "" },
            Self::InEveryDatabase { collection } => doc! { "db": "", "collection": *collection },
            Self::Collection { database, collection } => doc! { "db": database, "collection": *collection },
            Self::Cluster => doc! { "cluster": true },
        }
    }

    /// As it stands in a script for people.
    fn script(&self) -> String {
        match self {
            Self::EveryDatabase => r#"{ db: "", collection: "" }"#.to_owned(),
            Self::InEveryDatabase { collection } => format!(r#"{{ db: "", collection: "{collection}" }}"#),
            Self::Collection { database, collection } => {
                format!(r#"{{ db: "{database}", collection: "{collection}" }}"#)
            }
            Self::Cluster => "{ cluster: true }".to_owned(),
        }
    }

    /// In a sentence, after an action.
    fn words(&self) -> String {
        match self {
            Self::EveryDatabase => "every database".to_owned(),
            Self::InEveryDatabase { collection } => format!("{collection} of every database"),
            Self::Collection { database, collection } => format!("{database}.{collection}"),
            Self::Cluster => "the cluster".to_owned(),
        }
    }

    /// Whether a granted resource includes this one.
    fn covered_by(&self, granted: &Document) -> bool {
        if granted.get_bool("anyResource").unwrap_or(false) {
            return true;
        }
        if *self == Self::Cluster {
            return granted.get_bool("cluster").unwrap_or(false);
        }
        let (Ok(db), Ok(collection)) = (granted.get_str("db"), granted.get_str("collection")) else {
            return false;
        };
        match self {
            Self::EveryDatabase => db.is_empty() && collection.is_empty(),
            Self::InEveryDatabase { collection: wanted } => db.is_empty() && collection == *wanted,
            Self::Collection { database, collection: wanted } => {
                // "Every collection" does not mean system collections.
                let every = collection.is_empty() && !wanted.starts_with("system.");
                (db.is_empty() || db == database) && (every || collection == *wanted)
            }
            Self::Cluster => false,
        }
    }
}

/// The command that creates the role, with the rights of one resource together.
#[must_use]
pub fn create_role_command(role: &str, privileges: &[Privilege]) -> Document {
    let mut merged: Vec<(Document, Vec<Bson>)> = Vec::new();
    for privilege in privileges {
        let resource = privilege.resource.document();
        let actions = privilege.actions.iter().map(|action| Bson::from(*action));
        match merged.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, known)) => known.extend(actions),
            None => merged.push((resource, actions.collect())),
        }
    }
    let privileges: Vec<Bson> = merged
        .into_iter()
        .map(|(resource, actions)| doc! { "resource": resource, "actions": actions }.into())
        .collect();
    doc! { "createRole": role, "privileges": privileges, "roles": [] }
}

/// The same for a person: what to paste into mongosh, with a reason for each right, after what is to be known of the role.
#[must_use]
pub fn mongosh_script(role: &str, user: &str, about: &str, privileges: &[Privilege]) -> String {
    use std::fmt::Write as _;
    let mut script =
        String::from("// Run this in mongosh, connected as an administrator. It asks for the new user's password.\n");
    // Writing to a String cannot fail.
    let _ = writeln!(script, "// {about}");
    let _ = writeln!(script, "db.getSiblingDB(\"admin\").createRole({{\n  role: \"{role}\",\n  privileges: [");
    for privilege in privileges {
        let actions = privilege.actions.iter().map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            script,
            "    // {}\n    {{ resource: {},\n      actions: [{actions}] }},",
            privilege.reason,
            privilege.resource.script(),
        );
    }
    let _ = write!(
        script,
        "  ],\n  roles: []\n}});\n\
         db.getSiblingDB(\"admin\").createUser({{\n  user: \"{user}\", pwd: passwordPrompt(),\n  roles: [{{ role: \"{role}\", db: \"admin\" }}]\n}});\n"
    );
    script
}

/// The command that asks for the rights of the login that asks.
#[must_use]
pub fn question() -> Document {
    doc! { "connectionStatus": 1, "showPrivileges": true }
}

/// The rights in the answer to [`question`], as MongoDB words them.
#[must_use]
pub fn granted(answer: &Document) -> Vec<Document> {
    answer
        .get_document("authInfo")
        .and_then(|info| info.get_array("authenticatedUserPrivileges"))
        .map(|privileges| privileges.iter().filter_map(|p| p.as_document().cloned()).collect())
        .unwrap_or_default()
}

/// Whether the answer to [`question`] is about somebody at all: who did not log in is nobody.
#[must_use]
pub fn is_somebody(answer: &Document) -> bool {
    let users = answer.get_document("authInfo").and_then(|info| info.get_array("authenticatedUsers"));
    users.is_ok_and(|users| !users.is_empty())
}

/// Those of the rights that [`granted`] lacks, in words.
pub fn lacking<'a>(wanted: impl IntoIterator<Item = &'a Privilege>, granted: &[Document]) -> Vec<String> {
    let mut lacking = Vec::new();
    for privilege in wanted {
        let covering = granted
            .iter()
            .filter(|grant| grant.get_document("resource").is_ok_and(|granted| privilege.resource.covered_by(granted)));
        let held: Vec<&str> = covering
            .filter_map(|grant| grant.get_array("actions").ok())
            .flat_map(|actions| actions.iter().filter_map(Bson::as_str))
            .collect();
        let lacks = privilege.actions.iter().filter(|action| !held.iter().any(|a| a == *action || *a == "anyAction"));
        lacking.extend(lacks.map(|action| format!("{action} on {}", privilege.resource.words())));
    }
    lacking
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> [Privilege; 2] {
        ["users", "system.users"].map(|collection| Privilege {
            resource: Resource::Collection { database: "m".to_owned(), collection },
            actions: &["find", "insert"],
            reason: "work",
            required: true,
        })
    }

    fn answer(resource: &Document, actions: &[&str]) -> Document {
        doc! { "authInfo": {
            "authenticatedUsers": [{ "user": "u", "db": "admin" }],
            "authenticatedUserPrivileges": [{ "resource": resource.clone(), "actions": actions }],
        } }
    }

    #[test]
    fn what_a_wider_right_includes_is_not_lacking() {
        let [users, _] = wanted();
        for resource in [
            doc! { "db": "m", "collection": "users" },
            doc! { "db": "m", "collection": "" },
            doc! { "db": "", "collection": "" },
            doc! { "db": "", "collection": "users" },
            doc! { "anyResource": true },
        ] {
            assert!(lacking([&users], &granted(&answer(&resource, &["insert", "find"]))).is_empty(), "{resource}");
            assert!(lacking([&users], &granted(&answer(&resource, &["anyAction"]))).is_empty(), "{resource}");
            let less = granted(&answer(&resource, &["find"]));
            assert_eq!(lacking([&users], &less), ["insert on m.users"], "{resource}");
        }
        for resource in [
            doc! { "db": "other", "collection": "users" },
            doc! { "db": "m", "collection": "others" },
            doc! { "cluster": true },
        ] {
            assert_eq!(lacking([&users], &granted(&answer(&resource, &["anyAction"]))).len(), 2, "{resource}");
        }
    }

    #[test]
    fn system_collections_are_not_among_every_collection() {
        let every = granted(&answer(&doc! { "db": "m", "collection": "" }, &["find", "insert"]));
        assert_eq!(lacking(&wanted(), &every), ["find on m.system.users", "insert on m.system.users"]);
    }

    #[test]
    fn who_did_not_log_in_is_nobody_and_may_do_nothing() {
        let nobody = doc! { "authInfo": { "authenticatedUsers": [], "authenticatedUserPrivileges": [] }, "ok": 1 };
        assert!(!is_somebody(&nobody) && granted(&nobody).is_empty() && !is_somebody(&doc! {}));
        assert!(is_somebody(&answer(&doc! { "cluster": true }, &[])));
    }

    #[test]
    fn the_script_says_what_the_command_says() {
        let script = mongosh_script("r", "u", "About it.", &wanted());
        let command = create_role_command("r", &wanted());
        for privilege in command.get_array("privileges").unwrap() {
            let privilege = privilege.as_document().unwrap();
            let resource = privilege.get_document("resource").unwrap();
            let collection = resource.get_str("collection").unwrap();
            assert!(script.contains(&format!("{{ db: \"m\", collection: \"{collection}\" }}")), "{script}");
        }
        assert!(script.contains("// About it.\n") && script.contains("actions: [\"find\", \"insert\"]"), "{script}");
    }
}
