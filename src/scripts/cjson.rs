//! Owns the library `cjson`: JSON as scripts of Redis know it.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, Result, Table, Value};
use serde_json::Value as Json;

use super::limits::DEPTH_MAX;

/// A table whose highest index is above this, and above twice its values, is too sparse for an array.
const SPARSE_MIN: usize = 10;

/// What scripts have set; it holds for those that follow, as in Redis.
#[derive(Debug)]
struct Set {
    encode_depth_max: Cell<usize>,
    decode_depth_max: Cell<usize>,
    digits: Cell<usize>,
    invalid: Cell<Invalid>,
}

/// What becomes of numbers that JSON has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

/// The library.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("null", Value::NULL)?;
    let set = Rc::new(Set {
        encode_depth_max: Cell::new(DEPTH_MAX),
        decode_depth_max: Cell::new(DEPTH_MAX),
        digits: Cell::new(14),
        invalid: Cell::new(Invalid::Refused),
    });
    let settings = Rc::clone(&set);
    table.set(
        "encode",
        lua.create_function(move |lua, value: Value| {
            let mut out = Vec::new();
            encode(&value, 0, &settings, &mut out)?;
            lua.create_string(&out)
        })?,
    )?;
    let settings = Rc::clone(&set);
    table.set(
        "decode",
        lua.create_function(move |lua, text: mlua::String| {
            let json: Json = serde_json::from_slice(&text.as_bytes()).map_err(|error| {
                mlua::Error::runtime(format!("Expected value but found invalid token: {error}"))
            })?;
            decode(lua, &json, settings.decode_depth_max.get())
        })?,
    )?;
    let number = |name: &str, max: usize, cell: fn(&Set) -> &Cell<usize>| {
        let settings = Rc::clone(&set);
        let function = lua.create_function(move |_, value: Option<usize>| {
            let cell = cell(&settings);
            if let Some(value) = value {
                cell.set(value.clamp(1, max));
            }
            Ok(cell.get())
        })?;
        table.set(name, function)
    };
    number("encode_max_depth", DEPTH_MAX, |set| &set.encode_depth_max)?;
    number("decode_max_depth", DEPTH_MAX, |set| &set.decode_depth_max)?;
    number("encode_number_precision", 14, |set| &set.digits)?;
    let settings = Rc::clone(&set);
    table.set(
        "encode_invalid_numbers",
        lua.create_function(move |_, value: Value| {
            match value {
                Value::Boolean(true) => settings.invalid.set(Invalid::Written),
                Value::Boolean(false) => settings.invalid.set(Invalid::Refused),
                Value::String(_) => settings.invalid.set(Invalid::Null),
                _ => {}
            }
            Ok(settings.invalid.get() == Invalid::Written)
        })?,
    )?;
    for setting in ["encode_sparse_array", "encode_keep_buffer", "decode_invalid_numbers"] {
        table.set(setting, lua.create_function(|_, ()| Ok(()))?)?;
    }
    table.set("_NAME", "cjson")?;
    table.set("_VERSION", "2.1.0")?;
    Ok(table)
}

/// `depth` is how many tables may be in each other.
fn decode(lua: &Lua, json: &Json, depth: usize) -> Result<Value> {
    if depth == 0 && (json.is_array() || json.is_object()) {
        return Err(mlua::Error::runtime("Found too many nested data structures"));
    }
    Ok(match json {
        Json::Null => Value::NULL,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(lua.create_string(text)?),
        Json::Array(values) => {
            let table = lua.create_table_with_capacity(values.len(), 0)?;
            for (at, value) in values.iter().enumerate() {
                table.raw_set(at + 1, decode(lua, value, depth - 1)?)?;
            }
            Value::Table(table)
        }
        Json::Object(fields) => {
            let table = lua.create_table_with_capacity(0, fields.len())?;
            for (name, value) in fields {
                table.raw_set(lua.create_string(name)?, decode(lua, value, depth - 1)?)?;
            }
            Value::Table(table)
        }
    })
}

