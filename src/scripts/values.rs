//! Owns the way of answers into Lua and of Lua's values into answers.

use hyperion_engine::Recorded;
use hyperion_model::ReplyWriter;
use mlua::{Lua, Result, Table, Value};

use super::limits::DEPTH_MAX;

/// What is being filled.
struct Open {
    table: Table,
    /// Values that are still to come, and those that have.
    left: usize,
    put: usize,
    /// A map takes keys and values in turn; a set takes its members as keys.
    kind: Kind,
    key: Option<Value>,
    /// The table that is told for it.
    outer: Table,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Map,
    Set,
}

/// Makes a Lua value of an answer.
struct Builder<'l> {
    lua: &'l Lua,
    is_resp3: bool,
    open: Vec<Open>,
    done: Option<Value>,
    error: Option<mlua::Error>,
    text: Vec<u8>,
}

/// The Lua value of an answer, by the rules of RESP2 unless the script has asked for RESP3.
pub(super) fn to_lua(lua: &Lua, answer: &Recorded, is_resp3: bool) -> Result<Value> {
    let (open, text) = (Vec::new(), Vec::new());
    let mut builder = Builder { lua, is_resp3, open, done: None, error: None, text };
    answer.write(&mut builder);
    match builder.error {
        Some(error) => Err(error),
        None => Ok(builder.done.unwrap_or(Value::Nil)),
    }
}

impl Builder<'_> {
    fn put(&mut self, value: Result<Value>) {
        let mut value = match value {
            Ok(value) => value,
            Err(error) => {
                self.error.get_or_insert(error);
                return;
            }
        };
        while let Some(open) = self.open.last_mut() {
            let stored = match open.kind {
                Kind::Array => {
                    open.put += 1;
                    open.table.raw_set(open.put, value)
                }
                Kind::Set => open.table.raw_set(value, true),
                Kind::Map => match open.key.take() {
                    None => {
                        open.key = Some(value);
                        Ok(())
                    }
                    Some(key) => open.table.raw_set(key, value),
                },
            };
            if let Err(error) = stored {
                self.error.get_or_insert(error);
            }
            open.left -= 1;
            if open.left > 0 {
                return;
            }
            let Some(open) = self.open.pop() else { return };
            value = Value::Table(open.outer);
        }
        self.done = Some(value);
    }

    fn begin(&mut self, kind: Kind, count: usize) {
        let made = self.lua.create_table().and_then(|table| {
            let name = match kind {
                Kind::Array => return Ok((table.clone(), table)),
                Kind::Map => "map",
                Kind::Set => "set",
            };
            let outer = self.lua.create_table()?;
            outer.raw_set(name, &table)?;
            Ok((table, outer))
        });
        let (table, outer) = match made {
            Ok(made) => made,
            Err(error) => {
                self.error.get_or_insert(error);
                return;
            }
        };
        let left = if kind == Kind::Map { 2 * count } else { count };
        if left == 0 {
            return self.put(Ok(Value::Table(outer)));
        }
        self.open.push(Open { table, left, put: 0, kind, key: None, outer });
    }

    fn string(&mut self, bytes: &[u8]) {
        let value = self.lua.create_string(bytes).map(Value::String);
        self.put(value);
    }

    fn field(&mut self, name: &str, text: &[u8]) {
        let table = self.lua.create_table().and_then(|table| {
            table.raw_set(name, self.lua.create_string(text)?)?;
            Ok(Value::Table(table))
        });
        self.put(table);
    }

    fn nothing(&mut self) {
        let value = if self.is_resp3 { Value::Nil } else { Value::Boolean(false) };
        self.put(Ok(value));
    }
}

