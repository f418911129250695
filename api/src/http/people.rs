//! What requests say about people: e-mail addresses and roles, checked as they are read.

use std::borrow::Cow;

use chakravue_crds::{roles::StaffRole, texts};
use serde::{Deserialize, Deserializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, SchemaFormat,
        schema::{Schema, Type},
    },
};

use crate::http::flaw::Flaw;

/// An e-mail address in lower case: two that differ only in case are one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // Before it is made lower case: the sign for Kelvin would become a letter of the alphabet.
        let address = text.trim();
        texts::check([&texts::EMAIL], address).map(|()| Self(address.to_ascii_lowercase()))
    }
}

impl PartialSchema for EmailAddress {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
            .max_length(Some(254))
            .examples(["doctor@stmarys.com"])
            .into()
    }
}

impl ToSchema for EmailAddress {
    fn name() -> Cow<'static, str> {
        "EmailAddress".into()
    }
}

/// A role in capitals, small letters or anything between, for `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// When it is none of the roles.
pub fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StaffRole, D::Error> {
    let text = String::deserialize(deserializer)?;
    StaffRole::ALL.into_iter().find(|role| role.name().eq_ignore_ascii_case(text.trim())).ok_or_else(unknown_role)
}

/// The same of a field that may be left out.
///
/// # Errors
/// When it is none of the roles.
pub fn optional_role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<StaffRole>, D::Error> {
    role(deserializer).map(Some)
}

fn unknown_role<E: de::Error>() -> E {
    E::custom(Flaw::NotOneOf { allowed: StaffRole::ALL.map(|role| role.name().to_owned()).into() }.carried())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Person {
        email: EmailAddress,
        #[serde(deserialize_with = "role")]
        role: StaffRole,
    }

    fn read(email: &str, role: &str) -> Result<Person, String> {
        let json = serde_json::json!({ "email": email, "role": role });
        serde_json::from_value(json).map_err(|error| error.to_string())
    }

    #[test]
    fn people_are_read_as_they_are_meant() {
        let person = read(" Doctor@StMarys.com ", "doctor").unwrap();
        assert_eq!(person.email.as_str(), "doctor@stmarys.com");
        assert_eq!(person.role, StaffRole::Doctor);
        assert_eq!(read("a@b.example", "OPD").unwrap().role, StaffRole::Opd);
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_it() {
        for (email, role, what) in [
            ("marker-value", "OPD", texts::EMAIL.sentence),
            ("\u{212a}elvin@x.example", "OPD", texts::EMAIL.sentence),
            ("a@b.example", "marker-value", "not_one_of"),
        ] {
            let said = read(email, role).unwrap_err();
            assert!(said.contains(what) && !said.contains("marker-value"), "{said}");
        }
    }
}
