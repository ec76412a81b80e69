//! Owns BITOP: strings put together bit by bit, each read where it lies.

use super::super::context::{Context, integer, is_word};
use super::super::error::CommandError;
use hyperion_model::EventClass;
use hyperion_store::Value;

/// How bits are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

/// `BITOP AND|OR|XOR|NOT destination key [key ...]`
pub(in super::super) fn bitop(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    let operation = match arguments[1] {
        word if is_word(word, "and") => Operation::And,
        word if is_word(word, "or") => Operation::Or,
        word if is_word(word, "xor") => Operation::Xor,
        word if is_word(word, "not") => Operation::Not,
        _ => return Err(CommandError::Syntax),
    };
    if operation == Operation::Not && arguments.len() != 4 {
        let sentence = "ERR BITOP NOT must be called with a single source key.";
        return Err(CommandError::Says(sentence));
    }
    let destination = context.key(arguments[2])?;
    let mut bytes = 0;
    for name in &arguments[3..] {
        let key = context.key(name)?;
        let found = context.find_string(&key)?;
        bytes = bytes.max(found.map_or(0, |found| context.store.value(&found).len()));
    }
    if bytes == 0 {
        if context.store.delete(&destination)? {
            context.notify(EventClass::Generic, "del", arguments[2]);
        }
        context.reply.integer(0);
        return Ok(());
    }
    context.check_room(destination.bytes.len() + bytes)?;
    let mut result = std::mem::take(context.scratch);
    let combined = combine(context, operation, &arguments[3..], bytes, &mut result);
    let written = combined.and_then(|()| Ok(context.store.put(&destination, &[&result], None)?));
    *context.scratch = result;
    written?;
    context.notify(EventClass::String, "set", arguments[2]);
    context.reply.integer(integer(bytes));
    Ok(())
}

/// Puts the strings together in `result`, `bytes` long as the longest of them; shorter ones end in zeros.
fn combine(
    context: &mut Context<'_>,
    operation: Operation,
    names: &[&[u8]],
    bytes: usize,
    result: &mut Vec<u8>,
) -> Result<(), CommandError> {
    result.clear();
    for (number, name) in names.iter().enumerate() {
        let key = context.key(name)?;
        let found = context.find_string(&key)?;
        let value = found.map_or(Value::Whole(&[]), |found| context.store.value(&found));
        if number == 0 {
            value.copy_range(0, bytes, result);
            result.resize(bytes, 0);
        } else {
            fold(operation, &value, result);
        }
    }
    if operation == Operation::Not {
        result.iter_mut().for_each(|byte| *byte = !*byte);
    }
    Ok(())
}

/// Puts one more string into the result. The loops are those that the compiler makes wide.
fn fold(operation: Operation, value: &Value<'_>, result: &mut [u8]) {
    let mut rest = result;
    for piece in value.pieces() {
        let (here, behind) = rest.split_at_mut(piece.len());
        let pairs = here.iter_mut().zip(piece);
        match operation {
            Operation::And => pairs.for_each(|(byte, with)| *byte &= with),
            Operation::Or => pairs.for_each(|(byte, with)| *byte |= with),
            Operation::Xor | Operation::Not => pairs.for_each(|(byte, with)| *byte ^= with),
        }
        rest = behind;
    }
    if operation == Operation::And {
        rest.fill(0);
    }
}
