//! What a request carries, read and checked before a handler sees it. Every refusal is a problem that points at the
//! field; none repeats a value that was sent, since it may be a password or a card number.

mod objects;

use std::error::Error as _;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
};
use garde::Validate;
use serde::de::DeserializeOwned;
use tower_http::timeout::TimeoutError;

use self::objects::Objects;
use crate::http::{
    flaw::Flaw,
    problem::{Answer, FieldError, Kind, Problem},
};

/// A JSON body that fits its type, whose fields are checked.
#[derive(Clone, Copy, Debug)]
pub struct ApiJson<T>(pub T);

impl<S, T> FromRequest<S> for ApiJson<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Validate<Context = ()>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Answer<Self> {
        let bytes = json_bytes(request, state).await?;
        parse(&bytes).map(Self)
    }
}

/// The body of a request that says it is JSON, whole.
///
/// # Errors
/// When it is not JSON, too long or cut off.
pub async fn json_bytes<S: Send + Sync>(request: Request, state: &S) -> Answer<Bytes> {
    if !is_json(request.headers()) {
        return Err(Problem::new(Kind::UnsupportedMediaType, "Send a JSON body with Content-Type: application/json."));
    }
    Bytes::from_request(request, state).await.map_err(|rejection| unreadable(&rejection))
}

/// Reads and checks a body.
///
/// # Errors
/// A problem that points at each wrong field.
pub fn parse<T: DeserializeOwned + Validate<Context = ()>>(bytes: &[u8]) -> Answer<T> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(Objects(&mut json)).map_err(|error| {
        let (inner, message) = (error.inner(), error.inner().to_string());
        // A number that is too large is JSON all the same.
        if inner.is_data() || message.starts_with(TOO_LARGE) {
            let (pointer, flaw) = wrong_field(&pointer_of(error.path()), &message);
            Problem::invalid(pointer, flaw)
        } else {
            Problem::new(
                Kind::Malformed,
                "The body is not JSON: it ends too early or has a character in a wrong place.",
            )
        }
    })?;
    json.end().map_err(|_| Problem::new(Kind::Malformed, "The body has something behind its JSON value."))?;
    value.validate().map_err(|report| {
        let mut problem = Problem::new(Kind::Invalid, "Some fields are not right; see errors.");
        for (path, error) in report.iter() {
            problem = problem.field(pointer_of_text(&path.to_string()), Flaw::read(error.message()));
        }
        problem
    })?;
    Ok(value)
}

fn an_object() -> Flaw {
    Flaw::WrongType { expected: "an object".to_owned() }
}

/// What `serde_json` says of `1e999`.
const TOO_LARGE: &str = "number out of range";

/// What was wanted, in words for a client: the names of types are the service's own business.
fn wanted_type(wanted: &str) -> Flaw {
    let is_number = |signs: [char; 2]| {
        wanted.strip_prefix(signs).is_some_and(|bits| bits == "size" || bits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let expected = match wanted {
        _ if wanted.starts_with("struct ") => return an_object(),
        _ if is_number(['i', 'u']) => "a whole number",
        "f32" | "f64" => "a number",
        other => other,
    };
    Flaw::WrongType { expected: expected.to_owned() }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
    })
}

/// A body that was cut off or is too long.
#[must_use]
pub fn unreadable(rejection: &BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(Kind::TooLarge, "The body is larger than the service takes.");
    }
    let mut cause = rejection.source();
    while let Some(error) = cause {
        if error.is::<TimeoutError>() {
            return Problem::new(Kind::RequestTimeout, "The body did not arrive whole in time.");
        }
        cause = error.source();
    }
    Problem::new(Kind::Malformed, "The body did not arrive whole.")
}

/// JSON pointer of a path in a document.
fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |pointer, segment| match segment {
        Segment::Seq { index } => format!("{pointer}/{index}"),
        Segment::Map { key } | Segment::Enum { variant: key } => format!("{pointer}/{}", escape(key)),
        Segment::Unknown => pointer,
    })
}

