//! Owns what time does: what is not answered is asked again, and what waits too long is let go.

use super::mail::{SpanId, SpanMail, SpanStep};
use super::participant::HeldState;
use crate::engine::Engine;
use crate::limits::{SPAN_AGAIN_NS, SPAN_LOCK_WAIT_NS, SPAN_LOCKED_NS, SPAN_STALE_NS};
use hyperion_model::PartitionId;

/// What is to be done about keys that have been held for long.
enum Due {
    Refuse(u32),
    Drop,
    Ask(PartitionId),
}

impl Engine {
    /// To be called every tick.
    pub(crate) fn tick_spans(&mut self) {
        let spanning = &self.spanning;
        if spanning.is_idle()
            && spanning.held.is_empty()
            && spanning.decided.is_empty()
            && spanning.settled.is_empty()
        {
            return;
        }
        self.tick_coordinated();
        self.tick_held();
        self.tick_decisions();
        self.settle();
    }

    fn tick_held(&mut self) {
        let now_ns = self.now_ns();
        let mut due: Vec<(PartitionId, SpanId, Due)> = Vec::new();
        for (&(partition, id), held) in &mut self.spanning.held {
            let age_ns = now_ns.saturating_sub(held.since_ns);
            let what = match &mut held.state {
                HeldState::Waits if age_ns > SPAN_LOCK_WAIT_NS => Due::Refuse(held.node),
                HeldState::Locked if age_ns > SPAN_LOCKED_NS => Due::Drop,
                HeldState::Prepared { decision, asked_ns, .. }
                    if age_ns > SPAN_STALE_NS
                        && now_ns.saturating_sub(*asked_ns) > SPAN_AGAIN_NS =>
                {
                    *asked_ns = now_ns;
                    Due::Ask(*decision)
                }
                _ => continue,
            };
            due.push((partition, id, what));
        }
        for (partition, id, what) in due {
            match what {
                Due::Refuse(node) => self.drop_and_refuse(node, id, partition, None),
                Due::Drop => self.drop_held(partition, id),
                Due::Ask(decision) => {
                    let step = SpanStep::Ask { asker: partition };
                    self.send_to_leader(SpanMail { id, partition: decision, step });
                }
            }
        }
    }

    /// The connection to a node is gone.
    pub(crate) fn spans_lost(&mut self, node: u32) {
        self.span_peer_lost(node);
        let held = self.spanning.held.iter().filter(|(_, held)| {
            held.node == node && !matches!(held.state, HeldState::Prepared { .. })
        });
        let held: Vec<_> = held.map(|(at, _)| *at).collect();
        // Its coordinator begins anew, if it lives.
        held.into_iter().for_each(|(partition, id)| self.drop_held(partition, id));
        self.settle();
    }
}
