//! The hot paths of a core, each without a server, a disk or a clock, so that it can be run alone: by the benches for its time, by
//! `instructions` for the instructions it takes.
//!
//! What a path is made of (keys, values, turns) depends on constants alone: two runs do the same.
#![forbid(unsafe_code)]

pub mod machine;
#[cfg(feature = "hop")]
pub mod mesh;
pub mod raft;
pub mod recovery;
pub mod store;
pub mod wire;

#[cfg(test)]
mod tests;

/// Commands that come together in a turn.
pub const TURN: usize = 64;

/// Draws numbers that look like chance and are the same in every run.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Starts at a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `below`.
    ///
    /// Source: Steele et al., "Fast splittable pseudorandom number generators" (2014).
    pub fn draw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

/// A key of 16 bytes.
#[must_use]
pub fn key(number: u64) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut left = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    key
}
