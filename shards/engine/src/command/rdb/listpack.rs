//! Owns listpacks: small values of Redis, an element behind the other.
//!
//! ```text
//! listpack   bytes u32 LE, elements u16 LE (0xffff: not known), elements, 0xff
//! element    encoding, data, length of these two backwards
//! encoding   0nnnnnnn number, 10nnnnnn string, 110nnnnn + 8 bits number of 13 bits, 1110nnnn + 8 bits string,
//!            0xf0 + u32 LE string, 0xf1 to 0xf4 numbers of 16, 24, 32, 64 bits LE
//! ```

use super::input::Input;
use super::value::{Damaged, Read};
use hyperion_model::number::print_integer;

const HEAD_BYTES: usize = 6;
const END: u8 = 0xff;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The elements, numbers as their text.
pub(super) fn elements(listpack: &[u8]) -> Read<Vec<Vec<u8>>> {
    let mut head = Input::new(listpack, 0);
    let bytes = u32::from_le_bytes(head.array()?);
    let count = u16::from_le_bytes(head.array()?);
    let (last, body) = listpack.get(HEAD_BYTES..).and_then(<[u8]>::split_last).ok_or(Damaged)?;
    if bytes as usize != listpack.len() || *last != END {
        return Err(Damaged);
    }
    let mut elements = Vec::with_capacity(if count == COUNT_UNKNOWN {
        0
    } else {
        usize::from(count).min(body.len() / 2)
    });
    let mut rest = body;
    while !rest.is_empty() {
        let (element, bytes) = element(rest)?;
        let mut back = Vec::with_capacity(5);
        push_back_length(&mut back, bytes);
        rest = rest[bytes..].strip_prefix(&back[..]).ok_or(Damaged)?;
        elements.push(element);
    }
    if count != COUNT_UNKNOWN && elements.len() != usize::from(count) {
        return Err(Damaged);
    }
    Ok(elements)
}

/// One element, with its bytes but for the length behind it.
fn element(bytes: &[u8]) -> Read<(Vec<u8>, usize)> {
    let mut input = Input::new(bytes, 0);
    let first = input.byte()?;
    let (number, used) = match first {
        0..0x80 => (i64::from(first), 1),
        0x80..0xc0 => return string(&mut input, usize::from(first & 0x3f), 1),
        0xc0..0xe0 => {
            let word = u16::from(first & 0x1f) << 8 | u16::from(input.byte()?);
            // The sign is the highest of 13 bits.
            (i64::from((word << 3).cast_signed() >> 3), 2)
        }
        0xe0..0xf0 => {
            let length = usize::from(first & 0xf) << 8 | usize::from(input.byte()?);
            return string(&mut input, length, 2);
        }
        0xf0 => {
            let length = u32::from_le_bytes(input.array()?) as usize;
            return string(&mut input, length, 5);
        }
        0xf1 => (i16::from_le_bytes(input.array()?).into(), 3),
        0xf2 => {
            let [low, middle, high] = input.array()?;
            (i64::from(i32::from_le_bytes([0, low, middle, high]) >> 8), 4)
        }
        0xf3 => (i32::from_le_bytes(input.array()?).into(), 5),
        0xf4 => (i64::from_le_bytes(input.array()?), 9),
        _ => return Err(Damaged),
    };
    Ok((print_integer(number, &mut [0; 20]).to_vec(), used))
}

fn string(input: &mut Input<'_>, length: usize, head: usize) -> Read<(Vec<u8>, usize)> {
    Ok((input.take(length)?.to_vec(), head + length))
}

/// The length of an element so that it can be read from behind: seven bits a byte, the highest first, all but the first marked.
fn push_back_length(out: &mut Vec<u8>, bytes: usize) {
    // As in Redis, one value fewer fits two bytes than could.
    let count = match bytes {
        0..=127 => 1,
        128..=16_382 => 2,
        16_383..=2_097_150 => 3,
        2_097_151..=268_435_454 => 4,
        _ => 5,
    };
    for at in (0..count).rev() {
        let low = u8::try_from((bytes >> (7 * at)) & 0x7f).expect("seven bits");
        out.push(if at + 1 == count { low } else { low | 0x80 });
    }
}

/// A listpack under construction.
pub(super) struct Listpack {
    bytes: Vec<u8>,
    count: usize,
}

impl Listpack {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; HEAD_BYTES], count: 0 }
    }

    pub(super) fn push_number(&mut self, number: i64) {
        let begin = self.bytes.len();
        match u8::try_from(number) {
            Ok(small @ 0..0x80) => self.bytes.push(small),
            _ => {
                self.bytes.push(0xf4);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
        }
        self.end_element(begin);
    }

    /// Puts a string of less than 4 GiB in.
    pub(super) fn push_string(&mut self, string: &[u8]) {
        let begin = self.bytes.len();
        let length = u32::try_from(string.len()).expect("no word of a command is as long");
        let bytes = length.to_le_bytes();
        match length {
            0..64 => self.bytes.push(0x80 | bytes[0]),
            64..4096 => self.bytes.extend_from_slice(&[0xe0 | bytes[1], bytes[0]]),
            _ => {
                self.bytes.push(0xf0);
                self.bytes.extend_from_slice(&bytes);
            }
        }
        self.bytes.extend_from_slice(string);
        self.end_element(begin);
    }

    fn end_element(&mut self, begin: usize) {
        let bytes = self.bytes.len() - begin;
        push_back_length(&mut self.bytes, bytes);
        self.count += 1;
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        let bytes = u32::try_from(self.bytes.len()).expect("a node is cut long before");
        self.bytes[..4].copy_from_slice(&bytes.to_le_bytes());
        let count = u16::try_from(self.count).unwrap_or(COUNT_UNKNOWN);
        self.bytes[4..6].copy_from_slice(&count.to_le_bytes());
        self.bytes
    }
}
