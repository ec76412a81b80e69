//! Owns a state's stack, as far as it is used: the only calls into Lua's C code.
#![expect(unsafe_code, reason = "Lua's C interface")]

use std::ffi::{CStr, c_int, c_void};

use mlua::ffi::{self, lua_State};

/// The most values that may lie in each other: each takes two places of a stack that has 8,000.
const DEPTH_MAX: usize = 3_000;

/// A state of Lua at hand.
#[derive(Clone, Copy)]
pub(crate) struct Stack(*mut lua_State);

/// A table that is being filled.
#[derive(Clone, Copy, Debug)]
struct Open {
    kind: Kind,
    left: usize,
    put: c_int,
    /// A key waits for its value.
    has_key: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Array,
    Pairs,
    Keys,
}

/// The begin of a table of Lua 5.1, whose sources are built with this.
///
/// Source: `Table` in lobject.h of Lua 5.1.5.
#[repr(C)]
struct TableHead {
    next: *mut c_void,
    kind: u8,
    marked: u8,
    flags: u8,
    nodes_log: u8,
    metatable: *mut c_void,
    array: *mut c_void,
    nodes: *mut c_void,
    last_free: *mut c_void,
    gray: *mut c_void,
    places: c_int,
}

/// Tables that are being filled, each in the one before.
#[derive(Debug, Default)]
pub(crate) struct Opened(Vec<Open>);

pub(crate) const fn upvalue(at: c_int) -> c_int {
    ffi::lua_upvalueindex(at)
}

impl Stack {
    /// The stack of a state.
    ///
    /// # Safety
    /// The state lives as long as this is used. Where a method says that it may raise, a protected call is around, and no frame between
    /// the two has anything to drop. Places that are named exist, and what stands there is of the type that its user names.
    pub(crate) unsafe fn new(state: *mut lua_State) -> Self {
        Self(state)
    }

    pub(crate) fn top(self) -> c_int {
        // SAFETY: `Stack::new` has a state that lives.
        unsafe { ffi::lua_gettop(self.0) }
    }

    /// Forgets the topmost values.
    pub(crate) fn pop(self, count: c_int) {
        // SAFETY: `Stack::new` has a state that lives; who pops has pushed as many.
        unsafe { ffi::lua_pop(self.0, count) }
    }

    /// Takes off what is above so many values.
    pub(crate) fn cut(self, count: c_int) {
        if self.top() > count {
            // SAFETY: `Stack::new` has a state that lives, and nothing that is to be closed lies on it.
            unsafe { ffi::lua_settop(self.0, count) }
        }
    }

    /// Takes all values off.
    pub(crate) fn clear(self) {
        // SAFETY: `Stack::new` has a state that lives, and nothing that is to be closed lies on it.
        unsafe { ffi::lua_settop(self.0, 0) }
    }

    pub(crate) fn kind(self, at: c_int) -> c_int {
        // SAFETY: `Stack::new` has a state that lives, and a place that is not there is told as none.
        unsafe { ffi::lua_type(self.0, at) }
    }

    pub(crate) fn number(self, at: c_int) -> f64 {
        // SAFETY: `Stack::new` has a state that lives; what is no number gives 0.
        unsafe { ffi::lua_tonumber(self.0, at) }
    }

    pub(crate) fn boolean(self, at: c_int) -> bool {
        // SAFETY: `Stack::new` has a state that lives; any value is true or false.
        unsafe { ffi::lua_toboolean(self.0, at) != 0 }
    }

    /// What a light userdata points to; null for other values.
    pub(crate) fn pointer(self, at: c_int) -> *mut c_void {
        // SAFETY: `Stack::new` has a state that lives; other values give null.
        unsafe { ffi::lua_touserdata(self.0, at) }
    }

    /// The bytes of a string; none for other values.
    ///
    /// # Safety
    /// The string stays on the stack as long as the bytes are used.
    pub(crate) unsafe fn bytes<'a>(self, at: c_int) -> &'a [u8] {
        if self.kind(at) != ffi::LUA_TSTRING {
            return &[];
        }
        let mut length = 0;
        // SAFETY: `Stack::new` has a state that lives, and a string is not converted, so nothing is allocated.
        let start = unsafe { ffi::lua_tolstring(self.0, at, &raw mut length) };
        // SAFETY: Lua's strings stand where they are, with their length, until they are collected, which the caller rules out.
        unsafe { std::slice::from_raw_parts(start.cast(), length) }
    }

