//! The database role and the database user of a tenant. Both live in the tenant's own database, so the role cannot
//! name any other; its rights are listed collection by collection, so the user can make no seventh one.

pub mod desired;

use chakravue_crds::{
    conditions::events,
    naming::{DatabaseName, TENANT_ROLE, tenant_user},
};
use mongodb::bson::{Bson, Document, doc};
use secrecy::{ExposeSecret as _, SecretString};

use self::desired::{Found, STORED_ROLES, STORED_USERS, UserFacts, is_same_role, role_step, stored_role, stored_user};
use crate::{
    context::Context,
    drift::kind::Kind,
    error::Result,
    events::{Change, Changes},
    scram::MECHANISM,
    tenant::Tenant,
};

/// Reads both as MongoDB stores them, and who else was made in the database, in one command.
pub async fn find(context: &Context, database: &DatabaseName) -> Result<Found> {
    let (user, role) = (stored_user(database), stored_role(database));
    let pipeline = vec![
        // Every user of this database: the name of a database has no point in it, and the slash comes next after that.
        doc! { "$match": { "_id": { "$gt": format!("{database}."), "$lt": format!("{database}/") } } },
        doc! { "$unionWith": { "coll": STORED_ROLES, "pipeline": [{ "$match": { "_id": &role } }] } },
    ];
    let doing = "look at the database user and its role";
    let mut found = Found::default();
    for account in context.mongo.aggregate("admin", STORED_USERS, pipeline, doing).await? {
        match account.get_str("_id") {
            Ok(id) if id == user => found.user = Some(account),
            Ok(id) if id == role => found.role = Some(account),
            _ => found.others.extend(account.get_str("user").ok().map(str::to_owned)),
        }
    }
    // They only take something away, so they may be meant as well.
    let is_restricted = |account: &Option<Document>| {
        let restrictions = account.as_ref().and_then(|account| account.get_array("authenticationRestrictions").ok());
        restrictions.is_some_and(|restrictions| !restrictions.is_empty())
    };
    if is_restricted(&found.user) || is_restricted(&found.role) {
        found.others.push(format!("{} (authenticationRestrictions)", tenant_user(database)));
    }
    Ok(found)
}

/// Making the role is part of making the user, so only a role that was mended is told of.
pub async fn ensure_role(context: &Context, tenant: &Tenant, found: &Found, changes: &mut Changes) -> Result<()> {
    let Some(command) = role_step(found, &tenant.database) else { return Ok(()) };
    changes.found(Kind::Role);
    context.mongo.write(tenant.database.as_str(), command, "set the rights of the database role").await?;
    changes.healed(Kind::Role);
    if found.user.is_some() {
        let note = format!("Mended the rights of role {TENANT_ROLE} of database {}", tenant.database);
        changes.push(Change::new(events::ACCESS_GRANTED, note));
    }
    Ok(())
}

/// How a user that exists differs from what it should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserDifference {
    pub roles: bool,
    pub password: bool,
    custom_data: bool,
}

impl UserDifference {
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// `None`: there is no user.
pub fn compare_user(
    context: &Context,
    tenant: &Tenant,
    organization_id: &str,
    password: &SecretString,
    found: &Found,
) -> Option<UserDifference> {
    let (existing, facts) = (found.user.as_ref()?, UserFacts::of(tenant, organization_id));
    Some(UserDifference {
        roles: !facts.roles_fit(existing),
        password: !context.verified.password_is(&tenant.owner.uid, existing, password),
        custom_data: existing.get_document("customData").ok() != Some(&facts.custom_data),
    })
}

/// Makes sure that the user exists, has the Secret's password, and has the role exactly while the subscription is active.
pub async fn ensure_user(
    context: &Context,
    tenant: &Tenant,
    organization_id: &str,
    password: &SecretString,
    found: &Found,
    changes: &mut Changes,
) -> Result<()> {
    let database = tenant.database.as_str();
    let user = tenant_user(&tenant.database);
    let facts = UserFacts::of(tenant, organization_id);

    let Some(differs) = compare_user(context, tenant, organization_id, password, found) else {
        let command = doc! {
            "createUser": user,
            "pwd": password.expose_secret(),
            "roles": facts.roles,
            "mechanisms": [MECHANISM],
            "customData": facts.custom_data,
        };
        changes.found(Kind::User);
        context.mongo.write(database, command, "create the database user").await?;
        changes.healed(Kind::User);
        changes.push(Change::new(events::ACCESS_GRANTED, format!("Created user {user} of database {database}")));
        return Ok(());
    };
    if differs.is_none() {
        return Ok(());
    }

    let mut update = doc! { "updateUser": user };
    let mut mended = Changes::default();
    if differs.roles {
        let (reason, note) = if facts.roles.is_empty() {
            (events::ACCESS_REVOKED, format!("Took the rights of user {user} away; the data stays"))
        } else {
            (events::ACCESS_GRANTED, format!("Gave user {user} its rights on database {database}"))
        };
        update.insert("roles", &facts.roles);
        changes.found(Kind::Grant);
        mended.healed(Kind::Grant);
        mended.push(Change::new(reason, note));
    }
    if differs.password {
        update.insert("pwd", password.expose_secret());
        update.insert("mechanisms", [MECHANISM]);
        changes.found(Kind::Password);
        mended.healed(Kind::Password);
        mended.push(Change::new(
            events::CREDENTIALS_REPAIRED,
            format!("Gave user {user} the password of Secret {}", tenant.secret_name),
        ));
    }
    if differs.custom_data {
        update.insert("customData", facts.custom_data);
        changes.found(Kind::User);
        mended.healed(Kind::User);
    }
    context.mongo.write(database, update, "mend the database user").await?;
    changes.append(mended);
    Ok(())
}

/// Takes from a user that exists what it should not have, and gives it nothing.
pub async fn revoke_surplus(
    context: &Context,
    tenant: &Tenant,
    organization_id: &str,
    found: &Found,
    changes: &mut Changes,
) -> Result<()> {
    let Some(Ok(has)) = found.user.as_ref().map(|user| user.get_array("roles")) else { return Ok(()) };
    let facts = UserFacts::of(tenant, organization_id);
    let kept: Vec<Bson> =
        has.iter().filter(|role| facts.roles.iter().any(|may| is_same_role(role, may))).cloned().collect();
    if kept.len() == has.len() {
        return Ok(());
    }
    let user = tenant_user(&tenant.database);
    changes.found(Kind::Grant);
    let command = doc! { "updateUser": &user, "roles": kept };
    context.mongo.write(tenant.database.as_str(), command, "take rights from the database user").await?;
    changes.healed(Kind::Grant);
    changes.push(Change::new(events::ACCESS_REVOKED, format!("Took the rights of user {user} away; the data stays")));
    Ok(())
}

/// Removes the tenant's user and role; what is not there counts as removed.
pub async fn remove(context: &Context, database: &DatabaseName) -> Result<()> {
    let found = find(context, database).await?;
    if found.user.is_some() {
        let command = doc! { "dropUser": tenant_user(database) };
        context.mongo.write(database.as_str(), command, "remove the database user").await?;
    }
    if found.role.is_some() {
        let command = doc! { "dropRole": TENANT_ROLE };
        context.mongo.write(database.as_str(), command, "remove the database role").await?;
    }
    Ok(())
}
