//! People at work while pods come and go: one registers patients, one signs in, each request over a connection of its own,
//! so that it goes to whatever pod the Service chooses. What was answered is remembered, and what was not.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use chakravue_testbed::Reply;
use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    clinic::Clinic,
    support::{PASSWORD, eventually, text},
};

/// Between two requests of one person.
const RHYTHM: Duration = Duration::from_millis(40);
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Heard {
    patients: BTreeSet<String>,
    sign_ins: usize,
    failures: Vec<String>,
}

impl Heard {
    fn note(
        &mut self,
        what: &str,
        reply: Result<Reply, reqwest::Error>,
        expected: u16,
        remember: impl Fn(&mut Self, &Reply),
    ) {
        match reply {
            Ok(reply) if reply.status == expected => remember(self, &reply),
            Ok(reply) => self.failures.push(format!("{what}: {} {}", reply.status, reply.body)),
            Err(error) => self.failures.push(format!("{what}: {:#}", anyhow::Error::new(error))),
        }
    }
}

/// The requests of one part of the story.
pub struct Traffic {
    heard: Arc<Mutex<Heard>>,
    stop: CancellationToken,
    people: JoinSet<()>,
}

impl Traffic {
    /// Starts, and returns when both have had an answer.
    pub async fn start(clinic: &Clinic) -> Self {
        let mut traffic = Self { heard: Arc::default(), stop: CancellationToken::new(), people: JoinSet::new() };
        let alone = Client::builder().pool_max_idle_per_host(0).timeout(PATIENCE).no_proxy().build().unwrap();
        let (patients, token) = (clinic.url(&clinic.hospital.path("/patients")), clinic.reception.token().to_owned());
        let register = {
            let alone = alone.clone();
            move |number: usize| {
                let body = json!({ "name": format!("Patient {number}"), "birth_date": "1980-05-17" });
                alone.post(&patients).bearer_auth(&token).json(&body)
            }
        };
        let (login, who) = (clinic.url("/organization-login"), clinic.reception.email.clone());
        let organization = clinic.hospital.organization_id.clone();
        let sign_in = move |_| {
            alone.post(&login).json(&json!({ "organization_id": organization, "email": who, "password": PASSWORD }))
        };
        traffic.work("registering a patient", register, 201, |heard, reply| {
            heard.patients.insert(text(&reply.json(), "patient_id"));
        });
        traffic.work("signing in", sign_in, 200, |heard, _| heard.sign_ins += 1);
        traffic.until_more().await;
        traffic
    }

    /// One person, who does the same again and again.
    fn work(
        &mut self,
        what: &'static str,
        request: impl Fn(usize) -> RequestBuilder + Send + 'static,
        expected: u16,
        remember: impl Fn(&mut Heard, &Reply) + Send + 'static,
    ) {
        let (heard, stop) = (Arc::clone(&self.heard), self.stop.clone());
        self.people.spawn(async move {
            for number in 0.. {
                let reply = Reply::try_to(request(number)).await;
                heard.lock().unwrap().note(what, reply, expected, &remember);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RHYTHM) => {}
                }
            }
        });
    }

    /// Returns when both have had another answer: whatever happened, people work again.
    pub async fn until_more(&self) {
        let counts = || {
            let heard = self.heard.lock().unwrap();
            (heard.patients.len(), heard.sign_ins)
        };
        let before = counts();
        eventually("people work", async || {
            let now = counts();
            (now.0 > before.0 && now.1 > before.1).then_some(())
        })
        .await;
    }

    /// Stops. Returns the patients that were registered, and what failed.
    pub async fn stop(mut self) -> (BTreeSet<String>, Vec<String>) {
        self.until_more().await;
        self.stop.cancel();
        while self.people.join_next().await.is_some() {}
        let heard = std::mem::take(&mut *self.heard.lock().unwrap());
        (heard.patients, heard.failures)
    }

    /// Stops, and insists that every single request was answered as it should be, and that what was answered is there.
    pub async fn stop_without_a_gap(self, clinic: &Clinic) {
        let (patients, failures) = self.stop().await;
        assert!(failures.is_empty(), "{} requests failed, beside {}: {failures:#?}", failures.len(), patients.len());
        clinic.still_has(&patients).await;
    }
}
