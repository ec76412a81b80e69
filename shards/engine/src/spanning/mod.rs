//! Transactions that span groups: commands whose keys lie in several replicated partitions, wherever those are led.
//!
//! Keys are locked in the order of the partitions. A leader's lock is the right to go on, and is lost with the lead. What must last is an
//! entry: the prepared writes of a partition, and the decision in the lowest one that writes, which is the commit of all.

mod codec;
mod coordinator;
mod decision;
mod mail;
mod participant;
mod records;
mod retry;
#[cfg(test)]
mod tests;

use crate::command::keys_of;
use crate::engine::Engine;
use crate::limits::SPAN_STUCK_NS;
use crate::request::Request;
use crate::serving::Leader;
use hyperion_model::collections::Map;
use hyperion_model::{CoreId, GroupId, PartitionId, TransactionId};
use hyperion_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};

use coordinator::Coordinated;
pub(crate) use decision::Decided;
pub use mail::{SpanId, SpanMail, SpanStep};
use participant::Held;

/// What one core knows of such transactions: as coordinator, and as leader of partitions.
#[derive(Debug, Default)]
pub(crate) struct Spanning {
    counted: u64,
    coordinated: BTreeMap<SpanId, Coordinated>,
    /// By partition that this core leads: whose keys are locked there.
    held: BTreeMap<(PartitionId, SpanId), Held>,
    /// Of each lock whose it is.
    by_lock: Map<TransactionId, (PartitionId, SpanId)>,
    /// Decisions of partitions that this core leads, until all others have committed.
    decided: BTreeMap<(PartitionId, SpanId), Decided>,
    /// Places of hidden records that are in use, by partition that this core leads.
    used: BTreeMap<PartitionId, BTreeSet<u16>>,
    /// Decisions that nobody needs any more, by their places.
    settled: Vec<(PartitionId, u16)>,
    /// What hidden records of a partition are named with.
    tags: BTreeMap<PartitionId, u32>,
}

impl Spanning {
    /// Whether this core has no such command of a client.
    pub(crate) fn is_idle(&self) -> bool {
        self.coordinated.is_empty()
    }
}

/// What a client is told whose command waits for keys that are locked for too long.
pub(crate) const STUCK: &str = "TRYAGAIN a key is locked by a command over several partitions, and one of them has no leader; send it again";

/// Why an entry was not made. Nothing has changed.
enum NoEntry {
    /// There may be one soon, here or at another leader.
    Now,
    /// There will be none of this kind.
    Ever(StoreError),
}

impl Engine {
    pub(crate) fn now_ns(&self) -> u64 {
        self.replication.as_ref().map_or(0, |replication| replication.now_ns())
    }

    /// This node's number in the config.
    fn own_node(&self) -> u32 {
        self.replication.as_ref().map_or(0, |replication| replication.node())
    }

    /// The node that leads a partition, as far as known.
    pub(crate) fn node_that_leads(&self, partition: PartitionId) -> Option<u32> {
        match self.serving.as_ref()?.leader(partition) {
            Leader::Own => Some(self.own_node()),
            Leader::Node(node) => Some(node),
            Leader::Nobody | Leader::Changing => None,
        }
    }

    /// Whether this core leads the partition and nobody else can.
    fn leads_alone(&self, partition: PartitionId) -> bool {
        let serves = self.serving.as_ref().is_some_and(|it| it.serves(partition, false));
        let replication = self.replication.as_ref();
        self.map.owner(partition) == self.core
            && serves
            && replication.is_some_and(|it| it.may_begin(GroupId::of(partition)))
    }

    /// Brings a step to the core that it is for.
    pub(crate) fn send_span(&mut self, to: u32, mail: SpanMail) {
        if to == self.own_node() {
            let core: CoreId = mail.core(&self.map);
            self.send(core, crate::Mail::Span { from: to, mail: Box::new(mail) });
        } else {
            self.effects.push(crate::Effect::Span { to, mail: Box::new(mail) });
        }
    }

