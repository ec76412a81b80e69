//! Owns the gate between a machine of Lua and who runs scripts on it: the run, its calls, the look at the clock.
#![expect(
    unsafe_code,
    reason = "C functions that Lua calls, and a caller that is lent to them for the length of a run"
)]

use std::any::Any;
use std::ffi::c_int;
use std::mem;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table, Value};

use crate::script::{Caller, Given, Outcome, Script, Way, Where};
use crate::stack::{Opened, Stack, upvalue};
use crate::values::{Values, number_text};

/// What stands in the table of an error that a call gave, as in Redis.
const COUNTED: &[u8] = b"ignore_error_stats_update";
/// What is raised in a script that is to end.
const HALTED: &[u8] = b"the script begins anew";
/// Keys or words of a script whose table the next one finds again, emptied, at most.
const REFILLED_MAX: usize = 16;

/// The gate of one machine.
#[derive(Debug)]
pub struct Gate {
    inner: Rc<Inner>,
    runner: Function,
    functions: [Function; 4],
}

/// What the C functions find. It lives as long as the machine, which holds it.
#[derive(Debug)]
struct Inner(NonNull<State>);

/// What the machine holds the gate by.
struct Kept(#[expect(dead_code, reason = "held for its drop")] Rc<Inner>);

struct State {
    /// Who runs the script; nobody while a call of its is carried out.
    caller: Option<NonNull<dyn Caller>>,
    /// Of the script that is about to run.
    lists: [NonNull<[&'static [u8]]>; 2],
    place: Where,
    /// For how many strings there is room in the tables of keys and of words that the script before has left.
    rooms: [Option<usize>; 2],
    may_refill: bool,
    /// Of a call.
    words: Vec<&'static [u8]>,
    numbers: Vec<(usize, Range<usize>)>,
    numerals: Vec<u8>,
    values: Values,
    opened: Opened,
    panic: Option<Box<dyn Any + Send>>,
    /// What the script gave, if that is simple; a text lies here.
    given: Simple,
    text: Vec<u8>,
    has_failed: bool,
}

#[derive(Clone, Copy, Debug)]
enum Simple {
    Nil,
    Boolean(bool),
    Number(f64),
    Text,
    Status,
    /// It stands on the stack.
    Other,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: it came from a box in `Gate::new`, and nobody else drops it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Gate {
    /// The gate of a machine whose globals are these. `handler` makes the table of an error.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(lua: &Lua, handler: &Function, globals: &Table) -> mlua::Result<Self> {
        // SAFETY: the closure has nothing to drop, and `exec_raw` calls it under protection.
        let may_refill = unsafe {
            lua.exec_raw((), |state| {
                let stack = of(state);
                let knows = stack.knows_shapes();
                stack.push_boolean(knows);
            })
        }?;
        let none: NonNull<[&'static [u8]]> = NonNull::from(&[]);
        let state = State {
            caller: None,
            lists: [none; 2],
            place: Where::Nowhere,
            rooms: [None; 2],
            may_refill,
            words: Vec::new(),
            numbers: Vec::new(),
            numerals: Vec::new(),
            values: Values::default(),
            opened: Opened::default(),
            panic: None,
            given: Simple::Nil,
            text: Vec::new(),
            has_failed: false,
        };
        let inner = Rc::new(Inner(NonNull::from(Box::leak(Box::new(state)))));
        // The functions below name it without counting: it must not go before them.
        lua.set_app_data(Kept(Rc::clone(&inner)));
        let pointer = inner.0.as_ptr().cast();
        let function = |function: ffi::lua_CFunction| -> mlua::Result<Function> {
            // SAFETY: the closure has nothing to drop, and `exec_raw` calls it under protection.
            unsafe {
                lua.exec_raw((), |state| {
                    let stack = of(state);
                    stack.push_pointer(pointer);
                    stack.push_function(function, 1);
                })
            }
        };
        let functions = [function(call)?, function(pcall)?, function(rights)?, function(protocol)?];
        // SAFETY: as above.
        let runner = unsafe {
            lua.exec_raw((handler, globals), |state| {
                let stack = of(state);
                stack.push_pointer(pointer);
                stack.sink();
                for text in [b"KEYS".as_slice(), b"ARGV", b"ok", b"err"] {
                    stack.push_bytes(text);
                }
                // Those that a script has left, in time.
                stack.push_nil();
                stack.push_nil();
                stack.push_function(run, 9);
            })
        }?;
        Ok(Self { inner, runner, functions })
    }

    /// What a script calls, for each way in its order.
    #[must_use]
    pub fn functions(&self) -> &[Function; 4] {
        &self.functions
    }

    /// Runs a script of the machine. What it gives as a string is appended to `text`.
    ///
    /// # Errors
    /// The line of the machine, when that fails, for want of memory.
    ///
    /// # Panics
    /// When a script of the machine runs already, or the caller did.
    pub fn run(
        &self,
        lua: &Lua,
        script: &Script<'_>,
        caller: &mut dyn Caller,
        text: &mut Vec<u8>,
    ) -> Result<Given, String> {
        let inner = self.inner.0.as_ptr();
        // SAFETY: the state lives as long as the gate, and no C function runs now that could use it.
        let state = unsafe { &mut *inner };
        assert!(state.caller.is_none(), "a machine runs one script at a time");
        let caller: *mut (dyn Caller + '_) = caller;
        // SAFETY: only the lifetime changes; it is forgotten below, before the caller goes.
        let caller = unsafe {
            mem::transmute::<*mut (dyn Caller + '_), *mut (dyn Caller + 'static)>(caller)
        };
        state.caller = NonNull::new(caller);
        state.lists = [script.keys, script.words].map(lent);
        state.place = script.place;
        state.text.clear();
        let ended = self.enter(lua, script.function);
        // SAFETY: as above; the script has ended.
        let state = unsafe { &mut *inner };
        state.caller = None;
        state.lists = [const { lent(&[]) }; 2];
        if let Some(panic) = state.panic.take() {
            resume_unwind(panic);
        }
        let value = ended?;
        if state.has_failed {
            return Ok(Given::Failed(value));
        }
        text.extend_from_slice(&state.text);
        Ok(match state.given {
            Simple::Nil => Given::Nil,
            Simple::Boolean(value) => Given::Boolean(value),
            Simple::Number(value) => Given::Number(value),
            Simple::Text => Given::Text,
            Simple::Status => Given::Status,
            Simple::Other => Given::Other(value),
        })
    }

    /// Runs the runner under protection; gives what it left, nil when that is simple.
    fn enter(&self, lua: &Lua, function: &Function) -> Result<Value, String> {
        lua.exec_raw_lua(|raw| {
            // SAFETY: a machine has room for a few values where no call is under way.
            let pushed = unsafe { raw.push(&self.runner) };
            pushed.map_err(|error| error.to_string())?;
            // SAFETY: as above.
            let pushed = unsafe { raw.push(function) };
            let stack = of(raw.state());
            if let Err(error) = pushed {
                stack.pop(1);
                return Err(error.to_string());
            }
            let status = stack.call(1, 1, 0);
            if status == ffi::LUA_OK {
                // SAFETY: one value stands there.
                return Ok(unsafe { raw.pop_value() });
            }
            // SAFETY: it stands there until it is popped, below.
            let bytes = unsafe { stack.bytes(-1) };
            let line = String::from_utf8_lossy(bytes).into_owned();
            stack.pop(1);
            Err(line)
        })
    }

    /// Has the caller look at the clock, if one runs a script: see [`Caller::look`].
    #[must_use]
    pub fn look(&self) -> Option<String> {
        let inner = self.inner.0.as_ptr();
        // SAFETY: the state lives as long as the gate, and its C functions do not run beside a hook of Lua.
        let mut caller = unsafe { (*inner).caller.take() }?;
        // SAFETY: it is lent until the run ends, and the place is empty meanwhile, so nobody else has it.
        let why = unsafe { caller.as_mut() }.look();
        // SAFETY: as above.
        unsafe { (*inner).caller = Some(caller) };
        why
    }
}

/// A list without its lifetime.
const fn lent(list: &[&[u8]]) -> NonNull<[&'static [u8]]> {
    // SAFETY: only the lifetime of a pointer changes; who reads through it says why the list is there.
    unsafe { mem::transmute::<&[&[u8]], NonNull<[&'static [u8]]>>(list) }
}

/// The stack of a state that Lua has handed out, or mlua.
pub(crate) fn of(state: *mut lua_State) -> Stack {
    // SAFETY: it lives, all use of it here is below a protected call or raises nothing, and frames that may be jumped over have nothing to drop.
    unsafe { Stack::new(state) }
}

/// What the function that runs belongs to.
fn state_of<'a>(stack: Stack) -> &'a mut State {
    let pointer = stack.pointer(upvalue(1)).cast::<State>();
    // SAFETY: `Gate::new` gave it as the first upvalue, the machine keeps it alive, and only one of these functions is under way at a time:
    // callers run no Lua, and a run within a run is refused.
    unsafe { &mut *pointer }
}

unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    carry(of(state), Way::Call)
}

unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    carry(of(state), Way::Pcall)
}

unsafe extern "C-unwind" fn rights(state: *mut lua_State) -> c_int {
    carry(of(state), Way::Rights)
}

unsafe extern "C-unwind" fn protocol(state: *mut lua_State) -> c_int {
    carry(of(state), Way::Protocol)
}

/// Carries a call out; gives the number of values that Lua finds on the stack.
fn carry(stack: Stack, way: Way) -> c_int {
    let state = state_of(stack);
    let outcome = state.hand_over(stack, way);
    // Words may have taken all the places that there are.
    stack.clear();
    if outcome == Outcome::Halted {
        stack.push_bytes(HALTED);
        return stack.raise();
    }
    stack.push_values(&state.values, &mut state.opened);
    if outcome == Outcome::Given {
        return 1;
    }
    if stack.kind(-1) == ffi::LUA_TTABLE && matches!(way, Way::Call | Way::Pcall) {
        stack.reserve(3);
        stack.push_bytes(COUNTED);
        stack.push_boolean(true);
        stack.raw_set(-3);
    }
    if way == Way::Pcall { 1 } else { stack.raise() }
}

impl State {
    /// Gives the words of a call to the caller. Nothing in here raises.
    fn hand_over(&mut self, stack: Stack, way: Way) -> Outcome {
        // Nobody: the script has caught a panic, or runs where it should not.
        let Some(mut caller) = self.caller.take() else { return Outcome::Halted };
        self.values.clear();
        let words = self.take_words(stack).then_some(());
        let words = words.map(|()| self.words.as_slice());
        let values = &mut self.values;
        let called = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: it is lent until the run ends, and the place is empty meanwhile, so nobody else has it.
            unsafe { caller.as_mut() }.call(way, words, values)
        }));
        self.words.clear();
        match called {
            Ok(outcome) => {
                self.caller = Some(caller);
                outcome
            }
            Err(panic) => {
                self.panic = Some(panic);
                Outcome::Halted
            }
        }
    }

    /// Reads the words of a call; `false`: one is neither a string nor a number.
    fn take_words(&mut self, stack: Stack) -> bool {
        self.words.clear();
        self.numbers.clear();
        self.numerals.clear();
        for at in 1..=stack.top() {
            let word: &'static [u8] = match stack.kind(at) {
                // SAFETY: arguments stay on the stack until the function returns, and the words are forgotten before that.
                ffi::LUA_TSTRING => unsafe { stack.bytes(at) },
                ffi::LUA_TNUMBER => {
                    let from = self.numerals.len();
                    number_text(stack.number(at), &mut self.numerals);
                    self.numbers.push((self.words.len(), from..self.numerals.len()));
                    &[]
                }
                _ => return false,
            };
            self.words.push(word);
        }
        for (at, range) in &self.numbers {
            let numeral = ptr::from_ref(&self.numerals[range.clone()]);
            // SAFETY: the numerals stay as they are until the next call, and the words are forgotten before that.
            self.words[*at] = unsafe { &*numeral };
        }
        true
    }

    /// Notes what the script gave, which is the topmost value.
    fn take_given(&mut self, stack: Stack) -> Simple {
        match stack.kind(-1) {
            ffi::LUA_TNIL => Simple::Nil,
            ffi::LUA_TBOOLEAN => Simple::Boolean(stack.boolean(-1)),
            ffi::LUA_TNUMBER => Simple::Number(stack.number(-1)),
            ffi::LUA_TSTRING => {
                self.take_text(stack);
                Simple::Text
            }
            ffi::LUA_TTABLE => {
                let names = [ERR_AT, OK_AT];
                let [has_error, has_status] = names.map(|name| {
                    stack.push_value(upvalue(name));
                    stack.raw_get(-2);
                    let is_text = stack.kind(-1) == ffi::LUA_TSTRING;
                    if name == OK_AT && is_text {
                        self.take_text(stack);
                    }
                    stack.pop(1);
                    is_text
                });
                if has_status && !has_error { Simple::Status } else { Simple::Other }
            }
            _ => Simple::Other,
        }
    }

    fn take_text(&mut self, stack: Stack) {
        self.text.clear();
        // SAFETY: the string stands on the stack, and its bytes are copied at once.
        self.text.extend_from_slice(unsafe { stack.bytes(-1) });
    }
}

/// Upvalues of the runner behind the state.
const HANDLER_AT: c_int = 2;
const GLOBALS_AT: c_int = 3;
const KEYS_AT: c_int = 4;
const WORDS_AT: c_int = 5;
const OK_AT: c_int = 6;
const ERR_AT: c_int = 7;
const KEYS_MADE_AT: c_int = 8;
const WORDS_MADE_AT: c_int = 9;

/// Runs the function that is its argument; leaves what it gave, if that is not simple.
unsafe extern "C-unwind" fn run(state: *mut lua_State) -> c_int {
    let stack = of(state);
    let state = state_of(stack);
    stack.reserve(8);
    stack.push_value(upvalue(HANDLER_AT));
    stack.sink();
    // SAFETY: `Gate::run` has lent them until the run ends.
    let [keys, words] = state.lists.map(|list| unsafe { list.as_ref() });
    let arguments = match state.place {
        Where::Nowhere => 0,
        Where::Globals => {
            // What raises on the way leaves no table that is used again.
            let mut rooms = mem::take(&mut state.rooms);
            let lists = [(KEYS_AT, KEYS_MADE_AT, keys), (WORDS_AT, WORDS_MADE_AT, words)];
            for ((name, made, list), room) in lists.into_iter().zip(&mut rooms) {
                stack.push_value(upvalue(name));
                stack.push_value(upvalue(made));
                if !room.is_some_and(|room| stack.refill_list(room, list)) {
                    stack.pop(1);
                    stack.push_list(list);
                    stack.push_value(-1);
                    stack.replace(upvalue(made));
                    *room = Some(list.len()).filter(|it| state.may_refill && *it <= REFILLED_MAX);
                }
                stack.raw_set(upvalue(GLOBALS_AT));
            }
            state.rooms = rooms;
            0
        }
        Where::Arguments => {
            stack.push_list(keys);
            stack.push_list(words);
            2
        }
    };
    // The state is not used while the script runs: its calls use it.
    let pointer = ptr::from_mut(state);
    let status = stack.call(arguments, 1, 1);
    // SAFETY: the script has ended.
    let state = unsafe { &mut *pointer };
    state.has_failed = status != ffi::LUA_OK;
    state.given = if state.has_failed { Simple::Other } else { state.take_given(stack) };
    c_int::from(matches!(state.given, Simple::Other))
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("State").finish_non_exhaustive()
    }
}
