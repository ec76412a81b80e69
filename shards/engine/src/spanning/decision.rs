//! Owns what the leader of the partition that decides does: the decision, its way to the others, and the word to who asks.

use super::NoEntry;
use super::mail::{SpanId, SpanMail, SpanStep};
use super::participant::{HeldState, only_delete};
use super::records::Record;
use crate::effect::OwnedWrite;
use crate::engine::Engine;
use crate::limits::{SPAN_AGAIN_NS, SPAN_UNDECIDED_NS};
use crate::transaction::{Then, Until};
use hyperion_model::PartitionId;
use std::collections::{BTreeMap, BTreeSet};

/// A decision that others wait for.
#[derive(Debug)]
pub(crate) struct Decided {
    place: u16,
    /// The log's position of its entry: before that is released nobody may know.
    position: u64,
    /// Partitions that have not said that they committed.
    waiting: BTreeSet<PartitionId>,
    sent_ns: u64,
}

impl Decided {
    pub(super) fn new(place: u16, position: u64, others: Vec<PartitionId>) -> Self {
        Self { place, position, waiting: others.into_iter().collect(), sent_ns: 0 }
    }
}

impl Engine {
    pub(super) fn take_decide(
        &mut self,
        from: u32,
        id: SpanId,
        partition: PartitionId,
        others: Vec<PartitionId>,
        writes: &[OwnedWrite],
    ) {
        if !self.has_locked(partition, id) {
            return self.refuse_span(from, id, partition, None);
        }
        let before = self.store.may_use_reserve(only_delete(writes));
        let made = self.may_write_span(writes).and_then(|()| {
            let place = self.free_place(partition).ok_or(None)?;
            let record = Record::Decision { id, others: others.clone() };
            let made = self.span_entry(partition, |engine| {
                if !others.is_empty() {
                    engine.put_record(partition, place, &record)?;
                }
                engine.make_writes(writes)
            });
            let ((), observed) = made.map_err(|no_entry| no_entry.sentence())?;
            Ok((place, observed))
        });
        self.store.may_use_reserve(before);
        match made {
            Ok((place, observed)) => {
                if !others.is_empty() {
                    self.use_place(partition, place);
                    let decided = Decided::new(place, observed, others);
                    self.spanning.decided.insert((partition, id), decided);
                }
                self.drop_held(partition, id);
                self.wait(Until::Released(observed), Then::Decision { to: from, id, partition });
            }
            Err(error) => self.drop_and_refuse(from, id, partition, error),
        }
    }

    /// The decision is committed: its client may know, and the others.
    pub(crate) fn decision_released(&mut self, to: u32, id: SpanId, partition: PartitionId) {
        self.send_span(to, SpanMail { id, partition, step: SpanStep::Done });
        self.send_commits(partition, id);
    }

    /// Tells those that have not said that they committed.
    fn send_commits(&mut self, partition: PartitionId, id: SpanId) {
        let (now_ns, released) = (self.now_ns(), self.released_position());
        let Some(decided) = self.spanning.decided.get_mut(&(partition, id)) else { return };
        if decided.position > released {
            return;
        }
        decided.sent_ns = now_ns;
        for other in decided.waiting.clone() {
            let step = SpanStep::Commit { decision: partition };
            self.send_to_leader(SpanMail { id, partition: other, step });
        }
    }

    pub(super) fn take_committed(&mut self, id: SpanId, partition: PartitionId, by: PartitionId) {
        let Some(decided) = self.spanning.decided.get_mut(&(partition, id)) else { return };
        decided.waiting.remove(&by);
        if decided.waiting.is_empty() {
            let place = decided.place;
            self.spanning.decided.remove(&(partition, id));
            self.spanning.settled.push((partition, place));
        }
    }

    /// A leader has prepared, and does not hear what became of it.
    pub(super) fn take_ask(
        &mut self,
        from: u32,
        id: SpanId,
        partition: PartitionId,
        asker: PartitionId,
    ) {
        if !self.leads_alone(partition) {
            return;
        }
        let answer = |step| SpanMail { id, partition: asker, step };
        if let Some(decided) = self.spanning.decided.get(&(partition, id)) {
            if decided.position <= self.released_position() {
                self.send_span(from, answer(SpanStep::Commit { decision: partition }));
            }
            return;
        }
        if let Some(held) = self.spanning.held.get(&(partition, id)) {
            let is_young = self.now_ns().saturating_sub(held.since_ns) < SPAN_UNDECIDED_NS;
            if is_young || matches!(held.state, HeldState::Prepared { .. }) {
                return;
            }
            // Its coordinator comes too late from now on.
            self.drop_held(partition, id);
        }
        self.send_span(from, answer(SpanStep::Aborted));
    }

    /// Says decisions again that were not heard, and forgets those that all have heard.
    pub(super) fn tick_decisions(&mut self) {
        let now_ns = self.now_ns();
        let decided = self.spanning.decided.iter();
        let due = decided.filter(|(_, it)| now_ns.saturating_sub(it.sent_ns) > SPAN_AGAIN_NS);
        let due: Vec<_> = due.map(|(at, _)| *at).collect();
        for (partition, id) in due {
            self.send_commits(partition, id);
        }
        let mut settled: BTreeMap<PartitionId, Vec<u16>> = BTreeMap::new();
        for (partition, place) in std::mem::take(&mut self.spanning.settled) {
            settled.entry(partition).or_default().push(place);
        }
        for (partition, places) in settled {
            self.store.may_use_reserve(true);
            let made = self.span_entry(partition, |engine| {
                places.iter().try_for_each(|&place| engine.delete_record(partition, place))
            });
            self.store.may_use_reserve(false);
            match made {
                Ok(_) => places.iter().for_each(|&place| self.give_place(partition, place)),
                Err(NoEntry::Now) => {
                    let again = places.into_iter().map(|place| (partition, place));
                    self.spanning.settled.extend(again);
                }
                Err(NoEntry::Ever(error)) => panic!("deletions do not fit: {error}"),
            }
        }
    }
}
