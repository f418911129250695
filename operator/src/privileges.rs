//! What the operator's MongoDB user must be allowed to do, and nothing more: the role that `chakravue-operator
//! mongodb-role` prints, and the check of the rights that the connected user really has.
//!
//! The role cannot read or write any tenant's documents. It can create users, so it is guarded like a superuser all
//! the same.

use mongodb::bson::{Bson, Document, doc};

/// A right: actions on a resource, with the reason for which the operator needs it.
pub struct Privilege {
    pub resource: Resource,
    pub actions: &'static [&'static str],
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Every database and every collection in it, system collections apart.
    EveryDatabase,
    /// The collection of this name in every database.
    InEveryDatabase { collection: &'static str },
    /// One collection.
    Collection { database: String, collection: &'static str },
}

impl Resource {
    fn document(&self) -> Document {
        match self {
            Self::EveryDatabase => doc! { "db": "", "collection": "" },
            Self::InEveryDatabase { collection } => doc! { "db": "", "collection": *collection },
            Self::Collection { database, collection } => doc! { "db": database, "collection": *collection },
        }
    }

    /// Whether a granted resource includes this one.
    fn covered_by(&self, granted: &Document) -> bool {
        if granted.get_bool("anyResource").unwrap_or(false) {
            return true;
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
        }
    }
}

/// Everything the operator needs, given the name of the master database.
pub fn required(master: &str) -> Vec<Privilege> {
    vec![
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["createCollection", "createIndex", "dropIndex", "collMod", "listCollections", "listIndexes"],
            reason: "make and mend collections, validators and indexes",
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["collStats", "validate"],
            reason: "count documents, and documents that do not fit, without reading one",
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["dropCollection"],
            reason: "remove a hospital that is deleted with deletionPolicy Delete",
        },
        Privilege {
            resource: Resource::InEveryDatabase { collection: "system.views" },
            actions: &["dropCollection"],
            reason: "remove with it what keeps a database of views alive",
        },
        Privilege {
            resource: Resource::InEveryDatabase { collection: "system.profile" },
            actions: &["dropCollection"],
            reason: "remove with it what a profiler has noted",
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["createRole", "dropRole", "viewRole", "grantRole", "revokeRole"],
            reason: "give a hospital's user rights on its six collections and nothing else",
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["createUser", "dropUser", "viewUser", "changePassword", "changeCustomData"],
            reason: "make, mend and remove a hospital's user",
        },
        Privilege {
            resource: Resource::Collection {
                database: master.to_owned(),
                collection: chakravue_crds::master::ORGANIZATIONS,
            },
            actions: &["find", "insert", "update", "remove"],
            reason: "hold the claims on databases",
        },
        Privilege {
            resource: Resource::Collection { database: "admin".to_owned(), collection: "system.users" },
            actions: &["find"],
            reason: "compare all hospitals' users with what they should be, in one read",
        },
        Privilege {
            resource: Resource::Collection { database: "admin".to_owned(), collection: "system.roles" },
            actions: &["find"],
            reason: "compare all hospitals' roles with what they should be, in one read",
        },
    ]
}

/// What the second login needs, which watches for changes of collections and indexes.
pub const WATCH_ACTIONS: [&str; 2] = ["find", "changeStream"];

fn watch() -> Vec<Privilege> {
    vec![Privilege {
        resource: Resource::EveryDatabase,
        actions: &WATCH_ACTIONS,
        reason: "MongoDB allows a change stream over all databases only together with find",
    }]
}

/// One of the operator's two logins.
#[derive(Clone, Copy, Debug)]
pub enum Login<'a> {
    /// Does the work, given the name of the master database.
    Operator { master: &'a str },
    /// Watches for changes of collections and indexes.
    Watch,
}

impl Login<'_> {
    fn privileges(self) -> Vec<Privilege> {
        match self {
            Self::Operator { master } => required(master),
            Self::Watch => watch(),
        }
    }

    fn warning(self) -> &'static str {
        match self {
            Self::Operator { .. } => {
                "// The role cannot read hospitals' data, but it can create users: guard it like an administrator's.\n"
            }
            Self::Watch => "// The role can read every hospital's documents: give it to the operator's watch alone.\n",
        }
    }
}

/// The command that creates the role, with the rights of one resource together.
pub fn create_role_command(role: &str, login: Login) -> Document {
    let mut privileges: Vec<(Document, Vec<Bson>)> = Vec::new();
    for privilege in login.privileges() {
        let resource = privilege.resource.document();
        let actions = privilege.actions.iter().map(|action| Bson::from(*action));
        match privileges.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, known)) => known.extend(actions),
            None => privileges.push((resource, actions.collect())),
        }
    }
    let privileges: Vec<Bson> = privileges
        .into_iter()
        .map(|(resource, actions)| doc! { "resource": resource, "actions": actions }.into())
        .collect();
    doc! { "createRole": role, "privileges": privileges, "roles": [] }
}

