//! Stripe, through the four calls of its API that a payment needs. A charge is a `PaymentIntent`; the card goes from the
//! browser to Stripe, and only the name of what Stripe made of it (a payment method) comes here.

use std::time::Duration;

use futures::{FutureExt as _, future::BoxFuture};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::{
    cards::CardSummary,
    failure::Failure,
    ledger::CURRENCY,
    provider::{Charge, Instrument, Order, PaymentProvider, ProviderError, Reference, Report, Reported},
};
use crate::http::flaw::Flaw;
use crate::http::problem::{Answer, Problem};

/// The version of Stripe's API that the types below are read from.
const VERSION: &str = "2024-06-20";
const CENTS: i64 = 100;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Stripe itself gives up after less.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Asks for the card's brand and last digits.
const EXPAND: (&str, &str) = ("expand[]", "latest_charge");

pub struct Stripe {
    http: reqwest::Client,
    api_base: String,
    secret_key: SecretString,
}

/// A `PaymentIntent`, as far as it matters here.
#[derive(Deserialize)]
struct PaymentIntent {
    id: String,
    status: String,
    client_secret: Option<SecretString>,
    last_payment_error: Option<ErrorDetail>,
    /// The charge, or its id alone in an answer that was not asked for more.
    latest_charge: Option<Value>,
}

#[derive(Deserialize)]
struct MethodDetails {
    card: Option<CardDetails>,
}

#[derive(Deserialize)]
struct CardDetails {
    brand: Option<String>,
    last4: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
    payment_method: Option<MethodDetails>,
}

impl Stripe {
    /// # Errors
    /// When there is no TLS to be had.
    pub fn new(api_base: &str, secret_key: SecretString) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .user_agent(concat!("chakravue-api/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { http, api_base: api_base.trim_end_matches('/').to_owned(), secret_key })
    }

    /// One call. With the same `idempotency_key` Stripe does it once, however often it is sent.
    async fn call(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        idempotency_key: Option<&str>,
    ) -> Result<Result<PaymentIntent, (StatusCode, ErrorDetail)>, ProviderError> {
        let unavailable = |error: reqwest::Error| ProviderError::Unavailable(error.without_url().to_string());
        let mut request = self
            .http
            .request(method.clone(), format!("{}/v1/payment_intents{path}", self.api_base))
            .bearer_auth(self.secret_key.expose_secret())
            .header("Stripe-Version", VERSION);
        if let Some(key) = idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if method == Method::POST {
            request = request.form(parameters);
        }
        let response = request.send().await.map_err(unavailable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unavailable)?;
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map(Ok)
                .map_err(|_| ProviderError::Refused("its answer is not a PaymentIntent".to_owned()));
        }
        let error = serde_json::from_slice::<ErrorBody>(&body).map(|body| body.error);
        match (status.as_u16(), error) {
            // The same request is just being worked at, or too many are.
            (409 | 429 | 500.., _) | (_, Err(_)) => Err(ProviderError::Unavailable(format!("it answered {status}"))),
            (401 | 403, _) => Err(ProviderError::Refused("its secret key is not accepted".to_owned())),
            (_, Ok(error)) => Ok(Err((status, error))),
        }
    }

    async fn retrieve(&self, reference: &Reference) -> Reported {
        let path = format!("/{}?expand%5B%5D=latest_charge", reference.0);
        match self.call(Method::GET, &path, &[], None).await? {
            Ok(intent) => Ok(report_of(intent)),
            Err((status, error)) => Err(refused(status, &error)),
        }
    }
}

fn refused(status: StatusCode, error: &ErrorDetail) -> ProviderError {
    let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let (kind, code, parameter) = (part(&error.kind), part(&error.code), part(&error.param));
    ProviderError::Refused(format!("{status}, type {kind}, code {code}, parameter {parameter}"))
}

fn report_of(mut intent: PaymentIntent) -> Report {
    let failed = intent.last_payment_error.as_ref().map(failure_of);
    let charged = intent.latest_charge.as_mut().and_then(|charge| charge.get_mut("payment_method_details"));
    let charged = charged.and_then(|details| serde_json::from_value(details.take()).ok());
    let card = charged.or(intent.last_payment_error.and_then(|error| error.payment_method)).and_then(summary);
    let charge = match (intent.status.as_str(), failed, intent.client_secret) {
        ("succeeded", ..) => Charge::Succeeded,
        ("canceled", failed, _) => Charge::Failed(failed.unwrap_or(Failure::Canceled)),
        ("requires_payment_method", Some(failure), _) => Charge::Failed(failure),
        ("requires_payment_method" | "requires_confirmation", ..) => Charge::Unconfirmed,
        ("requires_action", _, Some(client_secret)) => Charge::ActionRequired { client_secret },
        _ => Charge::Pending,
    };
    Report { charge, card }
}

fn summary(details: MethodDetails) -> Option<CardSummary> {
    let card = details.card?;
    card.brand.zip(card.last4).map(|(brand, last4)| CardSummary { brand, last4 })
}

fn failure_of(error: &ErrorDetail) -> Failure {
    // The bank's reason where there is one.
    match error.decline_code.as_deref().or(error.code.as_deref()) {
        Some("insufficient_funds") => Failure::InsufficientFunds,
        Some("expired_card") => Failure::ExpiredCard,
        Some("incorrect_cvc" | "invalid_cvc") => Failure::IncorrectCvc,
        Some("processing_error" | "try_again_later") => Failure::ProcessingError,
        Some("payment_intent_authentication_failure" | "authentication_required") => Failure::AuthenticationFailed,
        _ => Failure::CardDeclined,
    }
}

