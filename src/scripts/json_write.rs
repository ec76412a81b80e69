//! Owns the way of Lua's values into JSON.

use hyperion_lua::{Form, Met, Place, Seen, Visitor, walk};
use mlua::{Lua, Value};

use super::cjson::{Choice, Set};
use super::limits::MACHINE_BYTES_MAX;

/// A value as JSON.
///
/// Errors: for want of memory; within it, what the script is told.
pub(super) fn write(lua: &Lua, value: &Value, set: &Set) -> mlua::Result<Result<Vec<u8>, String>> {
    let mut writing = Writing { set, out: Vec::new() };
    let ended = walk(lua, value, &[], &mut writing)?;
    Ok(ended.map(|()| writing.out))
}

struct Writing<'s> {
    set: &'s Set,
    out: Vec<u8>,
}

impl Writing<'_> {
    /// What stands before a value at its place.
    fn begin(&mut self, place: Place) -> Result<(), String> {
        match place {
            Place::Item(before) | Place::Key(before) if before > 0 => self.out.push(b','),
            Place::Value => self.out.push(b':'),
            _ => {}
        }
        // The string would not fit into the machine.
        if self.out.len() > MACHINE_BYTES_MAX {
            Err("not enough memory".to_owned())
        } else {
            Ok(())
        }
    }

    fn key(&mut self, key: Seen<'_>) -> Result<(), String> {
        match key {
            Seen::Text(text) => write_text(text, &mut self.out),
            Seen::Number(number) => {
                self.out.push(b'"');
                self.number(number)?;
                self.out.push(b'"');
            }
            Seen::Boolean(_) => return Err(bad_key("boolean")),
            Seen::Other(name) => return Err(bad_key(name)),
            Seen::Null | Seen::Nil => return Err(bad_key("userdata")),
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), String> {
        let sign = if number < 0.0 { "-" } else { "" };
        let text = match self.set.invalid.get() {
            _ if number.is_finite() => in_digits(number, self.set.digits.get()),
            Choice::Off => {
                return Err("Cannot serialise number: must not be NaN or Inf".to_owned());
            }
            Choice::Null => "null".to_owned(),
            Choice::On if number.is_nan() => "nan".to_owned(),
            Choice::On => format!("{sign}inf"),
        };
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// How many values an array has, if the table is one.
    fn array_of(&self, table: Met<'_>) -> Result<Option<usize>, String> {
        let (count, highest) = table.shape();
        let Some(highest) = highest.filter(|&highest| highest > 0) else { return Ok(None) };
        let setting = |value: i64| usize::try_from(value).unwrap_or(0);
        let [ratio, safe] =
            [&self.set.sparse_ratio, &self.set.sparse_safe].map(|it| setting(it.get()));
        if ratio > 0 && highest > count.saturating_mul(ratio) && highest > safe {
            return match self.set.converts.get() {
                Choice::On => Ok(None),
                _ => Err("Cannot serialise table: excessively sparse array".to_owned()),
            };
        }
        Ok(Some(highest))
    }
}

impl Visitor for Writing<'_> {
    fn value(&mut self, value: Seen<'_>, place: Place) -> Result<(), String> {
        self.begin(place)?;
        if matches!(place, Place::Key(_)) {
            return self.key(value);
        }
        match value {
            Seen::Nil | Seen::Null => self.out.extend_from_slice(b"null"),
            Seen::Boolean(true) => self.out.extend_from_slice(b"true"),
            Seen::Boolean(false) => self.out.extend_from_slice(b"false"),
            Seen::Number(number) => self.number(number)?,
            Seen::Text(text) => write_text(text, &mut self.out),
            Seen::Other(name) => {
                return Err(format!("Cannot serialise {name}: type not supported"));
            }
        }
        Ok(())
    }

    fn table(&mut self, table: Met<'_>, place: Place, depth: usize) -> Result<Form, String> {
        self.begin(place)?;
        if matches!(place, Place::Key(_)) {
            return Err(bad_key("table"));
        }
        if i64::try_from(depth).is_ok_and(|depth| depth > self.set.encode_depth_max.get()) {
            return Err(too_deep(depth));
        }
        Ok(match self.array_of(table)? {
            Some(count) => {
                self.out.push(b'[');
                Form::List(count)
            }
            None => {
                self.out.push(b'{');
                Form::Pairs(None)
            }
        })
    }

    fn too_deep(&mut self, _: Place, depth: usize) -> Result<(), String> {
        Err(too_deep(depth))
    }

    fn end(&mut self, form: Form) {
        self.out.push(if matches!(form, Form::List(_)) { b']' } else { b'}' });
    }
}

fn bad_key(name: &str) -> String {
    format!("Cannot serialise {name}: table key must be a number or string")
}

fn too_deep(depth: usize) -> String {
    format!("Cannot serialise, excessive nesting ({depth})")
}

/// A number with so many digits at most, as C's `%g` prints it.
fn in_digits(number: f64, digits_max: i64) -> String {
    let behind = i32::try_from(digits_max - 1).unwrap_or(0);
    // Most are whole and short.
    if number.fract() == 0.0 && number != 0.0 && number.abs() < 10_f64.powi(behind) {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and below 10^13")]
        return (number as i64).to_string();
    }
    if number == 0.0 {
        return if number.is_sign_negative() { "-0".to_owned() } else { "0".to_owned() };
    }
    let places = usize::try_from(behind).unwrap_or(0);
    let scientific = format!("{number:.places$e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    if (-4..=behind).contains(&power) {
        let places = usize::try_from(behind - power).unwrap_or(0);
        return trimmed(&format!("{number:.places$}"));
    }
    let sign = if power < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trimmed(digits), power.abs())
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
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
