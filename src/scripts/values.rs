//! Owns the way of answers into Lua and of Lua's values into answers.

use std::borrow::Cow;

use hyperion_engine::Recorded;
use hyperion_lua::{Form, Given, Met, Name, Place, Seen, Values, Visitor, number_text};
use hyperion_model::ReplyWriter;

use super::limits::ANSWER_BYTES_MAX;
use super::machine::Machine;

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
///
/// Errors: for want of memory; then a part is written.
pub(super) fn given_to_answer(
    machine: &Machine,
    given: &Given,
    text: &[u8],
    is_resp3: bool,
    out: &mut dyn ReplyWriter,
) -> mlua::Result<()> {
    let mut answering = Answering { is_resp3, left: ANSWER_BYTES_MAX, out };
    match given {
        Given::Nil => answering.show(Seen::Nil),
        Given::Boolean(value) => answering.show(Seen::Boolean(*value)),
        Given::Number(number) => answering.show(Seen::Number(*number)),
        Given::Text => answering.show(Seen::Text(text)),
        Given::Status => answering.out.simple(&one_line(text)),
        Given::Other(value) | Given::Failed(value) => {
            machine.walk(value, &NAMES, &mut answering)?;
        }
    }
    Ok(())
}

/// Under what a table holds an answer of another kind than a list, in the order in which they are looked for.
const NAMES: [&[u8]; 9] = [
    b"err",
    b"ok",
    b"double",
    b"big_number",
    b"verbatim_string",
    b"map",
    b"set",
    b"format",
    b"string",
];
/// Their places in the list.
const ERR: usize = 0;
const OK: usize = 1;
const DOUBLE: usize = 2;
const BIG_NUMBER: usize = 3;
const VERBATIM: usize = 4;
const MAP: usize = 5;
const SET: usize = 6;
const FORMAT: usize = 7;
const STRING: usize = 8;

/// What a value counts beside its text.
const VALUE_BYTES: usize = 16;

/// Writes what a walk meets as an answer.
struct Answering<'o> {
    is_resp3: bool,
    /// Bytes that may still be written.
    left: usize,
    out: &'o mut dyn ReplyWriter,
}

impl Answering<'_> {
    /// Counts a value with so many bytes of text: what holds one value many times, or itself, would be long without end.
    fn count(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.left.checked_sub(bytes.saturating_add(VALUE_BYTES));
        self.left = left.ok_or_else(|| {
            format!("the answer of the script is longer than {ANSWER_BYTES_MAX} bytes")
        })?;
        Ok(())
    }

    fn show(&mut self, value: Seen<'_>) {
        match value {
            Seen::Text(text) => self.out.bulk(text),
            Seen::Number(number) => self.out.integer(cut(number)),
            Seen::Boolean(value) if self.is_resp3 => self.out.boolean(value),
            Seen::Boolean(true) => self.out.integer(1),
            _ => self.out.null(),
        }
    }

    /// Whether a table is an answer of its own kind, which is written then.
    fn is_single(&mut self, table: Met<'_>) -> bool {
        let out = &mut *self.out;
        let mut is_text = |name: usize, show: fn(&mut dyn ReplyWriter, &str)| {
            table.named(name, |value| match value {
                Seen::Text(text) => {
                    show(out, &one_line(text));
                    true
                }
                _ => false,
            })
        };
        if is_text(ERR, |out, line| out.error(line)) || is_text(OK, |out, line| out.simple(line)) {
            return true;
        }
        let out = &mut *self.out;
        let is_double = table.named(DOUBLE, |value| match value {
            Seen::Number(number) => {
                out.double(number);
                true
            }
            _ => false,
        });
        if is_double {
            return true;
        }
        let out = &mut *self.out;
        let is_big = table.named(BIG_NUMBER, |value| match value {
            Seen::Text(text) => {
                out.big_number(&one_line(text));
                true
            }
            _ => false,
        });
        if is_big {
            return true;
        }
        let out = &mut *self.out;
        let is_verbatim = table.within(VERBATIM, [FORMAT, STRING], |values| match values {
            [Seen::Text(format), Seen::Text(text)] => {
                let format = String::from_utf8_lossy(format);
                let format: String = format.chars().chain("   ".chars()).take(3).collect();
                out.verbatim(&format, text);
                true
            }
            _ => false,
        });
        is_verbatim == Some(true)
    }
}

impl Visitor for Answering<'_> {
    fn value(&mut self, value: Seen<'_>, _: Place) -> Result<(), String> {
        self.count(if let Seen::Text(text) = value { text.len() } else { 0 })?;
        self.show(value);
        Ok(())
    }

    fn table(&mut self, table: Met<'_>, _: Place, _: usize) -> Result<Form, String> {
        let length = |value: Seen<'_>| if let Seen::Text(text) = value { text.len() } else { 0 };
        let texts = [ERR, OK, BIG_NUMBER].map(|name| table.named(name, length));
        let verbatim = table.within(VERBATIM, [FORMAT, STRING], |[_, text]| length(text));
        self.count(texts.iter().sum::<usize>() + verbatim.unwrap_or(0))?;
        if self.is_single(table) {
            return Ok(Form::Nothing);
        }
        if let Some(count) = table.count_named(MAP) {
            self.out.map(count);
            return Ok(Form::Pairs(Some(MAP)));
        }
        if let Some(count) = table.count_named(SET) {
            self.out.set(count);
            return Ok(Form::Keys(SET));
        }
        // As far as there is no hole.
        let count = table.count_in_order();
        self.out.array(count);
        Ok(Form::List(count))
    }

    /// It is told as an error in its place.
    fn too_deep(&mut self, _: Place, _: usize) -> Result<(), String> {
        self.count(0)?;
        self.out.error("ERR reached lua stack limit");
        Ok(())
    }

    fn end(&mut self, _: Form) {}
}

/// A number without what is behind its point; what is no 64-bit number is the least one, as processors cut it for Redis.
pub(super) fn cut(number: f64) -> i64 {
    const END: f64 = 9_223_372_036_854_775_808.0;
    if !(-END..END).contains(&number) {
        return i64::MIN;
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within the bounds")]
    {
        number as i64
    }
}

fn one_line(text: &[u8]) -> Cow<'_, str> {
    let line = String::from_utf8_lossy(text);
    if line.contains(['\r', '\n']) { Cow::Owned(line.replace(['\r', '\n'], " ")) } else { line }
}
