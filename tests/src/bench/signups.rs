//! Many hospitals at once, each signing up and paying through the API, until all are ready; beside the same number that is
//! applied to Kubernetes directly, which is the operator's share of it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use chakravue_testbed::Sandbox;
use futures::future::try_join_all;
use serde_json::json;

use crate::{
    extent::Extent,
    hospital::Hospitals,
    load::{self, Call},
    one_tenant::milliseconds,
    report::{Row, Scenario, Unit},
    statistics::percentile,
};

const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 1;
const HOSPITALS: usize = 40;
const CARD: &str = "4111111111111111";

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let sandbox = Sandbox::new("bench: signups").await;
    let (operator, api) = tokio::join!(sandbox.operator().start(), sandbox.api().start());
    tokio::join!(operator.wait_ready(), api.wait_ready());
    let mut hospitals = Hospitals::watch(&sandbox).await;
    let address = api.address();

    let (mut through_api, mut alone) = (Vec::new(), Vec::new());
    let mut steps: [Vec<f64>; 2] = Default::default();
    // The first round only warms up.
    for round in 0..=rounds {
        eprint!("\rsignups: round {round} of {rounds} ");
        for turn in 0..2 {
            if (turn + round) % 2 == 0 {
                let start = Instant::now();
                let names = (0..HOSPITALS).map(|number| format!("{} signup {round} {number}", sandbox.prefix()));
                let clients = try_join_all(names.map(|name| sign_up_and_pay(&address, name)));
                let (waits, ready) = tokio::join!(clients, hospitals.until_ready(HOSPITALS));
                let (waits, ready) = (waits?, ready?);
                if round > 0 {
                    through_api.push(milliseconds(ready.duration_since(start)));
                    for (step, all) in steps.iter_mut().enumerate() {
                        all.extend(waits.iter().map(|waits| milliseconds(waits[step])));
                    }
                }
            } else {
                let names: Vec<_> =
                    (0..HOSPITALS).map(|number| sandbox.object_name(&format!("applied-{round}-{number}"))).collect();
                let start = Instant::now();
                let applied = try_join_all(names.iter().map(|name| hospitals.apply(name)));
                applied.await?;
                let ready = hospitals.until_ready(HOSPITALS).await?;
                if round > 0 {
                    alone.push(milliseconds(ready.duration_since(start)));
                }
            }
            hospitals.remove_all().await?;
        }
    }
    eprintln!();
    api.terminate().await;
    drop(hospitals);
    operator.terminate().await;
    sandbox.close().await;

    let rate = |times: &[f64]| times.iter().map(|time| load::count(HOSPITALS) / time * 1e3).collect::<Vec<_>>();
    let ratio: Vec<f64> = through_api.iter().zip(&alone).map(|(api, alone)| api / alone).collect();
    let mut rows = vec![
        Row::new(format!("{HOSPITALS} sign-ups and payments → all ready"), Unit::Milliseconds, &through_api),
        Row::new("hospitals ready", Unit::PerSecond, &rate(&through_api)),
        Row::new(format!("operator alone: {HOSPITALS} applied → all ready"), Unit::Milliseconds, &alone),
        Row::new("operator alone: hospitals ready", Unit::PerSecond, &rate(&alone)),
        Row::new("sign-ups and payments / operator alone", Unit::Ratio, &ratio),
    ];
    for (what, waits) in ["sign-up answered", "payment answered"].iter().zip(&steps) {
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let value: Vec<f64> = percentile(waits, share).into_iter().collect();
            rows.push(Row::new(format!("{what}, {name} of all rounds"), Unit::Milliseconds, &value));
        }
    }
    Ok(Scenario {
        name: "signups".to_owned(),
        method: format!(
            "{HOSPITALS} hospitals at once, {rounds} rounds after one to warm up; the two ways take turns, ratios are \
            per round"
        ),
        rows: rows.into_iter().flatten().collect(),
        ended_early: None,
        notes: vec!["A payment is answered when the hospital is ready, or after a bounded wait.".to_owned()],
    })
}

/// As the page does it; returns how long each of the two answers took.
async fn sign_up_and_pay(address: &str, name: String) -> anyhow::Result<[Duration; 2]> {
    let signup = json!({
        "organization_name": name,
        "organization_email": "admin@hospital.example",
        "organization_phone": "+1-555-0000",
        "plan": { "plan_id": "starter" },
    });
    let start = Instant::now();
    let answer = load::ask_well(address, &Call::post("/signup", &signup)?).await?;
    let signed_up = start.elapsed();
    let token = answer["setup_token"].as_str().with_context(|| format!("no setup token in {answer}"))?;
    let payment = json!({
        "organization_id": answer["organization_id"], "card_number": CARD, "amount": answer["plan"]["price"],
    });
    let start = Instant::now();
    load::ask_well(address, &Call::post("/process-payment", &payment)?.bearer(token)?).await?;
    Ok([signed_up, start.elapsed()])
}
