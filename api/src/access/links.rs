//! Links that are handed to one person and work once: invitations and password resets. The user's document keeps the hash
//! of the newest; using it takes it away, so that a second use finds nothing.

use std::time::Duration;

use bson::{Document, doc};
use jiff::Timestamp;

use crate::{
    access::{
        mail::{Mail, Mailer},
        tokens::{Home, Token, TokenKind},
    },
    data::tenant::users::Link,
    http::problem::{Answer, Kind, Problem},
    program::{
        clock::{Clock, from_bson, later, to_bson},
        public_url::PublicUrl,
    },
};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Invitation,
    PasswordReset,
}

impl Purpose {
    #[must_use]
    pub fn token_kind(self) -> TokenKind {
        match self {
            Self::Invitation => TokenKind::Invitation,
            Self::PasswordReset => TokenKind::Reset,
        }
    }

    /// Where the user's document keeps it.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::PasswordReset => "password_reset",
        }
    }

    fn lasts(self) -> Duration {
        match self {
            Self::Invitation => Duration::from_hours(7 * 24),
            Self::PasswordReset => Duration::from_hours(1),
        }
    }

    /// The page that takes the token. It stands behind `#`, which browsers keep to themselves.
    fn page(self) -> &'static str {
        match self {
            Self::Invitation => "/accept-invitation#token=",
            Self::PasswordReset => "/reset-password#token=",
        }
    }
}

/// A link on its way to its one reader, and what is kept of it.
#[derive(Clone, Debug)]
pub struct Issued {
    token: Token,
    purpose: Purpose,
    pub stored: Link,
}

impl Issued {
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn new(purpose: Purpose, home: &Home, clock: &Clock) -> Answer<Self> {
        let token = Token::generate_for(purpose.token_kind(), home)?;
        let expires_at = to_bson(later(clock.now(), purpose.lasts()));
        let stored = Link { token_hash: token.hash(), expires_at };
        Ok(Self { token, purpose, stored })
    }

    /// What the user's document keeps.
    #[must_use]
    pub fn document(&self) -> Document {
        doc! { "token_hash": &self.stored.token_hash, "expires_at": self.stored.expires_at }
    }

    /// The whole link. It is a secret.
    #[must_use]
    pub fn url(&self, public_url: &PublicUrl) -> String {
        public_url.join(&format!("{}{}", self.purpose.page(), self.token.reveal()))
    }

    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        from_bson(self.stored.expires_at)
    }

    /// Sends the link, if mails are sent at all.
    pub fn mail(&self, mailer: &Mailer, public_url: &PublicUrl, to: &str, hospital: Option<&str>) {
        let place = hospital.unwrap_or("the ChakraVue platform");
        let (subject, reason) = match self.purpose {
            Purpose::Invitation => {
                (format!("Your invitation to {place}"), format!("You are invited to work with {place} on ChakraVue."))
            }
            Purpose::PasswordReset => {
                (format!("Your password for {place}"), format!("Somebody asked for a new password for you at {place}."))
            }
        };
        let text = format!(
            "{reason}\n\nOpen this link to choose your password. It works once, until {}:\n\n{}\n\n\
             If you did not expect this mail, do nothing.\n",
            self.expires_at().strftime("%d %B %Y, %H:%M UTC"),
            self.url(public_url),
        );
        mailer.send(Mail { to: to.to_owned(), subject, text: text.into() });
    }
}

/// The link is still good.
///
/// # Errors
/// When it is not there or has expired.
pub fn check(link: Option<&Link>, clock: &Clock) -> Answer<()> {
    match link {
        Some(link) if from_bson(link.expires_at) > clock.now() => Ok(()),
        _ => Err(unusable()),
    }
}

#[must_use]
pub fn unusable() -> Problem {
    let detail = "The link was used already, has expired, or was replaced by a newer one. Ask for a new one.";
    Problem::new(Kind::LinkUnusable, detail)
}

#[cfg(test)]
mod tests {
    use chakravue_crds::organization_id::OrganizationId;

    use super::*;
    use crate::access::tokens::{TokenHash, home_of};

    #[test]
    fn a_link_says_where_its_user_lives_and_ends_in_time() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        for (purpose, lasts) in [(Purpose::Invitation, 7 * 24), (Purpose::PasswordReset, 1)] {
            let home = Home::Hospital(OrganizationId::generate());
            let issued = Issued::new(purpose, &home, &clock).unwrap();
            let url = issued.url(&serde_json::from_str("\"https://app.example.org\"").unwrap());
            let (page, token) = url.split_once("#token=").unwrap();
            assert!(page.starts_with("https://app.example.org/"), "{page}");
            assert_eq!(home_of(token, purpose.token_kind()).unwrap(), home);
            assert_eq!(TokenHash::of(token), issued.stored.token_hash);
            let later = clock.clone();
            assert!(check(Some(&issued.stored), &later).is_ok());
            let expires = Clock::fixed(clock.now());
            expires.advance(Duration::from_hours(lasts));
            assert_eq!(check(Some(&issued.stored), &expires).unwrap_err().kind(), Kind::LinkUnusable);
        }
        assert_eq!(check(None, &clock).unwrap_err().kind(), Kind::LinkUnusable);
    }
}
