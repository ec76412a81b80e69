//! Owns the library `struct`: values as the bytes of C's structures.

use mlua::{Lua, Result, Table, Value};

use super::checked::{Arguments, Problem, function, of_many, problem, spreading, wrong};

/// Values of one text: a machine lends a few thousand at a time.
const FIELDS_MAX: usize = 4_000;
/// Bytes of one integer; those above the eighth hold nothing.
const INTEGER_BYTES_MAX: usize = 32;
/// Where a format says nothing of it after its `!`, as on 64-bit processors.
const ALIGN_DEFAULT: usize = 8;

type Outcome<T> = std::result::Result<T, Problem>;

/// How the next values lie.
struct Format<'f> {
    rest: &'f [u8],
    is_little: bool,
    align_max: usize,
}

/// One thing of a format, and how many bytes it takes; 0 for texts that have no fixed size.
#[derive(Clone, Copy)]
struct Item {
    letter: u8,
    size: usize,
}

impl<'f> Format<'f> {
    /// The format that is the first argument.
    fn of(text: &'f [u8]) -> Self {
        let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
        Format { rest: text, is_little: true, align_max: 1 }
    }

    fn number(&mut self, default: usize) -> Outcome<usize> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if digits.is_empty() {
            return Ok(default);
        }
        let number = std::str::from_utf8(digits).ok().and_then(|it| it.parse::<i32>().ok());
        match number.and_then(|number| usize::try_from(number).ok()) {
            Some(number) => Ok(number),
            None => problem("integral size overflow"),
        }
    }

    fn next(&mut self) -> Outcome<Option<Item>> {
        let Some((&letter, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match letter {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => {
                let size = self.number(4)?;
                if size > INTEGER_BYTES_MAX {
                    return problem(format!(
                        "integral size {size} is larger than limit of {INTEGER_BYTES_MAX}"
                    ));
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { letter, size }))
    }

    /// Follows a letter that is no value.
    fn follow(&mut self, letter: u8) -> Outcome<()> {
        match letter {
            b' ' => {}
            b'>' => self.is_little = false,
            b'<' | b'=' => self.is_little = true,
            b'!' => {
                let align = self.number(ALIGN_DEFAULT)?;
                if !align.is_power_of_two() {
                    return problem(format!("alignment {align} is not a power of 2"));
                }
                self.align_max = align;
            }
            other => return wrong(1, format!("invalid format option '{}'", char::from(other))),
        }
        Ok(())
    }

    /// Bytes before the next item, which begins at `at`. Sizes that are no power of two are aligned as the bits of theirs say.
    fn padding(&self, item: Item, at: usize) -> usize {
        if item.size == 0 || item.letter == b'c' {
            return 0;
        }
        let align = item.size.min(self.align_max);
        (align - (at & (align - 1))) & (align - 1)
    }

    /// Puts the low bytes of a number in their order.
    fn push(&self, bits: u64, size: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let bytes = bits.to_le_bytes();
        out.extend((0..size).map(|at| bytes.get(at).copied().unwrap_or(0)));
        if !self.is_little {
            out[start..].reverse();
        }
    }

    /// The number whose bytes these are.
    fn bits(&self, bytes: &[u8]) -> u64 {
        let join = |bits: u64, &byte: &u8| bits << 8 | u64::from(byte);
        if self.is_little { bytes.iter().rev().fold(0, join) } else { bytes.iter().fold(0, join) }
    }
}

/// The library.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("pack", of_many(lua, |lua, given| Ok(lua.create_string(pack(given)?)?))?)?;
    table.set("unpack", spreading(lua, unpack)?)?;
    table.set("size", function(lua, |_, given| size(given))?)?;
    Ok(table)
}

fn size(given: &Arguments<'_>) -> Outcome<usize> {
    let text = given.text(1)?;
    let text = text.as_bytes();
    let (mut format, mut bytes) = (Format::of(&text), 0);
    while let Some(item) = format.next()? {
        bytes += format.padding(item, bytes);
        match item {
            Item { letter: b's', .. } => return wrong(1, "option 's' has no fixed size"),
            Item { letter: b'c', size: 0 } => return wrong(1, "option 'c0' has no fixed size"),
            Item { letter, .. } if !letter.is_ascii_alphanumeric() => format.follow(letter)?,
            _ => {}
        }
        bytes += item.size;
    }
    Ok(bytes)
}

/// A number as C makes an integer of it on 64-bit processors.
fn bits_of(number: f64) -> u64 {
    const END: f64 = 18_446_744_073_709_551_616.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as C does")]
    if number < 0.0 {
        (number as i64).cast_unsigned()
    } else if number.is_nan() {
        1 << 63
    } else if number >= END {
        0
    } else {
        number as u64
    }
}

fn pack(given: &Arguments<'_>) -> Outcome<Vec<u8>> {
    let text = given.text(1)?;
    let text = text.as_bytes();
    let mut format = Format::of(&text);
    let (mut out, mut argument) = (Vec::new(), 1);
    while let Some(item) = format.next()? {
        let padding = format.padding(item, out.len());
        out.resize(out.len() + padding, 0);
        let mut number = || {
            argument += 1;
            match given.get(argument) {
                // A mark stands behind the arguments.
                None => wrong(argument, "number expected, got nil"),
                Some(_) => given.number(argument),
            }
        };
        match item.letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                format.push(bits_of(number()?), item.size, &mut out);
            }
            b'x' => out.push(0),
            #[expect(clippy::cast_possible_truncation, reason = "as C does")]
            b'f' => format.push((number()? as f32).to_bits().into(), item.size, &mut out),
            b'd' => format.push(number()?.to_bits(), item.size, &mut out),
            b'c' | b's' => {
                argument += 1;
                if given.get(argument).is_none() {
                    return wrong(argument, "string expected, got nil");
                }
                let text = given.text(argument)?;
                let text = text.as_bytes();
                let size = if item.size == 0 { text.len() } else { item.size };
                let Some(text) = text.get(..size) else {
                    return wrong(argument + 1, "string too short");
                };
                out.extend_from_slice(text);
                if item.letter == b's' {
                    out.push(0);
                }
            }
            letter => format.follow(letter)?,
        }
    }
    Ok(out)
}

