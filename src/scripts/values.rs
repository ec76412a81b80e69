//! Owns the way of answers into Lua and of Lua's values into answers.

use std::borrow::Cow;

use hyperion_engine::Recorded;
use hyperion_lua::{Given, Name, Values, number_text};
use hyperion_model::ReplyWriter;
use mlua::{Table, Value};

use super::limits::DEPTH_MAX;

/// Makes values for Lua of an answer.
struct Filling<'v> {
    values: &'v mut Values,
    is_resp3: bool,
}

/// The values for Lua of an answer, by the rules of RESP2 unless the script has asked for RESP3.
pub(super) fn to_lua(answer: &Recorded, is_resp3: bool, values: &mut Values) {
    answer.write(&mut Filling { values, is_resp3 });
}

impl Filling<'_> {
    fn nothing(&mut self) {
        if self.is_resp3 {
            self.values.nil();
        } else {
            self.values.boolean(false);
        }
    }
}

impl ReplyWriter for Filling<'_> {
    fn simple(&mut self, text: &str) {
        self.values.named(Name::Ok);
        self.values.text(text.as_bytes());
    }

    fn error(&mut self, text: &str) {
        self.values.named(Name::Err);
        self.values.text(text.as_bytes());
    }

    fn integer(&mut self, value: i64) {
        #[expect(clippy::cast_precision_loss, reason = "Lua's numbers are doubles")]
        self.values.number(value as f64);
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.values.text(bytes);
    }

    fn bulk_begin(&mut self, _: u64) {
        self.values.text(b"");
    }

    fn bulk_piece(&mut self, bytes: &[u8], _: bool) {
        self.values.more_text(bytes);
    }

    fn null(&mut self) {
        self.nothing();
    }

    fn null_array(&mut self) {
        self.nothing();
    }

    fn array(&mut self, count: usize) {
        self.values.array(count);
    }

    fn map(&mut self, count: usize) {
        if self.is_resp3 {
            self.values.named(Name::Map);
            self.values.pairs(count);
        } else {
            self.values.array(2 * count);
        }
    }

    fn set(&mut self, count: usize) {
        if self.is_resp3 {
            self.values.named(Name::Set);
            self.values.keys(count);
        } else {
            self.values.array(count);
        }
    }

    fn pairs(&mut self, count: usize, are_pairs: bool) {
        self.values.array(if are_pairs && !self.is_resp3 { 2 * count } else { count });
    }

    fn pair(&mut self) {
        if self.is_resp3 {
            self.values.array(2);
        }
    }

    fn double(&mut self, value: f64) {
        if self.is_resp3 {
            self.values.named(Name::Double);
            return self.values.number(value);
        }
        let mut text = Vec::new();
        number_text(value, &mut text);
        self.values.text(&text);
    }

    fn has_maps(&self) -> bool {
        self.is_resp3
    }

    fn decimal(&mut self, text: &str) {
        if self.is_resp3 {
            self.double(text.parse().unwrap_or(f64::NAN));
        } else {
            self.values.text(text.as_bytes());
        }
    }

    fn boolean(&mut self, value: bool) {
        if self.is_resp3 {
            self.values.boolean(value);
        } else {
            self.integer(i64::from(value));
        }
    }

    fn verbatim(&mut self, _: &str, bytes: &[u8]) {
        self.values.text(bytes);
    }
}

/// Writes what a script gave as an answer; `text` is its string. What failed is told by who knows the script.
pub(super) fn given_to_answer(
    given: &Given,
    text: &[u8],
    is_resp3: bool,
    out: &mut dyn ReplyWriter,
) {
    match given {
        Given::Nil => out.null(),
        Given::Boolean(value) => to_answer(&Value::Boolean(*value), is_resp3, 0, out),
        Given::Number(number) => out.integer(cut(*number)),
        Given::Text => out.bulk(text),
        Given::Status => out.simple(&one_line(text)),
        Given::Other(value) | Given::Failed(value) => to_answer(value, is_resp3, 0, out),
    }
}

/// Writes a Lua value as an answer. Tables of tables beyond the limit are told as an error in their place.
fn to_answer(value: &Value, is_resp3: bool, depth: usize, out: &mut dyn ReplyWriter) {
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
        Ok(Value::String(text)) => Some(one_line(&text.as_bytes()).into_owned()),
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

fn one_line(text: &[u8]) -> Cow<'_, str> {
    let line = String::from_utf8_lossy(text);
    if line.contains(['\r', '\n']) { Cow::Owned(line.replace(['\r', '\n'], " ")) } else { line }
}
