//! The page of settings against what the programs accept: every flag and setting has a row, and no row is of one that does
//! not exist; variables, defaults and bounds are the programs' own. That the web service's defaults are those of the page
//! is a test beside its settings.

use regex::Regex;

use crate::{
    nothing_wrong,
    pages::{self, Table},
    programs::{self, API, Flag, OPERATOR},
    values,
};

const PAGE: &str = "docs/configuration.md";

/// What `make up` writes into `.dev/env`, and the file that has it.
const OF_THE_TESTBED: [&str; 3] =
    ["CHAKRAVUE_API_URL", "CHAKRAVUE_OPERATOR_METRICS_URL", "CHAKRAVUE_MONGODB_ADMIN_URI"];

const ITS_OTHER_COMMANDS: [(&str, &str); 2] = [("Its other commands", OPERATOR), ("Its other commands", API)];

/// The flags that a table lists.
fn rows(table: &Table) -> Vec<Flag> {
    let flag = |row: &Vec<pages::Cell>| {
        let default = (table.columns[2] == "default").then(|| row[2].code.first().cloned()).flatten();
        let words = row[2].text.trim() != default.as_deref().unwrap_or_default();
        Flag {
            name: row[0].code[0].clone(),
            variable: row[1].code.first().cloned(),
            // What is said in words is no default that the program knows.
            default: default.filter(|_| !words),
        }
    };
    table.rows.iter().map(flag).collect()
}

fn sorted(mut flags: Vec<Flag>) -> Vec<Flag> {
    flags.sort_by(|a, b| a.name.cmp(&b.name));
    flags
}

#[test]
fn the_operators_table_is_what_the_operator_accepts() {
    let page = pages::page(PAGE);
    let documented = rows(page.table("The operator", &["flag", "variable", "default"]));
    let mut accepted = programs::flags(OPERATOR, &["run"]);
    // Switches say nothing of a default in the help, and are off.
    for flag in &mut accepted {
        if documented.iter().any(|row| row.name == flag.name && row.default.as_deref() == Some("false")) {
            flag.default.get_or_insert_with(|| "false".to_owned());
        }
    }
    assert_eq!(sorted(documented), sorted(accepted));
    for switch in ["--allow-database-adoption", "--metrics-per-hospital"] {
        let words = ["run".to_owned(), switch.to_owned(), "true".to_owned()];
        assert!(programs::why_refused(OPERATOR, &words).is_some(), "{switch} is no switch");
    }
}

#[test]
fn the_web_services_flags_are_what_it_accepts() {
    let page = pages::page(PAGE);
    let documented = rows(page.table("The web service", &["flag", "variable", "setting"]));
    let accepted = programs::flags(API, &["serve"]).into_iter().map(|flag| Flag { default: None, ..flag });
    assert_eq!(sorted(documented), sorted(accepted.collect()));
}

#[test]
fn the_web_services_table_has_every_setting_and_no_other() {
    let page = pages::page(PAGE);
    let mut documented = page.table("The web service", &["setting", "default", "allowed"]).names();
    let mut accepted = programs::settings();
    documented.sort();
    accepted.sort();
    assert_eq!(documented, accepted);
}

#[test]
fn the_other_commands_are_all_there_with_their_flags() {
    let page = pages::page(PAGE);
    let tables: Vec<&Table> = page.tables.iter().filter(|table| table.section == "Its other commands").collect();
    assert_eq!(tables.len(), ITS_OTHER_COMMANDS.len());
    let mut mistakes = Vec::new();
    for (table, (_, program)) in tables.iter().zip(ITS_OTHER_COMMANDS) {
        let own: Vec<String> = match program {
            // Flags of the settings stand in their own table.
            API => programs::flags(API, &[]).into_iter().map(|flag| flag.name).collect(),
            _ => programs::flags(OPERATOR, &["run"]).into_iter().map(|flag| flag.name).collect(),
        };
        let mut commands = table.names();
        let mut known: Vec<String> = programs::subcommands(program, &[])
            .into_iter()
            .filter(|name| !["run", "serve"].contains(&name.as_str()))
            .collect();
        for name in &mut known {
            if let [below] = programs::subcommands(program, &[name]).as_slice() {
                *name = format!("{name} {below}");
            }
        }
        for row in &table.rows {
            let command = &row[0].code[0];
            let words: Vec<&str> = command.split(' ').collect();
            let flags = programs::flags(program, &words).into_iter().map(|flag| flag.name);
            let mut flags: Vec<String> = flags.filter(|flag| !own.contains(flag)).collect();
            let documented = row[1].code.iter().filter(|code| code.starts_with("--") && !own.contains(code));
            let mut documented: Vec<String> = documented.cloned().collect();
            flags.sort();
            documented.sort();
            if flags != documented {
                mistakes.push(format!("{program} {command} takes {flags:?}, and the page has {documented:?}"));
            }
        }
        commands.sort();
        known.sort();
        assert_eq!(commands, known, "{program}");
    }
    nothing_wrong(&mistakes);
}

