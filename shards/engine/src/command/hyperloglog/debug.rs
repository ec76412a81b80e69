//! Owns PFDEBUG and PFSELFTEST.

use super::super::context::{Context, is_word};
use super::super::error::{CommandError, repeat};
use super::header::{Form, HEADER_BYTES};
use super::sketch::{Registers, Sketch, count, count_registers, merge};
use super::{REGISTERS, dense, sparse};
use std::fmt::Write;

type Done = Result<(), CommandError>;

/// PFDEBUG GETREG|DECODE|ENCODING|TODENSE key
pub(in super::super) fn pfdebug(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[2])?;
    let Some(found) = context.find_string(&key)? else {
        return Err(CommandError::Says("ERR The specified key does not exist"));
    };
    let value = context.store.value(&found);
    let mut sketch = Sketch::read(value.join(context.scratch))?;
    let known = ["getreg", "decode", "encoding", "todense"];
    let Some(word) = known.into_iter().find(|word| is_word(arguments[1], word)) else {
        return Err(CommandError::UnknownDebug { name: repeat(arguments[1]) });
    };
    if word == "encoding" {
        context.reply.simple(if sketch.form == Form::Dense { "dense" } else { "sparse" });
        return Ok(());
    }
    if word == "decode" {
        if sketch.form == Form::Dense {
            return Err(CommandError::Says("ERR HLL encoding is not sparse"));
        }
        context.reply.bulk(decode(&sketch).as_bytes());
        return Ok(());
    }
    let is_new = sketch.make_dense()?;
    if is_new {
        let expiry_ms = context.store.expiry_ms(&found);
        context.check_room(key.bytes.len() + sketch.bytes.len())?;
        context.store.put(&key, &[&sketch.bytes], expiry_ms)?;
    }
    if word == "todense" {
        context.reply.integer(i64::from(is_new));
        return Ok(());
    }
    context.reply.array(REGISTERS);
    let numbers = dense::numbers(&sketch.bytes[HEADER_BYTES..]);
    numbers.for_each(|number| context.reply.integer(i64::from(number)));
    Ok(())
}

/// The runs as text: `z:` and `Z:` for zeros in one byte and in two, `v:number,registers` for others.
fn decode(sketch: &Sketch) -> String {
    let mut text = String::new();
    for run in sparse::runs(&sketch.bytes[HEADER_BYTES..]) {
        let blank = if text.is_empty() { "" } else { " " };
        let written = match (run.number, run.bytes) {
            (0, 1) => write!(text, "{blank}z:{}", run.registers),
            (0, _) => write!(text, "{blank}Z:{}", run.registers),
            (number, _) => write!(text, "{blank}v:{number},{}", run.registers),
        };
        written.expect("a string takes all");
    }
    text
}

/// PFSELFTEST: counts numbers in both forms, and compares the registers with plain ones.
pub(in super::super) fn pfselftest(context: &mut Context<'_>, _arguments: &[&[u8]]) -> Done {
    let (mut sparse, mut dense) = (Sketch::new(), Sketch::new());
    dense.make_dense()?;
    let mut plain = Registers::new();
    for number in 0..500_u64 {
        let element = number.to_le_bytes();
        sparse.add(&element)?;
        dense.add(&element)?;
        let (register, number) = super::hash::place_of(&element);
        plain.resize(REGISTERS, 0);
        plain[register] = plain[register].max(number);
    }
    let mut merged = Registers::new();
    merge(&mut merged, &sparse.bytes)?;
    sparse.make_old();
    dense.make_old();
    let expected = count_registers(&plain);
    let is_right = merged == plain
        && count(&sparse.bytes)?.0 == expected
        && count(&dense.bytes)?.0 == expected;
    if !is_right {
        return Err(CommandError::Says("ERR TESTFAILED the forms of one sketch differ"));
    }
    context.reply.simple("OK");
    Ok(())
}
