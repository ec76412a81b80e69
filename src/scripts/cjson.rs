//! Owns the library `cjson`: JSON as scripts of Redis know it.

use mlua::{Lua, Result, Table, Value};
use serde_json::Value as Json;

use super::limits::DEPTH_MAX;

/// A table whose highest index is above this, and above twice its values, is too sparse for an array.
const SPARSE_MIN: usize = 10;

/// The library.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("null", Value::NULL)?;
    table.set(
        "encode",
        lua.create_function(|lua, value: Value| {
            let mut out = Vec::new();
            encode(&value, 0, &mut out)?;
            lua.create_string(&out)
        })?,
    )?;
    table.set(
        "decode",
        lua.create_function(|lua, text: mlua::String| {
            let json: Json = serde_json::from_slice(&text.as_bytes()).map_err(|error| {
                mlua::Error::runtime(format!("Expected value but found invalid token: {error}"))
            })?;
            decode(lua, &json)
        })?,
    )?;
    for setting in [
        "encode_sparse_array",
        "encode_max_depth",
        "decode_max_depth",
        "encode_number_precision",
        "encode_keep_buffer",
        "encode_invalid_numbers",
        "decode_invalid_numbers",
    ] {
        table.set(setting, lua.create_function(|_, ()| Ok(()))?)?;
    }
    table.set("_NAME", "cjson")?;
    table.set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn decode(lua: &Lua, json: &Json) -> Result<Value> {
    Ok(match json {
        Json::Null => Value::NULL,
        Json::Bool(value) => Value::Boolean(*value),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::String(lua.create_string(text)?),
        Json::Array(values) => {
            let table = lua.create_table_with_capacity(values.len(), 0)?;
            for (at, value) in values.iter().enumerate() {
                table.raw_set(at + 1, decode(lua, value)?)?;
            }
            Value::Table(table)
        }
        Json::Object(fields) => {
            let table = lua.create_table_with_capacity(0, fields.len())?;
            for (name, value) in fields {
                table.raw_set(lua.create_string(name)?, decode(lua, value)?)?;
            }
            Value::Table(table)
        }
    })
}

fn encode(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(mlua::Error::runtime("Cannot serialise, excessive depth"));
    }
    match value {
        Value::Nil => out.extend_from_slice(b"null"),
        Value::LightUserData(_) => out.extend_from_slice(b"null"),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Number(number) => encode_number(*number, out)?,
        Value::String(text) => encode_text(&text.as_bytes(), out),
        Value::Table(table) => encode_table(table, depth, out)?,
        other => {
            let name = other.type_name();
            let line = format!("Cannot serialise {name}: type not supported");
            return Err(mlua::Error::runtime(line));
        }
    }
    Ok(())
}

fn encode_number(number: f64, out: &mut Vec<u8>) -> Result<()> {
    if !number.is_finite() {
        return Err(mlua::Error::runtime("Cannot serialise number: must not be NaN or Inf"));
    }
    out.extend_from_slice(fourteen_digits(number).as_bytes());
    Ok(())
}

/// A number with 14 digits at most, as `%.14g` prints it.
fn fourteen_digits(number: f64) -> String {
    if number == 0.0 {
        return if number.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    let scientific = format!("{number:.13e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-5..14).contains(&power) {
        let places = usize::try_from(13 - power).unwrap_or(0);
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

fn encode_table(table: &Table, depth: usize, out: &mut Vec<u8>) -> Result<()> {
    let mut pairs: Vec<(Value, Value)> = Vec::new();
    for pair in table.pairs::<Value, Value>() {
        pairs.push(pair?);
    }
    let highest = array_length(&pairs);
    let Some(highest) = highest.filter(|&highest| highest > 0) else {
        out.push(b'{');
        for (at, (key, value)) in pairs.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match key {
                Value::String(text) => encode_text(&text.as_bytes(), out),
                Value::Integer(number) => out.extend_from_slice(format!("\"{number}\"").as_bytes()),
                Value::Number(number) => {
                    out.extend_from_slice(format!("\"{}\"", fourteen_digits(*number)).as_bytes());
                }
                _ => {
                    let line = "Cannot serialise table: table key must be a number or string";
                    return Err(mlua::Error::runtime(line));
                }
            }
            out.push(b':');
            encode(value, depth + 1, out)?;
        }
        out.push(b'}');
        return Ok(());
    };
    if highest > SPARSE_MIN && highest > 2 * pairs.len() {
        return Err(mlua::Error::runtime("Cannot serialise table: excessively sparse array"));
    }
    out.push(b'[');
    for at in 1..=highest {
        if at > 1 {
            out.push(b',');
        }
        encode(&table.raw_get::<Value>(at)?, depth + 1, out)?;
    }
    out.push(b']');
    Ok(())
}

/// The highest index of a table whose keys are all positive whole numbers.
pub(super) fn array_length(pairs: &[(Value, Value)]) -> Option<usize> {
    let index = |key: &Value| match key {
        Value::Integer(number) => usize::try_from(*number).ok().filter(|&number| number > 0),
        #[expect(clippy::cast_possible_truncation, reason = "whole, as was asked before")]
        Value::Number(number) if number.fract() == 0.0 && *number >= 1.0 && *number < 1e15 => {
            usize::try_from(*number as i64).ok()
        }
        _ => None,
    };
    pairs.iter().try_fold(0, |highest, (key, _)| Some(index(key)?.max(highest)))
}