/// The same of a path as garde writes it: `plan.plan_id`, `items[0].name`.
fn pointer_of_text(path: &str) -> String {
    path.split(['.', '['])
        .filter(|part| !part.is_empty())
        .fold(String::new(), |pointer, part| format!("{pointer}/{}", escape(part.trim_end_matches(']'))))
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Says what serde found wrong in words for a client, without the value that was sent.
fn wrong_field(pointer: &str, message: &str) -> (String, Flaw) {
    let message = without_place(message);
    // The names of these are our own.
    for (begin, flaw) in [("missing field", Flaw::Required), ("duplicate field", Flaw::Duplicate)] {
        if message.starts_with(begin) {
            let name = quoted(message).next().unwrap_or_default();
            return (format!("{pointer}/{}", escape(name)), flaw);
        }
    }
    // What is wanted comes last: before it stands the value that was sent, which may hold the same words.
    let wanted = message.rsplit_once("expected ").map(|(_, wanted)| wanted);
    let names = || quoted(wanted.unwrap_or_default()).map(str::to_owned).collect();
    if message.starts_with("unknown field") {
        // The path already ends in the field's name, which is repeated only if it looks like one: it was sent, too.
        return match pointer.rsplit_once('/') {
            Some((parent, name)) if !is_name(name) => (parent.to_owned(), Flaw::HasUnknownField { known: names() }),
            _ => (pointer.to_owned(), Flaw::UnknownField { known: names() }),
        };
    }
    let flaw = if message.starts_with("unknown variant") {
        Flaw::NotOneOf { allowed: names() }
    } else if let Some(wanted) = wanted {
        wanted_type(wanted)
    } else if message.starts_with(TOO_LARGE) {
        Flaw::WrongType { expected: "a number that is not so large".to_owned() }
    } else if message == "invalid digit found in string" || message.starts_with("number too ") {
        // A parameter of the query.
        Flaw::WrongType { expected: "a whole number".to_owned() }
    } else {
        // What a type of our own says when it refuses a value; such messages quote nothing secret.
        Flaw::read(message)
    };
    (pointer.to_owned(), flaw)
}

/// The names that serde writes between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Without the place that ends it, ` at line 1 column 2`, for which no value that was sent can be taken.
fn without_place(message: &str) -> &str {
    let is_place = |text: &str| text.split(" column ").all(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    match message.rsplit_once(" at line ") {
        Some((before, place)) if is_place(place) => before,
        _ => message,
    }
}

/// As fields of this API and of most others are named; so many digits could be a card's number or a date of birth.
fn is_name(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    begins && digits <= 4 && text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A parameter of the path. One that cannot be read names nothing that exists.
#[derive(Clone, Copy, Debug)]
pub struct ApiPath<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        Path::from_request_parts(parts, state).await.map(|Path(value)| Self(value)).map_err(|_| Problem::not_found())
    }
}

/// The query, its fields checked.
#[derive(Clone, Copy, Debug)]
pub struct ApiQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Validate<Context = ()>> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        parse_query(&parts.uri).map(Self)
    }
}

fn parse_query<T: DeserializeOwned + Validate<Context = ()>>(uri: &Uri) -> Answer<T> {
    let Query(value) = Query::<T>::try_from_uri(uri).map_err(|rejection| {
        // "Failed to deserialize query string: limit: invalid digit found in string"
        let text = rejection.body_text();
        let text = text.split_once(": ").map_or(text.as_str(), |(_, rest)| rest);
        let (parameter, message) = text.split_once(": ").unwrap_or(("", text));
        let path = if parameter.is_empty() { String::new() } else { format!("/{}", escape(parameter)) };
        let (pointer, flaw) = wrong_field(&path, message);
        let parameter = pointer.trim_start_matches('/');
        Problem::invalid_parameter(if is_name(parameter) { parameter } else { "query" }, flaw)
    })?;
    value.validate().map_err(|report| {
        let errors =
            report.iter().map(|(path, error)| FieldError::of_parameter(path.to_string(), Flaw::read(error.message())));
        Problem::invalid_parameters(errors.collect())
    })?;
    Ok(value)
}