/// The same for a person: what to paste into mongosh, with a reason for each right.
pub fn mongosh_script(role: &str, user: &str, login: Login) -> String {
    use std::fmt::Write as _;
    let mut script =
        String::from("// Run this in mongosh, connected as an administrator. It asks for the new user's password.\n");
    script.push_str(login.warning());
    let _ = writeln!(script, "db.getSiblingDB(\"admin\").createRole({{\n  role: \"{role}\",\n  privileges: [");
    for privilege in login.privileges() {
        let actions = privilege.actions.iter().map(|a| format!("\"{a}\"")).collect::<Vec<_>>().join(", ");
        let resource = privilege.resource.document();
        let _ = writeln!(
            script,
            "    // {}\n    {{ resource: {{ db: \"{}\", collection: \"{}\" }},\n      actions: [{actions}] }},",
            privilege.reason,
            resource.get_str("db").unwrap_or_default(),
            resource.get_str("collection").unwrap_or_default(),
        );
    }
    let _ = write!(
        script,
        "  ],\n  roles: []\n}});\n\
         db.getSiblingDB(\"admin\").createUser({{\n  user: \"{user}\", pwd: passwordPrompt(),\n  roles: [{{ role: \"{role}\", db: \"admin\" }}]\n}});\n"
    );
    script
}

/// The rights that `granted` (`authInfo.authenticatedUserPrivileges` of `connectionStatus`) lacks, in words.
pub fn missing(master: &str, granted: &[Document]) -> Vec<String> {
    let mut missing = Vec::new();
    for privilege in required(master) {
        for action in privilege.actions {
            let held = granted.iter().any(|grant| {
                grant.get_document("resource").is_ok_and(|resource| privilege.resource.covered_by(resource))
                    && grant.get_array("actions").is_ok_and(|actions| {
                        actions.iter().any(|a| matches!(a.as_str(), Some(a) if a == *action || a == "anyAction"))
                    })
            });
            if !held {
                missing.push(match &privilege.resource {
                    Resource::EveryDatabase => format!("{action} on every database"),
                    Resource::InEveryDatabase { collection } => format!("{action} on {collection} of every database"),
                    Resource::Collection { database, collection } => format!("{action} on {database}.{collection}"),
                });
            }
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted() -> Vec<Document> {
        let command = create_role_command("r", Login::Operator { master: "chakravue_master" });
        command.get_array("privileges").unwrap().iter().map(|p| p.as_document().unwrap().clone()).collect()
    }

    #[test]
    fn the_printed_role_is_enough() {
        assert_eq!(missing("chakravue_master", &granted()), Vec::<String>::new());
    }

    #[test]
    fn a_missing_right_is_named() {
        let mut less = granted();
        for grant in &mut less {
            let actions: Vec<Bson> =
                grant.get_array("actions").unwrap().iter().filter(|a| a.as_str() != Some("collMod")).cloned().collect();
            grant.insert("actions", actions);
        }
        assert_eq!(missing("chakravue_master", &less), ["collMod on every database"]);
    }

    #[test]
    fn rights_on_another_master_database_do_not_count() {
        let missing = missing("other_master", &granted());
        assert_eq!(missing.len(), 4);
        assert!(missing[0].contains("other_master.organizations"));
    }

    #[test]
    fn system_collections_are_not_among_every_collection() {
        let find = |resource: Document| doc! { "resource": resource, "actions": ["find"] };
        let mut less = granted();
        less.retain(|grant| grant.get_document("resource").unwrap().get_str("collection").unwrap() != "system.users");
        less.push(find(doc! { "db": "", "collection": "" }));
        assert_eq!(missing("chakravue_master", &less), ["find on admin.system.users"]);
        less.push(find(doc! { "db": "admin", "collection": "system.users" }));
        assert_eq!(missing("chakravue_master", &less), Vec::<String>::new());
    }

    #[test]
    fn the_watch_can_do_nothing_but_read() {
        let command = create_role_command("w", Login::Watch);
        let privileges = command.get_array("privileges").unwrap();
        assert_eq!(privileges.len(), 1);
        let actions = privileges[0].as_document().unwrap().get_array("actions").unwrap();
        assert_eq!(actions, &["find", "changeStream"].map(Bson::from));
        assert!(mongosh_script("w", "w", Login::Watch).contains("can read every hospital's documents"));
    }

    #[test]
    fn the_role_cannot_read_tenants() {
        for privilege in required("chakravue_master") {
            if privilege.resource == Resource::EveryDatabase {
                for action in ["find", "insert", "update", "remove", "changeStream"] {
                    assert!(!privilege.actions.contains(&action), "{action}");
                }
            }
        }
    }
}
