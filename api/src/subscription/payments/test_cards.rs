//! The provider for trying things out: it takes the test numbers that the card industry publishes and no other, so that
//! nobody types a real card into an installation that charges nothing.
//!
//! It keeps books of its own in the master database, as a real provider would: after a crash the service asks it what
//! became of a charge.

use bson::doc;
use futures::{FutureExt as _, future::BoxFuture};
use serde::{Deserialize, Serialize};

use super::{
    cards::CardSummary,
    failure::Failure,
    provider::{Charge, Instrument, Order, PaymentProvider, ProviderError, Reference, Report, Reported},
};
use crate::{
    data::{
        database_error,
        master::{Master, Record, Store},
        timed::TimedCollection,
    },
    http::{
        flaw::Flaw,
        problem::{Answer, Problem},
    },
};

/// Every number that is accepted, and what becomes of the charge.
const NUMBERS: [(&str, State); 8] = [
    ("4111111111111111", State::Succeeded),
    ("4242424242424242", State::Succeeded),
    ("4000000000000002", State::Failed(Failure::CardDeclined)),
    ("4000000000009995", State::Failed(Failure::InsufficientFunds)),
    ("4000000000000069", State::Failed(Failure::ExpiredCard)),
    ("4000000000000127", State::Failed(Failure::IncorrectCvc)),
    ("4000000000000119", State::Failed(Failure::ProcessingError)),
    ("4000000000000077", State::Pending),
];

/// The numbers in words, for whoever reads the documentation.
pub const DESCRIPTION: &str = "Test numbers: 4111111111111111 and 4242424242424242 succeed; 4000000000000002 is declined, 4000000000009995 lacks \
     funds, 4000000000000069 has expired, 4000000000000127 has a wrong security code, 4000000000000119 meets a processing \
     error, 4000000000000077 succeeds after a while. Any other number is refused.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Succeeded,
    /// Succeeds as soon as somebody asks again.
    Pending,
    Failed(Failure),
}

/// `test_charges`: the books of this provider.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct BookedCharge {
    #[serde(rename = "_id")]
    reference: Reference,
    amount: i64,
    state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<CardSummary>,
}

impl Record for BookedCharge {
    const STORE: Store = Store::TestCharges;
}

#[derive(Clone)]
pub struct TestCards {
    books: TimedCollection<BookedCharge>,
}

impl TestCards {
    #[must_use]
    pub fn new(master: &Master) -> Self {
        Self { books: master.of() }
    }

    /// Moves an open charge on, and reports what it is then.
    async fn decide(&self, reference: &Reference, from: State, to: State, card: Option<CardSummary>) -> Reported {
        let mut change = doc! { "state": bson_of(&to)? };
        if let Some(card) = card {
            change.insert("card", bson_of(&card)?);
        }
        let in_that_state = doc! { "_id": &reference.0, "state": bson_of(&from)? };
        self.books.update_one(in_that_state, doc! { "$set": change }).await.map_err(unavailable)?;
        let booked = self.books.find_one(doc! { "_id": &reference.0 }).await.map_err(unavailable)?;
        let booked = booked.ok_or_else(|| ProviderError::Refused("no such charge".to_owned()))?;
        Ok(Report {
            card: booked.card,
            charge: match booked.state {
                State::Open => Charge::Unconfirmed,
                State::Succeeded => Charge::Succeeded,
                State::Pending => Charge::Pending,
                State::Failed(failure) => Charge::Failed(failure),
            },
        })
    }
}

fn outcome_of(instrument: &Instrument) -> Answer<(State, CardSummary)> {
    let Instrument::Card { number, .. } = instrument else {
        return Err(Problem::invalid("/payment_method", Flaw::PaymentMethodNotTaken));
    };
    NUMBERS
        .iter()
        .find(|(known, _)| *known == number.digits())
        .map(|(_, state)| (*state, number.summary()))
        .ok_or_else(|| Problem::invalid("/card_number", Flaw::NotATestCard))
}

fn bson_of<T: Serialize>(value: &T) -> Result<bson::Bson, ProviderError> {
    bson::serialize_to_bson(value).map_err(|error| ProviderError::Refused(error.to_string()))
}

fn unavailable(error: mongodb::error::Error) -> ProviderError {
    ProviderError::Unavailable(format!("its books cannot be read ({})", database_error::name(&error)))
}

impl PaymentProvider for TestCards {
    fn name(&self) -> &'static str {
        "test"
    }

    fn test_card(&self) -> Option<&'static str> {
        NUMBERS.iter().find(|(_, state)| *state == State::Succeeded).map(|(number, _)| *number)
    }

    fn accept(&self, instrument: &Instrument) -> Answer<()> {
        outcome_of(instrument).map(|_| ())
    }

    fn open<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Reference, ProviderError>> {
        async move {
            let reference = Reference(format!("test_{}", order.payment_id));
            let charge =
                BookedCharge { reference: reference.clone(), amount: order.amount, state: State::Open, card: None };
            match self.books.insert_one(&charge).await {
                Ok(_) => Ok(reference),
                Err(error) if database_error::is_duplicate(&error) => Ok(reference),
                Err(error) => Err(unavailable(error)),
            }
        }
        .boxed()
    }

    fn confirm<'a>(&'a self, reference: &'a Reference, instrument: &'a Instrument) -> BoxFuture<'a, Reported> {
        async move {
            let (state, card) =
                outcome_of(instrument).map_err(|_| ProviderError::Refused("no test number".to_owned()))?;
            self.decide(reference, State::Open, state, Some(card)).await
        }
        .boxed()
    }

    fn look_up<'a>(&'a self, reference: &'a Reference) -> BoxFuture<'a, Reported> {
        self.decide(reference, State::Pending, State::Succeeded, None).boxed()
    }

    fn cancel<'a>(&'a self, reference: &'a Reference) -> BoxFuture<'a, Reported> {
        self.decide(reference, State::Open, State::Failed(Failure::Canceled), None).boxed()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn card(number: &str) -> Instrument {
        Instrument::Card { number: serde_json::from_value(json!(number)).ok().unwrap(), expiry: None, code: None }
    }

    #[test]
    fn only_test_numbers_are_accepted() {
        for (number, state) in NUMBERS {
            assert_eq!(outcome_of(&card(number)).unwrap().0, state, "{number}");
            assert!(DESCRIPTION.contains(number), "{number} is not described");
        }
        let refused = |instrument| outcome_of(&instrument).unwrap_err().errors()[0].pointer.clone().unwrap();
        // Of the right form, and perhaps somebody's.
        assert_eq!(refused(card("5555555555554444")), "/card_number");
        assert_eq!(refused(Instrument::PaymentMethod("pm_card_visa".into())), "/payment_method");
    }
}