/// The version of the record that a change is meant for, from `If-Match: "3"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                Kind::VersionRequired,
                "Send the ETag of the record that you read as If-Match, so that nobody's change is overwritten unseen.",
            ));
        };
        value
            .to_str()
            .ok()
            .and_then(version_of)
            .map(Self)
            .ok_or_else(|| Problem::invalid_parameter("If-Match", Flaw::InvalidEtag))
    }
}

impl IfMatch {
    /// The record has this version now.
    ///
    /// # Errors
    /// When it is another than the one that the change is meant for.
    pub fn check(self, version: i64) -> Answer<()> {
        if self.0 == version {
            return Ok(());
        }
        Err(Problem::new(Kind::VersionMismatch, "Somebody changed the record since you read it. Read it again."))
    }
}

fn version_of(etag: &str) -> Option<i64> {
    let digits = etag.strip_prefix('"')?.strip_suffix('"')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The ETag of a record's version.
#[must_use]
pub fn etag(version: i64) -> [(header::HeaderName, String); 1] {
    [(header::ETAG, format!("\"{version}\""))]
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Person {
        #[garde(length(chars, min = 1, max = 5))]
        name: String,
        #[garde(dive)]
        #[serde(default)]
        friends: Vec<Person>,
        #[garde(dive)]
        best: Option<Box<Person>>,
        #[garde(range(min = 1))]
        #[serde(default = "one")]
        limit: u8,
    }

    fn one() -> u8 {
        1
    }

    fn errors(body: &str) -> Vec<(String, String)> {
        let problem = parse::<Person>(body.as_bytes()).unwrap_err();
        problem.errors().iter().map(|e| (e.pointer.clone().unwrap(), e.detail.clone())).collect()
    }

    #[test]
    fn each_wrong_field_is_pointed_at() {
        assert_eq!(errors("{}"), [("/name".into(), "is required".into())]);
        assert_eq!(
            errors(r#"{"name":"Ann","friends":[{"name":4111111111111111}]}"#),
            [("/friends/0/name".into(), "must be a string".into())]
        );
        for (twice, pointer) in [
            (r#"{"name":"Ann","name":"Bob"}"#, "/name"),
            (r#"{"name":"Ann","friends":[{"name":"Bob","limit":1,"limit":2}]}"#, "/friends/0/limit"),
        ] {
            assert_eq!(errors(twice), [(pointer.into(), "is there twice".into())], "{twice}");
        }
        let unknown = errors(r#"{"name":"Ann","role":"ADMIN"}"#);
        assert_eq!(unknown[0].0, "/role");
        assert!(unknown[0].1.starts_with("is not a known field; expected one of"), "{}", unknown[0].1);
        assert_eq!(errors(r#"{"name":"Annabelle","friends":[{"name":""}]}"#).len(), 2);
    }

    #[test]
    fn a_body_is_an_object_and_no_problem_names_a_type_of_ours() {
        for body in [r#"["Ann"]"#, r#" ["Ann",[],1]"#, "[]", "5", "null", r#""Ann""#] {
            assert_eq!(errors(body), [(String::new(), "must be an object".into())], "{body}");
        }
        // An array holds no fields in their order either, however deep.
        for friend in ["5", r#"["Bob"]"#, "[]"] {
            let body = format!(r#"{{"name":"Ann","friends":[{friend}]}}"#);
            assert_eq!(errors(&body), [("/friends/0".into(), "must be an object".into())], "{body}");
        }
        let deeper = r#"{"name":"Ann","best":{"name":"Bob","friends":[{"name":"Eve"}],"best":["Dan"]}}"#;
        assert_eq!(errors(deeper), [("/best/best".into(), "must be an object".into())]);
    }

    #[test]
    fn no_value_that_was_sent_comes_back() {
        for body in [
            json!({ "name": { "$ne": "marker-value" } }),
            json!({ "name": ["marker-value"] }),
            json!({ "name": "a", "limit": "marker-value" }),
            json!({ "name": "a", "limit": "an expected marker-value" }),
            json!({ "name": "a", "limit": "marker-value at line 1 column 2" }),
            json!({ "name": "a", "limit": "expected marker-value at line 1 column 2" }),
            json!({ "name": "a", "marker-value": 1 }),
            json!({ "name": "a", "x, marker-value": 1 }),
            json!({ "name": "a", "x`, expected marker-value": 1 }),
        ] {
            let problem = parse::<Person>(body.to_string().as_bytes()).unwrap_err();
            assert!(!format!("{problem:?}").contains("marker-value"), "{problem:?}");
        }
        for query in [
            "limit=marker-value",
            "name=a&limit=1+at+line+marker-value",
            "name=a&marker-value=1",
            "name=a&marker-value:+x=1",
            "name=a&x:+marker-value=1",
        ] {
            let problem = parse_query::<Person>(&format!("/people?{query}").parse().unwrap()).unwrap_err();
            assert!(!format!("{problem:?}").contains("marker-value"), "{problem:?}");
        }
    }

    #[test]
    fn a_number_in_place_of_a_name_does_not_come_back() {
        for number in ["4111111111111111", "x4111111111111111", "19800517", "1"] {
            let body = json!({ "name": "a", number: 1 }).to_string();
            assert_eq!(errors(&body)[0].0, "", "{number}");
            let problem = parse_query::<Person>(&format!("/people?name=a&{number}=1").parse().unwrap()).unwrap_err();
            assert_eq!(problem.errors()[0].parameter.as_deref(), Some("query"), "{number}");
        }
        assert_eq!(errors(r#"{"name":"a","line_2":1}"#)[0].0, "/line_2");
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in ["", "{", "{\"name\":", "{\"name\":\"a\"} x"] {
            assert_eq!(parse::<Person>(body.as_bytes()).unwrap_err().kind(), Kind::Malformed, "{body}");
        }
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (query, parameter) in [
            ("limit=x&name=a", "limit"),
            ("limit=0&name=a", "limit"),
            ("limit=1", "name"),
            ("name=a&x=1", "x"),
            ("name=a&limit=1&limit=2", "limit"),
        ] {
            let problem = parse_query::<Person>(&format!("/people?{query}").parse().unwrap()).unwrap_err();
            assert_eq!(problem.errors()[0].parameter.as_deref(), Some(parameter), "{query}: {problem:?}");
        }
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for written in ["7", "7.0", "7e0", "0.7e1"] {
            let person: Person = parse(format!(r#"{{"name":"Ann","limit":{written}}}"#).as_bytes()).unwrap();
            assert_eq!(person.limit, 7, "{written}");
        }
        for (wrong, said) in [
            ("7.5", "must be a whole number"),
            ("1e300", "must be a whole number"),
            ("256.0", "must be a whole number"),
            ("\"7\"", "must be a whole number"),
            ("-0", "must be at least 1"),
        ] {
            assert_eq!(
                errors(&format!(r#"{{"name":"Ann","limit":{wrong}}}"#)),
                [("/limit".into(), said.into())],
                "{wrong}"
            );
        }
    }

    #[test]
    fn only_a_strong_etag_of_ours_is_a_version() {
        assert_eq!(version_of("\"12\""), Some(12));
        for other in ["12", "*", "W/\"12\"", "\"\"", "\"-1\"", "\"1\", \"2\"", "\"99999999999999999999\""] {
            assert_eq!(version_of(other), None, "{other}");
        }
    }
}
