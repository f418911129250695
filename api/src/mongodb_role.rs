//! What the service's MongoDB user must be allowed to do, for the person who creates it: a script to paste into mongosh,
//! with the reason for each right.

use std::fmt::Write as _;

use crate::master;

#[must_use]
pub fn mongosh_script(role: &str, user: &str, master_database: &str) -> String {
    let mut privileges = String::new();
    for (collection, actions, reason) in master::reasons() {
        let actions = actions.iter().map(|action| format!("\"{action}\"")).collect::<Vec<_>>().join(", ");
        // Writing to a String cannot fail.
        let _ = write!(
            privileges,
            "    // {reason}\n    {{ resource: {{ db: \"{master_database}\", collection: \"{collection}\" }},\n      \
             actions: [{actions}] }},\n"
        );
    }
    format!(
        "// Run this in mongosh, connected as an administrator. It asks for the new user's password.\n\
         // The role reaches the platform's own database and no hospital's.\n\
         db.getSiblingDB(\"admin\").createRole({{\n  role: \"{role}\",\n  privileges: [\n{privileges}  ],\n  roles: []\n}});\n\
         db.getSiblingDB(\"admin\").createUser({{\n  user: \"{user}\", pwd: passwordPrompt(),\n  \
         roles: [{{ role: \"{role}\", db: \"admin\" }}]\n}});\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_says_what_the_command_says() {
        let script = mongosh_script("r", "u", "m");
        let command = master::role("r", "m");
        let privileges = command.get_array("privileges").unwrap();
        assert_eq!(script.matches("resource:").count(), privileges.len());
        for privilege in privileges {
            let resource = privilege.as_document().unwrap().get_document("resource").unwrap();
            assert_eq!(resource.get_str("db").unwrap(), "m", "no other database");
            let collection = resource.get_str("collection").unwrap();
            assert!(script.contains(&format!("{{ db: \"m\", collection: \"{collection}\" }}")), "{script}");
        }
    }
}
