//! Owns the library `cmsgpack`: values as MessagePack.

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Table, Value};

use super::checked::{Arguments, Problem, of_many, problem, spreading, wrong};
use super::limits::{MACHINE_BYTES_MAX, PACKED_DEPTH_MAX, PACKED_VALUES_MAX};

type Outcome<T> = std::result::Result<T, Problem>;

/// Tables in tables that are packed; those in these are nil.
const NESTED_MAX: usize = 16;

/// The library.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let packs = of_many(lua, |lua, given| {
        if given.count() == 0 {
            return wrong(0, "MessagePack pack needs input.");
        }
        let (mut out, mut left) = (Vec::new(), PACKED_VALUES_MAX);
        (1..=given.count())
            .filter_map(|number| given.get(number))
            .try_for_each(|value| pack(value, 0, &mut out, &mut left))?;
        Ok(lua.create_string(&out)?)
    })?;
    table.set("pack", packs)?;
    table.set("unpack", spreading(lua, |lua, given| unpack_some(lua, given, 0, 0))?)?;
    let one = |lua: &Lua, given: &Arguments<'_>| {
        let from = offset(given, 2)?;
        unpack_some(lua, given, 1, from)
    };
    table.set("unpack_one", spreading(lua, one)?)?;
    let limited = |lua: &Lua, given: &Arguments<'_>| {
        let limit = given.integer(2)?;
        let from = offset(given, 3)?;
        unpack_some(lua, given, limit, from)
    };
    table.set("unpack_limit", spreading(lua, limited)?)?;
    table.set("_NAME", "cmsgpack")?;
    table.set("_VERSION", "lua-cmsgpack 0.4.0")?;
    Ok(table)
}

fn offset(given: &Arguments<'_>, number: usize) -> Outcome<i64> {
    if given.given(number).is_some() { given.integer(number) } else { Ok(0) }
}

/// A head that tells a length: in the kind itself below `short`, else in two or four bytes (one too, where there is a kind for it).
fn push_head(
    out: &mut Vec<u8>,
    length: usize,
    short: (u8, usize),
    [one, two, four]: [Option<u8>; 3],
) {
    let length32 = u32::try_from(length).unwrap_or(u32::MAX);
    if length < short.1 {
        out.push(short.0 | u8::try_from(length).unwrap_or(0));
    } else if let (Some(kind), Ok(length)) = (one, u8::try_from(length)) {
        out.extend_from_slice(&[kind, length]);
    } else if let (Some(kind), Ok(length)) = (two, u16::try_from(length)) {
        out.push(kind);
        out.extend_from_slice(&length.to_be_bytes());
    } else if let Some(kind) = four {
        out.push(kind);
        out.extend_from_slice(&length32.to_be_bytes());
    }
}

