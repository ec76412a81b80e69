//! Owns the bits of keys that come with word of their uses before: the step of the clock for a time since the last use, the count for a
//! frequency.
//!
//! Of the steps that the clock knows, those before the start of the store are nobody's. Such a vacant step takes the time of the first key
//! that asks for it, so that this key is told of as it came, and those that are a sixteenth longer or shorter with it. Where none is left
//! between the two steps around a time, the nearer one is taken.

use super::access::{AGE_MAX, Access, BITS_MAX, Meaning};
use super::frequency;

/// Times are one that are as near as this, or as this part of them.
const NEAR_MS: u64 = 1_000;
const NEAR_PART: u64 = 16;
/// Vacant steps are dealt out by the logarithm of the seconds, in quarters of an octave, up to a year.
const QUARTERS_MAX: u64 = 4 * 25;

/// The steps that are nobody's, a bit each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vacant(u64);

impl Vacant {
    /// All but the first.
    pub(super) const START: Self = Self(!1);

    fn has(self, bits: u8) -> bool {
        self.0 >> (bits & BITS_MAX) & 1 == 1
    }

    pub(super) fn take(&mut self, bits: u8) {
        self.0 &= !(1 << (bits & BITS_MAX));
    }
}

fn quarters(ms: u64) -> u64 {
    let seconds = ms / 1_000 + 1;
    let octave = u64::from(seconds.ilog2());
    let behind = (seconds << 2 >> octave) & 3;
    (octave << 2 | behind).min(QUARTERS_MAX)
}

impl Access {
    /// The bits for a time since the last use; `None` where uses are counted.
    pub(crate) fn bits_of_idle(&mut self, idle_ms: u64) -> Option<u8> {
        if self.meaning() == Meaning::Count {
            return None;
        }
        // It was no use: the clock is not to step for it.
        self.stamped = self.stamped.saturating_sub(1);
        if idle_ms < NEAR_MS {
            return Some(self.stamp);
        }
        let at_ms = self.now_ms.saturating_sub(idle_ms);
        let is_known = |age: &u8| !self.vacant.has(self.bits_at(*age));
        let is_older = |age: &u8| self.until_ms[usize::from(self.bits_at(*age))] <= at_ms;
        let older = (1..=AGE_MAX).filter(is_known).find(is_older);
        let end = older.unwrap_or(AGE_MAX + 1);
        let younger = (1..end).rev().find(is_known).unwrap_or(0);
        let told_ms = |age: u8| self.idle_ms(self.bits_at(age));
        let distance = |age: &u8| told_ms(*age).abs_diff(idle_ms);
        let nearest = older.into_iter().chain([younger]).min_by_key(distance);
        let nearest = nearest.unwrap_or(younger);
        if distance(&nearest) < NEAR_MS.max(idle_ms / NEAR_PART) {
            return Some(self.bits_at(nearest));
        }
        let vacant = u64::from(end - younger - 1);
        if vacant == 0 {
            return Some(self.bits_at(nearest));
        }
        let least = quarters(told_ms(younger));
        let most = older.map_or(QUARTERS_MAX, |age| quarters(told_ms(age))).max(least + 1);
        let place = (quarters(idle_ms) - least) * vacant / (most - least);
        let place = u8::try_from(place.min(vacant - 1)).expect("below the greatest age");
        let bits = self.bits_at(younger + 1 + place);
        self.until_ms[usize::from(bits)] = at_ms;
        self.vacant.take(bits);
        Some(bits)
    }

    /// The bits for a frequency on Redis' scale; `None` unless uses are counted.
    pub(crate) fn bits_of_frequency(&self, told: u8) -> Option<u8> {
        (self.meaning() == Meaning::Count).then(|| frequency::count_of(told))
    }

    /// The clock has stepped: where the hand will hold stamps back to the greatest age that it leaves, that step is somebody's from now on.
    pub(super) fn take_edge(&mut self) {
        let edge = self.bits_at(AGE_MAX);
        let is_needed = (AGE_MAX + 1..=BITS_MAX).any(|age| !self.vacant.has(self.bits_at(age)));
        if !is_needed || !self.vacant.has(edge) {
            return;
        }
        let known =
            (0..AGE_MAX).rev().map(|age| self.bits_at(age)).find(|&it| !self.vacant.has(it));
        // What is held back was used before that.
        let until_ms =
            known.filter(|&it| it != self.stamp).map(|it| self.until_ms[usize::from(it)]);
        self.until_ms[usize::from(edge)] = until_ms.unwrap_or(self.now_ms);
        self.vacant.take(edge);
    }

    fn bits_at(&self, age: u8) -> u8 {
        self.stamp.wrapping_sub(age) & BITS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_700_000_000_000;

    fn access(meaning: Meaning) -> Access {
        let mut access = Access::new(7);
        access.set_meaning(meaning);
        access.set_now(NOW_MS, || 0);
        access
    }

    /// The time that is told of a key that came with one, in seconds.
    fn told(access: &mut Access, seconds: u64) -> u64 {
        let bits = access.bits_of_idle(seconds * 1_000).expect("times are noted");
        access.idle_ms(bits) / 1_000
    }

    #[test]
    fn times_before_the_start_are_told_as_they_came() {
        for meaning in [Meaning::Time, Meaning::Recency] {
            let mut access = access(meaning);
            for seconds in [1_000, 10, 100_000, 10_000_000, 100, 1_000, 0, 40_000, 900, 1_100] {
                assert_eq!(told(&mut access, seconds), seconds, "{meaning:?}");
            }
            // However many there are, the order stays.
            let mut before = 0;
            for seconds in (1..2_000).map(|at| at * 500) {
                let now = told(&mut access, seconds);
                assert!(now >= before, "{seconds}: {now} behind {before}");
                before = now;
            }
        }
    }

    #[test]
    fn many_times_are_told_about_right() {
        let mut access = access(Meaning::Recency);
        for _ in 0..2_000 {
            // From a second to four months, as many in each octave.
            let octave = access.draw() % 23;
            let seconds = (1 << octave) + access.draw() % (1 << octave);
            let now = told(&mut access, seconds);
            assert!((seconds / 3..=seconds * 3).contains(&now), "{seconds}: {now}");
        }
    }

    #[test]
    fn the_clock_goes_on_and_overtakes_none() {
        let mut access = access(Meaning::Time);
        let bits = access.bits_of_idle(1_000_000).expect("times are noted");
        let (mut held, mut was_held, mut now_ms) = (bits, false, NOW_MS);
        for step in 1..200_u64 {
            now_ms += 33_000;
            access.set_now(now_ms, || 0);
            was_held |= access.held_back(held) != held;
            held = access.held_back(held);
            let idle = access.idle_ms(held) / 1_000;
            // As long as the stamp stands the time is exact; held back, it is not more than it was.
            let exact = 1_000 + step * 33;
            assert!(if was_held { idle <= exact } else { idle == exact }, "{step}: {idle}");
            // A step that others may be held back to gives its time to nobody.
            let told = told(&mut access, 50_000_000);
            assert!(step < 48 || told < 50_000_000, "{step}: {told}");
        }
        assert!(was_held && access.idle_ms(held) > 1_400_000);
        assert_eq!(told(&mut access, 330), 330);
    }

    #[test]
    fn each_policy_takes_what_it_counts() {
        let mut counting = access(Meaning::Count);
        assert_eq!(counting.bits_of_idle(5_000), None);
        let bits = counting.bits_of_frequency(100).expect("uses are counted");
        assert_eq!(frequency::told(bits), 100);
        assert_eq!(access(Meaning::Time).bits_of_frequency(100), None);
    }
}