impl ReplyWriter for Builder<'_> {
    fn simple(&mut self, text: &str) {
        self.field("ok", text.as_bytes());
    }

    fn error(&mut self, text: &str) {
        self.field("err", text.as_bytes());
    }

    fn integer(&mut self, value: i64) {
        #[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
        self.put(Ok(Value::Number(value as f64)));
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.string(bytes);
    }

    fn bulk_begin(&mut self, _: u64) {
        self.text.clear();
    }

    fn bulk_piece(&mut self, bytes: &[u8], last: bool) {
        self.text.extend_from_slice(bytes);
        if last {
            let text = std::mem::take(&mut self.text);
            self.string(&text);
        }
    }

    fn null(&mut self) {
        self.nothing();
    }

    fn null_array(&mut self) {
        self.nothing();
    }

    fn array(&mut self, count: usize) {
        self.begin(Kind::Array, count);
    }

    fn map(&mut self, count: usize) {
        if self.is_resp3 {
            self.begin(Kind::Map, count);
        } else {
            self.begin(Kind::Array, 2 * count);
        }
    }

    fn set(&mut self, count: usize) {
        self.begin(if self.is_resp3 { Kind::Set } else { Kind::Array }, count);
    }

    fn pairs(&mut self, count: usize, are_pairs: bool) {
        self.begin(Kind::Array, if are_pairs && !self.is_resp3 { 2 * count } else { count });
    }

    fn pair(&mut self) {
        if self.is_resp3 {
            self.begin(Kind::Array, 2);
        }
    }

    fn double(&mut self, value: f64) {
        if !self.is_resp3 {
            let text = number_text(value);
            return self.string(text.as_bytes());
        }
        let table = self.lua.create_table().and_then(|table| {
            table.raw_set("double", value)?;
            Ok(Value::Table(table))
        });
        self.put(table);
    }

    fn has_maps(&self) -> bool {
        self.is_resp3
    }

    fn decimal(&mut self, text: &str) {
        if self.is_resp3 {
            self.double(text.parse().unwrap_or(f64::NAN));
        } else {
            self.string(text.as_bytes());
        }
    }

    fn boolean(&mut self, value: bool) {
        if self.is_resp3 {
            self.put(Ok(Value::Boolean(value)));
        } else {
            self.integer(i64::from(value));
        }
    }

    fn verbatim(&mut self, _: &str, bytes: &[u8]) {
        self.string(bytes);
    }
}

/// Writes a Lua value as an answer. Tables of tables beyond the limit are told as an error in their place.
pub(super) fn to_answer(value: &Value, is_resp3: bool, depth: usize, out: &mut dyn ReplyWriter) {
    if depth > DEPTH_MAX {
        return out.error("ERR reached lua stack limit");
    }
    match value {
        Value::String(text) => out.bulk(&text.as_bytes()),
        Value::Number(number) => out.integer(cut(*number)),
        Value::Integer(number) => out.integer(*number),
        Value::Boolean(value) if is_resp3 => out.boolean(*value),
        Value::Boolean(true) => out.integer(1),
        Value::Table(table) => table_to_answer(table, is_resp3, depth, out),
        _ => out.null(),
    }
}

/// A number without what is behind its point; what is no 64-bit number is the least one, as processors cut it for Redis.
fn cut(number: f64) -> i64 {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if !(-END..END).contains(&number) {
        return i64::MIN;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within the bounds")]
    {
        number as i64
    }
}

fn table_to_answer(table: &Table, is_resp3: bool, depth: usize, out: &mut dyn ReplyWriter) {
    let text = |name: &str| match table.raw_get::<Value>(name) {
        Ok(Value::String(text)) => Some(one_line(&text.as_bytes())),
        _ => None,
    };
    if let Some(line) = text("err") {
        return out.error(&line);
    }
    if let Some(line) = text("ok") {
        return out.simple(&line);
    }
    match table.raw_get::<Value>("double") {
        Ok(Value::Number(number)) => return out.double(number),
        #[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
        Ok(Value::Integer(number)) => return out.double(number as f64),
        _ => {}
    }
    // Values are looked at twice rather than held: a machine lends a few thousand at a time.
    if let Ok(Value::Table(map)) = table.raw_get::<Value>("map") {
        out.map(map.pairs::<Value, Value>().flatten().count());
        for (key, value) in map.pairs::<Value, Value>().flatten() {
            to_answer(&key, is_resp3, depth + 1, out);
            to_answer(&value, is_resp3, depth + 1, out);
        }
        return;
    }
    if let Ok(Value::Table(set)) = table.raw_get::<Value>("set") {
        out.set(set.pairs::<Value, Value>().flatten().count());
        for (member, _) in set.pairs::<Value, Value>().flatten() {
            to_answer(&member, is_resp3, depth + 1, out);
        }
        return;
    }
    // As far as there is no hole.
    let at = |at: i64| table.raw_get::<Value>(at).ok().filter(|value| !value.is_nil());
    let count = (1..).take_while(|&place| at(place).is_some()).count();
    out.array(count);
    for value in (1..).map_while(at).take(count) {
        to_answer(&value, is_resp3, depth + 1, out);
    }
}

fn one_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).replace(['\r', '\n'], " ")
}

/// An argument of a call as a word: strings as they are, numbers as text.
pub(super) fn word_of(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Integer(number) => Some(number.to_string().into_bytes()),
        Value::Number(number) => Some(number_text(*number).into_bytes()),
        _ => None,
    }
}

/// A number as Redis hands it to commands: whole ones without a point, others with 17 digits at most.
fn number_text(number: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "compared right after")]
    let whole = number as i64;
    #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "equal exactly or not whole")]
    if whole as f64 == number && number.abs() < 1e17 {
        return whole.to_string();
    }
    number.to_string()
}
