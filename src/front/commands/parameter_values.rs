//! Owns how values of parameters are shown and read: Redis' words on one side, settings on the other.

use super::limits::PASSWORD_BYTES_MAX;
use super::parameters::{SAVE, Setting};
use super::run::keyword;
use crate::config::{Durability, LogLevel, PasswordHash, PubsubOutput, Resolved, Size};
use hyperion_engine::Eviction;
use hyperion_engine::acl::set_default_password;
use hyperion_model::number::parse_integer;

/// Pairs of seconds and changes, which are shown back: each write is in the log.
pub(super) fn read_save(text: &[u8]) -> Result<Setting, String> {
    let words = words_of(text);
    let is_number = |word: &&[u8]| parse_integer(word).is_some_and(|number| number >= 0);
    if !words.len().is_multiple_of(2) || !words.iter().all(is_number) {
        return Err("Invalid save parameters".to_owned());
    }
    let text = saved(text);
    Ok(Box::new(move |settings| {
        if text.is_empty() {
            settings.redis.remove(SAVE);
        } else {
            settings.redis.insert(SAVE.to_owned(), text);
        }
    }))
}

/// The pairs with one blank between.
pub(super) fn saved(text: &[u8]) -> String {
    String::from_utf8_lossy(&words_of(text).join(&b' ')).into_owned()
}

fn words_of(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b' ').filter(|it| !it.is_empty()).collect()
}

pub(super) fn yes_or_no(holds: bool) -> String {
    if holds { "yes".to_owned() } else { "no".to_owned() }
}

pub(super) fn append_fsync(config: &Resolved) -> &'static str {
    match config.settings().durability {
        Durability::Always => "always",
        Durability::Interval => "everysec",
        Durability::Never => "no",
    }
}

/// Longest time between syncs that `everysec` promises, in milliseconds.
const EVERYSEC_MS: u32 = 1_000;

pub(super) fn read_append_fsync(text: &[u8]) -> Result<Setting, String> {
    let durability = match keyword(text).as_str() {
        "always" => Durability::Always,
        "everysec" => {
            return Ok(Box::new(|settings| {
                settings.durability = Durability::Interval;
                settings.sync_interval_ms = settings.sync_interval_ms.min(EVERYSEC_MS);
            }));
        }
        "no" => Durability::Never,
        _ => {
            return Err("argument(s) must be one of the following: everysec, always, no".to_owned());
        }
    };
    Ok(Box::new(move |settings| settings.durability = durability))
}

pub(super) fn read_durability(text: &[u8]) -> Result<Setting, String> {
    let durability = match keyword(text).as_str() {
        "always" => Durability::Always,
        "interval" => Durability::Interval,
        "never" => Durability::Never,
        _ => {
            return Err(
                "argument(s) must be one of the following: always, interval, never".to_owned()
            );
        }
    };
    Ok(Box::new(move |settings| settings.durability = durability))
}

pub(super) fn read_eviction(text: &[u8]) -> Result<Setting, String> {
    let eviction = Eviction::named(&keyword(text)).ok_or_else(|| {
        let names: Vec<&str> = Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
        format!("argument(s) must be one of the following: {}", names.join(", "))
    })?;
    // The config has a shorter word for the first of them.
    let name = if eviction == Eviction::None { "none" } else { eviction.name() };
    Ok(Box::new(move |settings| settings.eviction = name.to_owned()))
}

/// Redis' words where it has one for the level.
pub(super) fn log_level(config: &Resolved) -> &'static str {
    match config.settings().log_level {
        LogLevel::Warn => "warning",
        LogLevel::Info => "notice",
        level => level.as_str(),
    }
}

