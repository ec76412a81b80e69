//! Owns functions of libraries that refuse as Lua's own do: `bad argument #1 to 'band' (number expected, got string)`.

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Value};

use super::values::cut;

/// Why a function refuses.
pub(super) enum Problem {
    /// An argument, by its number, and what is wrong with it.
    Argument(usize, String),
    /// The line that is raised.
    Text(String),
    /// The machine has failed.
    Lua(mlua::Error),
}

impl From<mlua::Error> for Problem {
    fn from(error: mlua::Error) -> Self {
        Self::Lua(error)
    }
}

pub(super) fn problem<T>(text: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Text(text.into()))
}

pub(super) fn wrong<T>(number: usize, text: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::Argument(number, text.into()))
}

/// What a function is called with. Arguments count from 1.
pub(super) struct Arguments<'l> {
    lua: &'l Lua,
    values: Vec<Value>,
}

impl Arguments<'_> {
    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    pub(super) fn get(&self, number: usize) -> Option<&Value> {
        self.values.get(number - 1)
    }

    /// An argument that is there, and not nil.
    pub(super) fn given(&self, number: usize) -> Option<&Value> {
        self.get(number).filter(|value| !value.is_nil())
    }

    /// What is said of an argument that is of another type.
    fn expected<T>(&self, number: usize, name: &str) -> Result<T, Problem> {
        let found = self.get(number).map_or("no value", type_name);
        wrong(number, format!("{name} expected, got {found}"))
    }

    /// A number, or a string that is one.
    pub(super) fn number(&self, number: usize) -> Result<f64, Problem> {
        match self.get(number) {
            Some(Value::Number(value)) => return Ok(*value),
            #[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
            Some(Value::Integer(value)) => return Ok(*value as f64),
            Some(text @ Value::String(_)) => {
                if let Some(value) = self.lua.coerce_number(text.clone())? {
                    return Ok(value);
                }
            }
            _ => {}
        }
        self.expected(number, "number")
    }

    /// A number without what is behind its point.
    pub(super) fn integer(&self, number: usize) -> Result<i64, Problem> {
        self.number(number).map(cut)
    }

    /// A string, or a number as one.
    pub(super) fn text(&self, number: usize) -> Result<mlua::String, Problem> {
        match self.get(number) {
            Some(Value::String(text)) => return Ok(text.clone()),
            Some(value @ (Value::Number(_) | Value::Integer(_))) => {
                if let Some(text) = self.lua.coerce_string(value.clone())? {
                    return Ok(text);
                }
            }
            _ => {}
        }
        self.expected(number, "string")
    }
}

/// The type of a value as Lua names it.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) => "number",
        Value::LightUserData(_) | Value::Error(_) => "userdata",
        other => other.type_name(),
    }
}

/// Arguments that a function of few sees: one more than any has, so that it can refuse that.
const FEW: u8 = 4;

/// The function that scripts call.
pub(super) fn function<R: IntoLuaMulti>(
    lua: &Lua,
    body: impl Fn(&Lua, &Arguments<'_>) -> Result<R, Problem> + 'static,
) -> mlua::Result<Function> {
    hyperion_lua::checked(lua, &told(lua, body)?, false, Some(FEW))
}

/// The same, of any number of arguments.
pub(super) fn of_many<R: IntoLuaMulti>(
    lua: &Lua,
    body: impl Fn(&Lua, &Arguments<'_>) -> Result<R, Problem> + 'static,
) -> mlua::Result<Function> {
    hyperion_lua::checked(lua, &told(lua, body)?, false, None)
}

/// The same as the first, where what it gives ends with a table and how many values of it are meant.
pub(super) fn spreading<R: IntoLuaMulti>(
    lua: &Lua,
    body: impl Fn(&Lua, &Arguments<'_>) -> Result<R, Problem> + 'static,
) -> mlua::Result<Function> {
    hyperion_lua::checked(lua, &told(lua, body)?, true, Some(FEW))
}

fn told<R: IntoLuaMulti>(
    lua: &Lua,
    body: impl Fn(&Lua, &Arguments<'_>) -> Result<R, Problem> + 'static,
) -> mlua::Result<Function> {
    lua.create_function(move |lua, values: MultiValue| {
        match body(lua, &Arguments { lua, values: values.into_vec() }) {
            Ok(given) => {
                let mut given = given.into_lua_multi(lua)?;
                given.push_front(Value::Nil);
                Ok(given)
            }
            Err(Problem::Argument(number, text)) => (number, text).into_lua_multi(lua),
            Err(Problem::Text(text)) => text.into_lua_multi(lua),
            Err(Problem::Lua(error)) => Err(error),
        }
    })
}
