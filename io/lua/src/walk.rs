//! Owns the walk through a value of Lua with all that is in it, and the way back: without handles, and as deep as a stack of Lua is.
#![expect(unsafe_code, reason = "the stack of a machine at hand")]

use std::ffi::c_int;

use mlua::ffi;
use mlua::{Lua, Value};

use crate::gate::of;
use crate::stack::{Opened, Stack};
use crate::values::Values;

/// Room on the stack for what is done with one table.
const ROOM: c_int = 8;

/// A value that holds no others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen<'a> {
    /// No value.
    Nil,
    /// A pointer to nothing, which stands for no value.
    Null,
    /// A truth value.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A string.
    Text(&'a [u8]),
    /// Something else, by the name of its type.
    Other(&'static str),
}

/// Where a value was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the one that is walked through.
    Top,
    /// In a list or as a member, behind so many.
    Item(usize),
    /// A key, behind so many.
    Key(usize),
    /// Of the key before.
    Value,
}

/// What of a table is walked through. Those with a number are within the table that it has under the name of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing: the visitor has done with it.
    Nothing,
    /// Its values from the first to this one.
    List(usize),
    /// All keys and values, in no order.
    Pairs(Option<usize>),
    /// All keys.
    Keys(usize),
}

/// Who is shown what a walk meets.
pub trait Visitor {
    /// A value that holds no others.
    ///
    /// # Errors
    /// What ends the walk.
    fn value(&mut self, value: Seen<'_>, place: Place) -> Result<(), String>;

    /// A table, so many of which are in each other with this one.
    ///
    /// # Errors
    /// What ends the walk.
    fn table(&mut self, table: Met<'_>, place: Place, depth: usize) -> Result<Form, String>;

    /// A table for which the stack has no room.
    ///
    /// # Errors
    /// What ends the walk.
    fn too_deep(&mut self, place: Place, depth: usize) -> Result<(), String>;

    /// All of a table was shown.
    fn end(&mut self, form: Form);
}

/// A table that was met. What is asked of it raises nothing.
#[derive(Clone, Copy)]
pub struct Met<'w> {
    stack: Stack,
    names: &'w [&'w [u8]],
}

impl std::fmt::Debug for Met<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Met").finish_non_exhaustive()
    }
}

impl Met<'_> {
    /// Pushes what the table has under a name; no metatable is asked.
    fn push_named(self, name: usize) {
        assert!(name < self.names.len(), "the walk has {} names", self.names.len());
        self.stack.push_value(c_int::try_from(name + 1).unwrap_or(c_int::MAX));
        self.stack.raw_get(-2);
    }

    /// Shows what the table has under a name of the walk.
    pub fn named<T>(self, name: usize, show: impl FnOnce(Seen<'_>) -> T) -> T {
        self.push_named(name);
        let shown = show(seen(self.stack));
        self.stack.pop(1);
        shown
    }

    /// Shows what the table under a name has under two others; `None`: it is no table.
    pub fn within<T>(
        self,
        name: usize,
        inner: [usize; 2],
        show: impl FnOnce([Seen<'_>; 2]) -> T,
    ) -> Option<T> {
        self.push_named(name);
        let is_table = self.stack.kind(-1) == ffi::LUA_TTABLE;
        let shown = is_table.then(|| {
            self.push_named(inner[0]);
            let first = seen(self.stack);
            self.stack.push_value(-2);
            self.push_named(inner[1]);
            let shown = show([first, seen(self.stack)]);
            self.stack.pop(3);
            shown
        });
        self.stack.pop(1);
        shown
    }

    /// How many values there are under a name, if a table is.
    pub fn count_named(self, name: usize) -> Option<usize> {
        self.push_named(name);
        let is_table = self.stack.kind(-1) == ffi::LUA_TTABLE;
        let count = is_table.then(|| self.shape().0);
        self.stack.pop(1);
        count
    }

    /// How many values there are in order before the first hole.
    pub fn count_in_order(self) -> usize {
        let is_there = |index: &c_int| {
            self.stack.raw_get_at(*index);
            let is_there = self.stack.kind(-1) != ffi::LUA_TNIL;
            self.stack.pop(1);
            is_there
        };
        (1..c_int::MAX).take_while(is_there).count()
    }

    /// How many values there are, and the highest index if all keys are positive whole numbers.
    pub fn shape(self) -> (usize, Option<usize>) {
        let (mut count, mut highest) = (0, Some(0_usize));
        self.stack.push_nil();
        while self.stack.next() {
            self.stack.pop(1);
            count += 1;
            highest = highest.and_then(|highest| Some(index_of(self.stack)?.max(highest)));
        }
        (count, highest)
    }
}

/// The topmost value, if it is a positive whole number.
fn index_of(stack: Stack) -> Option<usize> {
    let number = if stack.kind(-1) == ffi::LUA_TNUMBER { stack.number(-1) } else { return None };
    if number.fract() != 0.0 || !(1.0..2_147_483_648.0).contains(&number) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "asked before")]
    Some(number as usize)
}

