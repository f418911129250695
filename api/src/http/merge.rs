//! Changes of a record in the manner of JSON Merge Patch (RFC 7396): a field that is absent stays, one that is `null` is
//! cleared, any other value is set.

use std::collections::BTreeSet;

use bson::{Bson, DateTime, Document, doc};
use garde::{Path, Report, Validate, error::NoKey, rules::inner::Inner};
use serde::{Deserialize, Deserializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

/// What a request says of a field that a record may lack. Needs `#[serde(default)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

/// For a field that every record has: `null` is refused instead of being taken for absent.
///
/// # Errors
/// When the value is not a `T`.
pub fn never_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl<T> Inner<T> for Patch<T> {
    type Key = NoKey;

    fn validate_inner<F: FnMut(&T, &Self::Key)>(&self, mut f: F) {
        if let Self::Set(value) = self {
            f(value, &NoKey::default());
        }
    }
}

impl<T: Validate> Validate for Patch<T> {
    type Context = T::Context;

    fn validate_into(&self, context: &Self::Context, parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        if let Self::Set(value) = self {
            value.validate_into(context, parent, report);
        }
    }
}

impl<T: PartialSchema> PartialSchema for Patch<T> {
    fn schema() -> RefOr<Schema> {
        let null = ObjectBuilder::new().schema_type(Type::Null).build();
        OneOfBuilder::new().item(Schema::Object(null)).item(T::schema()).into()
    }
}

impl<T: ToSchema> ToSchema for Patch<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        format!("Nullable{}", T::name()).into()
    }
}

/// The changes of one record, as MongoDB takes them.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    set: Document,
    unset: Document,
}

impl Changes {
    #[must_use]
    pub fn patch<T: Into<Bson>>(mut self, field: &str, patch: Patch<T>) -> Self {
        match patch {
            Patch::Keep => {}
            Patch::Clear => drop(self.unset.insert(field, "")),
            Patch::Set(value) => drop(self.set.insert(field, value)),
        }
        self
    }

    #[must_use]
    pub fn set<T: Into<Bson>>(self, field: &str, value: Option<T>) -> Self {
        self.patch(field, value.map_or(Patch::Keep, Patch::Set))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty()
    }

    /// The names of the fields, for the audit log.
    #[must_use]
    pub fn fields(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.set.keys().chain(self.unset.keys()).collect();
        names.into_iter().cloned().collect()
    }

    /// The update, which makes a new version of the record.
    #[must_use]
    pub fn update(&self, now: DateTime) -> Document {
        let mut set = self.set.clone();
        set.insert("updated_at", now);
        let mut update = doc! { "$set": set, "$inc": { "version": 1_i64 } };
        if !self.unset.is_empty() {
            update.insert("$unset", self.unset.clone());
        }
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{extract, text::Line};

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Change {
        #[serde(default, deserialize_with = "never_null")]
        #[garde(dive)]
        name: Option<Line<5>>,
        #[serde(default)]
        #[garde(dive)]
        phone: Patch<Line<5>>,
    }

    fn changes(body: &str) -> Changes {
        let Change { name, phone } = extract::parse(body.as_bytes()).unwrap();
        Changes::default().set("name", name).patch("phone", phone)
    }

    #[test]
    fn absent_stays_null_clears_and_a_value_sets() {
        let now = DateTime::from_millis(0);
        assert!(changes("{}").is_empty());
        let cleared = changes(r#"{"phone":null,"name":"Ann"}"#);
        assert_eq!(cleared.fields(), ["name", "phone"]);
        assert_eq!(
            cleared.update(now),
            doc! { "$set": { "name": "Ann", "updated_at": now }, "$inc": { "version": 1_i64 }, "$unset": { "phone": "" } }
        );
        assert_eq!(
            changes(r#"{"phone":"1"}"#).update(now).get_document("$set").unwrap().get_str("phone").unwrap(),
            "1"
        );
    }

    #[test]
    fn what_is_set_is_checked_and_what_must_be_there_is_not_cleared() {
        for (body, pointer) in [
            (r#"{"phone":"123456"}"#, "/phone"),
            (r#"{"phone":{"$ne":""}}"#, "/phone"),
            (r#"{"name":null}"#, "/name"),
            (r#"{"name":""}"#, "/name"),
        ] {
            let problem = extract::parse::<Change>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.errors()[0].pointer.as_deref(), Some(pointer), "{body}: {problem:?}");
        }
    }
}
