//! Owns the way from a key to its core: slot by CRC16, slots to partitions, partitions to cores.

use crate::{CoreId, PartitionId, limits::SLOTS};

/// CRC16/XMODEM by eight bytes a step: row `n` is the remainder of a byte that `n` bytes follow.
const TABLES: [[u16; 256]; 8] = {
    let mut tables = [[0_u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "byte is below 256")]
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut row = 1;
    while row < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[row - 1][byte];
            tables[row][byte] = before << 8 ^ tables[0][(before >> 8) as usize];
            byte += 1;
        }
        row += 1;
    }
    tables
};

/// CRC16/XMODEM of `bytes`.
///
/// Source: slicing-by-N, Kounavis and Berry, "A systematic approach to building high performance CRC generators".
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let mut crc = 0_u16;
    for eight in eights {
        let [high, low] = crc.to_be_bytes();
        crc = TABLES[7][usize::from(eight[0] ^ high)]
            ^ TABLES[6][usize::from(eight[1] ^ low)]
            ^ TABLES[5][usize::from(eight[2])]
            ^ TABLES[4][usize::from(eight[3])]
            ^ TABLES[3][usize::from(eight[4])]
            ^ TABLES[2][usize::from(eight[5])]
            ^ TABLES[1][usize::from(eight[6])]
            ^ TABLES[0][usize::from(eight[7])];
    }
    rest.iter()
        .fold(crc, |crc, &byte| crc << 8 ^ TABLES[0][usize::from(crc.to_be_bytes()[0] ^ byte)])
}

/// The part of `key` that chooses its slot: what stands between the first `{` and the next `}`, unless that is empty.
///
/// Source: Redis Cluster specification, section "Hash tags".
#[must_use]
pub fn hash_tag(key: &[u8]) -> &[u8] {
    // Most keys have no tag: whole words are looked at without a branch a byte.
    let (words, rest) = key.as_chunks::<16>();
    let has_brace = |bytes: &[u8]| bytes.iter().fold(false, |has, &byte| has | (byte == b'{'));
    if !words.iter().any(|word| has_brace(word)) && !rest.contains(&b'{') {
        return key;
    }
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let tail = &key[open + 1..];
    match tail.iter().position(|&byte| byte == b'}') {
        Some(close) if close > 0 => &tail[..close],
        _ => key,
    }
}

/// The slot of `key`, `0..SLOTS`.
#[must_use]
pub fn slot_of(key: &[u8]) -> u16 {
    crc16(hash_tag(key)) & (SLOTS - 1)
}

/// Which core owns which partition, and which partition a slot lies in.
///
/// Shapes: `owners` is `[partitions]`, a power of two; partition `p` holds the slots `p << shift ..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionMap {
    owners: Vec<CoreId>,
    shift: u32,
}

impl PartitionMap {
    /// Spreads `partitions` (a power of two, at most [`SLOTS`]) over `cores` in equal contiguous runs.
    ///
    /// # Panics
    /// When `partitions` is not a power of two, or there are more cores than partitions.
    #[must_use]
    pub fn spread(partitions: u16, cores: u16) -> Self {
        assert!(partitions.is_power_of_two() && partitions <= SLOTS, "partitions {partitions}");
        assert!(cores > 0 && cores <= partitions, "{cores} cores for {partitions} partitions");
        let owner =
            |partition: u16| u32::from(partition) * u32::from(cores) / u32::from(partitions);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an owner is below the number of cores"
        )]
        let owners = (0..partitions).map(|partition| CoreId(owner(partition) as u16)).collect();
        Self { owners, shift: (SLOTS / partitions).trailing_zeros() }
    }

    /// Number of partitions.
    #[must_use]
    pub fn partitions(&self) -> u16 {
        u16::try_from(self.owners.len()).expect("at most SLOTS partitions")
    }

    /// Number of cores.
    #[must_use]
    pub fn cores(&self) -> u16 {
        self.owners.last().map_or(1, |core| core.0 + 1)
    }

    /// The partition that holds `slot`.
    #[must_use]
    #[inline]
    pub fn partition_of(&self, slot: u16) -> PartitionId {
        PartitionId(slot >> self.shift)
    }

    /// The core that owns `partition`.
    #[must_use]
    #[inline]
    pub fn owner(&self, partition: PartitionId) -> CoreId {
        self.owners[usize::from(partition.0)]
    }

    /// The partitions that `core` owns, in order.
    pub fn owned_by(&self, core: CoreId) -> impl Iterator<Item = PartitionId> + '_ {
        (0..self.partitions())
            .map(PartitionId)
            .filter(move |&partition| self.owner(partition) == core)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        for (key, slot) in [
            (&b"123456789"[..], 0x31c3),
            (b"foo", 12_182),
            (b"{user1000}.following", slot_of(b"user1000")),
            (b"foo{}{bar}", crc16(b"foo{}{bar}") & 16_383),
            (b"foo{{bar}}zap", slot_of(b"{bar")),
            (b"", 0),
        ] {
            assert_eq!(slot_of(key), slot, "key {}", key.escape_ascii());
        }
    }

    #[test]
    fn eight_bytes_a_step_are_as_one_byte_a_step() {
        let bytes: Vec<u8> = (0..100_u8).map(|byte| byte.wrapping_mul(37)).collect();
        for length in 0..bytes.len() {
            let slow = bytes[..length].iter().fold(0_u16, |crc, &byte| {
                (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
                    if crc & 0x8000 != 0 { crc << 1 ^ 0x1021 } else { crc << 1 }
                })
            });
            assert_eq!(crc16(&bytes[..length]), slow, "length {length}");
        }
    }

    #[test]
    fn every_partition_has_one_core_and_the_spread_is_even() {
        for cores in 1..=64_u16 {
            let map = PartitionMap::spread(64, cores);
            let counts: Vec<_> =
                (0..cores).map(|core| map.owned_by(CoreId(core)).count()).collect();
            assert_eq!(counts.iter().sum::<usize>(), 64, "{cores} cores");
            let spread = counts.iter().max().unwrap() - counts.iter().min().unwrap();
            assert!(spread <= 1, "{cores} cores: {counts:?}");
            assert_eq!(map.partition_of(SLOTS - 1), PartitionId(63));
        }
    }
}
