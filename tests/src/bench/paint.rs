//! How soon the pages of the front end are painted in Chromium, and what they carry over the network, from an API that
//! serves them. A script of Playwright's measures (`tests/browser/paint.mjs`); this starts the stack and reads its figures.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use crate::{
    extent::Extent,
    load,
    report::{Row, Scenario, Unit},
    workplace::Workplace,
};

const ROUNDS: usize = 5;
const QUICK_ROUNDS: usize = 1;
/// The chooser, the sign-ins, the sign-up, and a doctor's workspace, which is the one that somebody must be signed in for.
const PAGES: [&str; 5] = ["/", "/sign-in", "/staff", "/signup/plan", "/app"];
const QUICK_PAGES: [&str; 2] = ["/", "/app"];
/// What Debian and others call it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const SCRIPT: &str = "paint.mjs";
const PATIENCE: Duration = Duration::from_mins(15);
/// What Lighthouse takes for good on a slow phone, in milliseconds: until the first paint, until the largest, and how long
/// nothing is answered.
const GOOD: [f64; 3] = [1800.0, 2500.0, 200.0];
/// Where the build says how much JavaScript the first page may carry, in kB.
const BUDGETS: &str = "frontend/scripts/budget.mjs";
const BUDGET: &str = "const INITIAL_KILOBYTES = ";

#[derive(Deserialize)]
struct Seen {
    /// Of the browser.
    version: String,
    visits: Vec<Visit>,
}

/// A page, loaded once; times are in milliseconds from the beginning of the navigation.
#[derive(Deserialize)]
struct Visit {
    page: String,
    cache: Cache,
    first: f64,
    largest: f64,
    blocked: f64,
    bytes: f64,
    scripts: Vec<Script>,
}

/// A file of JavaScript that it loaded.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Script {
    path: String,
    /// Before the first paint.
    is_first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cache {
    Cold,
    Warm,
    /// Cold too, on a slow phone.
    Slow,
}

const CACHES: [(Cache, &str); 3] =
    [(Cache::Cold, "cold cache"), (Cache::Warm, "warm cache"), (Cache::Slow, "cold cache, slow phone")];

pub async fn run(extent: Extent) -> anyhow::Result<Scenario> {
    let rounds = extent.repeats(ROUNDS, QUICK_ROUNDS);
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository around this package")?;
    let (built, tests) = (repository.join("frontend/dist"), repository.join("tests/browser"));
    let mut scenario = Scenario {
        name: "paint".to_owned(),
        method: format!(
            "each page {rounds} times with a cold cache, a warm one, and as a slow phone with a cold one, in turn; loopback"
        ),
        rows: Vec::new(),
        notes: Vec::new(),
        ended_early: None,
    };
    let is_built = built.join("index.html").is_file() && tests.join("node_modules").is_dir();
    let Some(browser) = browser().filter(|_| is_built) else {
        scenario
            .notes
            .push("There is no front end or no browser here, so nothing was measured: make frontend browser".into());
        return Ok(scenario);
    };
    let workplace =
        Workplace::open_with("bench: paint", |api| api.setting("frontend", built.to_string_lossy())).await?;
    let mut script = Command::new("node");
    script.arg(SCRIPT).current_dir(&tests).env("CHAKRAVUE_URL", workplace.api.url()).env("CHROMIUM", browser);
    let pages = extent.either(&PAGES[..], &QUICK_PAGES);
    let task = json!({ "pages": pages, "rounds": rounds, "signIn": workplace.sign_in_body(0) });
    script.env("PAINT", task.to_string());
    script.stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(PATIENCE, script.output()).await.context("the pages were not painted in time")?;
    let ended = ended.context("run node")?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure!(ended.status.success(), "{SCRIPT} ended with {}: {}", ended.status, said.trim());
    workplace.close().await;
    let Seen { version, visits } = serde_json::from_slice(&ended.stdout).context("read what the browser saw")?;

    let first_page: Vec<&Visit> =
        visits.iter().filter(|visit| visit.page == "/" && visit.cache == Cache::Cold).collect();
    let carried = |is_counted: fn(&Script) -> bool| -> anyhow::Result<Vec<f64>> {
        let of = |visit: &&Visit| compressed(&built, visit.scripts.iter().filter(|script| is_counted(script)));
        first_page.iter().map(of).collect()
    };
    let budget = budget(&fs::read_to_string(repository.join(BUDGETS)).with_context(|| format!("read {BUDGETS}"))?)?;
    let budgets = [
        Row::new("/: JavaScript before the first paint, gzip", Unit::Kilobytes, &carried(|script| script.is_first)?)
            .map(|row| row.at_most(budget)),
        Row::new("/: JavaScript until nothing more is asked for, gzip", Unit::Kilobytes, &carried(|_| true)?),
    ];
    scenario.rows = budgets.into_iter().flatten().chain(rows(&visits)).collect();
    scenario.notes = vec![
        format!("Chromium {version}, 1440 by 900 (the phone 412 by 823), with the server on the same machine: the network costs nothing."),
        "A slow phone is what Lighthouse takes for one: each request is 562.5 ms late, at 1.6 Mbit/s less a tenth, with a \
         processor four times as slow. Its limits for good are 1.8 s until the first paint, 2.5 s until the largest and \
         0.2 s blocked."
            .to_owned(),
        "Blocked is the time of each task beyond its first 50 ms, from the first paint until nothing is asked for any more."
            .to_owned(),
    ];
    Ok(scenario)
}

