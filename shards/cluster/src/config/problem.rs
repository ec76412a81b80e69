//! Owns one thing that is wrong with a config: where, what, and what to do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong, in the shape in which clients get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// JSON pointer (RFC 6901) to the field; empty for the whole document.
    pub pointer: String,
    /// What is wrong, with the value.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

impl Problem {
    /// A problem at a place.
    pub fn at(
        pointer: impl Into<String>,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { pointer: pointer.into(), problem: problem.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.pointer.is_empty() {
            write!(formatter, "{}: ", self.pointer)?;
        }
        formatter.write_str(&self.problem)?;
        if self.hint.is_empty() { Ok(()) } else { write!(formatter, "; {}", self.hint) }
    }
}

/// Adds one step to a JSON pointer, escaped as RFC 6901 says.
pub fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
}
