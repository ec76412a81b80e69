//! Owns the bytes of a value while they are read, and the lengths and strings among them.

use super::lzf;
use super::value::{Damaged, Read};
use hyperion_model::number::print_integer;
use std::borrow::Cow;

/// What is left to read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    /// Bytes that packed strings may still unpack to, all together.
    unpacked_left: usize,
}

/// A length, or a string that is none of its bytes.
enum Length {
    Plain(u64),
    Encoded(u8),
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8], unpacked_max: usize) -> Self {
        Self { bytes, unpacked_left: unpacked_max }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn take(&mut self, bytes: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(bytes).ok_or(Damaged)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(Damaged)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Read<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Read<u64> {
        match self.any_length()? {
            Length::Plain(number) => Ok(number),
            Length::Encoded(_) => Err(Damaged),
        }
    }

    /// The number of items that follow, of `bytes_min` bytes each at least: no more than there is room for.
    pub(super) fn count(&mut self, bytes_min: usize) -> Read<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| Damaged)?;
        if count > self.bytes.len() / bytes_min { Err(Damaged) } else { Ok(count) }
    }

    pub(super) fn string(&mut self) -> Read<Cow<'a, [u8]>> {
        let integer = |value: i64| Cow::Owned(print_integer(value, &mut [0; 20]).to_vec());
        match self.any_length()? {
            Length::Plain(bytes) => {
                let bytes = usize::try_from(bytes).map_err(|_| Damaged)?;
                self.take(bytes).map(Cow::Borrowed)
            }
            Length::Encoded(0) => Ok(integer(i8::from_le_bytes(self.array()?).into())),
            Length::Encoded(1) => Ok(integer(i16::from_le_bytes(self.array()?).into())),
            Length::Encoded(2) => Ok(integer(i32::from_le_bytes(self.array()?).into())),
            Length::Encoded(3) => {
                let packed = usize::try_from(self.number()?).map_err(|_| Damaged)?;
                let unpacked = usize::try_from(self.number()?).map_err(|_| Damaged)?;
                let packed = self.take(packed)?;
                self.unpacked_left = self.unpacked_left.checked_sub(unpacked).ok_or(Damaged)?;
                lzf::unpack(packed, unpacked).map(Cow::Owned)
            }
            Length::Encoded(_) => Err(Damaged),
        }
    }

    pub(super) fn owned(&mut self) -> Read<Vec<u8>> {
        self.string().map(Cow::into_owned)
    }

    /// As many strings.
    pub(super) fn strings(&mut self, count: usize) -> Read<Vec<Vec<u8>>> {
        (0..count).map(|_| self.owned()).collect()
    }

    fn any_length(&mut self) -> Read<Length> {
        let first = self.byte()?;
        let low = u64::from(first & 0x3f);
        Ok(match first >> 6 {
            0 => Length::Plain(low),
            1 => Length::Plain(low << 8 | u64::from(self.byte()?)),
            2 if first == 0x80 => Length::Plain(u32::from_be_bytes(self.array()?).into()),
            2 if first == 0x81 => Length::Plain(u64::from_be_bytes(self.array()?)),
            3 => Length::Encoded(first & 0x3f),
            _ => return Err(Damaged),
        })
    }
}
