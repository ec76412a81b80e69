//! Owns BITCOUNT: bits that are set, counted a word at a time.

use super::super::context::{Context, integer};
use super::super::error::CommandError;
use super::span::{Limits, Span};
use hyperion_store::Value;

/// `BITCOUNT key [start end [BYTE | BIT]]`
pub(in super::super) fn bitcount(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    if arguments.len() == 3 {
        return Err(CommandError::Syntax);
    }
    let limits = Limits::parse(&arguments[2..], false)?;
    let key = context.first_key(arguments)?;
    let count = context.find_string(&key)?.map_or(0, |found| {
        let value = context.store.value(&found);
        let span = limits.span(value.len()).filter(|_| !limits.is_backward());
        span.map_or(0, |span| count(&value, span))
    });
    context.reply.integer(integer(count));
    Ok(())
}

/// Bits that are set in a part of a string.
fn count(value: &Value<'_>, span: Span) -> usize {
    let all: usize = value.range(span.start, span.end).map(ones).sum();
    let byte_at = |index| value.range(index, index + 1).flatten().next().copied().unwrap_or(0);
    let outside = (byte_at(span.start) & span.first_outside).count_ones()
        + (byte_at(span.end - 1) & span.last_outside).count_ones();
    all - outside as usize
}

fn ones(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: usize =
        words.iter().map(|word| u64::from_le_bytes(*word).count_ones() as usize).sum();
    in_words + rest.iter().map(|byte| byte.count_ones() as usize).sum::<usize>()
}
