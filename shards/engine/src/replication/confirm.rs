//! Owns that a read is told by a leader alone: by its lease, or, where clocks are not trusted, by a majority that is asked for each read.
//!
//! A read that asks runs at once. Its answer waits until a majority has answered a heartbeat that was sent behind it: then nobody else led when it
//! ran. All reads of a turn ask together, and wait at one place of the log, which a short record makes.

use crate::effect::Effect;
use crate::engine::Engine;
use crate::settings::Reads;
use hyperion_cluster::group::Lease;
use hyperion_model::GroupId;
use std::collections::{BTreeSet, VecDeque};

/// The reads of a turn.
#[derive(Debug)]
struct Round {
    number: u64,
    /// The log's position before its place and behind it: what was observed behind it waits.
    before: u64,
    behind: u64,
    /// Groups that are asked, and of those the ones that have not answered.
    asked: BTreeSet<GroupId>,
    left: BTreeSet<GroupId>,
}

/// The rounds under way, oldest first.
#[derive(Debug, Default)]
pub(super) struct Confirming {
    rounds: VecDeque<Round>,
    number: u64,
    /// The newest round is of this turn.
    is_open: bool,
}

impl Confirming {
    /// Up to where answers may leave.
    pub(super) fn held(&self) -> Option<u64> {
        self.rounds.front().map(|round| round.before)
    }

    /// What is read from now on asks anew: heartbeats leave.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.forget_done();
    }

    fn forget_done(&mut self) {
        while self.rounds.front().is_some_and(|round| {
            round.left.is_empty() && !(self.is_open && round.number == self.number)
        }) {
            self.rounds.pop_front();
        }
    }

    /// A majority has answered for a group.
    pub(super) fn confirm(&mut self, group: GroupId, number: u64) {
        for round in self.rounds.iter_mut().filter(|round| round.number <= number) {
            round.left.remove(&group);
        }
        self.forget_done();
    }

    /// Nobody answers for a group any more, up to a round. Gives from where on answers are lost.
    fn lose(&mut self, group: GroupId, number: u64) -> Option<u64> {
        let mut of =
            self.rounds.iter().filter(|it| it.number <= number && it.left.contains(&group));
        let first = of.next().map(|round| round.before);
        self.confirm(group, number);
        first
    }
}

impl Engine {
    /// Whether what was read of a group may be told: at once, or when a majority has confirmed that this node led, for which its answer waits.
    pub(crate) fn confirms_read(&mut self, group: GroupId) -> bool {
        let reads = self.settings.reads;
        let Some(replication) = &mut self.replication else { return true };
        if reads == Reads::Lease {
            return replication.groups.lease(group, replication.now_ns) != Lease::Expired;
        }
        let confirming = &mut replication.confirming;
        if !confirming.is_open {
            let Ok(before) = self.store.mark_place(group) else { return false };
            confirming.number += 1;
            confirming.is_open = true;
            confirming.rounds.push_back(Round {
                number: confirming.number,
                before,
                behind: self.store.appended_position(),
                asked: BTreeSet::new(),
                left: BTreeSet::new(),
            });
        }
        let round = confirming.rounds.back_mut().expect("it is open");
        if !round.asked.contains(&group) {
            if replication.groups.read_index(group, round.number).is_err() {
                return false;
            }
            round.asked.insert(group);
            round.left.insert(group);
        }
        self.store.observe(round.behind);
        true
    }

    /// By what reads are told from now on.
    pub(crate) fn reads_changed(&mut self) {
        if let Some(replication) = &mut self.replication {
            replication.asks = self.settings.reads == Reads::Quorum;
        }
    }

    /// Nobody confirms any more what was read of a group in rounds up to this one: who waits for it is not answered.
    pub(super) fn lose_reads(&mut self, group: GroupId, number: u64) {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        if let Some(position) = replication.confirming.lose(group, number) {
            self.effects.push(Effect::CloseFrom { position });
            self.lose_waiting(position);
        }
    }
}
