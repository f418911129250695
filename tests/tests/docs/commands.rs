//! What a page tells a reader to type: targets of the Makefile, our programs' commands and flags, Helm with values of the
//! chart, and kubectl with fields of a hospital.

use chakravue_crds::conditions::ConditionType;
use regex::Regex;
use serde_json::Value;

use crate::{
    hospital, nothing_wrong,
    pages::{self, Block, Page},
    programs::{self, API, OPERATOR},
    shell, values,
};

/// Commands that are not ours, and of which nothing is known here.
const OF_OTHERS: [&str; 10] =
    ["base64", "cd", "curl", "date", "jq", "mongodump", "mongorestore", "npm", "openssl", "source"];

/// A test runs these blocks as they are; they say so themselves.
const RUN_BY_A_TEST: &str = "runs this block word for word";

#[test]
fn every_command_in_a_block_can_be_typed() {
    let pages = pages::all();
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in &pages {
        for block in page.blocks.iter().filter(|block| ["sh", "bash"].contains(&block.language.as_str())) {
            let found = wrong_in(block);
            seen += found.0;
            mistakes.extend(found.1.into_iter().map(|mistake| format!("{}: {mistake}", page.path)));
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 60, "only {seen} commands were found");
}

#[test]
fn every_command_in_a_line_is_one_of_the_programs() {
    let (mut seen, mut mistakes) = (0, Vec::new());
    for page in pages::all() {
        for code in page.code.iter().filter(|code| {
            ["make ", "chakravue-operator ", "chakravue-api ", "helm ", "kubectl "]
                .iter()
                .any(|word| code.starts_with(word))
        }) {
            // What a reader puts in its place.
            let command = code.replace('…', "you@example.org");
            for words in shell::commands(&command) {
                seen += 1;
                mistakes.extend(wrong(&words).map(|why| format!("{}: `{code}`: {why}", page.path)));
            }
        }
    }
    nothing_wrong(&mistakes);
    assert!(seen >= 20, "only {seen} commands were found");
}

#[test]
fn what_cannot_be_typed_is_noticed() {
    for line in [
        "make nonsense",
        "chakravue-operator run --nonsense",
        "chakravue-operator nonsense",
        "/chakravue-api admin invite --email nobody",
        "chakravue-api serve --nonsense",
        "helm install x charts/nonsense",
        "helm install x charts/chakravue --set operator.nonsense=1",
        "helm install x charts/chakravue --set-string api.settings.sessions.nonsense=1m",
        "helm nonsense",
        "kubectl get horg -o jsonpath='{.status.nonsense}'",
        "kubectl get horg -o custom-columns=A:.metadata.name,B:.status.nonsense",
        "kubectl wait --for=condition=Nonsense horg/x",
        "kubectl wait horg/x --for=jsonpath='{.status.phase}'=Nonsense",
        "kubectl annotate horg x chakravue.io/nonsense=true",
        "kubectl patch horg x --type merge --patch '{\"spec\":{\"nonsense\":1}}'",
        "kubectl patch horg x --type merge --patch '{\"spec\":{\"subscription\":\"Nonsense\"}}'",
        "kubectl apply -f tests/samples/nonsense.yaml",
        "jq . files/nonsense.lua",
        "kubectl get nonsenses",
        "kubectl nonsense horg",
        "kubectl explain horg.spec.nonsense",
        "kubectl exec deployment/x -- /chakravue-api nonsense",
        "curl $(make nonsense)",
        "cargo test --workspace --test nonsense",
        "nonsense",
    ] {
        let block = Block { text: line.to_owned(), ..Block::default() };
        assert!(!wrong_in(&block).1.is_empty(), "{line}");
    }
}

/// How many commands a block has, and what is wrong with them.
fn wrong_in(block: &Block) -> (usize, Vec<String>) {
    if block.remark.contains(RUN_BY_A_TEST) {
        let test = block.remark.split_whitespace().next().unwrap_or_default();
        let runs = pages::root().join(test).is_file();
        return (0, (!runs).then(|| format!("{test} does not exist")).into_iter().collect());
    }
    let commands = shell::commands(&block.text);
    let mistakes = commands.iter().filter_map(|words| wrong(words).map(|why| format!("{}: {why}", words.join(" "))));
    (commands.len(), mistakes.collect())
}

/// Why a command cannot be typed.
fn wrong(words: &[String]) -> Option<String> {
    let program = words[0].rsplit('/').next().unwrap_or_default();
    let rest = &words[1..];
    match program {
        "make" => rest
            .iter()
            .find(|word| !word.contains('=') && !targets().contains(word))
            .map(|word| format!("the Makefile has no target {word}")),
        OPERATOR | API => programs::why_refused(program, rest),
        "helm" => helm(rest),
        "kubectl" => kubectl(rest),
        "cargo" => cargo(rest),
        other if OF_OTHERS.contains(&other) => rest
            .iter()
            .find(|word| word.contains("files/") && !pages::root().join(word).is_file())
            .map(|file| format!("there is no file {file}")),
        other => Some(format!("nothing is known of {other}")),
    }
}

fn targets() -> Vec<String> {
    let target = Regex::new(r"(?m)^([a-z][a-z-]*):").unwrap();
    let makefile = pages::read("Makefile");
    target.captures_iter(&makefile).map(|found| found[1].to_owned()).collect()
}

/// A test that is named by its file or folder.
fn cargo(words: &[String]) -> Option<String> {
    let test = words.iter().skip_while(|word| *word != "--test").nth(1)?;
    let root = pages::root().join("tests/tests");
    let exists = root.join(test).join("main.rs").is_file() || root.join(format!("{test}.rs")).is_file();
    (!exists).then(|| format!("there is no test {test}"))
}

fn helm(words: &[String]) -> Option<String> {
    const COMMANDS: [&str; 7] = ["install", "upgrade", "rollback", "uninstall", "test", "template", "lint"];
    if !COMMANDS.contains(&words.first()?.as_str()) {
        return Some(format!("nothing is known of helm {}", words[0]));
    }
    if let Some(chart) = words.iter().find(|word| word.starts_with("charts/"))
        && !pages::root().join(chart).join("Chart.yaml").is_file()
    {
        return Some(format!("there is no chart {chart}"));
    }
    let set = words.iter().zip(words.iter().skip(1)).filter(|(flag, _)| flag.starts_with("--set")).map(|(_, set)| set);
    set.flat_map(|set| set.split(',')).find_map(|set| {
        let (path, _) = set.split_once('=')?;
        let nested = path.rsplit('.').fold(Value::from(""), |value, key| serde_json::json!({ key: value }));
        values::unknown(&nested).pop()
    })
}

fn kubectl(words: &[String]) -> Option<String> {
    const VERBS: [&str; 14] = [
        "annotate",
        "apply",
        "create",
        "delete",
        "describe",
        "exec",
        "explain",
        "get",
        "logs",
        "patch",
        "port-forward",
        "rollout",
        "scale",
        "wait",
    ];
    const KINDS: [&str; 12] = [
        "horg",
        "configmap",
        "crd",
        "deployment",
        "events",
        "lease",
        "namespace",
        "pods",
        "secret",
        "service",
        "status",
        "restart",
    ];
    let mut plain = words.iter().enumerate();
    // Flags that take a value take the next word.
    let verb = loop {
        let (_, word) = plain.next()?;
        match word.as_str() {
            "-n" | "--namespace" => {
                plain.next();
            }
            flag if flag.starts_with('-') => {}
            _ => break word.as_str(),
        }
    };
    if !VERBS.contains(&verb) {
        return Some(format!("nothing is known of kubectl {verb}"));
    }
    if verb == "exec" {
        let inner: Vec<String> = words.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
        return if inner.is_empty() { None } else { wrong(&inner) };
    }
    let rest: Vec<&String> = plain.map(|(_, word)| word).collect();
    let kind =
        rest.iter().find(|word| !word.starts_with('-')).map(|word| word.split(['/', '.']).next().unwrap_or_default());
    let by_file = ["apply", "wait", "port-forward"].contains(&verb);
    if let Some(kind) = kind.filter(|kind| !by_file && !KINDS.contains(kind)) {
        return Some(format!("nothing is known of {kind}"));
    }
    rest.iter().find_map(|word| wrong_word(word)).or_else(|| {
        let file = rest.iter().skip_while(|word| **word != "-f").nth(1)?;
        let missing = file.contains('/') && !pages::root().join(file.as_str()).is_file();
        missing.then(|| format!("there is no file {file}"))
    })
}

/// What one word of kubectl says of a hospital that is not so.
fn wrong_word(word: &str) -> Option<String> {
    let annotation = Regex::new(r"^(chakravue\.io/[a-z-]+?)(-?$|=)").unwrap();
    if let Some(found) = annotation.captures(word) {
        let name = found.get(1).unwrap().as_str();
        return (!hospital::ANNOTATIONS.contains(&name)).then(|| format!("there is no annotation {name}"));
    }
    if let Some(condition) = word.strip_prefix("--for=condition=") {
        let known = ConditionType::ALL.iter().any(|known| known.as_str() == condition);
        return (!known).then(|| format!("there is no condition {condition}"));
    }
    if let Some(path) = word.strip_prefix("horg.") {
        return hospital::field(path, None).err();
    }
    if word.starts_with('{') && word.contains("\"spec\"") {
        let patch: Value = serde_json::from_str(word).unwrap();
        return hospital::misfits(&patch).pop();
    }
    let path = Regex::new(r"\.((?:spec|status)(?:\.[a-z][A-Za-z]*)+)(?:\}=(\w+))?").unwrap();
    path.captures_iter(word)
        .find_map(|found| hospital::field(&found[1], found.get(2).map(|value| value.as_str())).err())
}

/// Whoever reads a page may paste a block of it; this is what a page is made of for the other checks.
#[test]
fn every_block_says_what_it_is() {
    const KNOWN: [&str; 8] = ["sh", "bash", "yaml", "yaml values", "js", "json", "text", "mermaid"];
    let of = |page: &Page| {
        let nameless = page.blocks.iter().filter(|block| !KNOWN.contains(&block.language.as_str()));
        nameless.map(|block| format!("{}: {:?}: {}", page.path, block.language, block.text)).collect::<Vec<_>>()
    };
    nothing_wrong(&pages::all().iter().flat_map(of).collect::<Vec<_>>());
}
