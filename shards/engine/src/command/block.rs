//! Owns commands that wait: what one that finds nothing waits for, and how it says so.

use super::context::Context;
use super::error::CommandError;
use super::sorted_set::read_score;
use hyperion_model::ReplyWriter;
use hyperion_store::ValueType;

/// What a command that found nothing waits for. It is run again, from its beginning, when one of its keys holds a value of the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The type.
    pub value_type: ValueType,
    /// For so long; 0: without end.
    pub timeout_ms: u64,
    /// What is told where it may not wait. When the time is up it is an array that is not there, as in Redis.
    pub nothing: Nothing,
    /// It is run again too when one of its keys goes or becomes another type.
    pub minds_loss: bool,
}

/// How nothing is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// As a string that is not there.
    Value,
    /// As an array that is not there.
    Array,
}

impl Nothing {
    /// Tells it.
    pub fn write(self, reply: &mut dyn ReplyWriter) {
        match self {
            Self::Value => reply.null(),
            Self::Array => reply.null_array(),
        }
    }
}

/// Whether a command may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocking {
    /// It is told at once that there is nothing: in a transaction and in a script.
    #[default]
    Never,
    /// It may.
    May,
    /// It may, and is run for those of its keys that this core has: see `Context::passes_over`.
    Part,
}

impl Context<'_> {
    /// For a command that found nothing: it waits, or tells so. A handler gives this back, and has changed and answered nothing before.
    ///
    /// # Errors
    /// When it waits.
    pub(super) fn block(&mut self, wait: Wait) -> Result<(), CommandError> {
        if self.blocking == Blocking::Never {
            wait.nothing.write(self.reply);
            return Ok(());
        }
        Err(CommandError::Blocks(wait))
    }

    /// Whether the key is another core's, and the command is run for the keys of this one: it is as if it were not named.
    pub(super) fn passes_over(&self, key: &[u8]) -> bool {
        self.blocking == Blocking::Part && !self.store.owns_key(key)
    }
}

/// Reads a time to wait: seconds, with a fraction. Gives milliseconds.
///
/// # Errors
/// When it is no number, negative or too long.
pub(super) fn timeout_ms(word: &[u8]) -> Result<u64, CommandError> {
    let seconds = std::str::from_utf8(word).ok().and_then(|word| word.parse::<f64>().ok());
    // Of these it knows no hexadecimal ones.
    let seconds = seconds.or_else(|| read_score(word));
    let seconds = seconds.filter(|seconds| !seconds.is_nan()).ok_or(NOT_A_FLOAT)?;
    let ms = (seconds * 1_000.0).ceil();
    if ms >= TIMEOUT_MS_MAX {
        return Err(OUT_OF_RANGE);
    }
    if ms < 0.0 {
        return Err(NEGATIVE);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as was checked")]
    let ms = ms as u64;
    Ok(ms)
}

const NOT_A_FLOAT: CommandError = CommandError::Says("ERR timeout is not a float or out of range");
const OUT_OF_RANGE: CommandError = CommandError::Says("ERR timeout is out of range");
const NEGATIVE: CommandError = CommandError::Says("ERR timeout is negative");

/// 2^63, less what the clock may show: the time when it is up must fit the number that Redis keeps it in.
const TIMEOUT_MS_MAX: f64 = 9_223_372_036_854_775_808.0 - 8_796_093_022_208.0;
