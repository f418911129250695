//! `GET /roles`: what each role of a hospital's staff may do, from the table that decides every request.

use axum::Json;
use chakravue_crds::roles::StaffRole;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::users::Role;
use crate::{access::permissions, state::App};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_roles))
}

#[derive(Serialize, ToSchema)]
struct Roles {
    roles: Vec<RoleView>,
}

/// A role and everything that it may do.
#[derive(Serialize, ToSchema)]
#[schema(as = RolePermissions)]
struct RoleView {
    #[schema(value_type = Role)]
    role: StaffRole,
    permissions: Vec<PermissionView>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Permission)]
struct PermissionView {
    /// As in `GET /me`.
    #[schema(example = "patients.read")]
    name: &'static str,
    #[schema(example = "See who a patient is and how to reach them.")]
    meaning: &'static str,
}

/// What each role of a hospital's staff may do.
#[utoipa::path(get, path = "/roles", tag = "signup", responses((status = 200, description = "The roles", body = Roles)))]
async fn list_roles() -> Json<Roles> {
    let view = |role| {
        let permissions = permissions::of(role).into_iter();
        let permissions = permissions.map(|one| PermissionView { name: one.name(), meaning: one.meaning() }).collect();
        RoleView { role, permissions }
    };
    Json(Roles { roles: StaffRole::ALL.into_iter().map(view).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_role_is_told_with_its_permissions() {
        let Json(Roles { roles }) = list_roles().await;
        assert_eq!(roles.iter().map(|one| one.role).collect::<Vec<_>>(), StaffRole::ALL);
        for RoleView { role, permissions } in roles {
            let names: Vec<_> = permissions.iter().map(|one| one.name).collect();
            assert_eq!(names, permissions::of(role).iter().map(|one| one.name()).collect::<Vec<_>>());
        }
    }
}
