//! Owns reading a config document from bytes, with the place of whatever does not fit its shape.

use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::document::Config;
use super::problem::{Problem, push_step};

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
    // The reader of a structure would take the fields of a list in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ParseError::Shape(Problem::at(
            "",
            "the config is a list, expected an object",
            "send the whole config as one JSON object",
        )));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let config = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        describe(pointer, &error.into_inner())
    })?;
    reader.end().map_err(|error| describe(String::new(), &error))?;
    Ok(config)
}

fn describe(pointer: String, error: &serde_json::Error) -> ParseError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let problem = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    if error.classify() != Category::Data {
        return ParseError::NotJson { line: error.line(), column: error.column(), problem };
    }
    let hint = if problem.starts_with("unknown field") {
        "take the field out or correct its name"
    } else if problem.starts_with("missing field") {
        "add the field"
    } else if problem.starts_with("duplicate field") {
        "keep the field once"
    } else {
        "give a value of the kind that is expected"
    };
    ParseError::Shape(Problem::at(pointer, problem, hint))
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
