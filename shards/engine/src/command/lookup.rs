//! Owns the way from a command's name to its row, whatever the case of its letters.

use super::spec::CommandSpec;
use super::table::COMMANDS;

/// Slots of the hash table, a power of two; about a third are taken.
const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;
const NAME_BYTES_MAX: usize = 16;

/// Per slot the index of a command. `[SLOTS]`, open addressing.
static PLACES: [u8; SLOTS] = {
    let mut places = [EMPTY; SLOTS];
    let mut index = 0;
    while index < COMMANDS.len() {
        let name = COMMANDS[index].name.as_bytes();
        assert!(name.len() <= NAME_BYTES_MAX, "a command's name is longer than the lookup takes");
        let mut slot = slot_of(name);
        while places[slot] != EMPTY {
            slot = (slot + 1) % SLOTS;
        }
        places[slot] = COMMANDS[index].index;
        index += 1;
    }
    places
};

/// The bytes `at..at + count` of `name` as a number, `count` at most 8.
const fn word(name: &[u8], at: usize, count: usize) -> u64 {
    let mut word = 0;
    let mut step = 0;
    while step < count {
        word |= (name[at + step] as u64) << (8 * step);
        step += 1;
    }
    word
}

/// Where the search for a name begins. Letters that differ in case alone are the same here.
#[inline(always)]
const fn slot_of(name: &[u8]) -> usize {
    let prefix = match name.len() {
        8.. => word(name, 0, 8),
        4..8 => word(name, 0, 4) | word(name, name.len() - 4, 4) << 32,
        2..4 => word(name, 0, 2) | word(name, name.len() - 2, 2) << 16,
        1 => word(name, 0, 1),
        0 => 0,
    };
    let mixed = ((prefix | 0x2020_2020_2020_2020) ^ (name.len() as u64) << 59)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize
}

/// The command of a name, whatever the case of its letters.
#[inline]
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static CommandSpec> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let mut slot = slot_of(name);
    loop {
        let spec = COMMANDS.get(usize::from(PLACES[slot]))?;
        if spec.name.len() == name.len() && spec.name.as_bytes().eq_ignore_ascii_case(name) {
            return Some(spec);
        }
        slot = (slot + 1) % SLOTS;
    }
}
