//! The figures of a run as a page of Markdown, beside the JSON that they are in.

use std::fmt::Write as _;

use crate::{
    report::{Report, Row, Scenario},
    statistics::Summary,
};

/// The whole page.
pub fn page(report: &Report) -> String {
    let mut page =
        String::from("# Figures of one run\n\nThe benchmark writes this page; what its figures mean stands in ");
    page.push_str("[Performance](../performance.md).\n\n");
    for line in report.conditions.to_string().lines() {
        page.push_str("- ");
        page.push_str(&escaped(line));
        page.push('\n');
    }
    for scenario in &report.scenarios {
        section(&mut page, scenario);
    }
    page
}

fn section(page: &mut String, scenario: &Scenario) {
    let Scenario { name, method, rows, notes, ended_early } = scenario;
    let method = escaped(method);
    let columns =
        "| what | median | quartiles | least | most | measured | target | |\n|---|---|---|---|---|---|---|---|\n";
    // Writing into a string cannot fail.
    write!(page, "\n## {name}\n\nMeasured by `bench {name}`: {method}.\n\n{columns}").ok();
    for row in rows {
        page.push_str(&line(row));
    }
    if let Some(error) = ended_early {
        write!(page, "\nIt ended before everything was measured: {}\n", escaped(error)).ok();
    }
    for note in notes {
        let (first, listing) = note.split_once('\n').unwrap_or((note, ""));
        write!(page, "\n{}\n", escaped(first)).ok();
        if !listing.is_empty() {
            write!(page, "\n```text\n{}\n```\n", listing.trim_end()).ok();
        }
    }
}

fn line(row: &Row) -> String {
    let Summary { median, min, first_quartile, third_quartile, max, count } = row.summary;
    let [median, min, first, third, max] =
        [median, min, first_quartile, third_quartile, max].map(|value| row.unit.show(value));
    // One measurement has no spread.
    let (quartiles, least, most) =
        if count > 1 { (format!("{first} – {third}"), min, max) } else { Default::default() };
    let measured = if count > 1 { format!("{count} times") } else { "once".to_owned() };
    let (what, target, verdict) = (escaped(&row.what), row.shown_target(), row.verdict());
    let cells = [&what, &median, &quartiles, &least, &most, &measured, &target, verdict];
    let cells: Vec<String> =
        cells.iter().map(|cell| if cell.is_empty() { " ".to_owned() } else { format!(" {cell} ") }).collect();
    format!("|{}|\n", cells.join("|"))
}

/// As it stands, whatever of it means something in Markdown.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "\\|<*`[]".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;
    use crate::report::{Conditions, Run, Unit};

    fn report() -> Report {
        let rows = [
            Row::new("a | b", Unit::Milliseconds, &[1.0, 2.0, 4.0]).map(|row| row.at_most(1.5)),
            Row::new("<once>", Unit::Ratio, &[1.0]).map(|row| row.at_least(0.9)),
            Row::new("nothing to reach", Unit::Requests, &[7.0]),
        ];
        let notes = vec!["Shared `cores`.".to_owned(), "a listing:\n  0 | x\n  1 | y\n".to_owned()];
        let scenario = Scenario {
            name: "one_thing".to_owned(),
            method: "three rounds".to_owned(),
            rows: rows.into_iter().flatten().collect(),
            notes,
            ended_early: Some("lost <touch>".to_owned()),
        };
        let conditions = Conditions {
            operator: "0.1.0".to_owned(),
            kubernetes: "v1.37.2".to_owned(),
            mongodb: "6.0.5".to_owned(),
            etcd: "etcd waits for the disk".to_owned(),
            cores: 2,
            load_at_start: "0.10".to_owned(),
            load_at_end: "2.00".to_owned(),
            run: Some(Run {
                commit: "0123456789ab".to_owned(),
                profile: "release".to_owned(),
                quick: true,
                began: "2026-11-28T02:00:00Z".to_owned(),
                processor: "A Processor".to_owned(),
                kernel: "6.1".to_owned(),
                memory_mib: 1024,
                hash: Some([13.7, 14.06]),
                failed: vec!["paint".to_owned()],
            }),
        };
        Report { conditions, scenarios: vec![scenario] }
    }

    #[test]
    fn a_page_has_the_conditions_each_figure_with_its_spread_and_target_and_what_is_said_of_them() {
        let page = page(&report());
        for line in [
            "- ChakraVue 0.1.0, Kubernetes v1.37.2 (etcd waits for the disk), MongoDB 6.0.5",
            "- 2 cores; load average 0.10 at the start, 2.00 at the end",
            "- commit 0123456789ab, release profile, begun 2026-11-28T02:00:00Z; A Processor, 1024 MiB, Linux 6.1",
            "- One password hash (argon2id, 19 MiB, two passes) took 13.7 ms at the start, 14.1 ms at the end: so fast was one core",
            "- A quick run: whether everything works, not how fast it is.",
            "- Not measured, or not all of it, because of an error: paint",
            "## one_thing",
            "Measured by `bench one_thing`: three rounds.",
            r"| a \| b | 2.0 ms | 2.0 ms – 4.0 ms | 1.0 ms | 4.0 ms | 3 times | ≤ 1.5 ms | MISSED |",
            r"| \<once> | 1.00 × | | | | once | ≥ 0.90 × | met |",
            "| nothing to reach | 7 requests | | | | once | | |",
            r"It ended before everything was measured: lost \<touch>",
            r"Shared \`cores\`.",
            "a listing:",
            "```text",
            "  0 | x",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
        assert!(!page.contains("The machine had other work"), "{page}");
    }

    #[test]
    fn the_pages_in_the_documentation_are_those_of_their_figures() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance");
        let mut pages = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let figures = path.with_extension("json");
            let text = fs::read_to_string(&figures).unwrap_or_else(|error| panic!("{}: {error}", figures.display()));
            let written = page(&serde_json::from_str(&text).unwrap());
            let is = fs::read_to_string(&path).unwrap();
            assert!(is == written, "{} is not what bench writes of its figures: see bench --redraw", path.display());
            pages += 1;
        }
        assert!(pages > 0, "no page of figures");
    }
}
