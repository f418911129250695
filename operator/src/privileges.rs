//! What the operator's MongoDB user must be allowed to do, and nothing more: the role that `chakravue-operator
//! mongodb-role` prints, and the check of the rights that the connected user really has.
//!
//! The role cannot read or write any tenant's documents. It can create users, so it is guarded like a superuser all
//! the same.

use chakravue_crds::privileges::{self, Privilege, Resource};
use mongodb::bson::Document;

use crate::access::desired::{STORED_ROLES, STORED_USERS};

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

    fn about(self) -> &'static str {
        match self {
            Self::Operator { .. } => {
                "The role cannot read hospitals' data, but it can create users: guard it like an administrator's."
            }
            Self::Watch => "The role can read every hospital's documents: give it to the operator's watch alone.",
        }
    }
}

/// The command that creates the role.
pub fn create_role_command(role: &str, login: Login) -> Document {
    privileges::create_role_command(role, &login.privileges())
}

/// The same for a person, to paste into mongosh.
pub fn mongosh_script(role: &str, user: &str, login: Login) -> String {
    privileges::mongosh_script(role, user, login.about(), &login.privileges())
}

/// The rights that are lacking in what is granted, in words.
pub fn missing(login: Login, granted: &[Document]) -> Vec<String> {
    privileges::lacking(login.privileges().iter().filter(|privilege| privilege.required), granted)
}

/// The same of the rights without which the operator works, but does less.
pub fn missing_optional(login: Login, granted: &[Document]) -> Vec<String> {
    privileges::lacking(login.privileges().iter().filter(|privilege| !privilege.required), granted)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, doc};

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