fn encode(value: &Value, depth: usize, set: &Set, out: &mut Vec<u8>) -> Result<()> {
    if value.is_table() && depth >= set.encode_depth_max.get() {
        return Err(mlua::Error::runtime("Cannot serialise, excessive depth"));
    }
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::LightUserData(_) => out.extend_from_slice(b"null"),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Number(number) => encode_number(*number, set, out)?,
        Value::String(text) => encode_text(&text.as_bytes(), out),
        Value::Table(table) => encode_table(table, depth, set, out)?,
        other => {
            let name = other.type_name();
            let line = format!("Cannot serialise {name}: type not supported");
            return Err(mlua::Error::runtime(line));
        }
    }
    Ok(())
}

fn encode_number(number: f64, set: &Set, out: &mut Vec<u8>) -> Result<()> {
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let text = match set.invalid.get() {
        _ if number.is_finite() => in_digits(number, set.digits.get()),
        Invalid::Refused => {
            return Err(mlua::Error::runtime("Cannot serialise number: must not be NaN or Inf"));
        }
        Invalid::Null => "null".to_owned(),
        Invalid::Written if number.is_nan() => format!("{sign}nan"),
        Invalid::Written => format!("{sign}inf"),
    };
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// A number with so many digits at most, as C's `%g` prints it.
fn in_digits(number: f64, digits_max: usize) -> String {
    let behind = digits_max - 1;
    if number == 0.0 {
        return if number.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    let scientific = format!("{number:.behind$e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let behind = i32::try_from(behind).unwrap_or(0);
    if (-4..=behind).contains(&power) {
        let places = usize::try_from(behind - power).unwrap_or(0);
        return trimmed(&format!("{number:.places$}"));
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), power.abs())
}

fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'/' => out.extend_from_slice(b"\\/"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 | 0x7f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn encode_table(table: &Table, depth: usize, set: &Set, out: &mut Vec<u8>) -> Result<()> {
    let (count, highest) = shape(table)?;
    let Some(highest) = highest.filter(|&highest| highest > 0) else {
        out.push(b'{');
        for (at, pair) in table.pairs::<Value, Value>().enumerate() {
            let (key, value) = pair?;
            if at > 0 {
                out.push(b',');
            }
            match key {
                Value::String(text) => encode_text(&text.as_bytes(), out),
                Value::Integer(number) => out.extend_from_slice(format!("\"{number}\"").as_bytes()),
                Value::Number(number) => {
                    let text = in_digits(number, set.digits.get());
                    out.extend_from_slice(format!("\"{text}\"").as_bytes());
                }
                _ => {
                    let line = "Cannot serialise table: table key must be a number or string";
                    return Err(mlua::Error::runtime(line));
                }
            }
            out.push(b':');
            encode(&value, depth + 1, set, out)?;
        }
        out.push(b'}');
        return Ok(());
    };
    if highest > SPARSE_MIN && highest > 2 * count {
        return Err(mlua::Error::runtime("Cannot serialise table: excessively sparse array"));
    }
    out.push(b'[');
    for at in 1..=highest {
        if at > 1 {
            out.push(b',');
        }
        encode(&table.raw_get::<Value>(at)?, depth + 1, set, out)?;
    }
    out.push(b']');
    Ok(())
}

/// How many values a table has, and the highest index if all keys are positive whole numbers. The values are not held meanwhile: a machine lends
/// a few thousand at a time.
pub(super) fn shape(table: &Table) -> Result<(usize, Option<usize>)> {
    let (mut count, mut highest) = (0, Some(0));
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair?;
        count += 1;
        highest = highest.and_then(|highest: usize| Some(index_of(&key)?.max(highest)));
    }
    Ok((count, highest))
}

fn index_of(key: &Value) -> Option<usize> {
    match key {
        Value::Integer(number) => usize::try_from(*number).ok().filter(|&number| number > 0),
        #[expect(clippy::cast_possible_truncation, reason = "whole, as was asked before")]
        Value::Number(number) if number.fract() == 0.0 && *number >= 1.0 && *number < 1e15 => {
            usize::try_from(*number as i64).ok()
        }
        _ => None,
    }
}
