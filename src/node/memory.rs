//! Owns how the cores share the node's memory: each has its share, and borrows what the others leave.

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
        let own = usize::from(self.index);
        let is_short = self.engine.take_memory_short();
        let need = Need { bytes: Some(self.engine.store().memory_bytes_needed()), is_short };
        let needs = self.shared.board.share_memory(own, need);
        let bytes = allowance(self.config.memory_bytes_max, &needs, own);
        self.engine.set_memory_bytes(bytes);
        self.follow_fullest();
        self.engine.evict_slice();
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
    use super::{Need, RETURN_BYTES_A_TICK, allowance};

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
