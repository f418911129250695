//! The list of patients, with the session looked up before it and the audit entry written after it, beside a bare handler
//! that only asks for the patients (see `bare_list`), and beside a plain one that sends all the same commands (see
//! `same_commands`). They take turns under the same load.

use std::time::Duration;

use crate::{
    bare_list,
    extent::Extent,
    report::{Row, Scenario, Unit},
    same_commands,
    workplace::{Series, Workplace},
};

const ROUNDS: usize = 7;
const QUICK_ROUNDS: usize = 1;
const ROUND: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_secs(2);
/// How many clients ask at once. The first is alone: that is how long one request takes.
const CLIENTS: [usize; 5] = [1, 4, 16, 64, 256];

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let workplace = Workplace::open("bench: list patients").await?;
    let bare = bare_list::start(&workplace).await?;
    let plain = same_commands::start(&workplace, &workplace.another().await?).await?;
    let (api_address, bare_address, plain_address) = (workplace.api.address(), bare.address(), plain.address());
    let calls = workplace.lists(&api_address).await?;
    workplace.check_same_list(&bare_address, &calls[0]).await?;
    workplace.check_same_list(&plain_address, &calls[0]).await?;

    let servers = [
        (api_address.as_str(), workplace.api.pid()),
        (bare_address.as_str(), bare.pid()),
        (plain_address.as_str(), plain.pid()),
    ];
    for server in servers {
        workplace.load(server, &calls, 16, WARM_UP).await?.outcome.all_good()?;
    }
    let mut rows = Vec::new();
    for clients in CLIENTS {
        let mut series: [Series; 3] = Default::default();
        for round in 0..rounds {
            eprint!("\rlist_patients: {clients} clients, round {} of {rounds} ", round + 1);
            for turn in 0..servers.len() {
                let which = (turn + round) % servers.len();
                series[which].add(workplace.load(servers[which], &calls, clients, ROUND).await?)?;
            }
        }
        eprintln!();
        let [api, bare, plain] = &series;
        rows.extend(api.rows(&format!("API, {clients} clients")));
        rows.extend(bare.rows(&format!("bare, {clients} clients")));
        rows.extend(plain.rows(&format!("the same commands, {clients} clients")));
        let ratio = Row::new(format!("API / bare, {clients} clients"), Unit::Ratio, &api.times_the_rate_of(bare));
        rows.extend(ratio.map(|row| row.at_least(0.7)));
        let cost = format!("bare / API by processor time, {clients} clients");
        rows.extend(Row::new(cost, Unit::Ratio, &api.cost_ratio_of(bare)));
        let same = format!("API / the same commands, {clients} clients");
        rows.extend(Row::new(same, Unit::Ratio, &api.times_the_rate_of(plain)));
    }
    plain.terminate().await;
    bare.terminate().await;
    workplace.close().await;
    Ok(Scenario {
        name: "list_patients".to_owned(),
        method: format!(
            "25 of 1000 patients, for 16 users of one hospital; {rounds} rounds of {} s for each number of clients, \
            after {} s to warm up; the three take turns, ratios are per round",
            ROUND.as_secs(),
            WARM_UP.as_secs()
        ),
        rows,
        ended_early: None,
        notes: vec![
            "Server, MongoDB and clients share the cores; their times are per request.".to_owned(),
            "The bare handler asks for the patients and nothing else. The same commands: it looks the session up as well, \
            and waits for a durable entry in the audit log, one of its own for each request."
                .to_owned(),
        ],
    })
}
