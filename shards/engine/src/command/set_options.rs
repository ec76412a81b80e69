//! Owns the options of SET and GETEX, and the way from a time to live to a point in time.

use super::context::is_word;
use super::error::CommandError;
use hyperion_model::number::parse_integer;

/// Whose options are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Set,
    Getex,
}

/// Whether SET sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Always,
    IfAbsent,
    IfPresent,
}

/// What becomes of the key's expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry<'a> {
    /// Nothing was said.
    Clear,
    /// As it was.
    Keep,
    /// It never expires, and that was said.
    Persist,
    /// A number as the client wrote it.
    At { unit: Unit, text: &'a [u8] },
}

/// What a number of time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Milliseconds,
    /// Unix seconds.
    AtSecond,
    /// Unix milliseconds.
    AtMillisecond,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options<'a> {
    pub(super) condition: Condition,
    pub(super) gives_old: bool,
    pub(super) expiry: Expiry<'a>,
}

impl<'a> Options<'a> {
    /// Reads the words behind the value (SET) or the key (GETEX).
    pub(super) fn parse(words: &[&'a [u8]], purpose: Purpose) -> Result<Self, CommandError> {
        let mut options =
            Self { condition: Condition::Always, gives_old: false, expiry: Expiry::Clear };
        let sets = purpose == Purpose::Set;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if sets && is_word(word, "nx") && options.condition != Condition::IfPresent {
                options.condition = Condition::IfAbsent;
            } else if sets && is_word(word, "xx") && options.condition != Condition::IfAbsent {
                options.condition = Condition::IfPresent;
            } else if sets && is_word(word, "get") {
                options.gives_old = true;
            } else {
                options.expiry = next_expiry(options.expiry, word, &mut words, sets)
                    .ok_or(CommandError::Syntax)?;
            }
        }
        Ok(options)
    }
}

/// What `word` makes of the expiry said before. A unit may be given again, and the later number counts; two kinds exclude
/// each other.
fn next_expiry<'a>(
    before: Expiry<'a>,
    word: &[u8],
    rest: &mut std::slice::Iter<'_, &'a [u8]>,
    sets: bool,
) -> Option<Expiry<'a>> {
    let said = match word {
        _ if sets && is_word(word, "keepttl") => Expiry::Keep,
        _ if !sets && is_word(word, "persist") => Expiry::Persist,
        _ => {
            let units = [
                ("ex", Unit::Seconds),
                ("px", Unit::Milliseconds),
                ("exat", Unit::AtSecond),
                ("pxat", Unit::AtMillisecond),
            ];
            let (_, unit) = units.into_iter().find(|(name, _)| is_word(word, name))?;
            Expiry::At { unit, text: rest.next()? }
        }
    };
    let goes_together = match (before, said) {
        (Expiry::Clear, _) => true,
        (Expiry::At { unit: before, .. }, Expiry::At { unit, .. }) => before == unit,
        (before, said) => before == said,
    };
    goes_together.then_some(said)
}

/// The point in time that `text` names, Unix ms.
///
/// # Errors
/// When it is no number, not positive, or the point does not fit.
pub(super) fn deadline_ms(
    unit: Unit,
    text: &[u8],
    now_ms: u64,
    command: &'static str,
) -> Result<u64, CommandError> {
    let number = parse_integer(text).ok_or(CommandError::NotInteger)?;
    let invalid = CommandError::InvalidExpire(command);
    let Some(number) = u64::try_from(number).ok().filter(|&number| number > 0) else {
        return Err(invalid);
    };
    let scaled = match unit {
        Unit::Seconds | Unit::AtSecond => number.checked_mul(1_000),
        Unit::Milliseconds | Unit::AtMillisecond => Some(number),
    };
    let base_ms = match unit {
        Unit::Seconds | Unit::Milliseconds => now_ms,
        Unit::AtSecond | Unit::AtMillisecond => 0,
    };
    scaled
        .and_then(|scaled| scaled.checked_add(base_ms))
        .filter(|&at_ms| i64::try_from(at_ms).is_ok())
        .ok_or(invalid)
}
