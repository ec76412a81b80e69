//! Owns what commands draw by chance: numbers that follow from the random bits of the command.

use std::collections::BTreeSet;

/// Numbers by chance.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(random: u64) -> Self {
        Self(random)
    }

    /// A number below `end`, each as likely as the others.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let high = (u128::from(mixed) * u128::from(end)) >> 64;
        u64::try_from(high).expect("below the end")
    }

    /// `count` different numbers below `end`, which are at least so many, in the order of the numbers.
    pub(super) fn distinct(&mut self, count: u64, end: u64) -> BTreeSet<u64> {
        let mut chosen = BTreeSet::new();
        // Floyd's way: one draw for each.
        for top in end - count..end {
            let drawn = self.below(top + 1);
            if !chosen.insert(drawn) {
                chosen.insert(top);
            }
        }
        chosen
    }
}
