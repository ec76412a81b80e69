//! Owns zipmaps: small hashes of Redis before 2.6.
//!
//! ```text
//! zipmap     fields u8 (0xfe and more: not known), then each: length, field, length, free u8, value, free bytes; 0xff
//! length     u8 below 0xfe, or 0xfe + u32 LE
//! ```

use super::input::Input;
use super::value::{Damaged, Read};

const LONG: u8 = 0xfe;
const END: u8 = 0xff;

/// The fields with their values.
pub(super) fn fields(zipmap: &[u8]) -> Read<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut input = Input::new(zipmap, 0);
    let count = input.byte()?;
    let mut fields = Vec::new();
    while let Some(length) = length(&mut input)? {
        let field = input.take(length)?.to_vec();
        let length = self::length(&mut input)?.ok_or(Damaged)?;
        let free = usize::from(input.byte()?);
        let value = input.take(length)?.to_vec();
        input.take(free)?;
        fields.push((field, value));
    }
    let is_counted = count >= LONG || fields.len() == usize::from(count);
    if is_counted && input.is_empty() { Ok(fields) } else { Err(Damaged) }
}

/// `None` at the end.
fn length(input: &mut Input<'_>) -> Read<Option<usize>> {
    Ok(match input.byte()? {
        LONG => Some(u32::from_le_bytes(input.array()?) as usize),
        END => None,
        short => Some(usize::from(short)),
    })
}
