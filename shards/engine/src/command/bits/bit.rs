//! Owns the commands about one bit, and what an offset of bits is.

use super::super::context::Context;
use super::super::error::CommandError;
use super::super::range::write_over;
use hyperion_model::EventClass;
use hyperion_model::number::parse_integer;
use hyperion_store::Value;

type Done = Result<(), CommandError>;

const BAD_OFFSET: CommandError =
    CommandError::Says("ERR bit offset is not an integer or out of range");
const BAD_BIT: CommandError = CommandError::Says("ERR bit is not an integer or out of range");

/// Every byte there is. One that is written far behind a string's end comes from here, so that what was staged for it is known by its place.
static BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut at = 0_u8;
    while at < u8::MAX {
        at += 1;
        bytes[at as usize] = at;
    }
    bytes
};

/// A byte at its place among all.
pub(super) fn one_byte(byte: u8) -> &'static [u8] {
    std::slice::from_ref(&BYTES[usize::from(byte)])
}

/// Reads an offset in bits, `#N` as the N-th field of `bits` bits where that is allowed; the byte it lies in is one that a string may have.
pub(super) fn parse_offset(
    word: &[u8],
    field_bits: Option<u32>,
    value_bytes_max: u64,
) -> Result<u64, CommandError> {
    let (digits, factor) = match (word, field_bits) {
        ([b'#', digits @ ..], Some(bits)) => (digits, u64::from(bits)),
        _ => (word, 1),
    };
    let offset = parse_integer(digits).and_then(|offset| u64::try_from(offset).ok());
    let offset = offset.and_then(|offset| offset.checked_mul(factor));
    offset.filter(|offset| offset >> 3 < value_bytes_max).ok_or(BAD_OFFSET)
}

/// The byte that holds a bit, and the bit in it.
fn place_of(offset: u64) -> (usize, u8) {
    let byte = usize::try_from(offset >> 3).expect("it is below the length of a string");
    (byte, 0x80 >> (offset & 7))
}

/// The byte at an index; what lies behind the end is 0.
fn byte_at(value: &Value<'_>, index: usize) -> u8 {
    value.range(index, index + 1).find_map(|piece| piece.first().copied()).unwrap_or(0)
}

/// SETBIT key offset 0|1
pub(in super::super) fn setbit(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let offset = parse_offset(arguments[2], None, context.value_bytes_max)?;
    let is_on = parse_bit(arguments[3]).ok_or(BAD_BIT)?;
    let key = context.first_key(arguments)?;
    let found = context.find_string(&key)?;
    let (index, bit) = place_of(offset);
    let (length, before) = found.map_or((0, 0), |found| {
        let value = context.store.value(&found);
        (value.len(), byte_at(&value, index))
    });
    let after = if is_on { before | bit } else { before & !bit };
    if after != before || index >= length {
        write_over(context, &key, found.as_ref(), index, one_byte(after))?;
        context.notify(EventClass::String, "setbit", arguments[1]);
    }
    context.reply.integer(i64::from(before & bit != 0));
    Ok(())
}

pub(super) fn parse_bit(word: &[u8]) -> Option<bool> {
    match word {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    }
}

/// What SETBIT writes into an empty byte.
pub(super) fn growth(offset: &[u8], value: &[u8]) -> Option<(usize, &'static [u8])> {
    let (index, bit) = place_of(parse_offset(offset, None, u64::MAX >> 3).ok()?);
    Some((index, one_byte(if parse_bit(value)? { bit } else { 0 })))
}

/// GETBIT key offset
pub(in super::super) fn getbit(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let offset = parse_offset(arguments[2], None, context.value_bytes_max)?;
    let key = context.first_key(arguments)?;
    let (index, bit) = place_of(offset);
    let found = context.find_string(&key)?;
    let byte = found.map_or(0, |found| byte_at(&context.store.value(&found), index));
    context.reply.integer(i64::from(byte & bit != 0));
    Ok(())
}
