//! Owns `redis.register_function`: what a library registers while it is loaded.

use std::cell::RefCell;
use std::rc::Rc;

use mlua::{Function, Lua, Table, Value};

use super::flags::ScriptFlags;
use super::library::{NAME_RULE, is_name};
use super::limits::FUNCTIONS_MAX;

/// A function that a library registered.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) name: String,
    pub(crate) description: Option<Vec<u8>>,
    pub(crate) flags: ScriptFlags,
    pub(super) function: Function,
}

/// The functions of the library that is loaded.
#[derive(Debug, Default)]
pub(crate) struct Registering {
    is_open: bool,
    pub(super) functions: Vec<Registered>,
}

/// What is wrong, as Redis says it.
type Refused = std::borrow::Cow<'static, str>;

impl Registering {
    /// Lets functions be registered, until [`RefCell::take`].
    pub(super) fn begin(&mut self) {
        *self = Self { is_open: true, functions: Vec::new() };
    }

    /// What Lua calls: the number of arguments and the arguments; it gives what is wrong, or nil.
    pub(super) fn function(lua: &Lua, registering: &Rc<RefCell<Self>>) -> mlua::Result<Function> {
        let registering = Rc::clone(registering);
        lua.create_function(move |lua, arguments: (usize, Value, Value)| {
            match registering.borrow_mut().register(arguments) {
                Ok(()) => Ok(Value::Nil),
                Err(problem) => lua.create_string(&*problem).map(Value::String),
            }
        })
    }

    fn register(&mut self, (count, first, second): (usize, Value, Value)) -> Result<(), Refused> {
        if !self.is_open {
            return Err(
                "redis.register_function can only be called on FUNCTION LOAD command".into()
            );
        }
        let registered = match (count, first) {
            (1, Value::Table(named)) => named_arguments(&named)?,
            (1, _) => return Err("calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).".into()),
            (2, name) => {
                let name = text(&name)
                    .ok_or("first argument to redis.register_function must be a string")?;
                let Value::Function(function) = second else {
                    return Err(
                        "second argument to redis.register_function must be a function".into()
                    );
                };
                (name, None, ScriptFlags::default(), function)
            }
            _ => return Err("wrong number of arguments to redis.register_function".into()),
        };
        if self.functions.len() >= FUNCTIONS_MAX {
            return Err(too_many().into());
        }
        let (name, description, flags, function) = registered;
        let name = String::from_utf8(name).ok().filter(|name| is_name(name)).ok_or(NAME_RULE)?;
        if self.functions.iter().any(|known| known.name == name) {
            return Err("Function already exists in the library".into());
        }
        self.functions.push(Registered { name, description, flags, function });
        Ok(())
    }
}

pub(super) fn too_many() -> String {
    format!("{FUNCTIONS_MAX} functions of all libraries are kept at most")
}

type Arguments = (Vec<u8>, Option<Vec<u8>>, ScriptFlags, Function);

fn named_arguments(named: &Table) -> Result<Arguments, Refused> {
    let (mut name, mut description, mut function) = (None, None, None);
    let mut flags = ScriptFlags::default();
    for pair in named.pairs::<Value, Value>() {
        let (key, value) = pair.map_err(|error| error.to_string())?;
        let key = text(&key)
            .ok_or("named argument key given to redis.register_function is not a string")?;
        match key.to_ascii_lowercase().as_slice() {
            b"function_name" => {
                name = Some(text(&value).ok_or(
                    "function_name argument given to redis.register_function must be a string",
                )?);
            }
            b"description" => {
                description = Some(text(&value).ok_or(
                    "description argument given to redis.register_function must be a string",
                )?);
            }
            b"callback" => match value {
                Value::Function(callback) => function = Some(callback),
                _ => {
                    return Err(
                        "callback argument given to redis.register_function must be a function"
                            .into(),
                    );
                }
            },
            b"flags" => match value {
                Value::Table(names) => flags = flags_of(&names).ok_or("unknown flag given")?,
                _ => return Err("flags argument to redis.register_function must be a table representing function flags".into()),
            },
            _ => return Err("unknown argument given to redis.register_function".into()),
        }
    }
    let name = name.ok_or("redis.register_function must get a function name argument")?;
    let function = function.ok_or("redis.register_function must get a callback argument")?;
    Ok((name, description, flags, function))
}

fn flags_of(names: &Table) -> Option<ScriptFlags> {
    let mut flags = ScriptFlags::default();
    for name in names.sequence_values::<Value>() {
        flags.take(&text(&name.ok()?)?).then_some(())?;
    }
    Some(flags)
}

/// A string, or a number as one.
fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(_) | Value::Number(_) => value.to_string().ok().map(String::into_bytes),
        _ => None,
    }
}
