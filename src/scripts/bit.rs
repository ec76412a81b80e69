//! Owns the library `bit`: operations on 32 bits.

use mlua::{Lua, Result, Table};

use super::checked::{Arguments, Problem, function, of_many};

/// A number as 32 bits: halves go to the even neighbour, and what is beyond 32 bits is cut off, and with it what a double no longer tells.
fn bits(number: f64) -> i32 {
    /// Added to it, a number's low bits are those of its whole value.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
    {
        (number + SHIFT).to_bits() as i32
    }
}

fn shift(count: f64) -> u32 {
    bits(count).cast_unsigned() & 31
}

/// The library.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let argument = |given: &Arguments<'_>, number| given.number(number).map(bits);
    let fold = |name: &str, join: fn(i32, i32) -> i32| {
        let function = of_many(lua, move |_, given| {
            let first = argument(given, 1)?;
            let mut rest = 2..=given.count();
            let all = rest.try_fold(first, |all, number| {
                Ok::<_, Problem>(join(all, argument(given, number)?))
            })?;
            Ok(f64::from(all))
        })?;
        table.set(name, function)
    };
    fold("band", |left, right| left & right)?;
    fold("bor", |left, right| left | right)?;
    fold("bxor", |left, right| left ^ right)?;
    let one = |name: &str, change: fn(i32) -> i32| {
        let function = function(lua, move |_, given| Ok(f64::from(change(argument(given, 1)?))))?;
        table.set(name, function)
    };
    one("tobit", |bits| bits)?;
    one("bnot", |bits| !bits)?;
    one("bswap", i32::swap_bytes)?;
    let shifts = |name: &str, change: fn(i32, u32) -> i32| {
        let function = function(lua, move |_, given| {
            let bits = argument(given, 1)?;
            Ok(f64::from(change(bits, shift(given.number(2)?))))
        })?;
        table.set(name, function)
    };
    shifts("lshift", |bits, count| bits << count)?;
    shifts("rshift", |bits, count| (bits.cast_unsigned() >> count).cast_signed())?;
    shifts("arshift", |bits, count| bits >> count)?;
    shifts("rol", i32::rotate_left)?;
    shifts("ror", i32::rotate_right)?;
    let hex = function(lua, move |_, given| {
        let text = format!("{:08x}", argument(given, 1)?);
        let digits = if given.count() < 2 { 8 } else { argument(given, 2)? };
        let count = (digits.unsigned_abs() as usize).min(8);
        let text = &text[8 - count..];
        Ok(if digits < 0 { text.to_uppercase() } else { text.to_owned() })
    })?;
    table.set("tohex", hex)?;
    Ok(table)
}