/// The topmost value, which stays there as long as it is used.
fn seen<'a>(stack: Stack) -> Seen<'a> {
    match stack.kind(-1) {
        ffi::LUA_TNIL => Seen::Nil,
        ffi::LUA_TBOOLEAN => Seen::Boolean(stack.boolean(-1)),
        ffi::LUA_TNUMBER => Seen::Number(stack.number(-1)),
        // SAFETY: who calls this pops the string behind its use.
        ffi::LUA_TSTRING => Seen::Text(unsafe { stack.bytes(-1) }),
        ffi::LUA_TLIGHTUSERDATA if stack.pointer(-1).is_null() => Seen::Null,
        _ => Seen::Other(stack.kind_name(-1)),
    }
}

/// A table that is under way.
#[derive(Debug)]
struct Frame {
    form: Form,
    at: usize,
    /// A value waits behind its key.
    has_value: bool,
}

/// Shows a value and all that is in it to a visitor. `names` are those that it may ask tables for.
///
/// # Errors
/// For want of memory, or what the visitor says.
pub fn walk(
    lua: &Lua,
    value: &Value,
    names: &[&[u8]],
    visitor: &mut dyn Visitor,
) -> mlua::Result<Result<(), String>> {
    let (mut frames, mut ended) = (Vec::new(), Ok(()));
    // SAFETY: the closure has nothing to drop, and `exec_raw` calls it under protection; a visitor raises nothing.
    unsafe {
        lua.exec_raw::<()>(value, |state| {
            let stack = of(state);
            stack.reserve(ROOM + c_int::try_from(names.len()).unwrap_or(c_int::MAX));
            for name in names.iter().rev() {
                stack.push_bytes(name);
                stack.sink();
            }
            ended = walk_on(stack, names, &mut frames, visitor);
            stack.clear();
        })
    }?;
    Ok(ended)
}

/// May raise for want of memory: what has destructors in here is empty then, or belongs to the visitor.
fn walk_on(
    stack: Stack,
    names: &[&[u8]],
    frames: &mut Vec<Frame>,
    visitor: &mut dyn Visitor,
) -> Result<(), String> {
    meet(stack, names, frames, visitor, Place::Top)?;
    while let Some(frame) = frames.last_mut() {
        let (form, at) = (frame.form, frame.at);
        let place = match form {
            Form::List(count) if at < count => {
                frame.at += 1;
                stack.raw_get_at(c_int::try_from(frame.at).unwrap_or(c_int::MAX));
                Some(Place::Item(at))
            }
            Form::Pairs(_) if frame.has_value => {
                frame.has_value = false;
                Some(Place::Value)
            }
            Form::Pairs(_) if stack.next() => {
                (frame.at, frame.has_value) = (at + 1, true);
                stack.push_value(-2);
                Some(Place::Key(at))
            }
            Form::Keys(_) if stack.next() => {
                frame.at += 1;
                stack.pop(1);
                stack.push_value(-1);
                Some(Place::Item(at))
            }
            _ => None,
        };
        if let Some(place) = place {
            meet(stack, names, frames, visitor, place)?;
        } else {
            stack.pop(1);
            frames.pop();
            visitor.end(form);
        }
    }
    Ok(())
}

/// Shows the topmost value, and forgets it if nothing of it is to be walked through. May raise.
fn meet(
    stack: Stack,
    names: &[&[u8]],
    frames: &mut Vec<Frame>,
    visitor: &mut dyn Visitor,
    place: Place,
) -> Result<(), String> {
    let is_table = stack.kind(-1) == ffi::LUA_TTABLE;
    let mut form = Form::Nothing;
    if !is_table {
        visitor.value(seen(stack), place)?;
    } else if stack.has_room(ROOM) {
        form = visitor.table(Met { stack, names }, place, frames.len() + 1)?;
    } else {
        visitor.too_deep(place, frames.len() + 1)?;
    }
    match form {
        Form::Nothing => {
            stack.pop(1);
            return Ok(());
        }
        Form::List(_) => {}
        Form::Pairs(name) => begin(stack, names, name),
        Form::Keys(name) => begin(stack, names, Some(name)),
    }
    frames.push(Frame { form, at: 0, has_value: false });
    Ok(())
}

/// Puts a table within the topmost one in its place, if there is a name, and what stands before its first key on it.
fn begin(stack: Stack, names: &[&[u8]], name: Option<usize>) {
    if let Some(name) = name {
        Met { stack, names }.push_named(name);
        assert_eq!(stack.kind(-1), ffi::LUA_TTABLE, "the visitor has seen a table there");
        stack.remove(-2);
    }
    stack.push_nil();
}

/// Makes a value of its flat list.
pub(crate) fn build(lua: &Lua, values: &Values) -> mlua::Result<Value> {
    let mut opened = Opened::default();
    // SAFETY: the closure has nothing to drop, and `exec_raw` calls it under protection.
    unsafe {
        lua.exec_raw((), |state| {
            let stack = of(state);
            stack.push_values(values, &mut opened);
        })
    }
}
