//! Owns what the six access bits of an entry mean: a stamp of the last use, or a count of the uses.
//!
//! As a stamp they name a step of a clock with 64 places. For eviction by recency the clock steps when a part of the keys has been
//! used, so it resolves the order of uses whatever the load's speed; for everything else it steps with time. The hand
//! ([`super::hand`]) meets every entry once in [`STEPS_A_ROUND`] steps and holds old stamps back, so that none is overtaken.
//! As a count they grow by chance (Morris), exact for the first uses, and the hand takes one from each every minute.
//!
//! Source: Morris, "Counting large numbers of events in small registers" (1978); Redis, `evict.c`, for the decay by minutes.

use super::frequency::{self, COUNT_FIRST};
use super::restored::Vacant;

pub(super) const BITS_MAX: u8 = 0x3f;
/// Steps in which the hand goes round once.
const STEPS_A_ROUND: u8 = 16;
/// The greatest age in steps that the hand leaves: until it comes again, the stamp is not overtaken.
pub(super) const AGE_MAX: u8 = BITS_MAX - STEPS_A_ROUND;
/// The clock of recency is run so that what is evicted has about this age.
const AGE_WANTED: std::ops::RangeInclusive<u64> = 18..=32;
/// Evictions that say enough about the age.
const AGE_SAMPLES_MIN: u64 = 32;
/// The clock of recency steps when this part of the keys was used, before evictions tell better.
const STEPS_A_TURNOVER: u64 = 8;
/// The clock of time steps by this, in ms.
const TIME_STEP_MS: u64 = 1 << 15;
/// Counts are lowered by one so often, in ms.
const DECAY_MS: u64 = 60_000;

/// What the bits mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The time of the last use.
    #[default]
    Time,
    /// The order of the last use.
    Recency,
    /// The number of uses.
    Count,
}

/// The clock, or the dice.
pub(crate) struct Access {
    meaning: Meaning,
    pub(super) stamp: u8,
    pub(super) now_ms: u64,
    /// When the clock stepped last, or counts were lowered last.
    stepped_ms: u64,
    /// When each stamp was in force last.
    pub(super) until_ms: [u64; BITS_MAX as usize + 1],
    /// Stamps that no key has.
    pub(super) vacant: Vacant,
    /// Steps since the start.
    steps: u64,
    /// How far the hand is to go, in sixteenths of a round.
    rounds_due: u64,
    /// Keys, roughly.
    keys: u64,
    /// Entries that were stamped since the last step, and how many make a step.
    pub(super) stamped: u64,
    stamped_max: u64,
    /// Ages of what was evicted since the last step: number and sum.
    evicted: (u64, u64),
    random: u64,
}

impl Access {
    pub(crate) fn new(random: u64) -> Self {
        Self {
            meaning: Meaning::default(),
            stamp: 0,
            now_ms: 0,
            stepped_ms: 0,
            until_ms: [0; BITS_MAX as usize + 1],
            vacant: Vacant::START,
            steps: 0,
            rounds_due: 0,
            keys: 0,
            stamped: 0,
            stamped_max: 1,
            evicted: (0, 0),
            random,
        }
    }

    pub(crate) fn meaning(&self) -> Meaning {
        self.meaning
    }

    /// Reads the bits in another way from now on. Those that are there mean little until their keys are used again.
    pub(crate) fn set_meaning(&mut self, meaning: Meaning) {
        self.meaning = meaning;
        self.stepped_ms = self.now_ms;
        (self.stamped, self.evicted) = (0, (0, 0));
    }

    /// Takes the time of a turn, and when the clock has stepped the number of keys.
    /// Gives how far the hand is to go, in sixteenths of a round.
    #[inline]
    pub(crate) fn set_now(&mut self, now_ms: u64, keys: impl FnOnce() -> u64) -> u64 {
        if self.now_ms == 0 {
            self.stepped_ms = now_ms;
            self.until_ms.fill(now_ms);
        }
        // The clock was set back: a step is as long as it was.
        self.stepped_ms = self.stepped_ms.min(now_ms);
        let elapsed_ms = now_ms - self.stepped_ms;
        match self.meaning {
            Meaning::Time if elapsed_ms >= TIME_STEP_MS => {
                self.stepped_ms = now_ms;
                self.step();
            }
            Meaning::Count if elapsed_ms >= DECAY_MS => {
                self.stepped_ms = now_ms;
                self.rounds_due += u64::from(STEPS_A_ROUND);
            }
            _ => {}
        }
        self.now_ms = now_ms;
        if self.rounds_due == 0 {
            return 0;
        }
        self.keys = keys();
        std::mem::take(&mut self.rounds_due)
    }

