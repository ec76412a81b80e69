//! Owns the library `struct`: values as the bytes of C's structures.

use mlua::{Lua, Result, Table, Value, Variadic};

/// Values of one text: a machine lends a few thousand at a time.
const FIELDS_MAX: usize = 4_000;

/// How the next values lie.
struct Format<'f> {
    rest: &'f [u8],
    is_little: bool,
    align_max: usize,
}

/// One thing of a format.
enum Item {
    Integer {
        width: usize,
        is_signed: bool,
    },
    Float(usize),
    /// A text of so many bytes; of all that is left, or as many as the number before says, where it is 0.
    Text(usize),
    /// Text up to a zero.
    Ended,
    Padding,
}

impl Format<'_> {
    fn number(&mut self) -> Option<usize> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(digits);
        self.rest = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn next(&mut self) -> Result<Option<Item>> {
        loop {
            let Some((&letter, rest)) = self.rest.split_first() else { return Ok(None) };
            self.rest = rest;
            let integer = |width, is_signed| Ok(Some(Item::Integer { width, is_signed }));
            return match letter {
                b'>' => {
                    self.is_little = false;
                    continue;
                }
                b'<' | b'=' => {
                    self.is_little = true;
                    continue;
                }
                b'!' => {
                    self.align_max = self.number().unwrap_or(8);
                    continue;
                }
                b' ' => continue,
                b'b' => integer(1, true),
                b'B' => integer(1, false),
                b'h' => integer(2, true),
                b'H' => integer(2, false),
                b'l' => integer(8, true),
                b'L' | b'T' => integer(8, false),
                b'i' | b'I' => {
                    let width = self.number().unwrap_or(4);
                    if width == 0 || width > 8 {
                        let line = "integral size is larger than limit of 8";
                        return Err(mlua::Error::runtime(line));
                    }
                    integer(width, letter == b'i')
                }
                b'f' => Ok(Some(Item::Float(4))),
                b'd' | b'n' => Ok(Some(Item::Float(8))),
                b'c' => Ok(Some(Item::Text(self.number().unwrap_or(1)))),
                b's' => Ok(Some(Item::Ended)),
                b'x' => Ok(Some(Item::Padding)),
                other => {
                    let line = format!("invalid format option '{}'", char::from(other));
                    Err(mlua::Error::runtime(line))
                }
            };
        }
    }

    /// Bytes before the next item, which begins at `at`.
    fn padding(&self, item: &Item, at: usize) -> usize {
        let width = match item {
            Item::Integer { width, .. } | Item::Float(width) => *width,
            _ => 1,
        };
        let align = width.min(self.align_max).max(1);
        if align.is_power_of_two() { at.next_multiple_of(align) - at } else { 0 }
    }
}

fn format(text: &[u8]) -> Format<'_> {
    Format { rest: text, is_little: true, align_max: 1 }
}

fn short() -> mlua::Error {
    mlua::Error::runtime("data string too short")
}

/// The library; what it calls `fields` gives a table of values and their number.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("pack", lua.create_function(pack)?)?;
    // The frame makes the function that scripts know of it.
    table.set("fields", lua.create_function(unpack)?)?;
    table.set("size", lua.create_function(|_, text: mlua::String| size(&text.as_bytes()))?)?;
    Ok(table)
}

fn size(text: &[u8]) -> Result<usize> {
    let (mut format, mut bytes) = (format(text), 0);
    while let Some(item) = format.next()? {
        bytes += format.padding(&item, bytes);
        bytes += match item {
            Item::Integer { width, .. } | Item::Float(width) => width,
            Item::Text(0) | Item::Ended => {
                return Err(mlua::Error::runtime("variable-size format in 'struct.size'"));
            }
            Item::Text(bytes) => bytes,
            Item::Padding => 1,
        };
    }
    Ok(bytes)
}

