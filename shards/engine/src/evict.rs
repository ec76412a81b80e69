//! Owns memory that runs short: whether a write may go on, and how much is evicted for it.

use crate::command::CommandError;
use crate::engine::Engine;
use crate::limits::{
    EVICTIONS_A_COMMAND, EVICTIONS_A_SLICE, EVICTIONS_A_TURN, EVICTIONS_FREE,
    EVICTIONS_ON_THE_WAY_MAX, FRUITLESS_TICKS_MAX, MEMORY_LAG_PART, OOM_TOLD_BYTES,
};
use hyperion_store::{Evicted, Policy};

/// Words of others about their memory over which a limit is averaged, about.
const WORDS: u64 = 4;
/// This part of its own limit a core may always hold, however full copies are.
const LEAST_PART: u64 = 64;

/// What one core knows of its memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What this core may use: its share, and what others leave it.
    bytes_max: u64,
    /// What it could use if it had all that the others do not need; no less than it may.
    borrowable_bytes: u64,
    /// What a command waits for that needs more than this core may use, and not more than it could.
    wanted_bytes: u64,
    /// Less than a core can work with: what its data may take, see [`crate::Settings::tight_bytes`]; and that it does not hold just now.
    tight_bytes: Option<u64>,
    ignores_tight: bool,
    /// Evictions that are left of this turn.
    evictions_left: usize,
    /// The limit was met since somebody asked.
    is_short: bool,
    /// Something waits for evictions of later turns.
    has_waiting: bool,
    /// Ticks in which memory was short and no key was found that may go.
    fruitless_ticks: u32,
    /// The most bytes of live records here with which what is led here fits all copies, where one of them is nearly full.
    copies_max: Option<u64>,
}

/// Whether what a command writes fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It does.
    Now,
    /// It will, when more was evicted.
    Later,
    /// It does not, and nothing may be evicted.
    Never,
}

impl Engine {
    /// Sets what this core may use of the node's memory, for indexes and segments, and what it could use with all that the others do not
    /// need. Until the first call both are the settings' share.
    pub fn set_memory_bytes(&mut self, bytes: u64, borrowable: u64) {
        self.store.count_tombstones();
        self.memory.bytes_max = bytes;
        self.memory.borrowable_bytes = borrowable.max(bytes);
    }

    /// The memory with which a command could go on that has waited for it since the last call; 0: none has.
    pub fn take_memory_wanted(&mut self) -> u64 {
        std::mem::take(&mut self.memory.wanted_bytes)
    }

