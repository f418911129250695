//! Fields that hold one of a few words: the same word in documents, JSON and the validators.

// A word is a `tt`, not a `literal`: the OpenAPI document could not read its name otherwise.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$of_variant:meta])* $variant:ident = $word:tt,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
        pub enum $name {
            $($(#[$of_variant])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl From<$name> for bson::Bson {
            fn from(word: $name) -> Self {
                Self::String(word.name().to_owned())
            }
        }
    };
}

pub(super) use words;
