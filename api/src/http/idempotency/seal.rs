//! How the answer of a request is kept: sealed with a key that needs the client's own, so that whoever has the database
//! alone cannot read it.

use axum::{
    body::{Body, to_bytes},
    http::{HeaderName, HeaderValue, StatusCode},
    response::Response,
};
use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead as _, KeyInit as _, Payload},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{REPLAYED, random};
use crate::http::problem::{Answer, Problem};

/// No answer of an operation that may be repeated comes near it.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Encrypts answers with a key that needs both the service's secret and the client's key.
pub(super) struct Seal(pub(super) Zeroizing<[u8; 32]>);

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, bson::Binary)>,
    body: bson::Binary,
}

const NONCE: usize = 24;

impl Seal {
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    /// Gives the answer back, and sealed.
    pub(super) async fn close(&self, id: &str, response: Response) -> Answer<(Response, bson::Binary)> {
        let unkeepable = |reason: String| {
            tracing::error!(reason, "the answer of a repeatable request cannot be kept");
            Problem::internal()
        };
        let (head, body) = response.into_parts();
        let body = to_bytes(body, LARGEST_ANSWER).await.map_err(|error| unkeepable(error.to_string()))?;
        let binary = |bytes: &[u8]| bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() };
        let kept = Kept {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(|(name, value)| (name.to_string(), binary(value.as_bytes()))).collect(),
            body: binary(&body),
        };
        let plain = bson::serialize_to_vec(&kept).map_err(|error| unkeepable(error.to_string()))?;
        let plain = Zeroizing::new(plain);
        let nonce = random::<NONCE>()?;
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: id.as_bytes() })
            .map_err(|error| unkeepable(error.to_string()))?;
        Ok((Response::from_parts(head, Body::from(body)), binary(&[&nonce, sealed.as_slice()].concat())))
    }

    pub(super) fn open(&self, id: &str, sealed: &[u8]) -> Answer<Response> {
        let broken = || {
            tracing::error!("the kept answer of a repeatable request cannot be opened");
            Problem::internal()
        };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or_else(broken)?;
        let plain = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: id.as_bytes() })
            .map_err(|_| broken())?;
        let kept: Kept = bson::deserialize_from_slice(&Zeroizing::new(plain)).map_err(|_| broken())?;
        let mut response = Response::new(Body::from(kept.body.bytes));
        *response.status_mut() = StatusCode::from_u16(kept.status).map_err(|_| broken())?;
        for (name, value) in kept.headers {
            let name = HeaderName::try_from(name).map_err(|_| broken())?;
            response.headers_mut().append(name, HeaderValue::from_bytes(&value.bytes).map_err(|_| broken())?);
        }
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use axum::{Json, response::IntoResponse as _};
    use serde_json::json;

    use super::*;

    fn seal(key: u8) -> Seal {
        Seal(Zeroizing::new([key; 32]))
    }

    #[tokio::test]
    async fn a_kept_answer_opens_with_the_key_alone_and_is_the_same() {
        let (seal, id) = (seal(1), "id");
        let mut response = (StatusCode::CREATED, Json(json!({ "setup_token": "cset_marker" }))).into_response();
        response.headers_mut().append("set-cookie", HeaderValue::from_static("a=1"));
        response.headers_mut().append("set-cookie", HeaderValue::from_static("b=2"));
        let (first, sealed) = seal.close(id, response).await.unwrap();
        let shown = String::from_utf8_lossy(&sealed.bytes).into_owned();
        assert!(!shown.contains("marker") && !shown.contains("set-cookie"));

        let mut second = seal.open(id, &sealed.bytes).unwrap();
        assert_eq!(second.headers_mut().remove(REPLAYED).unwrap(), "true");
        assert_eq!((first.status(), first.headers()), (second.status(), second.headers()));
        let body = |response: Response| to_bytes(response.into_body(), 1024);
        assert_eq!(body(first).await.unwrap(), body(second).await.unwrap());

        assert!(self::seal(2).open(id, &sealed.bytes).is_err());
        assert!(seal.open("other id", &sealed.bytes).is_err(), "moved to another entry");
        let mut altered = sealed.bytes;
        altered[NONCE] ^= 1;
        assert!(seal.open(id, &altered).is_err());
    }
}
