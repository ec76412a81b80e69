//! Owns the way from a command's name to its row, whatever the case of its letters.

use super::spec::CommandSpec;
use super::table::COMMANDS;

/// Slots of the hash table, a power of two; about a quarter are taken.
const SLOTS: usize = 1024;
const NAME_BYTES_MAX: usize = 24;
/// Bytes of a name that its two words say.
const WORDS_BYTES: usize = 16;
/// The bit in which capitals and small letters differ, in every byte of a word.
const CASE_BITS: u64 = 0x2020_2020_2020_2020;

/// A name as two words, small letters throughout: its first and its last eight bytes, or what there is of them. With the length
/// they say all of a name of up to 16 bytes; of a longer one they leave out the middle, which is compared when it is found. Only
/// letters become letters, so that two names of letters are the same exactly when their words are.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Folded {
    first: u64,
    last: u64,
    bytes: usize,
}

impl Folded {
    #[inline(always)]
    const fn new(name: &[u8]) -> Self {
        let (first, last) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => (short(name), 0),
        };
        Self { first: first | CASE_BITS, last: last | CASE_BITS, bytes: name.len() }
    }

    #[inline(always)]
    const fn slot(self) -> usize {
        let mixed = (self.first ^ (self.bytes as u64) << 59).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 54) as usize
    }
}

/// A name of fewer than eight bytes as a word; halves overlap when it is no power of two long.
#[inline(always)]
const fn short(name: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        return u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << 32;
    }
    match *name {
        [one] => one as u64,
        [one, two] => one as u64 | (two as u64) << 8,
        [one, two, three] => one as u64 | (two as u64) << 8 | (three as u64) << 16,
        _ => 0,
    }
}

/// A slot of the table: a name and the index of its command.
#[derive(Clone, Copy)]
struct Place {
    name: Folded,
    index: u16,
}

const EMPTY: Place = Place { name: Folded { first: 0, last: 0, bytes: 0 }, index: 0 };

/// Open addressing.
static PLACES: [Place; SLOTS] = {
    let mut places = [EMPTY; SLOTS];
    let mut index = 0;
    while index < COMMANDS.len() {
        let name = COMMANDS[index].name.as_bytes();
        assert!(!name.is_empty() && name.len() <= NAME_BYTES_MAX, "the lookup takes no such name");
        let name = Folded::new(name);
        let mut slot = name.slot();
        while places[slot].name.bytes > 0 {
            slot = (slot + 1) % SLOTS;
        }
        places[slot] = Place { name, index: COMMANDS[index].index };
        index += 1;
    }
    places
};

/// The command of a name, whatever the case of its letters.
#[inline]
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    let folded = Folded::new(name);
    let mut slot = folded.slot();
    loop {
        let place = &PLACES[slot];
        if place.name == folded {
            let spec = COMMANDS.get(usize::from(place.index));
            return spec.filter(|spec| {
                name.len() <= WORDS_BYTES || name.eq_ignore_ascii_case(spec.name.as_bytes())
            });
        }
        if place.name.bytes == 0 {
            return None;
        }
        slot = (slot + 1) % SLOTS;
    }
}
