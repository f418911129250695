//! Our two programs as they are built, asked about themselves.

use std::{
    env,
    path::PathBuf,
    process::{Command, Output},
};

use regex::Regex;

pub const OPERATOR: &str = "chakravue-operator";
pub const API: &str = "chakravue-api";

/// Runs one of them, with nothing of this process' environment but what is given.
pub fn run(program: &str, arguments: &[&str], environment: &[(String, String)]) -> Output {
    let mut command = Command::new(path(program));
    command.env_clear().args(arguments);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.output().unwrap_or_else(|error| panic!("{program} cannot be run: {error}"))
}

/// Beside this test's own program, one folder further up.
fn path(program: &str) -> PathBuf {
    let own = env::current_exe().unwrap();
    let path = own.ancestors().skip(1).take(2).map(|folder| folder.join(program)).find(|path| path.is_file());
    path.unwrap_or_else(|| panic!("{program} is not built; run: cargo build --workspace --bins"))
}

/// Why a program's own parser does not take these arguments. It stops at the `--help` that is put behind them, so that
/// nothing is done; what stands before is read, and refused, as always.
pub fn why_refused(program: &str, arguments: &[String]) -> Option<String> {
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    arguments.push("--help");
    let output = run(program, &arguments, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    (!output.status.success()).then(|| said.lines().next().unwrap_or("it fails").to_owned())
}

/// A flag as the help tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flag {
    pub name: String,
    pub variable: Option<String>,
    pub default: Option<String>,
}

/// The flags of a command, but for those that every program has.
pub fn flags(program: &str, command: &[&str]) -> Vec<Flag> {
    let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
    let output = run(program, &arguments, &[]);
    assert!(output.status.success(), "{program} {arguments:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    let flag = Regex::new(r"(?m)^\s+(?:-\w, )?(--[a-z][a-z-]*)").unwrap();
    let starts: Vec<_> = flag.captures_iter(&help).map(|found| found.get(1).unwrap()).collect();
    let ends = starts.iter().skip(1).map(regex::Match::start).chain([help.len()]);
    let mark = |name: &str, text: &str| {
        let mark = Regex::new(&format!(r"\[{name}: ([^\]]*)\]")).unwrap();
        mark.captures(text).map(|found| found[1].trim_matches('`').to_owned())
    };
    let flags = starts.iter().zip(ends).map(|(start, end)| {
        let text = &help[start.start()..end];
        let variable = mark("env", text).map(|variable| variable.trim_end_matches('=').to_owned());
        Flag { name: start.as_str().to_owned(), variable, default: mark("default", text) }
    });
    flags.filter(|flag| !["--help", "--version"].contains(&flag.name.as_str())).collect()
}

/// The commands of a program, or of one of its commands.
pub fn subcommands(program: &str, command: &[&str]) -> Vec<String> {
    let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
    let help = String::from_utf8(run(program, &arguments, &[]).stdout).unwrap();
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let names =
        list.lines().take_while(|line| line.starts_with("  ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The fields below a section of the web service's settings, as the service itself lists them when it meets one that it
/// does not know; `None`: it is no section.
pub fn fields(section: &str) -> Option<Vec<String>> {
    const UNKNOWN: &str = "nobodys_setting";
    let setting = if section.is_empty() { UNKNOWN.to_owned() } else { format!("{section}.{UNKNOWN}") };
    let output = run(API, &["check-config"], &[(variable(&setting), "1".to_owned())]);
    let said = String::from_utf8(output.stderr).unwrap();
    let line = said.lines().find_map(|line| line.trim().strip_prefix(&format!("{setting}: unknown field")))?;
    let (_, expected) = line.split_once("expected")?;
    Some(expected.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Every setting of the web service.
pub fn settings() -> Vec<String> {
    fn below(section: &str, all: &mut Vec<String>) {
        match fields(section) {
            None => all.push(section.to_owned()),
            Some(fields) => {
                for field in fields {
                    below(&if section.is_empty() { field } else { format!("{section}.{field}") }, all);
                }
            }
        }
    }
    let mut all = Vec::new();
    below("", &mut all);
    all
}

/// The variable of a setting.
pub fn variable(setting: &str) -> String {
    format!("CHAKRAVUE_API__{}", setting.to_uppercase().replace('.', "__"))
}

#[test]
fn the_programs_tell_of_themselves() {
    let run = flags(OPERATOR, &["run"]);
    let workers = Flag { name: "--workers".into(), variable: Some("WORKERS".into()), default: Some("8".into()) };
    assert!(run.len() > 15 && run.contains(&workers), "{run:#?}");
    assert!(subcommands(OPERATOR, &[]).contains(&"orphans".to_owned()));
    assert_eq!(subcommands(API, &["admin"]), ["invite"]);
    let refused =
        |words: &[&str]| why_refused(OPERATOR, &words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
    assert_eq!(refused(&["run", "--workers", "3"]), None);
    for wrong in [&["run", "--nonsense"][..], &["nonsense"], &["run", "--workers", "0"], &["plan", "-o", "yaml"]] {
        assert!(refused(wrong).is_some(), "{wrong:?}");
    }
    let settings = settings();
    assert!(settings.len() > 35 && settings.contains(&"sessions.idle".to_owned()), "{settings:#?}");
}
