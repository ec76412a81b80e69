//! Owns a filter of what a segment holds: whether a key, or a transaction's prepared records, may lie in it.

/// Bits of the filter for each record.
const BITS_A_RECORD: usize = 10;
/// Bits that each member sets, all in one word.
const BITS_A_MEMBER: u32 = 4;

/// A Bloom filter in blocks of one word: one cache line a question.
pub(crate) struct KeyFilter {
    words: Vec<u64>,
}

impl KeyFilter {
    /// A filter for about `records` members.
    pub(crate) fn new(records: usize) -> Self {
        Self { words: vec![0; (records * BITS_A_RECORD).div_ceil(64).max(1)] }
    }

    /// What it takes of the memory.
    pub(crate) fn bytes(&self) -> u64 {
        (self.words.len() * size_of::<u64>()) as u64
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let word = (u128::from(hash) * self.words.len() as u128) >> 64;
        let bits =
            (0..BITS_A_MEMBER).fold(0, |bits, member| bits | 1 << (hash >> (6 * member) & 63));
        (usize::try_from(word).expect("below the number of words"), bits)
    }

    pub(crate) fn add(&mut self, hash: u64) {
        let (word, bits) = self.place(hash);
        self.words[word] |= bits;
    }

    /// `false`: it was never added.
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        self.words[word] & bits == bits
    }

    /// Takes everything for a member from now on.
    pub(crate) fn add_all(&mut self) {
        self.words.fill(u64::MAX);
    }
}

/// The hash under which a key of a database is a member; `hash` is the key's own.
pub(crate) fn member_of_key(hash: u64, database: u8) -> u64 {
    mix(hash ^ u64::from(database).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The hash under which a prepared transaction is a member.
pub(crate) fn member_of_transaction(id: u64) -> u64 {
    mix(id ^ 0x5851_f42d_4c95_7f2d)
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_and_few_others() {
        let mut filter = KeyFilter::new(10_000);
        (0..10_000).for_each(|id| filter.add(member_of_transaction(id)));
        assert!((0..10_000).all(|id| filter.may_hold(member_of_transaction(id))));
        let wrong =
            (10_000..110_000).filter(|&id| filter.may_hold(member_of_transaction(id))).count();
        assert!(wrong < 8_000, "{wrong} of 100000 strangers were taken for members");
        assert_ne!(member_of_key(7, 0), member_of_key(7, 1));
    }
}
