//! Owns keys that clients watch: they are watched on the core that owns them, and what tells a key from a later one goes to the client.

use super::Plan;
use crate::effect::{Mail, Ticket};
use crate::engine::Engine;
use crate::lock::LockKey;
use crate::spanning::{SpanId, SpanMail, SpanStep};
use hyperion_model::{CoreId, PartitionId, slot_of};
use std::collections::BTreeMap;

impl Engine {
    /// Watches keys, wherever they lie; the answer comes as [`crate::Effect::Finished`] with [`crate::Answer::Watched`], or an error.
    pub fn begin_watch(&mut self, ticket: Ticket, mut keys: Vec<LockKey>) {
        keys.sort_unstable();
        keys.dedup();
        self.begin_plan(ticket, Plan::Watch, keys);
        self.settle();
    }

    /// Keys are not watched any more, as often as they were.
    pub fn unwatch(&mut self, keys: Vec<LockKey>) {
        if self.serving.is_some() {
            let mut by_partition: BTreeMap<PartitionId, Vec<LockKey>> = BTreeMap::new();
            for key in keys {
                by_partition.entry(self.map.partition_of(slot_of(&key.1))).or_default().push(key);
            }
            for (partition, keys) in by_partition {
                let Some(node) = self.node_that_leads(partition) else { continue };
                let id = SpanId { node: 0, core: 0, start: 0, count: 0 };
                self.send_span(node, SpanMail { id, partition, step: SpanStep::Unwatch { keys } });
            }
        } else {
            let mut by_core: BTreeMap<CoreId, Vec<LockKey>> = BTreeMap::new();
            for key in keys {
                let core = self.map.owner(self.map.partition_of(slot_of(&key.1)));
                by_core.entry(core).or_default().push(key);
            }
            for (core, keys) in by_core {
                self.send(core, Mail::Unwatch { keys });
            }
        }
        self.settle();
    }

    pub(crate) fn take_unwatch(&mut self, keys: &[LockKey]) {
        for (database, bytes) in keys {
            if self.map.owner(self.map.partition_of(slot_of(bytes))) == self.core {
                let key = self.store.key(*database, bytes);
                self.store.unwatch(&key);
            }
        }
    }
}
