//! Events that Stripe sends. Each is signed: whoever sent it knows the endpoint's secret, and sent it just now.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

pub const SIGNATURE_HEADER: &str = "stripe-signature";

/// An event that is older was perhaps recorded and is sent again by somebody else.
const TOLERANCE: Duration = Duration::from_mins(5);

/// Why an event is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    #[error("the Stripe-Signature header is missing or not of the form t=…,v1=…")]
    Form,
    #[error("the event was signed more than five minutes ago or will be: check the clock")]
    Time,
    #[error("no signature fits: the event was altered, or the endpoint's secret is another")]
    Signature,
}

/// An event, as far as it concerns us. What it says of the charge is not believed: it may be old, so the charge is asked.
#[derive(Debug, Deserialize)]
pub struct Event {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Absent, or without an object, in the events of some kinds.
    #[serde(default)]
    data: Value,
}

impl Event {
    /// The charge that the event is about, if it is about one.
    #[must_use]
    pub fn payment_intent(&self) -> Option<&str> {
        let id = self.data.pointer("/object/id").and_then(Value::as_str);
        id.filter(|_| self.kind.starts_with("payment_intent."))
    }
}

/// Checks the signature of an event's body.
///
/// # Errors
/// When it does not come from Stripe, or not just now.
pub fn verify(secret: &SecretString, header: &str, body: &[u8], now: Timestamp) -> Result<(), NotSigned> {
    let (time, signatures) = read(header).ok_or(NotSigned::Form)?;
    let sent = time.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(NotSigned::Form)?;
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).map_err(|_| NotSigned::Signature)?;
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let right = hex::encode(mac.finalize().into_bytes());
    // While the secret is changed, Stripe signs with the old one and the new one: every signature is tried.
    let fits = signatures
        .into_iter()
        .fold(false, |fits, signature| fits | bool::from(signature.as_bytes().ct_eq(right.as_bytes())));
    if !fits {
        return Err(NotSigned::Signature);
    }
    if now.duration_since(sent).unsigned_abs() > TOLERANCE {
        return Err(NotSigned::Time);
    }
    Ok(())
}

/// `t=1492774577,v1=5257…,v1=6ffb…,v0=…`: the time, and the signatures of the one scheme that counts.
fn read(header: &str) -> Option<(&str, Vec<&str>)> {
    let parts = header.split(',').map(|part| part.trim().split_once('='));
    let (mut time, mut signatures) = (None, Vec::new());
    for part in parts {
        match part? {
            ("t", value) if time.is_none() => time = Some(value),
            ("t", _) => return None,
            ("v1", value) => signatures.push(value),
            _ => {}
        }
    }
    time.filter(|time| time.bytes().all(|byte| byte.is_ascii_digit())).zip(Some(signatures))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_marker";
    const BODY: &[u8] = br#"{"id":"evt_1","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1"}}}"#;
    const SENT: i64 = 1_700_000_000;

    fn signature(secret: &str, time: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    fn verified(header: &str, body: &[u8], after: i64) -> Result<(), NotSigned> {
        verify(&SECRET.into(), header, body, Timestamp::from_second(SENT + after).unwrap())
    }

    #[test]
    fn a_fresh_event_with_one_right_signature_is_believed() {
        let (right, wrong) = (signature(SECRET, SENT, BODY), signature("whsec_old", SENT, BODY));
        for header in [
            format!("t={SENT},v1={right}"),
            format!("t={SENT}, v1={right}, v0=ignored"),
            format!("t={SENT},v1={wrong},v1={right}"),
            format!("t={SENT},v1={right},v1={wrong}"),
            format!("v1={right},t={SENT}"),
        ] {
            for after in [-300, 0, 300] {
                assert_eq!(verified(&header, BODY, after), Ok(()), "{header}");
            }
        }
    }

    #[test]
    fn anything_else_is_not() {
        let right = signature(SECRET, SENT, BODY);
        let good = format!("t={SENT},v1={right}");
        assert_eq!(verified(&good, BODY, 301), Err(NotSigned::Time));
        assert_eq!(verified(&good, BODY, -301), Err(NotSigned::Time));
        let mut altered = BODY.to_vec();
        altered[10] ^= 1;
        assert_eq!(verified(&good, &altered, 0), Err(NotSigned::Signature));
        for (header, error) in [
            (format!("t={},v1={right}", SENT + 1), NotSigned::Signature),
            (format!("t={SENT},v0={right}"), NotSigned::Signature),
            (format!("t={SENT},v1="), NotSigned::Signature),
            (format!("t={SENT}"), NotSigned::Signature),
            (format!("v1={right}"), NotSigned::Form),
            (format!("t={SENT},t={SENT},v1={right}"), NotSigned::Form),
            (format!("t=-{SENT},v1={right}"), NotSigned::Form),
            (format!("t=99999999999999999999,v1={right}"), NotSigned::Form),
            (String::new(), NotSigned::Form),
        ] {
            assert_eq!(verified(&header, BODY, 0), Err(error), "{header}");
        }
    }

    #[test]
    fn only_events_about_charges_name_one() {
        let event: Event = serde_json::from_slice(BODY).unwrap();
        assert_eq!(event.payment_intent(), Some("pi_1"));
        for other in [
            r#"{"id":"evt_2","type":"balance.available","data":{"object":{"object":"balance"}}}"#,
            r#"{"id":"evt_3","type":"charge.succeeded","data":{"object":{"id":"ch_1"}}}"#,
            r#"{"id":"evt_4","type":"v2.core.event_destination.ping","related_object":{"id":"ed_1"}}"#,
            r#"{"id":"evt_5","type":"v2.core.account.closed","data":{"account_id":5}}"#,
            r#"{"id":"evt_6","type":"payment_intent.succeeded","data":null}"#,
        ] {
            assert_eq!(serde_json::from_str::<Event>(other).unwrap().payment_intent(), None, "{other}");
        }
    }
}
