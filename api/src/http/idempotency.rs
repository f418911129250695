//! Requests that may be sent twice: with the same `Idempotency-Key` they have one effect and one answer, also when the
//! first answer never arrived, when two come at once, and when the service was killed in between.
//!
//! A request claims its key with a lease that it renews while it works. A second one waits for the first; one that finds
//! the lease expired takes over, and since it has the same [`RequestKey`], which the work writes into whatever it makes,
//! it finds what was made already instead of making it again. One that was taken for dead and is not asks whether it still
//! has the request ([`Attempt::check`]) before it changes what the other may have made.
//!
//! Answers that nothing changes any more are kept for a day, sealed with a key that needs the client's own: they may hold
//! tokens that are shown once, and whoever has the database alone must not read them. What is a patient's is not kept at all
//! outside of the hospital's own database: there a repetition finds what was made ([`Once`]), and is answered anew.

mod once;
mod repetition;
mod seal;

use std::{fmt, time::Duration};

use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use bson::{Bson, Document, doc};
use mongodb::{IndexModel, options::ReturnDocument};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;
use zeroize::Zeroizing;

pub use self::{
    once::Once,
    repetition::{DESCRIPTION, DESCRIPTION_WITHOUT_ANSWER, HEADER, IdempotencyKey, Repeatable, Repetition, Sender},
};
use self::{repetition::UNGUESSABLE, seal::Seal};
use crate::{
    data::{
        database_error,
        master::{Master, Record, Store, expiring},
        timed::TimedCollection,
    },
    http::{
        problem::{Answer, Kind, Problem},
        request_id,
    },
    program::{beside::beside, secret_key::SecretKey},
};

/// Says that the answer is that of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long an answer is kept.
pub const KEPT: Duration = Duration::from_hours(24);
/// After this long without a sign of life, whoever worked at the request is taken for dead.
const LEASE: Duration = Duration::from_secs(6);
const RENEWAL: Duration = Duration::from_secs(2);
/// How long a repetition waits for the first request. Longer than the lease, so that it can take over from a dead one.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Names one request: the same at every repetition, and no other's. Whatever a request makes carries it, so that a
/// repetition finds it. It says nothing about the client's key or the body.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestKey(String);

impl RequestKey {
    /// For a request that cannot be repeated.
    fn once() -> Answer<Self> {
        Ok(Self(hex::encode(random::<32>()?)))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&RequestKey> for Bson {
    fn from(key: &RequestKey) -> Self {
        Self::String(key.0.clone())
    }
}

/// `idempotency`: one document per key that a client used. The fields are those of [`claim`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "_id")]
    id: String,
    /// Of sender, operation, key and body.
    fingerprint: String,
    /// Who works at it.
    attempt: String,
    /// Somebody worked at it before, and may have had its effect.
    #[serde(default)]
    taken_over: bool,
    /// The sealed answer, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<bson::Binary>,
    /// By the clock of the database, which all replicas of the service share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease_until: Option<bson::DateTime>,
    expires_at: bson::DateTime,
}

impl Record for Entry {
    const STORE: Store = Store::Idempotency;
}

#[must_use]
pub fn indexes() -> Vec<IndexModel> {
    vec![expiring()]
}

/// One attempt at a request.
#[derive(Clone)]
pub struct Attempt {
    pub request: RequestKey,
    /// Nobody was at it before, so nothing of it is made.
    pub is_first: bool,
    /// `None`: the request cannot be repeated, so nobody takes it over.
    held: Option<Held>,
}

/// An entry while an attempt has it.
#[derive(Clone)]
struct Held {
    entries: TimedCollection<Entry>,
    id: String,
    attempt: String,
}

impl Held {
    fn filter(&self) -> Document {
        doc! { "_id": &self.id, "attempt": &self.attempt, "answer": { "$exists": false } }
    }
}

impl Attempt {
    fn once() -> Answer<Self> {
        Ok(Self { request: RequestKey::once()?, is_first: true, held: None })
    }

