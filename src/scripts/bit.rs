//! Owns the library `bit`: operations on 32 bits.

use mlua::{Lua, Result, Table, Variadic};

/// A number as 32 bits: what is beyond them is cut off.
fn bits(number: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "cut off on purpose, modulo 2^32")]
    let wide = number.rem_euclid(4_294_967_296.0).round() as i64;
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
    {
        wide as i32
    }
}

fn shift(count: f64) -> u32 {
    bits(count).cast_unsigned() & 31
}

/// The library.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let fold = |name: &str, join: fn(i32, i32) -> i32| {
        let function = lua.create_function(move |_, numbers: Variadic<f64>| {
            let mut numbers = numbers.iter().map(|&number| bits(number));
            let first = numbers.next().ok_or_else(|| mlua::Error::runtime("number expected"))?;
            Ok(f64::from(numbers.fold(first, join)))
        })?;
        table.set(name, function)
    };
    fold("band", |left, right| left & right)?;
    fold("bor", |left, right| left | right)?;
    fold("bxor", |left, right| left ^ right)?;
    let one = |name: &str, change: fn(i32) -> i32| {
        let function =
            lua.create_function(move |_, number: f64| Ok(f64::from(change(bits(number)))))?;
        table.set(name, function)
    };
    one("tobit", |bits| bits)?;
    one("bnot", |bits| !bits)?;
    one("bswap", i32::swap_bytes)?;
    let shifts = |name: &str, change: fn(i32, u32) -> i32| {
        let function = lua.create_function(move |_, (number, count): (f64, f64)| {
            Ok(f64::from(change(bits(number), shift(count))))
        })?;
        table.set(name, function)
    };
    shifts("lshift", |bits, count| bits << count)?;
    shifts("rshift", |bits, count| (bits.cast_unsigned() >> count).cast_signed())?;
    shifts("arshift", |bits, count| bits >> count)?;
    shifts("rol", i32::rotate_left)?;
    shifts("ror", i32::rotate_right)?;
    let hex = lua.create_function(|_, (number, digits): (f64, Option<f64>)| {
        let digits = digits.map_or(8, bits);
        let text = format!("{:08x}", bits(number));
        let count = (digits.unsigned_abs() as usize).min(8);
        let text = &text[8 - count..];
        Ok(if digits < 0 { text.to_uppercase() } else { text.to_owned() })
    })?;
    table.set("tohex", hex)?;
    Ok(table)
}
