//! The reference page `docs/api-reference.md`, printed from the tables in the code so that it cannot say anything else.

use std::fmt::Write as _;

use chakravue_crds::roles::StaffRole;

use crate::{
    access::permissions::{self, Permission},
    http::problem::Kind,
};

const HEAD: &str = "\
<!-- Written by `make generate`. Change the code, not this page. -->

# API reference

Every operation with its fields, answers and examples is in the OpenAPI document: [api/openapi.json](../api/openapi.json), or
`/openapi.json` and `/docs` of a running service. How to use it is told in the [API guide](api.md).

## Problems

An error is `application/problem+json` (RFC 9457). Programs decide by `type`, which is
`https://chakravue.io/problems/` and the name below; it never changes. `request_id` finds the request in the logs.
What the protocol itself cannot take never reaches the service and is answered without a body: 400 where it is no HTTP, 414
where its address and 431 where its header is too large.

| name | status | what it means and what to do |
|---|---|---|
";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for kind in Kind::ALL {
        let _ = writeln!(page, "| `{}` | {} | {} |", kind.slug(), kind.status().as_u16(), kind.meaning());
    }
    page.push_str("\n## Permissions\n\nWhat the roles of a hospital's staff may do. `GET /me` answers the caller's own.\n\n| permission |");
    for role in StaffRole::ALL {
        let _ = write!(page, " {} |", role.name());
    }
    page.push_str(" |\n|---|");
    page.push_str(&":-:|".repeat(StaffRole::ALL.len()));
    page.push_str("---|\n");
    for permission in Permission::ALL.iter().filter(|one| !one.roles().is_empty()) {
        let _ = write!(page, "| `{}` |", permission.name());
        for role in StaffRole::ALL {
            page.push_str(if permission.roles().contains(&role) { " ✓ |" } else { "  |" });
        }
        let _ = writeln!(page, " {} |", permission.meaning());
    }
    page.push_str(
        "\nThe platform's administrators have no permission inside a hospital and no way to its data. They may:\n\n",
    );
    page.push_str("| permission | |\n|---|---|\n");
    for permission in permissions::of_platform() {
        let _ = writeln!(page, "| `{}` | {} |", permission.name(), permission.meaning());
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_and_every_permission_has_its_row() {
        let page = page();
        for kind in Kind::ALL {
            assert!(page.contains(&format!("| `{}` | {} |", kind.slug(), kind.status().as_u16())), "{kind:?}");
        }
        for permission in Permission::ALL {
            assert!(page.contains(&format!("| `{}` |", permission.name())), "{permission:?}");
        }
    }
}
