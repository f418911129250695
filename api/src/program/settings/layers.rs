//! Where settings come from: layers that lie one over the other, as one tree, and a value of a type of their own that is
//! read from it.

use std::{borrow::Cow, fs, path::Path};

use config::{Config, Environment, File, FileFormat, Map, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::section::Mistakes;

/// The layers, from the lowest: what holds when nothing else is said, a file, the environment, and what was said with the
/// command. Or which of them cannot be read, and why.
pub fn collect(
    defaults: &str,
    file: Option<&Path>,
    variables: &str,
    environment: Option<Map<String, String>>,
    flags: impl IntoIterator<Item = (&'static str, Option<String>)>,
) -> Result<Value, (String, String)> {
    let mut sources = Config::builder().add_source(File::from_str(defaults, FileFormat::Toml));
    if let Some(path) = file {
        let at = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| (at.clone(), format!("cannot be read: {error}")))?;
        let file = File::from_str(&text, FileFormat::Toml);
        // By itself, so that a mistake in it is told as such.
        Config::builder()
            .add_source(file.clone())
            .build()
            .map_err(|error| (at, without_excerpt(&error.to_string())))?;
        sources = sources.add_source(file);
    }
    let from_environment =
        Environment::with_prefix(variables).prefix_separator("__").separator("__").ignore_empty(true);
    sources = sources.add_source(from_environment.source(environment));
    for (setting, value) in flags {
        sources =
            sources.set_override_option(setting, value).map_err(|error| (setting.to_owned(), error.to_string()))?;
    }
    let config = sources.build().map_err(|error| (format!("the {variables}__… variables"), error.to_string()))?;
    Ok(config.cache)
}

/// The parser's message quotes the line that it does not understand, which may hold a secret.
fn without_excerpt(message: &str) -> String {
    let lines: Vec<&str> = message.lines().filter(|line| !line.contains('|') && !line.trim().is_empty()).collect();
    format!("is not TOML: {}", lines.join(", "))
}

/// Puts what `<setting>_file` names into `<setting>`.
pub fn read_files(value: &mut Value, path: &str, mistakes: &mut Mistakes) {
    let ValueKind::Table(table) = &mut value.kind else { return };
    for (key, value) in table.iter_mut() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        read_files(value, &path, mistakes);
    }
    let files: Vec<String> = table.keys().filter(|key| key.ends_with("_file")).cloned().collect();
    for key in files {
        let Some(file) = table.remove(&key) else { continue };
        let setting = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let of = key.trim_end_matches("_file");
        if table.contains_key(of) {
            mistakes.add(&setting, format_args!("and {of} are both set: keep one"));
            continue;
        }
        let read = file.into_string().map_err(|error| error.to_string());
        match read.and_then(|path| fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))) {
            Ok(text) => {
                table.insert(of.to_owned(), Value::new(None, ValueKind::String(text.trim().to_owned())));
            }
            Err(error) => mistakes.add(&setting, format_args!("cannot be read: {error}")),
        }
    }
}

/// Serde stops at the first mistake. What it stopped at is taken out, or replaced by what `instead` has for it, and it reads
/// again, until it has named them all.
pub fn deserialize<T: DeserializeOwned>(
    mut tree: Value,
    instead: impl Fn(&str) -> Option<Value>,
    mistakes: &mut Mistakes,
) -> Option<T> {
    loop {
        let error = match serde_path_to_error::deserialize(tree.clone()) {
            Ok(settings) => return Some(settings),
            Err(error) => error,
        };
        let setting = error.path().to_string();
        // config repeats the place, which is said already.
        let advice = error.inner().to_string();
        let advice = without_secret(advice.split(" for key `").next().unwrap_or(&advice));
        let removed = at(&mut tree, &setting).is_some();
        mistakes.add(if removed { &setting } else { "settings" }, advice);
        if !removed {
            return None;
        }
        match instead(&setting) {
            Some(value) => set(&mut tree, &setting, value),
            None => remove(&mut tree, &setting),
        }
    }
}

/// What serde says of a text where it should not be quotes it. In the place of a section that may well be a connection string
/// or a key; only of what should have been a number or a switch it is shown.
fn without_secret(advice: &str) -> Cow<'_, str> {
    let Some((_, expected)) =
        advice.strip_prefix("invalid type: string \"").and_then(|quoted| quoted.rsplit_once("\", expected "))
    else {
        return advice.into();
    };
    match expected {
        "an integer" | "a boolean" => advice.into(),
        expected => format!("invalid type: a text, expected {expected}").into(),
    }
}

/// What a text in TOML says of a setting.
pub fn value_in(text: &str, setting: &str) -> Option<Value> {
    let mut tree = Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build().ok()?.cache;
    at(&mut tree, setting).cloned()
}

pub fn at<'a>(tree: &'a mut Value, setting: &str) -> Option<&'a mut Value> {
    setting.split('.').try_fold(tree, |value, key| match &mut value.kind {
        ValueKind::Table(table) => table.get_mut(key),
        _ => None,
    })
}

fn parent<'a, 'b>(tree: &'a mut Value, setting: &'b str) -> Option<(&'a mut Map<String, Value>, &'b str)> {
    let (table, key) = match setting.rsplit_once('.') {
        Some((parent, key)) => (at(tree, parent)?, key),
        None => (tree, setting),
    };
    match &mut table.kind {
        ValueKind::Table(table) => Some((table, key)),
        _ => None,
    }
}

pub fn set(tree: &mut Value, setting: &str, value: impl Into<Value>) {
    if let Some((table, key)) = parent(tree, setting) {
        table.insert(key.to_owned(), value.into());
    }
}

fn remove(tree: &mut Value, setting: &str) {
    if let Some((table, key)) = parent(tree, setting) {
        table.remove(key);
    }
}
