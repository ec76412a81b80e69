//! Owns BITPOS: the first bit that is set, or clear.

use super::super::context::{Context, integer};
use super::super::error::CommandError;
use super::bit::parse_bit;
use super::span::{Limits, Span};
use hyperion_model::number::parse_integer;
use hyperion_store::Value;

/// `BITPOS key 0|1 [start [end [BYTE | BIT]]]`
pub(in super::super) fn bitpos(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let is_set = parse_bit(arguments[2])
        .ok_or(CommandError::Says("ERR The bit argument must be 1 or 0."))?;
    let limits = Limits::parse(&arguments[3..], true)?;
    let key = context.first_key(arguments)?;
    let found = context.find_string(&key)?;
    let place = match found.map(|found| context.store.value(&found)) {
        // An absent key is zeros without end.
        None => (!is_set).then_some(0),
        Some(value) => limits.span(value.len()).and_then(|span| {
            // So is what lies behind a string, unless the end was named.
            let behind = (!is_set && limits.end.is_none()).then_some(span.end * 8);
            search(&value, span, is_set).or(behind)
        }),
    };
    context.reply.integer(place.map_or(-1, integer));
    Ok(())
}

/// The first bit of that kind in a part of a string, counted from the string's beginning.
fn search(value: &Value<'_>, span: Span, is_set: bool) -> Option<usize> {
    // What is looked for becomes a one.
    let flip = if is_set { 0 } else { u8::MAX };
    let mut at = span.start;
    for piece in value.range(span.start, span.end) {
        let found_in = |byte: u8, index: usize| {
            let first = if index == span.start { span.first_outside } else { 0 };
            let last = if index + 1 == span.end { span.last_outside } else { 0 };
            (byte ^ flip) & !first & !last
        };
        let mut from = 0;
        while from < piece.len() {
            from += skip(&piece[from..], flip);
            let Some(&byte) = piece.get(from) else { break };
            let bits = found_in(byte, at + from);
            if bits != 0 {
                return Some((at + from) * 8 + bits.leading_zeros() as usize);
            }
            from += 1;
        }
        at += piece.len();
    }
    None
}

/// Bytes in front in which nothing can be found, in whole words.
fn skip(bytes: &[u8], flip: u8) -> usize {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().take_while(|word| **word == [flip; 8]).count() * 8
}
