//! Opaque tokens: 256 random bits behind a prefix that says what the token is for. The database keeps only the SHA-256,
//! so that whoever reads it cannot use one.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chakravue_crds::organization_id::OrganizationId;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::http::problem::{Answer, Kind, Problem};

/// What a token opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A signed-in user.
    Session,
    /// The person who signs a hospital up, until its administrator has a password.
    Setup,
    /// An invited user.
    Invitation,
    /// A user who forgot the password.
    Reset,
}

impl TokenKind {
    const ALL: [Self; 4] = [Self::Session, Self::Setup, Self::Invitation, Self::Reset];

    fn prefix(self) -> &'static str {
        match self {
            Self::Session => "chs",
            Self::Setup => "cset",
            Self::Invitation => "cinv",
            Self::Reset => "crst",
        }
    }
}

/// Where the user of an invitation or a reset lives, which has to be known before any database is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Home {
    Hospital(OrganizationId),
    /// A platform administrator.
    Platform,
}

const PLATFORM: &str = "platform";

/// A token just made. It is shown once and cannot be had again.
#[derive(Clone, Debug)]
pub struct Token(SecretString);

impl Token {
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn generate(kind: TokenKind) -> Answer<Self> {
        Ok(Self(format!("{}_{}", kind.prefix(), secret()?).into()))
    }

    /// A token that says where its user lives.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn generate_for(kind: TokenKind, home: &Home) -> Answer<Self> {
        let home = match home {
            Home::Hospital(id) => id.as_str(),
            Home::Platform => PLATFORM,
        };
        Ok(Self(format!("{}_{home}_{}", kind.prefix(), secret()?).into()))
    }

    /// For the answer to the one person who may have it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.reveal())
    }
}

fn secret() -> Answer<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random numbers");
        Problem::internal()
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// SHA-256 of a token in hexadecimal. A token has 256 random bits, so nothing slower is needed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenHash(String);

impl TokenHash {
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(hex::encode(Sha256::digest(token.as_bytes())))
    }

    /// As the database has it.
    #[must_use]
    pub fn stored(hash: &str) -> Self {
        Self(hash.to_owned())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&TokenHash> for bson::Bson {
    fn from(hash: &TokenHash) -> Self {
        Self::String(hash.0.clone())
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a presented token claims to be, before anything is looked up.
#[must_use]
pub fn kind_of(token: &str) -> Option<TokenKind> {
    TokenKind::ALL.into_iter().find(|kind| token.strip_prefix(kind.prefix()).is_some_and(|rest| rest.starts_with('_')))
}

/// Where the user of a presented invitation or reset lives.
///
/// # Errors
/// When it is no such token: it was cut off or is of another kind.
pub fn home_of(token: &str, kind: TokenKind) -> Answer<Home> {
    let unusable = || Problem::new(Kind::LinkUnusable, "The link is not whole. Copy all of it, or ask for a new one.");
    let rest = token.strip_prefix(kind.prefix()).and_then(|rest| rest.strip_prefix('_')).ok_or_else(unusable)?;
    if rest.strip_prefix(PLATFORM).is_some_and(|rest| rest.starts_with('_')) {
        return Ok(Home::Platform);
    }
    // The id itself has an underscore, and so may the secret: org_<26 characters>_<secret>.
    let cut = rest.match_indices('_').nth(1).map(|(at, _)| at).ok_or_else(unusable)?;
    rest[..cut].parse().map(Home::Hospital).map_err(|_| unusable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_distinct_and_say_what_they_are() {
        for kind in TokenKind::ALL {
            let (a, b) = (Token::generate(kind).unwrap(), Token::generate(kind).unwrap());
            assert_ne!(a.reveal(), b.reveal());
            assert_eq!(a.hash(), TokenHash::of(a.reveal()));
            assert_eq!(kind_of(a.reveal()), Some(kind));
            assert!(a.reveal().len() > 43);
            assert!(!format!("{a:?}").contains(a.reveal()), "a token shows in Debug output");
        }
        assert_eq!(kind_of("whatever"), None);
    }

    #[test]
    fn a_link_says_where_its_user_lives() {
        let home = Home::Hospital(OrganizationId::generate());
        for home in [home, Home::Platform] {
            let token = Token::generate_for(TokenKind::Invitation, &home).unwrap();
            assert_eq!(home_of(token.reveal(), TokenKind::Invitation).unwrap(), home);
            assert!(home_of(token.reveal(), TokenKind::Reset).is_err());
        }
        for broken in ["", "cinv_", "cinv_org_", "cinv_org_x_y", "cinv_platform"] {
            assert!(home_of(broken, TokenKind::Invitation).is_err(), "{broken}");
        }
    }
}
