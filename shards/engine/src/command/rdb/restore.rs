//! Owns RESTORE.

use super::build::put;
use super::footer;
use super::read::read;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::EventClass;
use hyperion_model::number::parse_integer;
use hyperion_store::Uses;

const BUSY: CommandError = CommandError::Says("BUSYKEY Target key name already exists.");
const BAD_TIME: CommandError = CommandError::Says("ERR Invalid TTL value, must be >= 0");
const BAD_IDLE: CommandError = CommandError::Says("ERR Invalid IDLETIME value, must be >= 0");
const BAD_FREQUENCY: CommandError =
    CommandError::Says("ERR Invalid FREQ value, must be >= 0 and <= 255");
const BAD_PAYLOAD: CommandError =
    CommandError::Says("ERR DUMP payload version or checksum are wrong");
pub(super) const BAD_FORMAT: CommandError = CommandError::Says("ERR Bad data format");

#[derive(Debug, Default)]
struct Options {
    replaces: bool,
    is_absolute: bool,
    /// How the key was used where it comes from.
    uses: Option<Uses>,
}

impl Options {
    fn parse(words: &[&[u8]]) -> Result<Self, CommandError> {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if is_word(word, "replace") {
                options.replaces = true;
            } else if is_word(word, "absttl") {
                options.is_absolute = true;
            } else if is_word(word, "idletime") && !matches!(options.uses, Some(Uses::Frequency(_)))
            {
                let idle = words.next().ok_or(CommandError::Syntax)?;
                let idle = parse_integer(idle).ok_or(CommandError::NotInteger)?;
                let idle_s = u64::try_from(idle).map_err(|_| BAD_IDLE)?;
                options.uses = Some(Uses::IdleMs(idle_s.saturating_mul(1_000)));
            } else if is_word(word, "freq") && !matches!(options.uses, Some(Uses::IdleMs(_))) {
                let frequency = words.next().ok_or(CommandError::Syntax)?;
                let frequency = parse_integer(frequency).ok_or(CommandError::NotInteger)?;
                let frequency = u8::try_from(frequency).map_err(|_| BAD_FREQUENCY)?;
                options.uses = Some(Uses::Frequency(frequency));
            } else {
                return Err(CommandError::Syntax);
            }
        }
        Ok(options)
    }
}

/// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`
pub(in crate::command) fn restore(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    let key = context.first_key(arguments)?;
    let options = Options::parse(&arguments[4..])?;
    let is_there = context.store.find(&key).is_some();
    if is_there && !options.replaces {
        return Err(BUSY);
    }
    let ttl = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let ttl = u64::try_from(ttl).map_err(|_| BAD_TIME)?;
    let bytes = footer::open(arguments[3]).ok_or(BAD_PAYLOAD)?;
    let bytes_max = usize::try_from(context.value_bytes_max).unwrap_or(usize::MAX);
    let mut value = read(bytes, bytes_max.saturating_add(bytes.len())).map_err(|_| BAD_FORMAT)?;
    let now_ms = context.store.now_ms();
    let is_gone = value.forget_expired(now_ms);
    let expiry_ms = match (ttl, options.is_absolute) {
        (0, _) => None,
        (at_ms, true) => Some(at_ms),
        (ttl, false) => Some(now_ms.saturating_add(ttl).min(i64::MAX.cast_unsigned())),
    };
    if is_gone || expiry_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        if is_there {
            context.store.delete(&key)?;
            context.notify(EventClass::Generic, "del", arguments[1]);
        }
    } else {
        put(context, &key, value, expiry_ms)?;
        if let Some(uses) = options.uses {
            context.store.set_uses(&key, uses);
        }
        context.notify(EventClass::Generic, "restore", arguments[1]);
    }
    context.reply.simple("OK");
    Ok(())
}
