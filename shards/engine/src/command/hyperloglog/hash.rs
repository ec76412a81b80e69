//! Owns the hash of what is counted, and which register it goes to.
//!
//! Source: MurmurHash2, 64-bit version, by Austin Appleby, with the seed that Redis uses.

use super::{HASH_BITS, REGISTER_BITS, REGISTERS};

const SEED: u64 = 0xadc8_3b19;
const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
const SHIFT: u32 = 47;

/// The register of an element, and the number that it gets at least: 1 more than the zeros at the end of the rest of the hash.
pub(super) fn place_of(element: &[u8]) -> (usize, u8) {
    let hash = murmur(element);
    let register = usize::try_from(hash % REGISTERS as u64).expect("there are few registers");
    let rest = hash >> REGISTER_BITS | 1 << HASH_BITS;
    let zeros = u8::try_from(rest.trailing_zeros()).expect("there are 64 bits at most");
    (register, zeros + 1)
}

fn murmur(bytes: &[u8]) -> u64 {
    let mut hash = SEED ^ (bytes.len() as u64).wrapping_mul(FACTOR);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word).wrapping_mul(FACTOR);
        let word = (word ^ word >> SHIFT).wrapping_mul(FACTOR);
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    }
    hash = (hash ^ hash >> SHIFT).wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}
