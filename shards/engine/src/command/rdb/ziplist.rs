//! Owns ziplists: what Redis before 7.0 had in place of listpacks.
//!
//! ```text
//! ziplist    bytes u32 LE, where the last entry begins u32 LE, entries u16 LE (0xffff: not known), entries, 0xff
//! entry      bytes of the entry before: u8 below 0xfe, or 0xfe + u32 LE; encoding; data
//! encoding   00nnnnnn string, 01nnnnnn + 8 bits string, 0x80 + u32 BE string, 0xc0, 0xd0, 0xe0, 0xf0, 0xfe numbers of 16, 32, 64, 24, 8
//!            bits LE, 0xf1 to 0xfd the numbers 0 to 12
//! ```

use super::input::Input;
use super::value::{Damaged, Read};
use hyperion_model::number::print_integer;

const HEAD_BYTES: usize = 10;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;
const LONG: u8 = 0xfe;

/// The entries, numbers as their text.
pub(super) fn entries(ziplist: &[u8]) -> Read<Vec<Vec<u8>>> {
    let mut head = Input::new(ziplist, 0);
    let (bytes, _last) = (u32::from_le_bytes(head.array()?), head.array::<4>()?);
    let count = u16::from_le_bytes(head.array()?);
    let (end, body) = ziplist.get(HEAD_BYTES..).and_then(<[u8]>::split_last).ok_or(Damaged)?;
    if bytes as usize != ziplist.len() || *end != END {
        return Err(Damaged);
    }
    let (mut entries, mut rest, mut before) = (Vec::new(), body, 0);
    while !rest.is_empty() {
        let mut input = Input::new(rest, 0);
        let (told, head) = match input.byte()? {
            LONG => (u32::from_le_bytes(input.array()?) as usize, 5),
            END => return Err(Damaged),
            short => (usize::from(short), 1),
        };
        if told != before {
            return Err(Damaged);
        }
        let (entry, bytes) = entry(&mut input)?;
        entries.push(entry);
        before = head + bytes;
        rest = &rest[before..];
    }
    if count != COUNT_UNKNOWN && entries.len() != usize::from(count) {
        return Err(Damaged);
    }
    Ok(entries)
}

/// One entry without what it says of the one before, with its bytes.
fn entry(input: &mut Input<'_>) -> Read<(Vec<u8>, usize)> {
    let first = input.byte()?;
    let (length, head) = match first {
        0..0x40 => (usize::from(first), 1),
        0x40..0x80 => (usize::from(first & 0x3f) << 8 | usize::from(input.byte()?), 2),
        0x80 => (u32::from_be_bytes(input.array()?) as usize, 5),
        _ => {
            let (number, bytes) = number(first, input)?;
            return Ok((print_integer(number, &mut [0; 20]).to_vec(), bytes));
        }
    };
    Ok((input.take(length)?.to_vec(), head + length))
}

fn number(first: u8, input: &mut Input<'_>) -> Read<(i64, usize)> {
    Ok(match first {
        0xc0 => (i16::from_le_bytes(input.array()?).into(), 3),
        0xd0 => (i32::from_le_bytes(input.array()?).into(), 5),
        0xe0 => (i64::from_le_bytes(input.array()?), 9),
        0xf0 => {
            let [low, middle, high] = input.array()?;
            (i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8), 4)
        }
        0xfe => (i8::from_le_bytes(input.array()?).into(), 2),
        0xf1..=0xfd => (i64::from(first - 0xf1), 1),
        _ => return Err(Damaged),
    })
}