    /// What this core may use of the node's memory.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory.bytes_max
    }

    /// The most bytes of live records: what fits this core's memory, and that of the fullest copy of what it leads.
    #[inline]
    fn live_bytes_max(&self) -> u64 {
        let own = self.store.live_bytes_max(self.memory.bytes_max);
        self.memory.copies_max.map_or(own, |copies| own.min(copies))
    }

    /// Bytes of live records, and the most that this core's own memory takes.
    #[must_use]
    pub fn held_bytes(&self) -> (u64, u64) {
        (self.store.live_bytes(), self.store.live_bytes_max(self.memory.bytes_max))
    }

    /// How full the fullest node is that has a copy of what this core leads, in thousandths, if any is nearly full: to be told ten times a second.
    /// What is held there grows and shrinks as it does here, so this core may hold what it does now by that measure. Old words are averaged
    /// with new ones, because what is evicted here is gone there a little later.
    pub fn follow_fullest(&mut self, permille: Option<u32>) {
        let (live, own) = self.held_bytes();
        self.memory.copies_max = permille.map(|permille| {
            let fits = live * 1_000 / u64::from(permille.max(1));
            let before = self.memory.copies_max.unwrap_or(fits);
            // Who holds next to nothing is not what fills the copy.
            ((before * (WORDS - 1) + fits) / WORDS).max(own / LEAST_PART)
        });
    }

    /// Whether the limit was met since the last call.
    pub fn take_memory_short(&mut self) -> bool {
        std::mem::take(&mut self.memory.is_short)
    }

    /// The settings have changed, or are the first.
    pub(crate) fn settings_came(&mut self) {
        self.memory.bytes_max = self.settings().memory_bytes_max;
        self.memory.borrowable_bytes = self.memory.bytes_max;
        self.memory.tight_bytes = self.settings().tight_bytes;
        let policy = self.settings().eviction;
        self.store.set_policy(policy);
    }

    pub(crate) fn begin_evictions(&mut self) {
        self.memory.evictions_left = EVICTIONS_A_TURN;
    }

    /// Why a command that grows the data is refused now, whatever its size.
    #[must_use]
    pub fn write_refusal(&self) -> Option<String> {
        let is_refused = self.is_memory_exceeded() && self.store.policy() == Policy::None;
        is_refused.then(|| CommandError::OutOfMemory.to_string())
    }

    /// Makes room in memory for `bytes` more, as far as the policy goes and as much as one command may evict.
    #[inline]
    pub(crate) fn make_memory(&mut self, bytes: usize) -> Fit {
        if self.memory.tight_bytes.is_some() {
            return self.make_tight_memory();
        }
        let live_bytes_max = self.live_bytes_max();
        if self.store.live_bytes() + bytes as u64 <= live_bytes_max {
            return Fit::Now;
        }
        self.evict_for(bytes as u64, live_bytes_max)
    }

    #[cold]
    fn evict_for(&mut self, bytes: u64, live_bytes_max: u64) -> Fit {
        self.memory.is_short = true;
        // What will never fit must not empty the memory first.
        let is_hopeless = self.memory.fruitless_ticks >= FRUITLESS_TICKS_MAX;
        if self.store.policy() == Policy::None || bytes > live_bytes_max || is_hopeless {
            return if self.wants_memory_for(bytes) { Fit::Later } else { Fit::Never };
        }
        self.memory.evictions_left =
            (self.memory.evictions_left + EVICTIONS_FREE).min(EVICTIONS_A_TURN);
        let evictions_max = EVICTIONS_A_COMMAND.min(self.memory.evictions_left);
        let wanted = live_bytes_max - bytes;
        let (evicted, outcome) = self.evict_down_to(wanted, evictions_max);
        self.memory.evictions_left -= evicted;
        if outcome == Evicted::Nothing {
            return Fit::Never;
        }
        let live_bytes = self.store.live_bytes().saturating_sub(self.evicting_bytes());
        if live_bytes <= wanted + live_bytes_max / MEMORY_LAG_PART {
            return Fit::Now;
        }
        self.memory.has_waiting = true;
        Fit::Later
    }

    /// Asks for memory of other cores for `bytes` more, if they leave enough.
    fn wants_memory_for(&mut self, bytes: u64) -> bool {
        let Memory { bytes_max, borrowable_bytes, .. } = self.memory;
        let whole = self.store.memory_bytes_for(self.store.live_bytes() + bytes);
        // What is live may go for it.
        let least = match self.store.policy() {
            Policy::None => whole,
            _ => self.store.memory_bytes_for(bytes),
        };
        let can_have = least > bytes_max && least <= borrowable_bytes;
        if can_have {
            let wanted = whole.min(borrowable_bytes);
            self.memory.wanted_bytes = self.memory.wanted_bytes.max(wanted);
            self.memory.has_waiting = true;
        }
        can_have
    }

    /// Why `bytes` more are refused.
    pub(crate) fn why_no_memory(&self, bytes: usize) -> CommandError {
        if bytes < OOM_TOLD_BYTES {
            return CommandError::OutOfMemory;
        }
        let live_bytes = match self.store.policy() {
            Policy::None => self.store.live_bytes(),
            _ => 0,
        };
        let most = self.store.live_bytes_max(self.memory.borrowable_bytes);
        CommandError::OutOfMemoryFor { bytes, free: most.saturating_sub(live_bytes) }
    }

    /// Whether a limit below what a core can work with is met.
    fn is_tight(&self) -> bool {
        let is_met = |bytes| self.store.used_bytes() >= bytes;
        !self.memory.ignores_tight && self.memory.tight_bytes.is_some_and(is_met)
    }

    /// Whether the data takes more than it may.
    #[must_use]
    pub fn is_memory_exceeded(&self) -> bool {
        self.is_tight() || self.store.live_bytes() > self.live_bytes_max()
    }

    /// Whether there is a limit below what a core can work with: it is looked at more often than once a tick.
    #[must_use]
    pub fn has_tight_limit(&self) -> bool {
        self.memory.tight_bytes.is_some()
    }

    /// Whether such a limit does not hold: what a script does once it runs is not refused.
    pub fn ignore_tight_limit(&mut self, ignores: bool) {
        self.memory.ignores_tight = ignores;
    }

    /// As [`Engine::make_memory`], for what a coordinator has let pass: a limit below what a core can work with was looked at there.
    pub(crate) fn make_prepared_memory(&mut self, bytes: usize) -> Fit {
        if self.has_tight_limit() { Fit::Now } else { self.make_memory(bytes) }
    }

    /// As Redis does it: what is met is evicted before a command, and a command that runs may pass the limit.
    #[cold]
    fn make_tight_memory(&mut self) -> Fit {
        if !self.is_tight() {
            return Fit::Now;
        }
        self.memory.is_short = true;
        if self.store.policy() == Policy::None {
            return Fit::Never;
        }
        match self.evict_tight(EVICTIONS_A_COMMAND) {
            _ if !self.is_tight() => Fit::Now,
            0 if self.evicting_bytes() == 0 => Fit::Never,
            _ => {
                self.memory.has_waiting = true;
                Fit::Later
            }
        }
    }

    /// Evicts while the limit is met, at most `count_max` keys. Gives how many went.
    fn evict_tight(&mut self, count_max: usize) -> usize {
        let mut all = 0;
        while all < count_max && self.is_tight() {
            let (evicted, _) = self.evict_down_to(0, 1);
            if evicted == 0 {
                break;
            }
            all += evicted;
        }
        all
    }

    /// Evicts until no more than `live_bytes` are live, at most `count_max` keys. Gives how many went, and what ended it.
    fn evict_down_to(&mut self, live_bytes: u64, count_max: usize) -> (usize, Evicted) {
        if self.is_replicated() {
            return self.evict_by_entries(live_bytes, count_max);
        }
        let (store, locks) = (&mut self.store, &self.locks);
        for evicted in 0..count_max {
            if store.live_bytes() <= live_bytes {
                return (evicted, Evicted::One);
            }
            // A transaction has looked at the keys that it holds.
            let outcome = store.evict(|database, key| locks.holds(database, key));
            if outcome != Evicted::One {
                return (evicted, outcome);
            }
        }
        (count_max, Evicted::One)
    }

    /// Evicts a few keys while memory is short, and tries again what waited for it. To be called every tick, and at once again while it
    /// gives `true`: there is more to evict. Who calls bounds the time.
    pub fn evict_slice(&mut self) -> bool {
        if self.store.has_watches() {
            self.store.drop_old_watches();
        }
        let may_evict = self.store.policy() != Policy::None && !self.is_applying();
        let mut evicted_most = 0;
        if self.has_tight_limit() && may_evict {
            evicted_most = self.evict_tight(EVICTIONS_A_SLICE);
        }
        let live_bytes_max = self.live_bytes_max();
        if may_evict && self.store.live_bytes() > live_bytes_max {
            self.memory.is_short = true;
            let (evicted, _) = self.evict_down_to(live_bytes_max, EVICTIONS_A_SLICE);
            let is_fruitless = evicted == 0 && self.evicting_bytes() == 0;
            let ticks = self.memory.fruitless_ticks + 1;
            self.memory.fruitless_ticks = if is_fruitless { ticks } else { 0 };
            evicted_most = evicted_most.max(evicted);
        } else {
            self.memory.fruitless_ticks = 0;
        }
        if std::mem::take(&mut self.memory.has_waiting) {
            self.room_came();
        }
        // It ended for want of what else: there is nothing to evict, no room, or enough on its way to the other nodes.
        evicted_most == EVICTIONS_A_SLICE && self.evicting_entries() < EVICTIONS_ON_THE_WAY_MAX
    }
}
