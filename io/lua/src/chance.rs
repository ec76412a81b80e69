//! Owns the numbers that scripts draw: a generator that gives the same ones for the same seed everywhere.
#![expect(unsafe_code, reason = "C functions that Lua calls")]

use std::ffi::c_int;

use mlua::ffi::lua_State;
use mlua::{Function, Lua};

use crate::gate::of;
use crate::stack::{Stack, upvalue};

/// The generator of `drand48`: 48 bits, of which the upper 31 are given.
///
/// Source: POSIX, `drand48`.
const FACTOR: u64 = 0x5_deec_e66d;
const ADDEND: u64 = 0xb;
const MASK: u64 = (1 << 48) - 1;
const SEED_LOW: u64 = 0x330e;
/// Where nobody gave a seed.
const UNSEEDED: u64 = 0x1234_abcd_330e;

/// The functions `random` and `randomseed` of a machine, which share a generator.
///
/// # Errors
/// When there is no memory for them.
pub fn random(lua: &Lua) -> mlua::Result<[Function; 2]> {
    let state = lua.create_table()?;
    state.raw_set(1, number_of(UNSEEDED))?;
    // SAFETY: the closure has nothing to drop, and `exec_raw` calls it under protection.
    let draw = unsafe { lua.exec_raw(&state, |state| of(state).push_function(draw, 1)) }?;
    // SAFETY: as above.
    let seed = unsafe { lua.exec_raw(&state, |state| of(state).push_function(seed, 1)) }?;
    Ok([draw, seed])
}

/// 48 bits as Lua keeps them.
fn number_of(bits: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a double holds 53 bits")]
    {
        bits as f64
    }
}

/// Puts the state of the generator of a function; may raise.
fn put(stack: Stack, bits: u64) {
    stack.push_value(upvalue(1));
    stack.push_number(number_of(bits));
    stack.raw_set_at(1);
    stack.pop(1);
}

unsafe extern "C-unwind" fn draw(state: *mut lua_State) -> c_int {
    let stack = of(state);
    let count = stack.top();
    stack.push_value(upvalue(1));
    stack.raw_get_at(1);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "48 bits")]
    let bits = stack.number(-1) as u64;
    stack.pop(2);
    let bits = bits.wrapping_mul(FACTOR).wrapping_add(ADDEND) & MASK;
    put(stack, bits);
    let limit = i32::MAX.unsigned_abs();
    let drawn = u32::try_from(bits >> 17).unwrap_or(0) % limit;
    let part = f64::from(drawn) / f64::from(limit);
    let (first, last) = match count {
        0 => {
            stack.push_number(part);
            return 1;
        }
        1 => (1, integer(stack, 1)),
        2 => (integer(stack, 1), integer(stack, 2)),
        _ => {
            stack.push_bytes(b"wrong number of arguments");
            return stack.raise_located();
        }
    };
    if first > last {
        stack.push_bytes(b"interval is empty");
        return stack.raise_argument(count);
    }
    let width = last.wrapping_sub(first).wrapping_add(1);
    stack.push_number((part * f64::from(width)).floor() + f64::from(first));
    1
}

unsafe extern "C-unwind" fn seed(state: *mut lua_State) -> c_int {
    let stack = of(state);
    let seed = u64::from(integer(stack, 1).cast_unsigned());
    put(stack, seed << 16 | SEED_LOW);
    0
}

/// An argument as C's `int`, which takes the low 32 bits; raises where it is no number.
fn integer(stack: Stack, number: c_int) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits are meant")]
    {
        stack.check_integer(number) as i32
    }
}
