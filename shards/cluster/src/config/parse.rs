//! Owns reading a config document from bytes, with the place of whatever does not fit its shape.

use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::document::Config;
use super::problem::{Problem, push_step};

/// What the reader calls the kinds of values, and what people do. A text stands for itself or for one of a few words.
const KINDS: [(&str, &str); 8] = [
    ("u8", "a whole number from 0 to 255"),
    ("u16", "a whole number from 0 to 65535"),
    ("u32", "a whole number from 0 to 4294967295"),
    ("u64", "a whole number"),
    ("a string", "a text"),
    ("a boolean", "true or false"),
    ("a map", "an object"),
    ("a sequence", "a list"),
];
/// What the reader expects where a field has one of a few words.
const WORDS: [&str; 2] = ["string or map", "map with a single key"];

/// Why bytes are no config document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseError {
    /// Not JSON; both numbers count from 1.
    NotJson {
        /// The line of the first wrong byte.
        line: usize,
        /// The column of the first wrong byte.
        column: usize,
        /// What the reader found.
        problem: String,
    },
    /// JSON, but a field is unknown, missing or of the wrong type.
    Shape(Problem),
}

impl ParseError {
    /// The same in the shape in which clients get it.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::NotJson { line, column, problem } => Problem::at(
                "",
                format!("line {line}, column {column} is not JSON: {problem}"),
                "send the whole config as one JSON object; GET /config?next=1 answers one that is ready to edit",
            ),
            Self::Shape(problem) => problem,
        }
    }
}

/// Reads a config document; what it holds is not checked yet.
///
/// Errors: [`ParseError`], the first thing that is wrong.
pub fn parse(bytes: &[u8]) -> Result<Config, ParseError> {
    // First alone what is JSON: where the reader of a shape meets an unexpected kind of value, it takes that for wrong JSON at times.
    let document: Value = serde_json::from_slice(bytes).map_err(|error| ParseError::NotJson {
        line: error.line(),
        column: error.column(),
        problem: without_place(&error),
    })?;
    // The reader of a structure would take the fields of a list in their order.
    if document.is_array() {
        return Err(ParseError::Shape(Problem::at(
            "",
            "the config is a list, expected an object",
            "send the whole config as one JSON object",
        )));
    }
    let config: Config = serde_path_to_error::deserialize(&document).map_err(|error| {
        let place = pointer(error.path());
        ParseError::Shape(describe(place, &error.into_inner(), &document))
    })?;
    if let Some(place) =
        list_for_object(&document, &serde_json::to_value(&config).unwrap_or_default())
    {
        let problem = "invalid type: sequence, expected an object";
        return Err(ParseError::Shape(Problem::at(place, problem, KIND_HINT)));
    }
    // A value forgets that a field was there twice.
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize::<_, Config>(&mut reader).map_err(|error| {
        let place = pointer(error.path());
        ParseError::Shape(describe(place, &error.into_inner(), &document))
    })
}

const KIND_HINT: &str = "give a value of the kind that is expected";

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

fn describe(mut place: String, error: &serde_json::Error, document: &Value) -> Problem {
    let problem = without_place(error);
    if let Some(field) = quoted(&problem, "missing field") {
        push_step(&mut place, field);
        return Problem::at(place, problem, "add the field");
    }
    let hint = if problem.starts_with("unknown field") {
        "take the field out or correct its name"
    } else if problem.starts_with("duplicate field") {
        "keep the field once"
    } else {
        KIND_HINT
    };
    let Some((found, kind)) = problem.rsplit_once(", expected ") else {
        return Problem::at(place, problem, hint);
    };
    let kind = if WORDS.contains(&kind) {
        words_at(&place, document).unwrap_or_else(|| "a text".to_owned())
    } else if kind.starts_with("struct ") {
        "an object".to_owned()
    } else {
        let known = KINDS.iter().find(|(name, _)| *name == kind);
        known.map_or(kind, |(_, name)| name).to_owned()
    };
    Problem::at(place, format!("{found}, expected {kind}"), hint)
}

/// The name in backticks behind these words.
fn quoted<'a>(problem: &'a str, words: &str) -> Option<&'a str> {
    problem.strip_prefix(words)?.trim_start().strip_prefix('`')?.split('`').next()
}

/// The words that a field may have: as the reader tells when it is given another one.
fn words_at(place: &str, document: &Value) -> Option<String> {
    let mut document = document.clone();
    *document.pointer_mut(place)? = Value::String(String::new());
    let error = serde_path_to_error::deserialize::<_, Config>(&document).err()?.into_inner();
    let text = without_place(&error);
    Some(text.strip_prefix("unknown variant")?.rsplit_once(", expected ")?.1.to_owned())
}

/// The place of a list that was taken for an object.
fn list_for_object(given: &Value, taken: &Value) -> Option<String> {
    match (given, taken) {
        (Value::Array(_), Value::Object(_)) => Some(String::new()),
        (Value::Object(given), Value::Object(taken)) => given.iter().find_map(|(name, value)| {
            let below = list_for_object(value, taken.get(name)?)?;
            let mut place = String::new();
            push_step(&mut place, name);
            Some(place + &below)
        }),
        (Value::Array(given), Value::Array(taken)) => {
            given.iter().zip(taken).enumerate().find_map(|(index, (given, taken))| {
                Some(format!("/{index}{}", list_for_object(given, taken)?))
            })
        }
        _ => None,
    }
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => push_step(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_step(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}