pub(super) fn read_log_level(text: &[u8]) -> Result<Setting, String> {
    let level = match keyword(text).as_str() {
        "error" => LogLevel::Error,
        "warn" | "warning" => LogLevel::Warn,
        "info" | "notice" => LogLevel::Info,
        "debug" | "verbose" => LogLevel::Debug,
        "trace" => LogLevel::Trace,
        _ => {
            return Err("argument(s) must be one of the following: debug, verbose, notice, warning, error, trace"
                .to_owned());
        }
    };
    Ok(Box::new(move |settings| settings.log_level = level))
}

pub(super) fn read_password(text: &[u8]) -> Result<Setting, String> {
    if text.len() > PASSWORD_BYTES_MAX {
        return Err(format!("the password is too long; use at most {PASSWORD_BYTES_MAX} bytes"));
    }
    let hash = (!text.is_empty()).then(|| PasswordHash::of(text));
    Ok(Box::new(move |settings| set_default_password(&mut settings.auth, hash)))
}

pub(super) fn whole(text: &[u8]) -> Result<u32, String> {
    within(text, 0, u32::MAX)
}

/// A whole number from `least` to `most`.
pub(super) fn within(text: &[u8], least: u32, most: u32) -> Result<u32, String> {
    let number = parse_integer(text).ok_or("argument couldn't be parsed into an integer")?;
    u32::try_from(number)
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("argument must be between {least} and {most} inclusive"))
}

/// What may wait for a client, by its class, as Redis prints it: hard limit, soft limit, seconds of the soft limit.
pub(super) fn output_limits(config: &Resolved) -> String {
    let (bytes, pubsub) = (config.output_bytes_max, &config.settings().limits.pubsub_output);
    let (hard, soft) = (pubsub.hard_bytes.bytes(), pubsub.soft_bytes.bytes());
    format!("normal {bytes} 0 0 slave {bytes} 0 0 pubsub {hard} {soft} {}", pubsub.soft_s)
}

/// Reads groups of a class and its three numbers. That of `pubsub` is a setting of its own; of `normal` the hard limit, which holds for
/// `slave` too, where it is not 0.
pub(super) fn read_output_limits(text: &[u8]) -> Result<Setting, String> {
    const NUMBERS: &str =
        "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    let words: Vec<&[u8]> =
        text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let (groups, []) = words.as_chunks::<4>() else {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    };
    if groups.is_empty() {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    let (mut normal, mut pubsub) = (None, None);
    for &[class, hard, soft, seconds] in groups {
        let number = |text| memory(text).map_err(|_| NUMBERS.to_owned());
        let (hard_bytes, soft_bytes) = (number(hard)?, number(soft)?);
        let soft_s = whole(seconds).map_err(|_| NUMBERS.to_owned())?;
        match keyword(class).as_str() {
            "normal" => normal = Some(hard_bytes).filter(|bytes| *bytes > 0),
            "slave" | "replica" => {}
            "pubsub" => {
                let size = Size::from_bytes;
                let (hard_bytes, soft_bytes) = (size(hard_bytes), size(soft_bytes));
                pubsub = Some(PubsubOutput { hard_bytes, soft_bytes, soft_s });
            }
            _ => {
                return Err(
                    "Invalid client class specified in buffer limit configuration.".to_owned()
                );
            }
        }
    }
    Ok(Box::new(move |settings| {
        let limits = &mut settings.limits;
        limits.output_bytes = normal.map_or(limits.output_bytes.clone(), Size::from_bytes);
        limits.pubsub_output = pubsub.unwrap_or_else(|| limits.pubsub_output.clone());
    }))
}

/// Reads `100`, `100k` (thousands), `100kb` (1,024s) and so on, in any case.
pub(super) fn memory(text: &[u8]) -> Result<u64, String> {
    const BAD: &str = "argument must be a memory value";
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, unit) = text.split_at(digits);
    let scale = match keyword(unit).as_str() {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(BAD.to_owned()),
    };
    let number: Option<u64> =
        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
    number.and_then(|number| number.checked_mul(scale)).ok_or_else(|| BAD.to_owned())
}