fn pack(lua: &Lua, (text, values): (mlua::String, Variadic<Value>)) -> Result<mlua::String> {
    let text = text.as_bytes();
    let mut format = format(&text);
    let mut out: Vec<u8> = Vec::new();
    let mut values = values.iter();
    while let Some(item) = format.next()? {
        let padding = format.padding(&item, out.len());
        out.resize(out.len() + padding, 0);
        if matches!(item, Item::Padding) {
            out.push(0);
            continue;
        }
        let value = values.next().ok_or_else(|| mlua::Error::runtime("bad argument: no value"))?;
        let number = || match value {
            #[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
            Value::Integer(number) => Ok(*number as f64),
            Value::Number(number) => Ok(*number),
            _ => Err(mlua::Error::runtime("bad argument: number expected")),
        };
        match item {
            Item::Integer { width, .. } => {
                #[expect(clippy::cast_possible_truncation, reason = "as C does")]
                let mut bytes = (number()? as i64).to_be_bytes()[8 - width..].to_vec();
                if format.is_little {
                    bytes.reverse();
                }
                out.extend_from_slice(&bytes);
            }
            Item::Float(width) => {
                #[expect(clippy::cast_possible_truncation, reason = "as C does")]
                let mut bytes = if width == 4 {
                    (number()? as f32).to_be_bytes().to_vec()
                } else {
                    number()?.to_be_bytes().to_vec()
                };
                if format.is_little {
                    bytes.reverse();
                }
                out.extend_from_slice(&bytes);
            }
            Item::Text(_) | Item::Ended => {
                let Value::String(text) = value else {
                    return Err(mlua::Error::runtime("bad argument: string expected"));
                };
                let text = text.as_bytes();
                match item {
                    Item::Text(bytes) if bytes > text.len() => {
                        return Err(mlua::Error::runtime("string too short"));
                    }
                    Item::Text(bytes) if bytes > 0 => out.extend_from_slice(&text[..bytes]),
                    _ => out.extend_from_slice(&text),
                }
                if matches!(item, Item::Ended) {
                    out.push(0);
                }
            }
            Item::Padding => {}
        }
    }
    lua.create_string(&out)
}

#[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
fn unpack(
    lua: &Lua,
    (text, data, from): (mlua::String, mlua::String, Option<usize>),
) -> Result<(Table, usize)> {
    let (text, data) = (text.as_bytes(), data.as_bytes());
    let mut format = format(&text);
    let mut at = from.unwrap_or(1).saturating_sub(1);
    let mut values: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        if values.len() >= FIELDS_MAX {
            return Err(mlua::Error::runtime("too many fields"));
        }
        at += format.padding(&item, at);
        let mut take = |count: usize| {
            let taken = data.get(at..at.saturating_add(count)).ok_or_else(short)?;
            at += count;
            Ok::<&[u8], mlua::Error>(taken)
        };
        match item {
            Item::Integer { width, is_signed } => {
                let mut bytes = take(width)?.to_vec();
                if format.is_little {
                    bytes.reverse();
                }
                let number =
                    bytes.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
                let unused = 64 - 8 * u32::try_from(width).unwrap_or(8);
                values.push(Value::Number(if is_signed {
                    ((number << unused).cast_signed() >> unused) as f64
                } else {
                    number as f64
                }));
            }
            Item::Float(width) => {
                let mut bytes = take(width)?.to_vec();
                if format.is_little {
                    bytes.reverse();
                }
                let bits = bytes.iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
                values.push(Value::Number(if width == 4 {
                    f64::from(f32::from_bits(u32::try_from(bits).unwrap_or(0)))
                } else {
                    f64::from_bits(bits)
                }));
            }
            Item::Text(0) => {
                let Some(Value::Number(count)) = values.pop() else {
                    return Err(mlua::Error::runtime("format 'c0' needs a previous size"));
                };
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a length"
                )]
                let text = take(count.max(0.0) as usize)?;
                values.push(Value::String(lua.create_string(text)?));
            }
            Item::Text(bytes) => values.push(Value::String(lua.create_string(take(bytes)?)?)),
            Item::Ended => {
                let rest = data.get(at..).unwrap_or_default();
                let end = rest.iter().position(|&byte| byte == 0);
                let end = end.ok_or_else(|| mlua::Error::runtime("unfinished string in data"))?;
                values.push(Value::String(lua.create_string(&rest[..end])?));
                at += end + 1;
            }
            Item::Padding => at += 1,
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
    values.push(Value::Number((at + 1) as f64));
    let count = values.len();
    Ok((lua.create_sequence_from(values)?, count))
}