    /// Makes room for so many values; may raise.
    pub(crate) fn reserve(self, count: c_int) {
        // SAFETY: `Stack::new` rules over what may raise.
        unsafe { ffi::luaL_checkstack(self.0, count, c"too many values".as_ptr()) }
    }

    pub(crate) fn push_value(self, at: c_int) {
        // SAFETY: `Stack::new` has a state that lives, and places that exist.
        unsafe { ffi::lua_pushvalue(self.0, at) }
    }

    /// Puts the topmost value at a place, and forgets it there.
    pub(crate) fn replace(self, at: c_int) {
        // SAFETY: `Stack::new` has a state that lives, and places that exist.
        unsafe { ffi::lua_replace(self.0, at) }
    }

    pub(crate) fn push_nil(self) {
        // SAFETY: `Stack::new` has a state that lives.
        unsafe { ffi::lua_pushnil(self.0) }
    }

    pub(crate) fn push_boolean(self, value: bool) {
        // SAFETY: `Stack::new` has a state that lives.
        unsafe { ffi::lua_pushboolean(self.0, c_int::from(value)) }
    }

    pub(crate) fn push_number(self, value: f64) {
        // SAFETY: `Stack::new` has a state that lives.
        unsafe { ffi::lua_pushnumber(self.0, value) }
    }

    pub(crate) fn push_pointer(self, value: *mut c_void) {
        // SAFETY: `Stack::new` has a state that lives; Lua does not look where it points.
        unsafe { ffi::lua_pushlightuserdata(self.0, value) }
    }

