//! Owns the canonical form of a config (RFC 8785) and the hash over it.
//!
//! Written here and not taken from a crate: a config holds no floating-point number, and without
//! them the form is sorted keys, no spaces and the escapes that `serde_json` writes already.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::document::Config;
use super::limits::EPOCH_MAX;
use super::thresholds::Thresholds;

/// The SHA-256 of the canonical form, as 64 lower-case hexadecimal digits.
///
/// Panics: on a number past 2^53 - 1; [`try_hash`] is for a config that has not been checked.
#[must_use]
pub fn hash(config: &Config) -> String {
    let value = serde_json::to_value(config).expect("a config has text keys alone");
    let digest = Sha256::digest(canonical(&value).as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same for a config that has not been checked; `None` when a number has no exact form in JSON.
#[must_use]
pub fn try_hash(config: &Config) -> Option<String> {
    let sizes = [
        config.settings.memory_bytes_max.as_ref().map_or(0, super::size::Size::bytes),
        config.settings.segment_bytes.bytes(),
        config.settings.limits.output_bytes.bytes(),
        config.settings.limits.value_bytes.bytes(),
        config.settings.snapshot.bytes_a_second.as_ref().map_or(0, super::size::Size::bytes),
        config.settings.moves.bytes_a_second.as_ref().map_or(0, super::size::Size::bytes),
        thresholds_max(&config.settings.thresholds),
        config.settings.observe.slowlog_slower_than_us.unwrap_or(0),
        config.epoch,
    ];
    sizes.iter().all(|number| *number <= EPOCH_MAX).then(|| hash(config))
}

fn thresholds_max(thresholds: &Thresholds) -> u64 {
    let Thresholds {
        hash_listpack_entries,
        hash_listpack_value,
        list_listpack_size: _,
        set_intset_entries,
        set_listpack_entries,
        set_listpack_value,
        stream_node_entries,
        zset_listpack_entries,
        zset_listpack_value,
    } = *thresholds;
    [
        hash_listpack_entries,
        hash_listpack_value,
        set_intset_entries,
        set_listpack_entries,
        set_listpack_value,
        stream_node_entries,
        zset_listpack_entries,
        zset_listpack_value,
    ]
    .into_iter()
    .fold(0, u64::max)
}

/// The canonical form of a JSON value that holds whole numbers alone.
///
/// Panics: on a number that is no whole number between 0 and 2^53 - 1; the types of the config and
/// its validation leave none.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(flag) => text.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            let whole = number.as_u64().filter(|whole| *whole <= EPOCH_MAX);
            let whole = whole.unwrap_or_else(|| panic!("{number} has no canonical form here"));
            text.push_str(&whole.to_string());
        }
        Value::String(string) => write_string(string, text),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|left, right| left.encode_utf16().cmp(right.encode_utf16()));
            text.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_string(key, text);
                text.push(':');
                write(&fields[key], text);
            }
            text.push('}');
        }
    }
}

/// RFC 8785, section 3.2.2.2: the two-letter escapes, `\u00xx` in lower case for other control
/// characters, everything else as it is.
fn write_string(string: &str, text: &mut String) {
    text.push('"');
    for character in string.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{8}' => text.push_str("\\b"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\u{c}' => text.push_str("\\f"),
            '\r' => text.push_str("\\r"),
            '\0'..='\u{1f}' => text.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => text.push(character),
        }
    }
    text.push('"');
}
