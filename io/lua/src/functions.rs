//! Owns functions that stand before others: one tells what these refuse, one keeps tables that are protected from them.
#![expect(unsafe_code, reason = "C functions that Lua calls")]

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table};

use crate::gate::of;
use crate::stack::{Stack, upvalue};

/// Arguments of one call, and values that it gives: a machine lends a few thousand at a time.
const ARGUMENTS_MAX: c_int = 4_000;

/// A function that raises what another refuses as Lua's own functions do, with the line of the script. What the other gives begins with nil, or with a text
/// that says what is wrong, or with the number of the argument that is wrong and such a text. Where it `spreads`, its last values are a table and how
/// many values of it are given in their place. It `takes` so many arguments, and does not see those behind them; `None`: as many as a machine can lend.
///
/// # Errors
/// When there is no memory for it.
pub fn checked(
    lua: &Lua,
    function: &Function,
    spreads: bool,
    takes: Option<u8>,
) -> mlua::Result<Function> {
    // SAFETY: the closure has nothing to drop, and `exec_raw` calls it under protection.
    unsafe {
        lua.exec_raw((function, spreads, takes), |state| of(state).push_function(call_checked, 3))
    }
}

unsafe extern "C-unwind" fn call_checked(state: *mut lua_State) -> c_int {
    let stack = of(state);
    if stack.kind(upvalue(3)) == ffi::LUA_TNUMBER {
        #[expect(clippy::cast_possible_truncation, reason = "it was a byte")]
        stack.cut(stack.number(upvalue(3)) as c_int);
    }
    let count = stack.top();
    if count > ARGUMENTS_MAX {
        stack.push_bytes(b"too many arguments");
        return stack.raise_located();
    }
    stack.push_value(upvalue(1));
    stack.sink();
    stack.call_unprotected(count);
    match stack.kind(1) {
        ffi::LUA_TNIL => {
            stack.remove(1);
            if stack.boolean(upvalue(2)) {
                spread(stack);
            }
            stack.top()
        }
        ffi::LUA_TNUMBER =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "arguments are few")]
            stack.raise_argument(stack.number(1) as c_int)
        }
        _ => stack.raise_located(),
    }
}

/// Puts the values of the table below the topmost number in the place of both; may raise.
fn spread(stack: Stack) {
    #[expect(clippy::cast_possible_truncation, reason = "a count")]
    let count = stack.number(-1) as c_int;
    stack.pop(1);
    if !stack.has_room(count.saturating_add(4)) {
        stack.push_bytes(b"too many results to unpack");
        stack.raise_located();
        return;
    }
    let table = stack.top();
    for index in 1..=count {
        stack.push_value(table);
        stack.raw_get_at(index);
        stack.remove(-2);
    }
    stack.remove(table);
}

/// What becomes of a protected table that a function is called with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The function would change it, and is refused.
    Refused,
    /// The function sees what the table shows.
    Shown,
}

/// A function of Lua's libraries that does what another one does, which is written in C. Where its first argument is one of the tables that are
/// keys of `views`, the guard says what becomes of it; what it shows is the value there, if that is a table.
///
/// # Errors
/// When there is no memory for it.
pub fn guarded(
    lua: &Lua,
    views: &Table,
    function: &Function,
    guard: Guard,
) -> mlua::Result<Function> {
    let called = match guard {
        Guard::Refused => call_refused,
        Guard::Shown => call_shown,
    };
    // SAFETY: the closure has nothing to drop, and `exec_raw` calls it under protection.
    unsafe { lua.exec_raw((views, function), |state| of(state).push_function(called, 2)) }
}

/// The function `pairs`, for which protected tables hold what they show. `shown` is what [`guarded`] made of `next`.
///
/// # Errors
/// When there is no memory for it.
pub fn pairs(
    lua: &Lua,
    views: &Table,
    next: &Function,
    shown: &Function,
) -> mlua::Result<Function> {
    let original: Function = lua.globals().get("pairs")?;
    // SAFETY: as in `guarded`. The original finds its own upvalue, `next`, in the place where it has it.
    unsafe {
        lua.exec_raw((next, views, original, shown), |state| of(state).push_function(call_pairs, 4))
    }
}

/// Pushes what the views say of the first argument.
fn push_view(stack: Stack, views: c_int) {
    stack.push_value(upvalue(views));
    stack.push_value(1);
    stack.raw_get(-2);
    stack.remove(-2);
}

unsafe extern "C-unwind" fn call_refused(state: *mut lua_State) -> c_int {
    let stack = of(state);
    if stack.kind(1) == ffi::LUA_TTABLE {
        push_view(stack, 1);
        if stack.boolean(-1) {
            stack.push_bytes(b"Attempt to modify a readonly table");
            return stack.raise();
        }
        stack.pop(1);
    }
    stack.become_function(upvalue(2)).unwrap_or(0)
}

unsafe extern "C-unwind" fn call_shown(state: *mut lua_State) -> c_int {
    let stack = of(state);
    if stack.kind(1) == ffi::LUA_TTABLE {
        push_view(stack, 1);
        if stack.kind(-1) == ffi::LUA_TTABLE {
            stack.replace(1);
        } else {
            stack.pop(1);
        }
    }
    stack.become_function(upvalue(2)).unwrap_or(0)
}

unsafe extern "C-unwind" fn call_pairs(state: *mut lua_State) -> c_int {
    let stack = of(state);
    if stack.kind(1) == ffi::LUA_TTABLE {
        push_view(stack, 2);
        if stack.boolean(-1) {
            stack.push_value(upvalue(4));
            stack.push_value(1);
            stack.push_nil();
            return 3;
        }
        stack.pop(1);
    }
    stack.become_function(upvalue(3)).unwrap_or(0)
}
