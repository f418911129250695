//! What the service's MongoDB user must be allowed to do: the role that `chakravue-api mongodb-role` prints, and what the
//! rights of the user that is connected are compared with.

use bson::Document;
use chakravue_crds::{
    master::MASTER_DATABASE,
    privileges::{self, Privilege, Resource},
};

use super::Store;

/// Everything the service needs, given the name of the master database.
#[must_use]
pub fn privileges(master_database: &str) -> Vec<Privilege> {
    let privilege = |store: Store| {
        let (actions, reason) = store.rights();
        let resource = Resource::Collection { database: master_database.to_owned(), collection: store.name() };
        Privilege { resource, actions, reason, required: true }
    };
    Store::ALL.map(privilege).into()
}

/// The command that creates the role in the `admin` database.
#[must_use]
pub fn create_role_command(role: &str, master_database: &str) -> Document {
    privileges::create_role_command(role, &privileges(master_database))
}

/// The same for a person, to paste into mongosh, and a user with the role.
#[must_use]
pub fn mongosh_script(role: &str, user: &str, master_database: &str) -> String {
    let about = "The role reaches the platform's own database and no hospital's.";
    privileges::mongosh_script(role, user, about, &privileges(master_database))
}

/// What a person calls to see the role.
#[must_use]
pub fn command_line(master_database: &str) -> String {
    let other = master_database != MASTER_DATABASE;
    let database = if other { format!(" --master-database {master_database}") } else { String::new() };
    format!("chakravue-api mongodb-role{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_reaches_no_other_database_and_is_all_that_is_needed() {
        let command = create_role_command("r", "m");
        let granted: Vec<Document> = command
            .get_array("privileges")
            .unwrap()
            .iter()
            .map(|privilege| privilege.as_document().unwrap().clone())
            .collect();
        assert_eq!(granted.len(), Store::ALL.len());
        for privilege in &granted {
            assert_eq!(privilege.get_document("resource").unwrap().get_str("db").unwrap(), "m");
        }
        assert!(privileges::lacking(&privileges("m"), &granted).is_empty());
        assert_eq!(privileges::lacking(&privileges("m"), &granted[1..]), ["find on m.organizations"]);
    }

    #[test]
    fn the_command_names_a_database_that_is_not_the_usual_one() {
        assert_eq!(command_line(MASTER_DATABASE), "chakravue-api mongodb-role");
        assert_eq!(command_line("m"), "chakravue-api mongodb-role --master-database m");
    }
}
