//! Owns how the cores share the node's memory: each has its share, and borrows what the others leave.

use std::time::{Duration, Instant};

use hyperion_runtime::process;
use hyperion_wire::peer::{Body, Fullness, Kind};

use super::core::NodeCore;
use hyperion_store::Policy;

/// From so many thousandths on a node tells how full it is, ten times a second.
const FULL_PERMILLE: u32 = 850;
/// How long that counts.
const FULLNESS_NS: u64 = 2_000_000_000;

/// What one core needs, as it has put it up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Need {
    /// Memory that what it holds takes; `None` before its first tick.
    pub(crate) bytes: Option<u64>,
    /// It met its limit since its last tick.
    pub(crate) is_short: bool,
}

/// Most that a core gives back a tick of what it has borrowed, when another is short of its own share.
const RETURN_BYTES_A_TICK: u64 = 1 << 20;
/// A core this part below its share does not count as short of it.
const SHARE_PART: u64 = 64;

/// A turn evicts for so long, whatever its commands do.
const EVICTION_SLICE: Duration = Duration::from_micros(200);
/// Ticks for which memory is kept for a command that does not ask for it any more: it waits for segments, or its client has gone.
const CLAIM_TICKS: u32 = 20;
/// What is claimed beyond what was asked for, as a part of the budget: others write on the same core meanwhile.
const CLAIM_SLACK_PART: u64 = 64;

/// What a core wants of what the others leave, for one command that is longer than what it is offered. It is put up one tick and taken with
/// the next, when all have seen it and are offered that much less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    wanted: u64,
    ticks_left: u32,
    /// What the others have seen.
    put_up: u64,
}

impl Claim {
    /// A tick in which `wanted` bytes of memory were asked for (0: none), what the core holds takes `needed`, and up to `borrowable` may
    /// be had. Gives what is granted.
    fn tick(&mut self, wanted: u64, needed: u64, borrowable: u64, budget: u64) -> u64 {
        let slack = budget / CLAIM_SLACK_PART;
        self.ticks_left = if wanted > 0 { CLAIM_TICKS } else { self.ticks_left.saturating_sub(1) };
        self.wanted = self.wanted.max(wanted);
        let granted = if self.put_up <= borrowable { self.put_up } else { 0 };
        let is_written = wanted == 0 && needed + slack >= self.wanted;
        if self.ticks_left == 0 || is_written || self.wanted > borrowable {
            *self = Self::default();
        } else {
            self.put_up = (self.wanted + slack).min(borrowable);
        }
        granted
    }
}

/// What is left of `budget` bytes if core `own` has all that the others do not need.
fn borrowable(budget: u64, needs: &[Need], own: usize) -> u64 {
    let share = budget / needs.len() as u64;
    let others = needs.iter().enumerate().filter(|(core, _)| *core != own);
    budget.saturating_sub(others.map(|(_, need)| need.bytes.unwrap_or(share)).sum())
}

/// What core `own` may use of `budget` bytes until the next tick.
///
/// What is free is offered to all in equal parts, so that they cannot overdraw it together; who needs it takes it in a few ticks.
/// A core above its share gives back when too much is used in all, or when another is short of its share.
pub(crate) fn allowance(budget: u64, needs: &[Need], own: usize) -> u64 {
    let cores = needs.len() as u64;
    let share = budget / cores;
    let bytes_of = |need: &Need| need.bytes.unwrap_or(share);
    let used: u64 = needs.iter().map(bytes_of).sum();
    let need = bytes_of(&needs[own]);
    let free = budget.saturating_sub(used) / cores;
    if need <= share {
        return need + free;
    }
    let borrowed = need - share;
    if used > budget {
        return need - borrowed.min(used - budget);
    }
    let is_wanted =
        needs.iter().any(|other| other.is_short && bytes_of(other) + share / SHARE_PART < share);
    if is_wanted { need - borrowed.min(RETURN_BYTES_A_TICK) } else { need + free }
}

impl NodeCore {
    /// Tells the other cores what this one needs, takes what they leave, and evicts what is too much.
    pub(super) fn tick_memory(&mut self) {
        self.share_memory();
        self.follow_fullest();
        self.evict_for_a_while();
    }