/// Packs a value, of `left` that may be packed.
fn pack(value: &Value, depth: usize, out: &mut Vec<u8>, left: &mut usize) -> Result<()> {
    if *left == 0 || out.len() > MACHINE_BYTES_MAX {
        return Err(mlua::Error::runtime("not enough memory"));
    }
    *left -= 1;
    match value {
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(number) => pack_integer(*number, out),
        #[expect(clippy::cast_possible_truncation, reason = "whole, as was asked before")]
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e18 => {
            pack_integer(*number as i64, out);
        }
        Value::Number(number) => {
            #[expect(clippy::cast_possible_truncation, reason = "compared right after")]
            let narrow = *number as f32;
            #[expect(clippy::float_cmp, reason = "equal exactly or written in full")]
            if f64::from(narrow) == *number {
                out.push(0xca);
                out.extend_from_slice(&narrow.to_be_bytes());
            } else {
                out.push(0xcb);
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
        Value::String(text) => {
            let text = text.as_bytes();
            push_head(out, text.len(), (0xa0, 32), [Some(0xd9), Some(0xda), Some(0xdb)]);
            out.extend_from_slice(&text);
        }
        // What refers to itself ends somewhere.
        Value::Table(_) if depth >= NESTED_MAX => out.push(0xc0),
        Value::Table(table) => {
            let (count, highest) = shape(table)?;
            if highest == Some(count) {
                push_head(out, count, (0x90, 16), [None, Some(0xdc), Some(0xdd)]);
                for at in 1..=count {
                    pack(&table.raw_get::<Value>(at)?, depth + 1, out, left)?;
                }
            } else {
                push_head(out, count, (0x80, 16), [None, Some(0xde), Some(0xdf)]);
                for pair in table.pairs::<Value, Value>() {
                    let (key, value) = pair?;
                    pack(&key, depth + 1, out, left)?;
                    pack(&value, depth + 1, out, left)?;
                }
            }
        }
        _ => out.push(0xc0),
    }
    Ok(())
}

fn pack_integer(number: i64, out: &mut Vec<u8>) {
    if let Ok(small) = u8::try_from(number) {
        if small < 0x80 {
            out.push(small);
        } else {
            out.extend_from_slice(&[0xcc, small]);
        }
    } else if let Ok(small) = u16::try_from(number) {
        out.push(0xcd);
        out.extend_from_slice(&small.to_be_bytes());
    } else if let Ok(small) = u32::try_from(number) {
        out.push(0xce);
        out.extend_from_slice(&small.to_be_bytes());
    } else if number >= 0 {
        out.push(0xcf);
        out.extend_from_slice(&number.to_be_bytes());
    } else if let Ok(small) = i8::try_from(number) {
        if small >= -32 {
            out.push(small.cast_unsigned());
        } else {
            out.extend_from_slice(&[0xd0, small.cast_unsigned()]);
        }
    } else if let Ok(small) = i16::try_from(number) {
        out.push(0xd1);
        out.extend_from_slice(&small.to_be_bytes());
    } else if let Ok(small) = i32::try_from(number) {
        out.push(0xd2);
        out.extend_from_slice(&small.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

/// Some values from a place on, all of them where both are 0: where the next one is, -1 at the end, unless it is all; a table of them, and how many.
fn unpack_some(lua: &Lua, given: &Arguments<'_>, limit: i64, from: i64) -> Outcome<MultiValue> {
    let text = given.text(1)?;
    let text = text.as_bytes();
    let length = text.len();
    let (Ok(count_max), Ok(start)) = (usize::try_from(limit), usize::try_from(from)) else {
        // Redis names the length in the place of the limit.
        return problem(format!(
            "Invalid request to unpack with offset of {from} and limit of {length}."
        ));
    };
    let Some(mut bytes) = text.get(start..) else {
        return problem(format!("Start offset {start} greater than input length {length}."));
    };
    let is_all = limit == 0 && from == 0;
    let (values, mut count) = (lua.create_table()?, 0);
    while !bytes.is_empty() && (is_all || count < count_max) {
        count += 1;
        values.raw_set(count, unpack(lua, &mut bytes, 0)?)?;
    }
    if is_all {
        return Ok((values, count).into_lua_multi(lua)?);
    }
    let next = if bytes.is_empty() { None } else { i64::try_from(length - bytes.len()).ok() };
    Ok((next.unwrap_or(-1), values, count).into_lua_multi(lua)?)
}

fn missing() -> Problem {
    Problem::Text("Missing bytes in input.".to_owned())
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Outcome<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or_else(missing)?;
    *bytes = rest;
    Ok(taken)
}

fn take_number(bytes: &mut &[u8], width: usize) -> Outcome<u64> {
    Ok(take(bytes, width)?.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}

#[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
fn unpack(lua: &Lua, bytes: &mut &[u8], depth: usize) -> Outcome<Value> {
    if depth > PACKED_DEPTH_MAX {
        return problem("Bad data format in input.");
    }
    let kind = take(bytes, 1)?[0];
    let length = |bytes: &mut &[u8], width| {
        take_number(bytes, width).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    };
    let signed = |number: u64, width: u32| {
        let unused = 64 - 8 * width;
        Value::Number(((number << unused).cast_signed() >> unused) as f64)
    };
    Ok(match kind {
        0..0x80 => Value::Number(f64::from(kind)),
        0x80..0x90 => unpack_map(lua, bytes, usize::from(kind & 0xf), depth)?,
        0x90..0xa0 => unpack_array(lua, bytes, usize::from(kind & 0xf), depth)?,
        0xa0..0xc0 => Value::String(lua.create_string(take(bytes, usize::from(kind & 0x1f))?)?),
        0xc0 => Value::Nil,
        0xc2 => Value::Boolean(false),
        0xc3 => Value::Boolean(true),
        0xc4 | 0xd9 => {
            let length = length(bytes, 1)?;
            Value::String(lua.create_string(take(bytes, length)?)?)
        }
        0xc5 | 0xda => {
            let length = length(bytes, 2)?;
            Value::String(lua.create_string(take(bytes, length)?)?)
        }
        0xc6 | 0xdb => {
            let length = length(bytes, 4)?;
            Value::String(lua.create_string(take(bytes, length)?)?)
        }
        0xca => {
            let narrow = u32::try_from(take_number(bytes, 4)?).map_err(|_| missing())?;
            Value::Number(f64::from(f32::from_bits(narrow)))
        }
        0xcb => Value::Number(f64::from_bits(take_number(bytes, 8)?)),
        0xcc => Value::Number(take_number(bytes, 1)? as f64),
        0xcd => Value::Number(take_number(bytes, 2)? as f64),
        0xce => Value::Number(take_number(bytes, 4)? as f64),
        0xcf => Value::Number(take_number(bytes, 8)? as f64),
        0xd0 => signed(take_number(bytes, 1)?, 1),
        0xd1 => signed(take_number(bytes, 2)?, 2),
        0xd2 => signed(take_number(bytes, 4)?, 4),
        0xd3 => signed(take_number(bytes, 8)?, 8),
        0xdc => {
            let length = length(bytes, 2)?;
            unpack_array(lua, bytes, length, depth)?
        }
        0xdd => {
            let length = length(bytes, 4)?;
            unpack_array(lua, bytes, length, depth)?
        }
        0xde => {
            let length = length(bytes, 2)?;
            unpack_map(lua, bytes, length, depth)?
        }
        0xdf => {
            let length = length(bytes, 4)?;
            unpack_map(lua, bytes, length, depth)?
        }
        0xe0..=0xff => Value::Number(f64::from(kind.cast_signed())),
        _ => return problem("Bad data format in input."),
    })
}

fn unpack_array(lua: &Lua, bytes: &mut &[u8], count: usize, depth: usize) -> Outcome<Value> {
    // Each value takes a byte at least.
    if count > bytes.len() {
        return Err(missing());
    }
    let table = lua.create_table()?;
    for at in 1..=count {
        table.raw_set(at, unpack(lua, bytes, depth + 1)?)?;
    }
    Ok(Value::Table(table))
}

fn unpack_map(lua: &Lua, bytes: &mut &[u8], count: usize, depth: usize) -> Outcome<Value> {
    if count > bytes.len() {
        return Err(missing());
    }
    let table = lua.create_table()?;
    for _ in 0..count {
        let key = unpack(lua, bytes, depth + 1)?;
        let value = unpack(lua, bytes, depth + 1)?;
        match &key {
            Value::Nil => return problem("table index is nil"),
            Value::Number(number) if number.is_nan() => return problem("table index is NaN"),
            _ => {}
        }
        table.raw_set(key, value)?;
    }
    Ok(Value::Table(table))
}

/// How many values a table has, and the highest index if all keys are positive whole numbers. The values are not held meanwhile: a machine lends
/// a few thousand at a time.
fn shape(table: &Table) -> Result<(usize, Option<usize>)> {
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
