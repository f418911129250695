//! What a client sends to make its request repeatable, and what tells a repetition from another request.

use axum::{
    extract::{FromRequest, Request},
    http::HeaderMap,
};
use garde::Validate;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::http::{
    extract,
    problem::{Answer, Kind, Problem},
};

/// The request's header with the client's key.
pub const HEADER: &str = "idempotency-key";
/// What a client may send as its key, in the words of the documentation.
pub const DESCRIPTION: &str = "Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second \
     effect and gets the first answer again, also when that never arrived; what was refused, unless a card was \
     declined, or is not decided yet (202) is looked at anew. 1 to 255 visible ASCII characters; where nobody is \
     signed in at least 16, because whoever knows the key gets the answer. A UUID does well. Whether the key and the \
     body can be taken and whether the sender may send this is decided anew each time, before the first answer is \
     looked for: a repetition after the session has ended is answered 401. What was taken once is not refused later \
     as too many requests.";

/// The same where the answer is a patient's.
pub const DESCRIPTION_WITHOUT_ANSWER: &str = "Makes the request repeatable: sent again with the same key and the same body within 24 hours, it has no second \
     effect and gets what was made the first time, as it is now; what was refused is looked at anew. 1 to 255 visible \
     ASCII characters; a UUID does well. Whether the key and the body can be taken and whether the sender may send this \
     is decided anew each time.";

/// A key that nobody guesses has at least so many characters.
pub(super) const UNGUESSABLE: usize = 16;

/// What the client calls its request.
#[derive(Clone)]
pub struct IdempotencyKey(pub(super) Zeroizing<String>);

impl IdempotencyKey {
    /// The key of these headers, if there is one.
    ///
    /// # Errors
    /// When it is not 1 to 255 visible ASCII characters, or there are several.
    pub fn of(headers: &HeaderMap) -> Answer<Option<Self>> {
        let wrong = || {
            Problem::new(
                Kind::Malformed,
                "Idempotency-Key must be sent once and have 1 to 255 visible ASCII characters, such as a UUID.",
            )
        };
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let text = value.to_str().map_err(|_| wrong())?;
        let well_formed = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !well_formed || values.next().is_some() {
            return Err(wrong());
        }
        Ok(Some(Self(Zeroizing::new(text.to_owned()))))
    }

    /// Where nobody is signed in, the key alone gets the answer.
    pub(super) fn is_long_enough(&self, sender: Sender<'_>) -> bool {
        matches!(sender, Sender::Known(_)) || self.0.len() >= UNGUESSABLE
    }
}

/// What tells a repetition from another request: the client's key and the content of the body.
pub struct Repetition {
    pub(super) key: Option<IdempotencyKey>,
    pub(super) content: [u8; 32],
}

impl Repetition {
    #[must_use]
    pub fn new(key: Option<IdempotencyKey>, body: &[u8]) -> Self {
        // Without the differences that mean nothing in JSON: white space and the order of members.
        let content = serde_json::from_slice::<serde_json::Value>(body).map_or_else(
            |_| Sha256::digest(body),
            |value| Sha256::digest(Zeroizing::new(value.to_string()).as_bytes()),
        );
        Self { key, content: content.into() }
    }

    /// Whether the client can send it again and get the same answer.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }
}

/// A JSON body, as [`extract::ApiJson`] reads it, of a request that may be sent again.
pub struct Repeatable<T> {
    pub body: T,
    pub repetition: Repetition,
}

impl<S, T> FromRequest<S> for Repeatable<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let key = IdempotencyKey::of(request.headers())?;
        let bytes = extract::json_bytes(request, state).await?;
        Ok(Self { body: extract::parse(&bytes)?, repetition: Repetition::new(key, &bytes) })
    }
}

/// Who sends the request. Two people who happen to choose the same key do not meet.
#[derive(Clone, Copy, Debug)]
pub enum Sender<'a> {
    /// Nobody is signed in: whoever sends the same key and body is taken for the same.
    Anonymous,
    /// A stable id, such as that of the hospital and the user.
    Known(&'a str),
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn key(values: &[&str]) -> Answer<Option<IdempotencyKey>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        IdempotencyKey::of(&headers)
    }

    #[test]
    fn a_key_is_visible_ascii_sent_once() {
        assert!(key(&[]).unwrap().is_none());
        assert!(key(&["x"]).unwrap().is_some() && key(&[&"x".repeat(255)]).unwrap().is_some());
        for wrong in [&[""][..], &["a b"], &["k\u{e9}"], &[&"x".repeat(256)], &["a", "a"]] {
            assert_eq!(key(wrong).err().map(|problem| problem.kind()), Some(Kind::Malformed), "{wrong:?}");
        }
    }

    #[test]
    fn the_same_content_in_other_words_is_the_same() {
        let content = |body: &str| Repetition::new(None, body.as_bytes()).content;
        assert_eq!(content(r#"{"a":1,"b":[2]}"#), content("{ \"b\": [2],\n \"a\": 1 }"));
        assert_ne!(content(r#"{"a":1}"#), content(r#"{"a":"1"}"#));
    }
}