fn rows(visits: &[Visit]) -> Vec<Row> {
    let mut pages: Vec<&str> = Vec::new();
    for visit in visits {
        if !pages.contains(&visit.page.as_str()) {
            pages.push(&visit.page);
        }
    }
    let mut rows = Vec::new();
    for page in pages {
        for (cache, name) in CACHES {
            let of = |value: fn(&Visit) -> f64| {
                let same = visits.iter().filter(|visit| visit.page == page && visit.cache == cache);
                same.map(value).collect::<Vec<_>>()
            };
            let row = |what: &str, unit, values: &[f64]| Row::new(format!("{page}, {name}: {what}"), unit, values);
            let paints = [
                ("first contentful paint", of(|visit| visit.first)),
                ("largest contentful paint", of(|visit| visit.largest)),
                ("blocked", of(|visit| visit.blocked)),
            ];
            for ((what, values), good) in paints.into_iter().zip(GOOD) {
                let row = row(what, Unit::Milliseconds, &values);
                rows.push(if cache == Cache::Slow { row.map(|row| row.at_most(good)) } else { row });
            }
            rows.push(row("transferred", Unit::Kilobytes, &of(|visit| visit.bytes / 1e3)));
        }
    }
    rows.into_iter().flatten().collect()
}

/// The browser that `CHROMIUM` names, else one that is installed.
fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = |name: &str| env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    env::var_os("CHROMIUM").map(PathBuf::from).or_else(|| BROWSERS.into_iter().find_map(installed))
}

/// What these files of the front end take compressed with gzip, in kB.
fn compressed<'a>(built: &Path, scripts: impl Iterator<Item = &'a Script>) -> anyhow::Result<f64> {
    let sizes = scripts.map(|script| {
        let file = built.join(format!("{}.gz", script.path.trim_start_matches('/')));
        let size = fs::metadata(&file).with_context(|| format!("look at {}", file.display()))?.len();
        Ok(load::count(usize::try_from(size)?) / 1e3)
    });
    sizes.sum()
}

/// How much the build lets the first page carry.
fn budget(script: &str) -> anyhow::Result<f64> {
    let line = script.lines().find_map(|line| line.strip_prefix(BUDGET));
    let number = line.map(|line| line.trim_end_matches(';')).with_context(|| format!("no {BUDGET:?} in {BUDGETS}"))?;
    number.parse().with_context(|| format!("the budget in {BUDGETS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_saw_becomes_rows_and_the_budget_is_the_builds() {
        let visit = |page: &str, cache: &str, first: f64| {
            json!({
                "page": page, "cache": cache, "first": first, "largest": 2.0 * first, "blocked": 0, "bytes": 1500,
                "scripts": [{ "path": "/theme.js", "isFirst": true }],
            })
        };
        let visits = [visit("/", "cold", 10.0), visit("/", "cold", 30.0), visit("/app", "slow", 7.0)];
        let seen: Seen = serde_json::from_value(json!({ "version": "1", "visits": visits })).unwrap();
        let rows = rows(&seen.visits);
        let medians: Vec<(&str, f64)> = rows.iter().map(|row| (row.what.as_str(), row.summary.median)).collect();
        assert_eq!(medians.len(), 8);
        assert!(medians.contains(&("/, cold cache: first contentful paint", 20.0)), "{medians:?}");
        assert!(medians.contains(&("/app, cold cache, slow phone: transferred", 1.5)), "{medians:?}");

        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(BUDGETS);
        assert!(budget(&fs::read_to_string(script).unwrap()).unwrap() > 0.0);
        assert!(budget("").is_err());
    }
}
