//! The commands that see a string as bits: bit 0 is the highest one of the first byte.

mod bit;
mod count;
mod field;
mod integer;
mod operation;
mod search;
mod span;

pub(super) use bit::{getbit, setbit};
pub(super) use count::bitcount;
pub(super) use field::{bitfield, bitfield_ro};
pub(super) use operation::bitop;
pub(super) use search::bitpos;

/// What SETBIT and BITFIELD write far behind the end of a string: its offset, and its bytes, which the handler writes from the same place.
/// `None` where the words do not tell it.
#[must_use]
pub fn staged_growth(arguments: &[&[u8]]) -> Option<(usize, &'static [u8])> {
    match arguments {
        [name, _, offset, value] if name.eq_ignore_ascii_case(b"setbit") => {
            bit::growth(offset, value)
        }
        [name, _, words @ ..] if name.eq_ignore_ascii_case(b"bitfield") => field::growth(words),
        _ => None,
    }
}