    /// Evicts while memory is short, for a fifth of a millisecond; it goes on in the turns that follow while `is_evicting`.
    pub(super) fn evict_for_a_while(&mut self) {
        let since = Instant::now();
        loop {
            self.is_evicting = self.engine.evict_slice();
            if !self.is_evicting || since.elapsed() >= EVICTION_SLICE {
                break;
            }
        }
        self.note_latency("eviction-cycle", self.observer.latencies.is_on().then_some(since));
    }

    /// Tells the other cores what this one needs, and takes what they leave.
    pub(super) fn share_memory(&mut self) {
        let own = usize::from(self.index);
        let is_short = self.engine.take_memory_short();
        let need_bytes = self.engine.store().memory_bytes_needed();
        let need = Need { bytes: Some(need_bytes), is_short };
        let put_up = |claim: &Claim| Need { bytes: Some(need_bytes.max(claim.put_up)), is_short };
        let before = put_up(&self.claim);
        let mut needs = self.shared.board.share_memory(own, before);
        let budget = self.config.memory_bytes_max;
        let borrowable = borrowable(budget, &needs, own);
        let wanted = self.engine.take_memory_wanted();
        let granted = self.claim.tick(wanted, need_bytes, borrowable, budget);
        if put_up(&self.claim) != before {
            self.shared.board.share_memory(own, put_up(&self.claim));
        }
        needs[own] = need;
        let bytes = allowance(budget, &needs, own).max(granted);
        self.engine.set_memory_bytes(bytes, borrowable);
    }

    /// Tells the others how full this node is, if it is, and heeds what they have told: what is led here fits all copies.
    fn follow_fullest(&mut self) {
        if !self.engine.is_replicated() {
            return;
        }
        let (held, held_max) = self.engine.held_bytes();
        let full = self.shared.board.share_fullness(usize::from(self.index), held, held_max);
        if self.index == 0 && full >= FULL_PERMILLE {
            let fullness = Fullness { permille: full };
            let nodes = self.view.iter().flat_map(|view| &view.nodes).map(|node| node.id);
            let Some(peers) = &mut self.peers else { return };
            for node in nodes {
                peers.queue_from(node, Kind::Fullness.protocol(), |out| {
                    let _ = fullness.encode(out);
                });
            }
        }
        let engine = &self.engine;
        let has_copies = |node: u32| engine.shares_led(u64::from(node));
        let fullest = self.shared.board.fullest(process::boot_time_ns(), has_copies);
        self.engine.follow_fullest(fullest.map(|(permille, _)| permille));
        let full = fullest.filter(|&(permille, _)| permille >= 1_000).map(|(_, node)| node);
        if let Some(node) = full.filter(|_| self.members.full != full) {
            let does = match self.config.eviction {
                Policy::None => "writes that grow the data are refused",
                _ => "keys are evicted",
            };
            tracing::warn!(
                "core {}: node {node} has no memory for more of what is led here, so {does}; give it more, or fewer copies",
                self.index
            );
        }
        if fullest.is_none() || full.is_some() {
            self.members.full = full;
        }
    }

