//! Owns what clients and misfortunes do for what has expired to be met: told to be gone by one leader, and looked for at the next one.

use super::clients::REGISTERS;
use super::world::World;
use super::{Lean, MS};
use crate::history::Operation;
use crate::random::mix;

/// How long nothing is written where what was told to be gone is looked for, and how long something is at least between two such times.
const QUIET_NS: u64 = 1_500 * MS;
const QUIET_REST_NS: u64 = 700 * MS;

impl World {
    /// Somebody was told that something is gone: who told it may stand still or end, and for a while all look for what the next leader has.
    pub(super) fn found_gone(&mut self, teller: usize) {
        let is_quiet = self.now_ns < self.quiet_ns + QUIET_REST_NS;
        if self.settings.lean != Lean::Expiry
            || !self.is_busy
            || is_quiet
            || !self.random.chance(200)
        {
            return;
        }
        self.quiet_ns = self.now_ns + QUIET_NS;
        if self.random.chance(500) {
            let for_ns = 350 * MS + self.random.below(900 * MS);
            return self.pause(teller, for_ns);
        }
        self.fell(teller, false);
    }

    /// Where values expire most commands are reads, so that one is told to be gone, and asked for again before it is written anew.
    pub(super) fn more_reads(&self, operation: Operation) -> Operation {
        let drawn = mix(self.seed ^ self.attempts << 20);
        let is_quiet = self.settings.lean == Lean::Expiry && self.now_ns < self.quiet_ns;
        if !self.settings.expires || drawn.is_multiple_of(4) && !is_quiet {
            return operation;
        }
        Operation::Get(REGISTERS[usize::from(drawn.is_multiple_of(3))])
    }
}