    /// Nobody has taken the request over. Whoever does so from now on writes later than what was read before this.
    ///
    /// # Errors
    /// `idempotency-conflict` when somebody has; 503 when the master database is away.
    pub async fn check(&self) -> Answer<()> {
        let Some(held) = &self.held else { return Ok(()) };
        match held.entries.find_one(held.filter()).await? {
            Some(_) => Ok(()),
            None => Err(under_way()),
        }
    }
}

/// Another attempt is at the request.
#[must_use]
pub fn under_way() -> Problem {
    Problem::new(
        Kind::IdempotencyConflict,
        "Another request with this Idempotency-Key is still under way. Send it again in a moment.",
    )
    .retry_after(LEASE)
}

/// What a repetition is answered.
#[derive(Clone, Copy, Debug)]
pub enum Answers {
    /// What the first request was, if nothing changes that any more; after another answer the repetition tries again.
    Kept,
    /// What there is now: the master database holds nothing of a patient, not even sealed.
    Anew,
}

impl Answers {
    fn keep(self, answer: &Response) -> bool {
        match self {
            Self::Kept => is_final(answer),
            Self::Anew => false,
        }
    }
}

#[derive(Clone)]
pub struct Idempotency {
    entries: TimedCollection<Entry>,
    secret: SecretKey,
}

impl Idempotency {
    #[must_use]
    pub fn new(master: &Master, secret: SecretKey) -> Self {
        Self { entries: master.of(), secret }
    }

    /// Does `work` once for all repetitions of a request. It goes on when the client hangs up, and it must find what an
    /// earlier attempt with the same [`RequestKey`] made. Without a key of the client every request is one of its own.
    ///
    /// Where no answer is kept, `work` is done at each repetition, and answers what it finds made.
    ///
    /// # Errors
    /// When the key is used for another body, or the first request does not come to an end; and those of `work`.
    ///
    /// # Panics
    /// When `work` does.
    pub async fn run<W, F, R>(
        &self,
        repetition: Repetition,
        sender: Sender<'_>,
        operation: &'static str,
        answers: Answers,
        work: W,
    ) -> Answer<Response>
    where
        W: FnOnce(Attempt) -> F + Send + 'static,
        F: Future<Output = Answer<R>> + Send + 'static,
        R: IntoResponse,
    {
        let work = |attempt| async { work(attempt).await.into_response() };
        let task = match repetition.key {
            None => {
                let work = work(Attempt::once()?);
                tokio::spawn(request_id::carried(async { Ok(work.await) }.in_current_span()))
            }
            Some(key) => {
                if !key.is_long_enough(sender) {
                    return Err(Problem::new(
                        Kind::Malformed,
                        format!(
                            "Idempotency-Key must have at least {UNGUESSABLE} characters here, such as a UUID: whoever knows it gets the answer."
                        ),
                    ));
                }
                let request = self.identify(&key, &repetition.content, sender, operation);
                let this = self.clone();
                tokio::spawn(request_id::carried(
                    async move { this.once(request, answers, work).await }.in_current_span(),
                ))
            }
        };
        task.await.unwrap_or_else(|ended| match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The service is stopping.
            Err(_) => Err(Problem::internal()),
        })
    }

    /// Whether the request repeats one that was taken before. Costs one read, and leaves nothing behind.
    ///
    /// # Errors
    /// When the master database is away.
    pub async fn knows(&self, repetition: &Repetition, sender: Sender<'_>, operation: &str) -> Answer<bool> {
        let Some(key) = repetition.key.as_ref().filter(|key| key.is_long_enough(sender)) else { return Ok(false) };
        let request = self.identify(key, &repetition.content, sender, operation);
        let same = doc! { "_id": &request.id, "fingerprint": &request.fingerprint };
        Ok(self.entries.find_one(same).await?.is_some())
    }

    fn identify(&self, key: &IdempotencyKey, content: &[u8], sender: Sender<'_>, operation: &str) -> Identified {
        let sender = match sender {
            Sender::Anonymous => "",
            Sender::Known(id) => id,
        };
        // A zero byte is in none of the parts, so no two different lists of parts become the same.
        let scope = Zeroizing::new([sender, operation, &key.0, ""].join("\0").into_bytes());
        let whole = Zeroizing::new([scope.as_slice(), content].concat());
        let name = |salt: &[u8], purpose| hex::encode(self.secret.derive_with(salt, purpose).as_slice());
        Identified {
            id: name(&scope, "idempotency id"),
            fingerprint: name(&whole, "idempotency fingerprint"),
            request_key: RequestKey(name(&whole, "idempotency request")),
            seal: Seal(self.secret.derive_with(&scope, "idempotency answer")),
        }
    }

