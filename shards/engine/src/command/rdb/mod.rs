//! Owns values in the form in which Redis writes them to its dump files: DUMP and RESTORE.
//!
//! ```text
//! payload   type u8, value, version u16, CRC-64 u64 (both little endian)      the sum is of all before it
//! length    00nnnnnn, 01nnnnnn + 8 bits, 0x80 + u32 BE, 0x81 + u64 BE
//! string    length, bytes; or 0xc0 + i8, 0xc1 + i16 LE, 0xc2 + i32 LE; or 0xc3, two lengths (packed, unpacked), LZF
//! ```
//!
//! All forms since Redis 1.2 are read, those for small values too; the plain ones are written, as Redis 7.0 and all later versions read
//! them, and a hash whose fields expire as Redis 7.4 and later do. What is read is checked: lengths against the bytes that are left, and what strings unpack to against what a value may have.

mod build;
mod crc64;
mod dump;
mod expiring;
mod footer;
mod input;
mod intset;
mod kind;
mod libraries;
mod listpack;
mod lzf;
mod read;
mod restore;
mod stream;
mod stream_read;
mod stream_write;
#[cfg(test)]
mod tests;
mod value;
mod write;
mod ziplist;
mod zipmap;

pub(super) use dump::dump;
pub(super) use restore::restore;
pub(super) use stream::{ConsumerValue, GroupValue, PendingValue, StreamValue};

use footer::open;
pub use footer::seal;
pub use libraries::{dump_libraries, read_libraries};

/// Reads one string in any of its forms, such as a key of a dump file; `None` when it is damaged or unpacks to more than `unpacked_max` bytes.
#[must_use]
pub fn read_string(bytes: &[u8], unpacked_max: usize) -> Option<Vec<u8>> {
    let mut input = input::Input::new(bytes, unpacked_max);
    let string = input.owned().ok()?;
    input.is_empty().then_some(string)
}
