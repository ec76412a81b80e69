//! Strings that count distinct things, in Redis' own format: 16,384 registers of 6 bits, each the longest run of zeros in a hash, plain or as
//! runs of registers. Redis reads what is written here, and the other way round.

mod commands;
mod debug;
mod dense;
mod estimate;
mod hash;
mod header;
mod sketch;
mod sparse;

pub(super) use commands::{pfadd, pfcount, pfmerge};
pub(super) use debug::{pfdebug, pfselftest};

/// Number of registers.
const REGISTERS: usize = 1 << REGISTER_BITS;
/// Bits of a hash that choose the register.
const REGISTER_BITS: u32 = 14;
/// The other bits of a hash, in which zeros are counted.
const HASH_BITS: u32 = 64 - REGISTER_BITS;
/// Bytes of the sparse form, header included, up to which it is kept.
const SPARSE_BYTES_MAX: usize = 3000;