    async fn once<F: Future<Output = Response>>(
        self,
        request: Identified,
        answers: Answers,
        work: impl FnOnce(Attempt) -> F,
    ) -> Answer<Response> {
        let (held, is_first) = match self.turn(&request).await? {
            Turn::Answered(response) => return Ok(response),
            Turn::Ours { held, is_first } => (held, is_first),
        };
        let attempt = Attempt { request: request.request_key.clone(), is_first, held: Some(held.clone()) };
        let response = held.leased(work(attempt)).await;
        if !answers.keep(&response) {
            held.change(vec![doc! { "$set": { "lease_until": "$$NOW" } }]).await;
            return Ok(response);
        }
        let (response, answer) = request.seal.close(&request.id, response).await?;
        let kept = held.change(vec![doc! { "$set": { "answer": answer, "lease_until": "$$REMOVE" } }]).await;
        // Whoever took it over gives out the tokens that work.
        if kept { Ok(response) } else { Err(under_way()) }
    }

    /// Waits until the request is ours to do or is answered.
    async fn turn(&self, request: &Identified) -> Answer<Turn> {
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        let attempt = hex::encode(random::<16>()?);
        loop {
            let entry = self
                .entries
                .find_one_and_update(doc! { "_id": &request.id }, claim(&request.fingerprint, &attempt))
                .upsert(true)
                .return_document(ReturnDocument::After)
                .await;
            let entry = match entry {
                // Another one inserted it in the same moment.
                Err(error) if database_error::is_duplicate(&error) => None,
                entry => entry?,
            };
            match entry {
                Some(entry) if entry.fingerprint != request.fingerprint => {
                    return Err(Problem::new(
                        Kind::IdempotencyKeyReused,
                        "This Idempotency-Key was used for a request with another body. Use a new key for a new request.",
                    ));
                }
                Some(Entry { answer: Some(answer), .. }) => {
                    return request.seal.open(&request.id, &answer.bytes).map(Turn::Answered);
                }
                Some(entry) if entry.attempt == attempt => {
                    let held = Held { entries: self.entries.clone(), id: entry.id, attempt };
                    return Ok(Turn::Ours { held, is_first: !entry.taken_over });
                }
                _ => {}
            }
            // No watch: the other may be in another replica, and the service's login may open no change stream.
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = &mut patience => return Err(under_way()),
            }
        }
    }
}

impl Held {
    /// Renews the lease for as long as the work takes.
    async fn leased(&self, work: impl Future<Output = Response>) -> Response {
        let renewal = async {
            loop {
                tokio::time::sleep(RENEWAL).await;
                self.change(vec![doc! { "$set": { "lease_until": from_now(LEASE) } }]).await;
            }
        };
        beside(work, renewal).await
    }

    /// Changes the entry while the attempt still has it; `false`: it has not. When this fails, the lease runs out and a
    /// repetition does the work again, which finds everything made; so the request at hand is answered all the same.
    async fn change(&self, change: Vec<Document>) -> bool {
        match self.entries.update_one(self.filter(), change).await {
            Ok(done) if done.matched_count == 0 => {
                tracing::warn!("a request that took long was taken over by its repetition");
                false
            }
            Ok(_) => true,
            Err(error) => {
                let code = database_error::code(&error);
                tracing::warn!(
                    kind = database_error::name(&error),
                    code,
                    "cannot note how far a repeatable request is"
                );
                true
            }
        }
    }
}

/// Whether nothing changes the answer any more: something was done, or a card was declined. One that is not decided yet
/// (202) will be, and a refusal is about how things were: nothing was done, so a repetition is decided anew.
fn is_final(response: &Response) -> bool {
    let status = response.status();
    let is_done = status.is_success() && status != StatusCode::ACCEPTED;
    (is_done || status == StatusCode::PAYMENT_REQUIRED) && !response.headers().contains_key(header::RETRY_AFTER)
}

