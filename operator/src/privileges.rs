//! What the operator's MongoDB user must be allowed to do, and nothing more: the role that `chakravue-operator
//! mongodb-role` prints, and the check of the rights that the connected user really has.
//!
//! The role cannot read or write any tenant's documents. It can create users, so it is guarded like a superuser all
//! the same.

use mongodb::bson::{Bson, Document, doc};

use crate::access::{STORED_ROLES, STORED_USERS};

/// A right: actions on a resource, with the reason for which the operator needs it.
pub struct Privilege {
    pub resource: Resource,
    pub actions: &'static [&'static str],
    pub reason: &'static str,
    /// Whether the operator cannot work without it.
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

/// Everything the operator needs, given the name of the master database.
fn operator(master: &str) -> Vec<Privilege> {
    vec![
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["createCollection", "createIndex", "dropIndex", "collMod", "listCollections", "indexStats"],
            reason: "make and mend collections, validators and indexes",
            required: true,
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["collStats", "validate"],
            reason: "count documents, and documents that do not fit, without reading one",
            required: true,
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["dropCollection"],
            reason: "remove a hospital that is deleted with deletionPolicy Delete",
            required: true,
        },
        Privilege {
            resource: Resource::InEveryDatabase { collection: "system.views" },
            actions: &["dropCollection"],
            reason: "remove with it what keeps a database of views alive",
            required: true,
        },
        Privilege {
            resource: Resource::InEveryDatabase { collection: "system.profile" },
            actions: &["dropCollection"],
            reason: "remove with it what a profiler has noted",
            required: true,
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["createRole", "dropRole", "grantRole", "revokeRole"],
            reason: "give a hospital's user rights on its six collections and nothing else",
            required: true,
        },
        Privilege {
            resource: Resource::EveryDatabase,
            actions: &["createUser", "dropUser", "changePassword", "changeCustomData"],
            reason: "make, mend and remove a hospital's user",
            required: true,
        },
        Privilege {
            resource: Resource::Collection {
                database: master.to_owned(),
                collection: chakravue_crds::master::ORGANIZATIONS,
            },
            actions: &["find", "insert", "update", "remove", "listIndexes"],
            reason: "hold the claims on databases",
            required: true,
        },
        Privilege {
            resource: Resource::Collection { database: "admin".to_owned(), collection: STORED_USERS },
            actions: &["find"],
            reason: "compare hospitals' users with what they should be, all of them in one read",
            required: true,
        },
        Privilege {
            resource: Resource::Collection { database: "admin".to_owned(), collection: STORED_ROLES },
            actions: &["find"],
            reason: "compare hospitals' roles with what they should be, all of them in one read",
            required: true,
        },
        Privilege {
            resource: Resource::Cluster,
            actions: &["serverStatus", "hostInfo"],
            reason: "refuse one hospital too many before MongoDB runs out of files, which would end all of them",
            required: false,
        },
        Privilege {
            resource: Resource::Cluster,
            actions: &["listDatabases"],
            reason: "report databases that have lost their hospital",
            required: false,
        },
    ]
}

/// What the second login needs, which watches for changes of collections and indexes.
pub const WATCH_ACTIONS: [&str; 2] = ["find", "changeStream"];

fn watch() -> Vec<Privilege> {
    vec![Privilege {
        resource: Resource::EveryDatabase,
        actions: &WATCH_ACTIONS,
        reason: "MongoDB allows a change stream over all databases only together with find; and to count seats",
        required: true,
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
            Self::Operator { master } => operator(master),
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

/// The rights that `granted` (`authInfo.authenticatedUserPrivileges` of `connectionStatus`) lacks, in words.
pub fn missing(login: Login, granted: &[Document]) -> Vec<String> {
    lacking(login, granted, true)
}

/// The same of the rights without which the operator works, but does less.
pub fn missing_optional(login: Login, granted: &[Document]) -> Vec<String> {
    lacking(login, granted, false)
}

fn lacking(login: Login, granted: &[Document], required: bool) -> Vec<String> {
    let mut lacking = Vec::new();
    for privilege in login.privileges().into_iter().filter(|privilege| privilege.required == required) {
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

    const OPERATOR: Login = Login::Operator { master: "chakravue_master" };

    fn granted() -> Vec<Document> {
        let command = create_role_command("r", Login::Operator { master: "chakravue_master" });
        command.get_array("privileges").unwrap().iter().map(|p| p.as_document().unwrap().clone()).collect()
    }

    #[test]
    fn the_printed_role_is_enough() {
        assert_eq!(missing(OPERATOR, &granted()), Vec::<String>::new());
        assert_eq!(missing_optional(OPERATOR, &granted()), Vec::<String>::new());
    }

    #[test]
    fn the_operator_works_without_what_only_helps() {
        let mut less = granted();
        less.retain(|grant| grant.get_document("resource").unwrap().get_bool("cluster").is_err());
        assert_eq!(missing(OPERATOR, &less), Vec::<String>::new());
        let helps = ["serverStatus", "hostInfo", "listDatabases"].map(|action| format!("{action} on the cluster"));
        assert_eq!(missing_optional(OPERATOR, &less), helps);
    }

    #[test]
    fn a_missing_right_is_named() {
        let mut less = granted();
        for grant in &mut less {
            let actions: Vec<Bson> =
                grant.get_array("actions").unwrap().iter().filter(|a| a.as_str() != Some("collMod")).cloned().collect();
            grant.insert("actions", actions);
        }
        assert_eq!(missing(OPERATOR, &less), ["collMod on every database"]);
    }

    #[test]
    fn rights_on_another_master_database_do_not_count() {
        let missing = missing(Login::Operator { master: "other_master" }, &granted());
        assert_eq!(missing.len(), 5);
        assert!(missing[0].contains("other_master.organizations"));
    }

    #[test]
    fn system_collections_are_not_among_every_collection() {
        let find = |resource: Document| doc! { "resource": resource, "actions": ["find"] };
        let mut less = granted();
        less.retain(|grant| grant.get_document("resource").unwrap().get_str("collection").ok() != Some("system.users"));
        less.push(find(doc! { "db": "", "collection": "" }));
        assert_eq!(missing(OPERATOR, &less), ["find on admin.system.users"]);
        less.push(find(doc! { "db": "admin", "collection": "system.users" }));
        assert_eq!(missing(OPERATOR, &less), Vec::<String>::new());
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
        for privilege in OPERATOR.privileges() {
            if privilege.resource == Resource::EveryDatabase {
                for action in ["find", "insert", "update", "remove", "changeStream"] {
                    assert!(!privilege.actions.contains(&action), "{action}");
                }
            }
        }
    }
}
