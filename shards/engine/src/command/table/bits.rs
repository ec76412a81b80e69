//! Owns the rows of strings as bits.

use super::{GROW, ONE, READ, READ_FAST, row};
use crate::command::bits;
use crate::command::flags::Flags;
use crate::command::spec::Group::Bitmap;
use crate::command::spec::Run::{self, Key, Keys};
use crate::command::spec::{CommandSpec, KeySpec, Spread};

const BITOP: Run = Keys { local: bits::bitop, spread: Spread::Collect };
const FAR: Flags = GROW.and(Flags::WRITES_MORE);
const BEHIND_FIRST: KeySpec = KeySpec::each(2, -1, 1);

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("bitcount", -2, READ, ONE, Key(bits::bitcount))
        .about(Bitmap, "2.6.0", "O(N) with the length of the part", "Counts the bits that are set in a string or a part of it."),
    row("bitfield", -2, FAR, ONE, Key(bits::bitfield))
        .about(Bitmap, "3.2.0", "O(1) for each integer", "Reads, sets and counts integers of any width at any bit of a string."),
    row("bitfield_ro", -2, READ_FAST, ONE, Key(bits::bitfield_ro))
        .about(Bitmap, "6.0.0", "O(1) for each integer", "Reads integers of any width at any bit of a string."),
    row("bitop", -4, GROW, BEHIND_FIRST, BITOP)
        .about(Bitmap, "2.6.0", "O(N) with the length of the strings", "Puts strings together bit by bit and keeps the result."),
    row("bitpos", -3, READ, ONE, Key(bits::bitpos))
        .about(Bitmap, "2.8.7", "O(N) with the length of the part", "Finds the first bit that is set, or clear, in a string."),
    row("getbit", 3, READ_FAST, ONE, Key(bits::getbit))
        .about(Bitmap, "2.2.0", "O(1)", "Gives one bit of a string."),
    row("setbit", 4, FAR, ONE, Key(bits::setbit))
        .about(Bitmap, "2.2.0", "O(1)", "Sets or clears one bit of a string, which grows for it; gives what it was."),
];
