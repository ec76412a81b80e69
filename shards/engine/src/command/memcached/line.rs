//! Owns the lines that answer memcached's commands, and the numbers in its words.

use super::Done;
use crate::command::context::Context;
use std::fmt::Display;

/// A line that is put together.
#[derive(Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    pub(super) fn new(word: &str) -> Self {
        Self(word.as_bytes().to_vec())
    }

    /// A word behind a blank.
    pub(super) fn word(&mut self, word: &[u8]) -> &mut Self {
        self.0.push(b' ');
        self.0.extend_from_slice(word);
        self
    }

    /// A flag with what belongs to it, behind a blank.
    pub(super) fn flag(&mut self, flag: char, value: impl Display) -> &mut Self {
        self.word(format!("{flag}{value}").as_bytes())
    }

    /// All but its first word.
    pub(super) fn append(&mut self, other: &Self) -> &mut Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    pub(super) fn send(&self, context: &mut Context<'_>) {
        context.reply.bulk(&self.0);
    }
}

/// Answers with a line.
pub(super) fn say(context: &mut Context<'_>, line: &str) -> Done {
    context.reply.bulk(line.as_bytes());
    Ok(())
}

/// Answers with a line that was put together.
pub(super) fn say_code(context: &mut Context<'_>, line: &Line) -> Done {
    line.send(context);
    Ok(())
}

/// Answers with nothing.
pub(super) fn be_quiet(context: &mut Context<'_>) -> Done {
    context.reply.null();
    Ok(())
}

pub(super) const BAD_LINE: &str = "CLIENT_ERROR bad command line format";
pub(super) const TOO_LARGE: &str = "SERVER_ERROR object too large for cache";

/// A number in decimal digits.
pub(super) fn number<N: std::str::FromStr>(word: &[u8]) -> Option<N> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