    /// Pushes a string; may raise.
    pub(crate) fn push_bytes(self, bytes: &[u8]) {
        // SAFETY: `Stack::new` rules over what may raise; the bytes are copied.
        unsafe { ffi::lua_pushlstring_(self.0, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Pushes a new table with room for values in order, and by key; may raise.
    pub(crate) fn push_table(self, in_order: usize, by_key: usize) {
        const ROOM_MAX: usize = 1 << 20;
        let [in_order, by_key] = [in_order, by_key]
            .map(|count| c_int::try_from(count.min(ROOM_MAX)).unwrap_or(c_int::MAX));
        // SAFETY: `Stack::new` rules over what may raise.
        unsafe { ffi::lua_createtable(self.0, in_order, by_key) }
    }

    /// Pushes a C function with the topmost values as its upvalues; may raise.
    pub(crate) fn push_function(self, function: ffi::lua_CFunction, upvalues: c_int) {
        // SAFETY: `Stack::new` rules over what may raise, and has the upvalues on the stack.
        unsafe { ffi::lua_pushcclosure(self.0, function, upvalues) }
    }

    /// Puts the topmost value below all others.
    pub(crate) fn sink(self) {
        // SAFETY: `Stack::new` has a state that lives, and there is a value.
        unsafe { ffi::lua_insert(self.0, 1) }
    }

    /// The value of the topmost key in a table, in place of the key; no metatable is asked.
    pub(crate) fn raw_get(self, table: c_int) {
        // SAFETY: `Stack::new` has a table at this place.
        unsafe { ffi::lua_rawget_(self.0, table) }
    }

    /// Puts the topmost value into a table under the key below it, and forgets both; may raise. A key that no table can have is left out.
    pub(crate) fn raw_set(self, table: c_int) {
        let is_key = match self.kind(-2) {
            ffi::LUA_TNIL => false,
            ffi::LUA_TNUMBER => !self.number(-2).is_nan(),
            _ => true,
        };
        if !is_key {
            return self.pop(2);
        }
        // SAFETY: `Stack::new` rules over what may raise, and has a table at this place.
        unsafe { ffi::lua_rawset(self.0, table) }
    }

    /// Pushes the value that the topmost table has at an index; no metatable is asked.
    pub(crate) fn raw_get_at(self, index: c_int) {
        // SAFETY: `Stack::new` has a table on top, and its user has asked for room.
        unsafe { ffi::lua_rawgeti_(self.0, -1, index) }
    }

    /// Puts the key behind the topmost one and its value in the place of that one, from the table below it; `false`: there is none, and
    /// the key is forgotten. May raise for a key that the table has not.
    pub(crate) fn next(self) -> bool {
        // SAFETY: `Stack::new` rules over what may raise, and has a table below the key.
        unsafe { ffi::lua_next(self.0, -2) != 0 }
    }

    /// Whether there is room for so many values, which is made; may raise for want of memory.
    pub(crate) fn has_room(self, count: c_int) -> bool {
        // SAFETY: `Stack::new` rules over what may raise.
        unsafe { ffi::lua_checkstack(self.0, count) != 0 }
    }

    /// Takes the value at a place away.
    pub(crate) fn remove(self, at: c_int) {
        // SAFETY: `Stack::new` has a state that lives, and places that exist.
        unsafe { ffi::lua_remove(self.0, at) }
    }

    /// Calls the function below so many arguments, which leaves all that it gives; may raise.
    pub(crate) fn call_unprotected(self, arguments: c_int) {
        // SAFETY: `Stack::new` rules over what may raise, and has the function and its arguments.
        unsafe { ffi::lua_call(self.0, arguments, ffi::LUA_MULTRET) }
    }

    /// Carries a C function out as if it were the one that runs, which may raise; gives the number of its results. `None`: the value at
    /// the place is no C function.
    pub(crate) fn become_function(self, at: c_int) -> Option<c_int> {
        // SAFETY: `Stack::new` has a state that lives, and a place that is no C function is told as none.
        let function = unsafe { ffi::lua_tocfunction(self.0, at) }?;
        // SAFETY: `Stack::new` rules over what may raise; it is a function of Lua's libraries that reads its arguments alone.
        Some(unsafe { function(self.0) })
    }

    /// Raises the topmost string, with the place in the script that called the function which runs before it.
    pub(crate) fn raise_located(self) -> c_int {
        // SAFETY: `Stack::new` rules over what may raise, and a C function has room for a few values.
        unsafe { ffi::luaL_where(self.0, 1) }
        // SAFETY: as above.
        unsafe { ffi::lua_insert(self.0, -2) }
        // SAFETY: as above; both are strings.
        unsafe { ffi::lua_concat(self.0, 2) }
        self.raise()
    }

    /// Raises that an argument of the function that runs is wrong, by the topmost string.
    pub(crate) fn raise_argument(self, number: c_int) -> c_int {
        // SAFETY: a string stands on top, where it stays until it is copied; Lua ends all strings by a zero.
        let text = unsafe { ffi::lua_tolstring(self.0, -1, std::ptr::null_mut()) };
        // SAFETY: `Stack::new` rules over what may raise.
        unsafe { ffi::luaL_argerror(self.0, number, text) }
    }

    /// A whole number that is an argument; raises where it is none.
    pub(crate) fn check_integer(self, number: c_int) -> ffi::lua_Integer {
        // SAFETY: `Stack::new` rules over what may raise.
        unsafe { ffi::luaL_checkinteger(self.0, number) }
    }

    /// The name of the type of a value.
    pub(crate) fn kind_name(self, at: c_int) -> &'static str {
        // SAFETY: `Stack::new` has a state that lives, and the kind is one of its own.
        let name = unsafe { ffi::lua_typename(self.0, self.kind(at)) };
        // SAFETY: names of types are texts of Lua's program, ended by a zero.
        unsafe { CStr::from_ptr(name) }.to_str().unwrap_or_default()
    }

    /// Puts the topmost value into the table below it at an index, and forgets it; may raise.
    pub(crate) fn raw_set_at(self, index: c_int) {
        // SAFETY: `Stack::new` rules over what may raise, and has a table at this place.
        unsafe { ffi::lua_rawseti_(self.0, -2, index) }
    }

    /// Calls the function below so many arguments, with the handler at a place; gives what Lua says of it.
    pub(crate) fn call(self, arguments: c_int, results: c_int, handler: c_int) -> c_int {
        // SAFETY: `Stack::new` has a state that lives, and the function and its arguments are there; errors end in here.
        unsafe { ffi::lua_pcall(self.0, arguments, results, handler) }
    }

    /// Raises the topmost value.
    pub(crate) fn raise(self) -> c_int {
        // SAFETY: `Stack::new` rules over what may raise.
        unsafe { ffi::lua_error(self.0) }
    }

    /// Pushes a list of strings as a table; may raise.
    pub(crate) fn push_list(self, list: &[&[u8]]) {
        self.push_table(list.len(), 0);
        for (index, word) in (1..).zip(list) {
            self.push_bytes(word);
            self.raw_set_at(index);
        }
    }

    /// How many places a table has in order, and by key in powers of two: both decide in which order it is walked, and how long that takes.
    fn shape(self, at: c_int) -> (c_int, u8) {
        // SAFETY: `Stack::new` has a state that lives, and a table at this place.
        let head = unsafe { ffi::lua_topointer(self.0, at) }.cast::<TableHead>();
        // SAFETY: for a table it is where the table lies, and `Stack::knows_shapes` has seen that it is laid out so before anybody else asks.
        let TableHead { places, nodes_log, .. } = unsafe { head.read() };
        (places, nodes_log)
    }

    /// Whether tables are laid out as is known here; may raise.
    pub(crate) fn knows_shapes(self) -> bool {
        let of_new = [(0, 0), (3, 0), (0, 4), (5, 2)].map(|(in_order, by_key)| {
            self.push_table(in_order, by_key);
            let shape = self.shape(-1);
            self.pop(1);
            shape
        });
        of_new == [(0, 0), (3, 0), (0, 2), (5, 1)]
    }

    /// Makes the topmost value, a table that [`Stack::push_list`] gave with `room` strings, another list; may raise. `false`: it has to be a new one, since this
    /// one has got more in it, or a metatable, or another shape, or no room.
    pub(crate) fn refill_list(self, room: usize, list: &[&[u8]]) -> bool {
        let Ok(places) = c_int::try_from(room) else { return false };
        let is_as_made = || self.kind(-1) == ffi::LUA_TTABLE && self.shape(-1) == (places, 0);
        if list.len() > room || !is_as_made() {
            return false;
        }
        // SAFETY: `Stack::new` has a state that lives, and there is a value.
        if unsafe { ffi::lua_getmetatable(self.0, -1) } != 0 {
            self.pop(1);
            return false;
        }
        for index in 1..=places {
            self.push_nil();
            self.raw_set_at(index);
        }
        self.push_nil();
        // SAFETY: `Stack::new` has a state that lives, and a table below its first key.
        if unsafe { ffi::lua_next(self.0, -2) } != 0 {
            self.pop(2);
            return false;
        }
        for (index, word) in (1..).zip(list) {
            self.push_bytes(word);
            self.raw_set_at(index);
        }
        true
    }

    /// Pushes one value with all that is in it; may raise.
    pub(crate) fn push_values(self, values: &crate::values::Values, opened: &mut Opened) {
        use crate::values::Value;
        opened.0.clear();
        let mut bytes = values.bytes.as_slice();
        for value in &values.list {
            self.reserve(4);
            match *value {
                Value::Nil => self.push_nil(),
                Value::Null => self.push_pointer(std::ptr::null_mut()),
                Value::Boolean(value) => self.push_boolean(value),
                Value::Number(value) => self.push_number(value),
                Value::Text(length) => {
                    let (text, behind) = bytes.split_at(length);
                    bytes = behind;
                    self.push_bytes(text);
                }
                Value::Array(count) => {
                    self.push_table(count, 0);
                    if self.open(opened, Kind::Array, count) {
                        continue;
                    }
                }
                Value::Named(name) => {
                    self.push_table(0, 1);
                    self.open(opened, Kind::Pairs, 1);
                    self.push_bytes(name.text());
                }
                Value::Pairs(count) => {
                    self.push_table(0, count);
                    if self.open(opened, Kind::Pairs, count) {
                        continue;
                    }
                }
                Value::Keys(count) => {
                    self.push_table(0, count);
                    if self.open(opened, Kind::Keys, count) {
                        continue;
                    }
                }
            }
            self.settle(opened);
        }
        if values.list.is_empty() {
            self.push_nil();
        }
    }

    /// Whether values have to follow into the topmost table; may raise.
    fn open(self, opened: &mut Opened, kind: Kind, left: usize) -> bool {
        if opened.0.len() >= DEPTH_MAX {
            self.push_bytes(b"too many tables in tables");
            self.raise();
        }
        if left > 0 {
            opened.0.push(Open { kind, left, put: 0, has_key: false });
        }
        left > 0
    }

    /// The topmost value is whole: it goes into its table, and that one into its own if it is full now. May raise.
    fn settle(self, opened: &mut Opened) {
        while let Some(open) = opened.0.last_mut() {
            match open.kind {
                Kind::Array => {
                    open.put += 1;
                    self.raw_set_at(open.put);
                }
                Kind::Keys => {
                    self.push_boolean(true);
                    self.raw_set(-3);
                }
                Kind::Pairs if !open.has_key => {
                    open.has_key = true;
                    return;
                }
                Kind::Pairs => {
                    open.has_key = false;
                    self.raw_set(-3);
                }
            }
            open.left -= 1;
            if open.left > 0 {
                return;
            }
            opened.0.pop();
        }
    }
}