    /// Another node says how full it is.
    pub(super) fn take_fullness(&self, from: u32, fullness: Fullness) {
        let until_ns = process::boot_time_ns() + FULLNESS_NS;
        self.shared.board.note_fullness(from, fullness.permille, until_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::{CLAIM_TICKS, Claim, Need, RETURN_BYTES_A_TICK, allowance, borrowable};

    fn need(bytes: u64, is_short: bool) -> Need {
        Need { bytes: Some(bytes), is_short }
    }

    #[test]
    fn what_each_core_may_use() {
        let (mebi, unknown) = (1 << 20, Need::default());
        for (needs, allowances) in [
            // Alone: all of it.
            (vec![need(30 * mebi, false)], vec![100 * mebi]),
            // Half of what is free for each; unknown ones count with their share.
            (vec![need(20 * mebi, false), need(40 * mebi, true)], vec![40 * mebi, 60 * mebi]),
            (vec![need(20 * mebi, false), unknown], vec![35 * mebi, 65 * mebi]),
            // One has borrowed all that the other leaves.
            (vec![need(10 * mebi, false), need(90 * mebi, true)], vec![10 * mebi, 90 * mebi]),
            // It gives back when the other is short.
            (
                vec![need(10 * mebi, true), need(90 * mebi, true)],
                vec![10 * mebi, 90 * mebi - RETURN_BYTES_A_TICK],
            ),
            // Both at their share, and short: nobody gives back.
            (vec![need(50 * mebi, true), need(50 * mebi, true)], vec![50 * mebi, 50 * mebi]),
            // Too much in all: only who is above its share gives back.
            (vec![need(40 * mebi, false), need(70 * mebi, false)], vec![40 * mebi, 60 * mebi]),
        ] {
            for (own, expected) in allowances.iter().enumerate() {
                assert_eq!(
                    allowance(100 * mebi, &needs, own),
                    *expected,
                    "core {own} of {needs:?}"
                );
            }
        }
    }

    /// What the cores have put up, and their claims.
    struct Cores {
        bytes: Vec<u64>,
        claims: Vec<Claim>,
    }

    impl Cores {
        const BUDGET: u64 = 1 << 30;

        /// A core's tick: what it may use then, and what it could.
        fn tick(&mut self, own: usize, wanted: u64) -> (u64, u64) {
            let up = self.bytes.iter().zip(&self.claims);
            let mut needs: Vec<Need> =
                up.map(|(&bytes, claim)| need(bytes.max(claim.put_up), false)).collect();
            let borrowable = borrowable(Self::BUDGET, &needs, own);
            let held = self.bytes[own];
            let granted = self.claims[own].tick(wanted, held, borrowable, Self::BUDGET);
            needs[own] = need(held, false);
            (allowance(Self::BUDGET, &needs, own).max(granted), borrowable)
        }
    }

    #[test]
    fn one_long_value_may_take_all_that_the_others_leave_and_they_see_it_before() {
        let budget = Cores::BUDGET;
        for cores in [2, 8] {
            let mut all = Cores { bytes: vec![0; cores], claims: vec![Claim::default(); cores] };
            let wanted = budget / 100 * 90;
            let (offered, could) = all.tick(0, 0);
            assert!(offered < wanted && could == budget, "{offered} of {could}");
            // Put up now, and taken when each of the others is offered so much less.
            assert!(all.tick(0, wanted).0 < wanted);
            let left: u64 = (1..cores).map(|core| all.tick(core, 0).0).sum();
            assert!(left <= budget - wanted, "{left} for the others");
            assert!(all.tick(0, wanted).0 >= wanted);
            // A second one that does not fit beside it is not kept waiting.
            assert!(all.tick(1, wanted).1 < wanted);
            assert_eq!(all.claims[1], Claim::default());
            // Nobody asks any more.
            for _ in 0..CLAIM_TICKS {
                all.tick(0, 0);
            }
            assert_eq!(all.tick(1, 0).1, budget);
            // Written, and deleted again: not kept.
            all.tick(0, wanted);
            all.bytes[0] = wanted;
            all.tick(0, 0);
            all.bytes[0] = 0;
            assert_eq!(all.tick(1, 0).1, budget);
        }
    }

    #[test]
    fn cores_that_fill_at_once_stay_within_the_budget_and_end_at_their_shares() {
        // Core 0 fills first and borrows; then core 1 wants memory too. Both take all that they may between two ticks.
        let budget = 1_u64 << 30;
        let mut needs = vec![need(0, false), need(0, false)];
        for tick in 0..2_000 {
            let allowances: Vec<u64> = (0..2).map(|own| allowance(budget, &needs, own)).collect();
            needs[0] = need(allowances[0], true);
            if tick >= 50 {
                needs[1] = need(allowances[1], true);
            }
            let used: u64 = needs.iter().map(|need| need.bytes.unwrap_or_default()).sum();
            assert!(used <= budget, "{used} in tick {tick}");
            if tick == 49 {
                assert!(needs[0].bytes > Some(budget / 100 * 99), "{needs:?}");
            }
        }
        assert!(needs.iter().all(|need| need.bytes > Some(budget / 100 * 48)), "{needs:?}");
    }
}