#[test]
fn the_operators_bounds_are_those_of_the_page() {
    let page = pages::page(PAGE);
    let table = page.table("The operator", &["flag", "variable", "default", "meaning"]);
    let counts = Regex::new(r"(\d+) to (\d+)").unwrap();
    let time = Regex::new(r"at least (\d+)(ms|s)\b").unwrap();
    let (mut seen, mut mistakes) = (0, Vec::new());
    for row in &table.rows {
        let flag = &row[0].code[0];
        let mut check = |value: String, right: bool| {
            seen += 1;
            let refused = programs::why_refused(OPERATOR, &["run".to_owned(), format!("{flag}={value}")]);
            if refused.is_none() != right {
                mistakes.push(format!("{flag}={value}: {}", refused.unwrap_or_else(|| "is accepted".to_owned())));
            }
        };
        if let Some(found) = counts.captures(&row[3].text) {
            let bounds = [&found[1], &found[2]].map(|bound| bound.parse::<u64>().unwrap());
            for (value, right) in [(bounds[0] - 1, false), (bounds[0], true), (bounds[1], true), (bounds[1] + 1, false)]
            {
                check(value.to_string(), right);
            }
        }
        if let Some(found) = time.captures(&row[3].text) {
            let least: u64 = found[1].parse::<u64>().unwrap() * if &found[2] == "s" { 1000 } else { 1 };
            check(format!("{}ms", least - 1), false);
            check(format!("{least}ms"), true);
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 14, "only {seen} bounds were found");
}

#[test]
fn the_web_services_bounds_are_those_of_the_page() {
    let page = pages::page(PAGE);
    let table = page.table("The web service", &["setting", "default", "allowed"]);
    let bounds = [
        (Regex::new(r"(\d+) to (\d+)$").unwrap(), [true, true]),
        (Regex::new(r"^at least (\d+)$").unwrap(), [true, false]),
        (Regex::new(r"at most (\d+)$").unwrap(), [false, true]),
    ];
    let (mut seen, mut mistakes) = (0, Vec::new());
    for row in &table.rows {
        let setting = &row[0].code[0];
        let mut check = |value: u64, right: bool| {
            seen += 1;
            let output = programs::run(API, &["check-config"], &[(programs::variable(setting), value.to_string())]);
            let said = String::from_utf8(output.stderr).unwrap();
            let refused = said.lines().any(|line| line.trim().starts_with(&format!("{setting}:")));
            if refused == right {
                mistakes.push(format!("{setting}={value}: {said}"));
            }
            if values::takes(&format!("api.settings.{setting}"), &value.into()).is_some_and(|taken| taken != right) {
                mistakes.push(format!("the chart does not say of {setting}={value} what the page says"));
            }
        };
        for (bound, [has_least, has_most]) in &bounds {
            let Some(found) = bound.captures(&row[2].text) else { continue };
            let numbers: Vec<u64> =
                found.iter().skip(1).flatten().map(|number| number.as_str().parse().unwrap()).collect();
            if *has_least {
                check(numbers[0] - 1, false);
                check(numbers[0], true);
            }
            if *has_most {
                let most = numbers[numbers.len() - 1];
                check(most, true);
                check(most + 1, false);
            }
            break;
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 12, "only {seen} bounds were found");
}

#[test]
fn every_annotation_of_a_hospital_has_a_row() {
    let mut documented = pages::page(PAGE).table("A hospital", &["annotation", "value"]).names();
    let source = pages::read("crds/src/annotations.rs");
    let annotation = Regex::new(r#""(chakravue\.io/[a-z-]+)""#).unwrap();
    let mut known: Vec<String> = annotation.captures_iter(&source).map(|found| found[1].to_owned()).collect();
    documented.sort();
    known.sort();
    assert!(!known.is_empty());
    assert_eq!(documented, known);
}

#[test]
fn every_variable_of_ours_is_a_setting_that_exists() {
    let variable = Regex::new(r"CHAKRAVUE_[A-Z0-9_]+").unwrap();
    let settings: Vec<String> = programs::settings().iter().map(|setting| programs::variable(setting)).collect();
    let flags = programs::flags(API, &["serve"]).into_iter().filter_map(|flag| flag.variable);
    let flags: Vec<String> = flags.collect();
    let testbed = pages::read("tests/src/up/mod.rs") + &pages::read("README.md");
    assert!(OF_THE_TESTBED.iter().all(|name| testbed.contains(name)));
    let exists = |name: &str| {
        name == "CHAKRAVUE_API__"
            || settings.iter().any(|known| known == name || name == format!("{known}_FILE"))
            || flags.iter().any(|known| known == name)
            || OF_THE_TESTBED.contains(&name)
    };
    assert!(exists("CHAKRAVUE_API__SESSIONS__IDLE") && !exists("CHAKRAVUE_API__SESSIONS__NONSENSE"));
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages::all() {
        for name in variable.find_iter(&page.text).map(|found| found.as_str()) {
            seen += 1;
            if !exists(name) {
                mistakes.push(format!("{}: {name} is no setting", page.path));
            }
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 8, "only {seen} variables were found");
}