#[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
fn unpack(lua: &Lua, given: &Arguments<'_>) -> Outcome<(Table, usize)> {
    let (text, data) = (given.text(1)?, given.text(2)?);
    let (text, data) = (text.as_bytes(), data.as_bytes());
    let from = if given.given(3).is_some() { given.integer(3)? } else { 1 };
    if from == 0 {
        return wrong(3, "offset must be 1 or greater");
    }
    let mut format = Format::of(&text);
    // One before the begin is behind any end.
    let mut at = usize::try_from(from - 1).unwrap_or(usize::MAX >> 1);
    let mut values: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        if values.len() >= FIELDS_MAX {
            return problem("stack overflow (too many results)");
        }
        at += format.padding(item, at);
        let Some(bytes) = data.get(at..at.saturating_add(item.size)) else { return too_short() };
        let mut taken = item.size;
        match item.letter {
            b'b' | b'h' | b'l' | b'i' => {
                // Above eight bytes the bit that tells the sign is the one that processors shift to.
                let places = u32::try_from(8 * item.size).unwrap_or(0).wrapping_sub(1);
                let (bits, above) = (format.bits(bytes), u64::MAX.wrapping_shl(places));
                let bits = if bits & above == 0 { bits } else { bits | above };
                values.push(Value::Number(bits.cast_signed() as f64));
            }
            b'B' | b'H' | b'L' | b'T' | b'I' => {
                values.push(Value::Number(format.bits(bytes) as f64));
            }
            b'x' => {}
            b'f' => {
                let bits = u32::try_from(format.bits(bytes)).unwrap_or(0);
                values.push(Value::Number(f64::from(f32::from_bits(bits))));
            }
            b'd' => values.push(Value::Number(f64::from_bits(format.bits(bytes)))),
            b'c' if item.size == 0 => {
                let count = match values.pop() {
                    Some(count) => lua.coerce_number(count)?,
                    None => None,
                };
                let Some(count) = count else {
                    return problem("format 'c0' needs a previous size");
                };
                taken = usize::try_from(super::values::cut(count)).unwrap_or(usize::MAX >> 1);
                let Some(text) = data.get(at..at.saturating_add(taken)) else {
                    return too_short();
                };
                values.push(Value::String(lua.create_string(text)?));
            }
            b'c' => values.push(Value::String(lua.create_string(bytes)?)),
            b's' => {
                let rest = data.get(at..).unwrap_or_default();
                let Some(end) = rest.iter().position(|&byte| byte == 0) else {
                    return problem("unfinished string in data");
                };
                values.push(Value::String(lua.create_string(&rest[..end])?));
                taken = end + 1;
            }
            letter => format.follow(letter)?,
        }
        at += taken;
    }
    values.push(Value::Number((at + 1) as f64));
    let count = values.len();
    Ok((lua.create_sequence_from(values)?, count))
}

fn too_short<T>() -> Outcome<T> {
    wrong(2, "data string too short")
}