/// Takes an entry that is new, or whose lease ran out before there was an answer; leaves any other as it is. In one
/// command, by the clock of the database: replicas of the service need not agree about the time.
fn claim(fingerprint: &str, attempt: &str) -> Vec<Document> {
    let missing = |field: &str| doc! { "$eq": [{ "$type": field }, "missing"] };
    let abandoned = doc! { "$and": [
        missing("$answer"),
        { "$eq": ["$fingerprint", fingerprint] },
        { "$lte": ["$lease_until", "$$NOW"] },
    ] };
    let taken = doc! { "$mergeObjects": ["$$ROOT", {
        "fingerprint": fingerprint,
        "attempt": attempt,
        "taken_over": { "$not": [missing("$attempt")] },
        "lease_until": from_now(LEASE),
        "expires_at": { "$ifNull": ["$expires_at", from_now(KEPT)] },
    }] };
    vec![doc! { "$replaceWith": { "$cond": [{ "$or": [missing("$attempt"), abandoned] }, taken, "$$ROOT"] } }]
}

fn from_now(span: Duration) -> Document {
    doc! { "$add": ["$$NOW", i64::try_from(span.as_millis()).unwrap_or(i64::MAX)] }
}

fn random<const N: usize>() -> Answer<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random numbers");
        Problem::internal()
    })?;
    Ok(bytes)
}

enum Turn {
    Ours { held: Held, is_first: bool },
    Answered(Response),
}

/// A request with its names in the database, none of which tells the client's key.
struct Identified {
    id: String,
    fingerprint: String,
    request_key: RequestKey,
    seal: Seal,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "c2l4dHkgZm91ciBieXRlcyBmb3IgYSBrZXkgdGhhdCBub2JvZHkgdXNlcw==";

    #[test]
    fn only_what_was_done_is_answered_again() {
        let answer = |status: StatusCode| status.into_response();
        for kept in [StatusCode::OK, StatusCode::CREATED, StatusCode::PAYMENT_REQUIRED] {
            assert!(is_final(&answer(kept)), "{kept}");
        }
        for passing in [202, 400, 403, 404, 409, 422, 500, 503] {
            assert!(!is_final(&answer(StatusCode::from_u16(passing).unwrap())), "{passing}");
        }
        let given_up = Problem::new(Kind::PaymentDeclined, "").retry_after(Duration::from_secs(1));
        assert!(!is_final(&given_up.into_response()));
    }

    fn identified(sender: Sender<'_>, operation: &str, idempotency_key: &str, content: u8) -> Identified {
        let client = mongodb::Client::with_options(mongodb::options::ClientOptions::default()).unwrap();
        let idempotency = Idempotency {
            entries: client.database("none").collection("none").into(),
            secret: SecretKey::parse(SECRET).unwrap(),
        };
        let headers = [(HeaderName::from_static(HEADER), idempotency_key.parse().unwrap())].into_iter().collect();
        let key = IdempotencyKey::of(&headers).unwrap().unwrap();
        idempotency.identify(&key, &[content; 32], sender, operation)
    }

    #[tokio::test]
    async fn every_part_of_a_request_tells_it_from_others() {
        let one = identified(Sender::Known("a"), "signup", "k", 1);
        let again = identified(Sender::Known("a"), "signup", "k", 1);
        assert!(one.id == again.id && one.fingerprint == again.fingerprint && one.request_key == again.request_key);
        for other in [
            identified(Sender::Known("b"), "signup", "k", 1),
            identified(Sender::Known("a"), "payment", "k", 1),
            identified(Sender::Known("a"), "signup", "l", 1),
            identified(Sender::Anonymous, "signup", "k", 1),
        ] {
            assert!(one.id != other.id && one.request_key != other.request_key && one.seal.0 != other.seal.0);
        }
        let other_body = identified(Sender::Known("a"), "signup", "k", 2);
        assert!(one.id == other_body.id && one.fingerprint != other_body.fingerprint);
        assert_ne!(one.request_key, other_body.request_key);
        assert!(!format!("{:?}{}", one.request_key, one.id).contains(&one.fingerprint));
    }
}