impl PaymentProvider for Stripe {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn accept(&self, instrument: &Instrument) -> Answer<()> {
        match instrument {
            Instrument::PaymentMethod(_) => Ok(()),
            Instrument::Card { .. } => Err(Problem::invalid("/card_number", Flaw::CardNotTaken)),
        }
    }

    fn open<'a>(&'a self, order: Order<'a>) -> BoxFuture<'a, Result<Reference, ProviderError>> {
        async move {
            let amount = (order.amount * CENTS).to_string();
            let currency = CURRENCY.to_ascii_lowercase();
            let description = format!("ChakraVue {}, one month", order.plan.name());
            let parameters = [
                ("amount", amount.as_str()),
                ("currency", &currency),
                ("payment_method_types[]", "card"),
                ("description", &description),
                ("metadata[payment_id]", order.payment_id.as_str()),
                ("metadata[organization_id]", order.organization_id.as_str()),
            ];
            match self.call(Method::POST, "", &parameters, Some(order.payment_id.as_str())).await? {
                Ok(intent) => Ok(Reference(intent.id)),
                Err((status, error)) => Err(refused(status, &error)),
            }
        }
        .boxed()
    }

    fn confirm<'a>(&'a self, reference: &'a Reference, instrument: &'a Instrument) -> BoxFuture<'a, Reported> {
        async move {
            let Instrument::PaymentMethod(payment_method) = instrument else {
                return Err(ProviderError::Refused("it takes no card numbers".to_owned()));
            };
            let parameters = [("payment_method", payment_method.as_str()), ("use_stripe_sdk", "true"), EXPAND];
            let (path, key) = (format!("/{}/confirm", reference.0), format!("{}-confirm", reference.0));
            match self.call(Method::POST, &path, &parameters, Some(&key)).await? {
                Ok(intent) => Ok(report_of(intent)),
                Err((_, error)) if error.code.as_deref() == Some("payment_intent_unexpected_state") => {
                    self.retrieve(reference).await
                }
                Err((_, error)) if error.kind.as_deref() == Some("card_error") => {
                    let failure = failure_of(&error);
                    // Or somebody with the client's part of it could still confirm it.
                    let _ = self.cancel(reference).await;
                    Ok(Report { charge: Charge::Failed(failure), card: error.payment_method.and_then(summary) })
                }
                Err((_, error)) if error.param.as_deref() == Some("payment_method") => {
                    let _ = self.cancel(reference).await;
                    Ok(Report { charge: Charge::Failed(Failure::CardDeclined), card: None })
                }
                Err((status, error)) => Err(refused(status, &error)),
            }
        }
        .boxed()
    }

    fn look_up<'a>(&'a self, reference: &'a Reference) -> BoxFuture<'a, Reported> {
        self.retrieve(reference).boxed()
    }

    fn cancel<'a>(&'a self, reference: &'a Reference) -> BoxFuture<'a, Reported> {
        async move {
            let (path, key) = (format!("/{}/cancel", reference.0), format!("{}-cancel", reference.0));
            match self.call(Method::POST, &path, &[EXPAND], Some(&key)).await? {
                Ok(intent) => Ok(report_of(intent)),
                // It is beyond cancelling: then it says what it is.
                Err(_) => self.retrieve(reference).await,
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(intent: Value) -> (Option<&'static str>, Option<CardSummary>) {
        let report = report_of(serde_json::from_value(intent).unwrap());
        let name = match report.charge {
            Charge::Unconfirmed => None,
            Charge::Succeeded => Some("succeeded"),
            Charge::Failed(failure) => Some(failure.code()),
            Charge::Pending => Some("pending"),
            Charge::ActionRequired { .. } => Some("action required"),
        };
        (name, report.card)
    }

    #[test]
    fn every_state_of_a_payment_intent_is_understood() {
        let state = |status: &str| report(json!({ "id": "pi_1", "status": status, "client_secret": "s" })).0;
        assert_eq!(state("succeeded"), Some("succeeded"));
        assert_eq!(state("processing"), Some("pending"));
        assert_eq!(state("requires_capture"), Some("pending"));
        assert_eq!(state("requires_action"), Some("action required"));
        assert_eq!(state("requires_payment_method"), None);
        assert_eq!(state("requires_confirmation"), None);
        assert_eq!(state("canceled"), Some("canceled"));
        let card = json!({ "card": { "brand": "visa", "last4": "4242", "exp_year": 2030 } });
        let paid = json!({ "id": "pi_1", "status": "succeeded", "latest_charge": { "id": "ch_1", "payment_method_details": card } });
        let shown = Some(CardSummary { brand: "visa".into(), last4: "4242".into() });
        assert_eq!(report(paid), (Some("succeeded"), shown.clone()));
        let unexpanded = json!({ "id": "pi_1", "status": "succeeded", "latest_charge": "ch_1" });
        assert_eq!(report(unexpanded), (Some("succeeded"), None));
        let declined = json!({ "id": "pi_1", "status": "requires_payment_method", "last_payment_error": {
            "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds", "payment_method": card } });
        assert_eq!(report(declined), (Some("insufficient_funds"), shown));
    }

    #[test]
    fn cards_go_to_stripe_and_not_through_here() {
        let stripe = |instrument| {
            rustls::crypto::ring::default_provider().install_default().ok();
            Stripe::new("http://127.0.0.1:1", "sk_test_x".into()).unwrap().accept(&instrument)
        };
        assert!(stripe(Instrument::PaymentMethod("pm_card_visa".into())).is_ok());
        let number = serde_json::from_value(json!("4242424242424242")).ok().unwrap();
        let refused = stripe(Instrument::Card { number, expiry: None, code: None }).unwrap_err();
        assert_eq!(refused.errors()[0].pointer.as_deref(), Some("/card_number"));
    }
}
