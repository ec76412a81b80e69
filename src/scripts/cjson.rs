//! Owns the library `cjson`: JSON as scripts of Redis know it, and what scripts have set of it.

use std::cell::Cell;
use std::rc::Rc;

use mlua::{Lua, Result, Table, Value};

use super::checked::{Arguments, Problem, function, problem, wrong};
use super::json_read::read;
use super::json_write::write;

/// What scripts have set; it holds for those that follow, as in Redis.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) encode_depth_max: Cell<i64>,
    pub(super) decode_depth_max: Cell<i64>,
    pub(super) digits: Cell<i64>,
    pub(super) invalid: Cell<Choice>,
    pub(super) decodes_invalid: Cell<Choice>,
    keeps_buffer: Cell<Choice>,
    /// What is too sparse for an array becomes an object.
    pub(super) converts: Cell<Choice>,
    /// An array is too sparse when its highest index is above this times its values, and above `sparse_safe`; never where it is 0.
    pub(super) sparse_ratio: Cell<i64>,
    pub(super) sparse_safe: Cell<i64>,
}

/// One of the words that a setting can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Off,
    On,
    Null,
}

impl Choice {
    const ALL: [(Self, &str); 3] = [(Self::Off, "off"), (Self::On, "on"), (Self::Null, "null")];

    /// Sets one of the first so many by an argument, if it is given.
    fn set(cell: &Cell<Self>, given: &Arguments<'_>, count: usize) -> Outcome<()> {
        match given.given(1) {
            None => {}
            Some(Value::Boolean(value)) => cell.set(if *value { Self::On } else { Self::Off }),
            Some(_) => {
                let text = given.text(1)?;
                let text = text.as_bytes();
                match Self::ALL[..count].iter().find(|(_, name)| *name.as_bytes() == *text) {
                    Some((choice, _)) => cell.set(*choice),
                    None => {
                        let text = String::from_utf8_lossy(&text);
                        return wrong(1, format!("invalid option '{text}'"));
                    }
                }
            }
        }
        Ok(())
    }

    fn value(self, lua: &Lua) -> Result<Value> {
        match self {
            Self::Null => lua.create_string("null").map(Value::String),
            Self::On | Self::Off => Ok(Value::Boolean(self == Self::On)),
        }
    }
}

type Outcome<T> = std::result::Result<T, Problem>;

/// C's largest `int`.
const INT_MAX: i64 = i32::MAX as i64;

impl Default for Set {
    fn default() -> Self {
        Self {
            encode_depth_max: Cell::new(1_000),
            decode_depth_max: Cell::new(1_000),
            digits: Cell::new(14),
            invalid: Cell::new(Choice::Off),
            decodes_invalid: Cell::new(Choice::On),
            keeps_buffer: Cell::new(Choice::On),
            converts: Cell::new(Choice::Off),
            sparse_ratio: Cell::new(2),
            sparse_safe: Cell::new(10),
        }
    }
}

/// The library, as it is before anything is set.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.set("null", Value::NULL)?;
    let set = Rc::new(Set::default());
    let settings = Rc::clone(&set);
    let encode = function(lua, move |lua, given| {
        only_one(given)?;
        let text = write(lua, given.get(1).unwrap_or(&Value::Nil), &settings)?;
        text.map_or_else(problem, |text| Ok(lua.create_string(&text)?))
    })?;
    table.set("encode", encode)?;
    let settings = Rc::clone(&set);
    let decode = function(lua, move |lua, given| {
        only_one(given)?;
        let text = given.text(1)?;
        let values = read(&text.as_bytes(), &settings);
        values.map_or_else(problem, |values| Ok(values.build(lua)?))
    })?;
    table.set("decode", decode)?;
    let number = |name: &str, max: i64, cell: fn(&Set) -> &Cell<i64>| {
        let settings = Rc::clone(&set);
        let function = function(lua, move |_, given| {
            at_most(given, 1)?;
            set_number(cell(&settings), given, 1, 1, max)?;
            Ok(cell(&settings).get())
        })?;
        table.set(name, function)
    };
    number("encode_max_depth", INT_MAX, |set| &set.encode_depth_max)?;
    number("decode_max_depth", INT_MAX, |set| &set.decode_depth_max)?;
    number("encode_number_precision", 14, |set| &set.digits)?;
    let choice = |name: &str, count: usize, cell: fn(&Set) -> &Cell<Choice>| {
        let settings = Rc::clone(&set);
        let function = function(lua, move |lua, given| {
            at_most(given, 1)?;
            Choice::set(cell(&settings), given, count)?;
            Ok(cell(&settings).get().value(lua)?)
        })?;
        table.set(name, function)
    };
    choice("encode_invalid_numbers", 3, |set| &set.invalid)?;
    choice("decode_invalid_numbers", 2, |set| &set.decodes_invalid)?;
    // There is no buffer between two calls: it is told and has no effect.
    choice("encode_keep_buffer", 2, |set| &set.keeps_buffer)?;
    let settings = Rc::clone(&set);
    let sparse = function(lua, move |lua, given| {
        at_most(given, 3)?;
        Choice::set(&settings.converts, given, 2)?;
        set_number(&settings.sparse_ratio, given, 2, 0, INT_MAX)?;
        set_number(&settings.sparse_safe, given, 3, 0, INT_MAX)?;
        let converts = settings.converts.get().value(lua)?;
        Ok((converts, settings.sparse_ratio.get(), settings.sparse_safe.get()))
    })?;
    table.set("encode_sparse_array", sparse)?;
    table.set("new", lua.create_function(|lua, ()| library(lua))?)?;
    table.set("_NAME", "cjson")?;
    table.set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn only_one(given: &Arguments<'_>) -> Outcome<()> {
    if given.count() == 1 { Ok(()) } else { wrong(1, "expected 1 argument") }
}

fn at_most(given: &Arguments<'_>, count: usize) -> Outcome<()> {
    if given.count() <= count { Ok(()) } else { wrong(count + 1, "found too many arguments") }
}

/// Sets a number by an argument, if it is given; one out of bounds is told as the first, as in Redis.
fn set_number(
    cell: &Cell<i64>,
    given: &Arguments<'_>,
    number: usize,
    min: i64,
    max: i64,
) -> Outcome<()> {
    if given.given(number).is_some() {
        let value = given.integer(number)?;
        if !(min..=max).contains(&value) {
            return wrong(1, format!("expected integer between {min} and {max}"));
        }
        cell.set(value);
    }
    Ok(())
}
