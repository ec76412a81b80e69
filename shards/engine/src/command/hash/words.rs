//! Owns the words of the commands about the expiry of fields: `FIELDS count field ...`, and times.

use crate::command::context::is_word;
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;

/// The latest time at which a field may expire, Unix ms: 46 bits, as in Redis.
const TIME_MS_MAX: u64 = (1 << 46) - 1;

pub(super) const COUNT_WRONG: CommandError =
    CommandError::Says("ERR Number of fields must be a positive integer");
pub(super) const HEXPIRE_COUNT_WRONG: CommandError =
    CommandError::Says("ERR Parameter `numFields` should be greater than 0");
const NO_FIELDS: CommandError =
    CommandError::Says("ERR Mandatory argument FIELDS is missing or not at the right position");
const COUNT_DIFFERS: CommandError =
    CommandError::Says("ERR The `numfields` parameter must match the number of arguments");

/// The fields of `FIELDS count field [field ...]`. `wrong`: what is said of a count that is none.
pub(super) fn fields_of<'a, 'w>(
    words: &'w [&'a [u8]],
    wrong: CommandError,
) -> Result<&'w [&'a [u8]], CommandError> {
    let [word, count, fields @ ..] = words else { return Err(NO_FIELDS) };
    if !is_word(word, "fields") {
        return Err(NO_FIELDS);
    }
    let count = count_of(count, i64::MAX).ok_or(wrong)?;
    if fields.len() == count { Ok(fields) } else { Err(COUNT_DIFFERS) }
}

/// A count of at least one.
pub(super) fn count_of(word: &[u8], most: i64) -> Option<usize> {
    let count = parse_integer(word).filter(|count| (1..=most).contains(count))?;
    usize::try_from(count).ok()
}

/// How a time is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// Else in ms.
    pub(super) in_seconds: bool,
    /// Else a Unix time.
    pub(super) from_now: bool,
}

impl Clock {
    /// What EX, PX, EXAT and PXAT mean.
    pub(super) fn named(word: &[u8]) -> Option<Self> {
        let names = [("ex", true, true), ("px", false, true), ("exat", true, false)];
        let names = names.into_iter().chain([("pxat", false, false)]);
        let mut named = names.filter(|(name, ..)| is_word(word, name));
        named.next().map(|(_, in_seconds, from_now)| Self { in_seconds, from_now })
    }

    /// The time that a word gives, Unix ms.
    pub(super) fn time(
        self,
        word: &[u8],
        now_ms: u64,
        command: &'static str,
    ) -> Result<u64, CommandError> {
        let number = parse_integer(word).ok_or(CommandError::NotInteger)?;
        let number = u64::try_from(number)
            .map_err(|_| CommandError::Says("ERR invalid expire time, must be >= 0"))?;
        let scaled = number.checked_mul(if self.in_seconds { 1_000 } else { 1 });
        let time_ms = scaled.and_then(|ms| ms.checked_add(if self.from_now { now_ms } else { 0 }));
        time_ms.filter(|&ms| ms <= TIME_MS_MAX).ok_or(CommandError::InvalidExpire(command))
    }
}