    fn step(&mut self) {
        self.until_ms[usize::from(self.stamp)] = self.now_ms;
        self.stamp = (self.stamp + 1) & BITS_MAX;
        self.steps += 1;
        self.rounds_due += 1;
        self.vacant.take(self.stamp);
        self.take_edge();
    }

    /// One more entry has this step's stamp.
    #[inline]
    fn stamp_one(&mut self) -> u8 {
        self.stamped += 1;
        if self.stamped >= self.stamped_max && self.meaning == Meaning::Recency {
            self.tune();
            self.stamped = 0;
            self.step();
        }
        self.stamp
    }

    /// Chooses the length of the next step of recency.
    #[cold]
    fn tune(&mut self) {
        let (count, sum) = self.evicted;
        let keys = self.keys;
        if count == 0 {
            self.stamped_max = keys / STEPS_A_TURNOVER;
        } else if count >= AGE_SAMPLES_MIN {
            let age = sum / count;
            let part = self.stamped_max / 8 + 1;
            if age < *AGE_WANTED.start() {
                self.stamped_max -= part;
            } else if age > *AGE_WANTED.end() {
                self.stamped_max += part;
            }
            self.evicted = (0, 0);
        }
        self.stamped_max = self.stamped_max.clamp(1, keys.max(1));
    }

    /// The bits of a key that is new.
    #[inline]
    pub(crate) fn fresh(&mut self) -> u8 {
        if self.meaning == Meaning::Count {
            return COUNT_FIRST;
        }
        self.keys += 1;
        self.stamp_one()
    }

    /// The bits of a key that is used, out of those it has.
    #[inline]
    pub(crate) fn used(&mut self, bits: u8) -> u8 {
        if self.meaning == Meaning::Count {
            return self.counted(bits);
        }
        if bits == self.stamp { bits } else { self.stamp_one() }
    }

    fn counted(&mut self, bits: u8) -> u8 {
        if bits == BITS_MAX {
            return bits;
        }
        // One use in so many is counted.
        let uses = frequency::uses_a_step(bits);
        bits + u8::from(self.draw().is_multiple_of(uses))
    }

    /// The bits that the hand leaves; the same for most.
    #[inline]
    pub(crate) fn held_back(&self, bits: u8) -> u8 {
        match self.meaning {
            Meaning::Count => bits.saturating_sub(1),
            _ if self.age(bits) > AGE_MAX => self.stamp.wrapping_sub(AGE_MAX) & BITS_MAX,
            _ => bits,
        }
    }

    /// Steps since a stamp was in force.
    #[inline]
    pub(crate) fn age(&self, bits: u8) -> u8 {
        self.stamp.wrapping_sub(bits) & BITS_MAX
    }

    /// What orders entries by their bits, the one to evict first; comparable over time.
    #[inline]
    pub(crate) fn rank(&self, bits: u8) -> u64 {
        match self.meaning {
            Meaning::Count => u64::from(bits),
            _ => (self.steps + u64::from(BITS_MAX)) - u64::from(self.age(bits)),
        }
    }

    /// A key with these bits was evicted.
    pub(crate) fn evicted(&mut self, bits: u8) {
        self.evicted.0 += 1;
        self.evicted.1 += u64::from(self.age(bits));
    }

    /// Time since the last use, in ms, in the clock's steps: not more than it is.
    pub(crate) fn idle_ms(&self, bits: u8) -> u64 {
        if self.meaning == Meaning::Count || bits == self.stamp {
            return 0;
        }
        self.now_ms.saturating_sub(self.until_ms[usize::from(bits & BITS_MAX)])
    }

    /// How often a key with these bits is used, on Redis' scale; `None` unless uses are counted.
    pub(crate) fn frequency(&self, bits: u8) -> Option<u8> {
        (self.meaning == Meaning::Count).then(|| frequency::told(bits))
    }

    /// Random bits: splitmix64 over those that came in at the start.
    #[inline]
    pub(crate) fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
