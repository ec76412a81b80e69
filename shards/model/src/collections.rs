//! Owns the maps of the state machines: seeded alike in every run, so that the simulator sees one order.
//! For keys of our own making only: what a client chooses belongs into a `BTreeMap` or the index.
#![expect(clippy::disallowed_types, reason = "the one place that names them, with a fixed hasher")]

use std::hash::{BuildHasherDefault, Hasher};

/// A map with a fixed seed.
pub type Map<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<FixedHasher>>;
/// A set with a fixed seed.
pub type Set<K> = std::collections::HashSet<K, BuildHasherDefault<FixedHasher>>;

/// A multiplicative hash, enough for ids.
#[derive(Clone, Copy, Default)]
pub struct FixedHasher(u64);

impl Hasher for FixedHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(u64::from(value));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
