//! Whether a password is the one that MongoDB stores, found by comparing what SCRAM stores, without logging in.

use std::{collections::HashMap, sync::Mutex};

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use mongodb::bson::Document;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// The strongest mechanism, alone: each one costs the server time at every change of a password.
pub const MECHANISM: &str = "SCRAM-SHA-256";

/// Remembers which stored credentials were found to belong to which password, because the proof costs thousands of
/// hash rounds and a healthy fleet would otherwise pay them at every look.
#[derive(Default)]
pub struct Verified(Mutex<HashMap<String, Proof>>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Proof {
    stored: [u8; 32],
    with_password: [u8; 32],
}

impl Verified {
    /// Whether the credentials that MongoDB stores for a user are those of `password`, without logging in.
    pub fn password_is(&self, uid: &str, user: &Document, password: &SecretString) -> bool {
        let Some(stored) = credentials(user) else { return false };
        let proof = Proof {
            stored: fingerprint(stored).finalize().into(),
            with_password: fingerprint(stored).chain_update(password.expose_secret()).finalize().into(),
        };
        if self.0.lock().is_ok_and(|map| map.get(uid) == Some(&proof)) {
            return true;
        }
        let proven = stored_key(stored, password.expose_secret())
            .is_some_and(|key| stored.get_str("storedKey").is_ok_and(|known| known == key));
        if proven && let Ok(mut map) = self.0.lock() {
            map.insert(uid.to_owned(), proof);
        }
        proven
    }

    /// Whether the credentials that MongoDB stores for a user are those that were last found to be right.
    pub fn knows(&self, uid: &str, user: &Document) -> bool {
        let Some(stored) = credentials(user) else { return false };
        let stored: [u8; 32] = fingerprint(stored).finalize().into();
        self.0.lock().is_ok_and(|map| map.get(uid).is_some_and(|proof| proof.stored == stored))
    }

    /// Forgets an object that is gone.
    pub fn forget(&self, uid: &str) {
        if let Ok(mut map) = self.0.lock() {
            map.remove(uid);
        }
    }
}

/// What MongoDB stores of a user's password, if it is under the one mechanism and no other.
fn credentials(user: &Document) -> Option<&Document> {
    let credentials = user.get_document("credentials").ok().filter(|mechanisms| mechanisms.len() == 1)?;
    credentials.get_document(MECHANISM).ok()
}

fn fingerprint(stored: &Document) -> Sha256 {
    let part = |name| stored.get_str(name).unwrap_or_default();
    Sha256::new().chain_update(part("salt")).chain_update([0]).chain_update(part("storedKey")).chain_update([0])
}

/// RFC 5802: `StoredKey = H(HMAC(Hi(password, salt, iterations), "Client Key"))`. Generated passwords are ASCII, so
/// `SASLprep` changes nothing.
fn stored_key(stored: &Document, password: &str) -> Option<String> {
    let base64 = &base64::engine::general_purpose::STANDARD;
    let salt = base64.decode(stored.get_str("salt").ok()?).ok()?;
    let iterations = u32::try_from(stored.get_i32("iterationCount").ok()?).ok()?;
    let mut salted = [0_u8; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations, &mut salted);
    let mut client_key = Hmac::<Sha256>::new_from_slice(&salted).ok()?;
    client_key.update(b"Client Key");
    Some(base64.encode(Sha256::digest(client_key.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn the_stored_key_is_that_of_the_rfc_7677_example() {
        // RFC 7677 §3: password "pencil"; its stored key, computed once with another implementation.
        let stored = doc! { "salt": "W22ZaJ0SNY7soEsUEjb6gQ==", "iterationCount": 4096 };
        assert_eq!(stored_key(&stored, "pencil").unwrap(), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
        assert_ne!(stored_key(&stored, "pencils").unwrap(), "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=");
    }

    #[test]
    fn what_was_proven_is_known_until_what_is_stored_changes() {
        let stored = doc! { "salt": "W22ZaJ0SNY7soEsUEjb6gQ==", "iterationCount": 4096, "storedKey": "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=" };
        let user = doc! { "credentials": { MECHANISM: stored.clone() } };
        let (verified, password) = (Verified::default(), SecretString::from("pencil"));
        assert!(!verified.knows("u", &user), "nothing is proven yet");
        assert!(!verified.password_is("u", &user, &SecretString::from("pencils")));
        assert!(verified.password_is("u", &user, &password));
        assert!(verified.knows("u", &user));
        assert!(!verified.password_is("u", &user, &SecretString::from("pencils")), "another password");
        let mut other = stored.clone();
        other.insert("storedKey", "AAAA");
        assert!(!verified.knows("u", &doc! { "credentials": { MECHANISM: other } }));
        let two = doc! { "credentials": { MECHANISM: stored, "SCRAM-SHA-1": {} } };
        assert!(!verified.knows("u", &two) && !verified.password_is("u", &two, &password));
    }

    #[test]
    fn garbage_credentials_prove_nothing() {
        for stored in [doc! {}, doc! { "salt": "!", "iterationCount": 1 }, doc! { "salt": "", "iterationCount": -1 }] {
            assert_eq!(stored_key(&stored, "x"), None);
        }
    }
}