    /// Sends a step to the leader of its partition; `false`: there is none known.
    fn send_to_leader(&mut self, mail: SpanMail) -> bool {
        let Some(node) = self.node_that_leads(mail.partition) else { return false };
        self.send_span(node, mail);
        true
    }

    /// Makes an entry of a partition that this core leads, of what `make` changes. Gives what it found, and the position that an answer
    /// about it waits for.
    fn span_entry<T>(
        &mut self,
        partition: PartitionId,
        make: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<(T, u64), NoEntry> {
        if !self.leads_alone(partition) {
            return Err(NoEntry::Now);
        }
        let group = GroupId::of(partition);
        if !self.begin_entry_of(group) {
            return Err(NoEntry::Now);
        }
        self.store.begin_observing();
        let result = match make(self) {
            Ok(made) => match self.end_around(group) {
                // Without an entry no majority confirms what is told.
                Ok(false) if !self.confirms_read(group) => return Err(NoEntry::Now),
                ended => ended.map(|_| made),
            },
            Err(error) => {
                self.store.drop_entry();
                Err(error)
            }
        };
        match result {
            Ok(made) => Ok((made, self.store.observed_position())),
            Err(StoreError::NoRoom { .. }) => Err(NoEntry::Now),
            Err(error) => Err(NoEntry::Ever(error)),
        }
    }

    /// Takes a step of another core or node. `from` is the node.
    pub fn span_mail(&mut self, from: u32, mail: SpanMail) {
        self.take_span(from, mail);
        self.settle();
    }

    pub(crate) fn take_span(&mut self, from: u32, mail: SpanMail) {
        let SpanMail { id, partition, step } = mail;
        if self.replication.is_none() || partition.0 >= self.map.partitions() {
            return;
        }
        match step {
            SpanStep::Lock { keys, want } => self.take_lock(from, id, partition, keys, want),
            SpanStep::Check => self.take_check(from, id, partition),
            SpanStep::Prepare { decision, writes } => {
                self.take_prepare(from, id, partition, decision, &writes);
            }
            SpanStep::Decide { others, writes } => {
                self.take_decide(from, id, partition, others, &writes);
            }
            SpanStep::Commit { decision } => self.take_commit(from, id, partition, decision),
            SpanStep::Abort | SpanStep::Aborted => self.take_abort(id, partition),
            SpanStep::Ask { asker } => self.take_ask(from, id, partition, asker),
            SpanStep::Committed { by } => self.take_committed(id, partition, by),
            SpanStep::Unwatch { keys } => self.take_unwatch(&keys),
            SpanStep::Locked { .. }
            | SpanStep::Done
            | SpanStep::Refused { .. }
            | SpanStep::Lost => {
                self.coordinate(from, id, partition, step);
            }
        }
    }

    /// Whether a key of a command has been locked for long by what nobody decides: the partition that does has no leader.
    #[cold]
    pub(crate) fn is_stuck(&self, request: &Request<'_>) -> bool {
        let now_ns = self.now_ns();
        let is_old = |lock: TransactionId| {
            let at = self.spanning.by_lock.get(&lock);
            let held = at.and_then(|at| self.spanning.held.get(at));
            held.is_some_and(|held| now_ns.saturating_sub(held.since_ns) > SPAN_STUCK_NS)
        };
        keys_of(request.spec, request.arguments).any(|at| {
            let holder = self.locks.holder(request.database, request.arguments[at]);
            holder.is_some_and(is_old)
        })
    }

    /// Who leads a partition of this core has changed.
    pub(crate) fn span_lead(&mut self, partition: PartitionId, leads: bool) {
        self.forget_held(partition);
        self.spanning.decided.retain(|(other, _), _| *other != partition);
        self.spanning.settled.retain(|(other, _)| *other != partition);
        self.spanning.used.remove(&partition);
        if leads {
            self.load_records(partition);
        }
    }
}
