//! Owns what a group gives back when nothing has gone on in it for a while: room that only traffic needs. With a thousand groups that sleep it is
//! megabytes.

use std::collections::VecDeque;

use super::replica::Group;

/// Ticks without anything to do after which a group gives room back: two seconds.
const REST_TICKS: u64 = 200;

/// When a group was busy last.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The tick of its last turn.
    busy_tick: u64,
    /// Room was given back since.
    is_done: bool,
}

impl Group {
    /// The group has a turn.
    pub(super) fn note_busy(&mut self) {
        self.rest = Rest { busy_tick: self.seen_tick, is_done: false };
    }

    /// Gives back what is empty, once, when nothing has gone on for long.
    pub(super) fn rest(&mut self) {
        if self.rest.is_done || self.seen_tick < self.rest.busy_tick + REST_TICKS {
            return;
        }
        self.rest.is_done = true;
        if self.outstanding.is_empty() {
            self.outstanding = VecDeque::new();
        }
        if self.queue.entries.is_empty() {
            self.queue.entries = Vec::new();
        }
        let raft = &mut self.raw.raft;
        raft.maybe_free_inflight_buffers();
        if raft.msgs.is_empty() {
            raft.msgs = Vec::new();
        }
        let unstable = &mut raft.raft_log.unstable;
        if unstable.entries.is_empty() {
            unstable.entries = Vec::new();
        }
        self.raw.mut_store().shrink();
    }
}

#[cfg(test)]
impl super::Groups {
    /// Bytes of room for traffic that a group has.
    pub(super) fn spare_bytes(&self, id: hyperion_model::GroupId) -> usize {
        use super::replica::Outstanding;
        use raft::eraftpb::{Entry, Message};
        let group = self.get(id).expect("the group is there");
        let raft = &group.raw.raft;
        let entries = group.queue.entries.capacity()
            + raft.raft_log.unstable.entries.capacity()
            + group.tail().spare();
        group.outstanding.capacity() * size_of::<Outstanding>()
            + raft.msgs.capacity() * size_of::<Message>()
            + entries * size_of::<Entry>()
    }
}
