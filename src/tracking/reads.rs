//! Owns reads of clients that keep copies: noted where their keys are, so that who has read hears of the next change.
//!
//! A node hears of the changes of the keys that it has a replica of, whoever leads. A read that another node answers is noted at this node's
//! replica before it is asked for: what it does not see changes behind it. Of a key without a replica here nobody would tell, so its client
//! is told that it has changed right behind the answer, and keeps no copy.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use hyperion_engine::command::{CommandSpec, Flags, keys_of};
use hyperion_model::{PartitionId, slot_of};
use hyperion_runtime::ConnectionId;

use super::deliver::{Invalid, Track};
use super::limits::TRACKED_KEYS_MAX;
use super::table::Reading;
use crate::front::Client;
use crate::node::{Mail, NodeCore};

/// Whether a command reads keys. Transactions and scripts: see `inside.rs`.
fn reads(spec: &CommandSpec) -> bool {
    spec.flags.has(Flags::READONLY)
}

impl NodeCore {
    /// A client of `core` has read keys of this core in a command that is answered.
    pub(crate) fn note_read(
        &mut self,
        core: u16,
        connection: ConnectionId,
        spec: &CommandSpec,
        arguments: &[&[u8]],
    ) {
        if !reads(spec) {
            return;
        }
        for at in keys_of(spec, arguments) {
            self.trackers.table.add(arguments[at], core, connection, Reading::Done);
        }
        self.forget_oldest();
        self.engine.tell_changes(true);
    }

    /// A read of several turns, cores or nodes begins: until it ends, its client hears of every change, because no core knows which one it
    /// sees.
    pub(crate) fn begin_read(
        &mut self,
        client: &mut Client,
        spec: &CommandSpec,
        arguments: &[&[u8]],
    ) {
        if client.wants_read() && reads(spec) {
            let keys = keys_of(spec, arguments).map(|at| arguments[at].to_vec()).collect();
            self.begin_reads(client, keys);
        }
    }

    /// As [`NodeCore::begin_read`], of these keys.
    pub(super) fn begin_reads(&mut self, client: &mut Client, keys: Vec<Vec<u8>>) {
        let Some(tracking) = client.tracking.as_mut() else { return };
        let (mut heard, unheard): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|key| self.hears_of(key));
        heard.sort_unstable();
        tracking.unheard = unheard.into_iter().collect();
        tracking.reading.clone_from(&heard);
        self.track(client.connection, heard, Reading::Begun);
    }

    /// It has ended, and its answer is in the client's output; or the client has gone.
    pub(crate) fn end_read(&mut self, client: &mut Client) {
        let Some(tracking) = client.tracking.as_mut() else { return };
        let keys = std::mem::take(&mut tracking.reading);
        let unheard = std::mem::take(&mut tracking.unheard);
        let is_all = std::mem::take(&mut tracking.is_all_unheard);
        self.track(client.connection, keys, Reading::Done);
        if is_all {
            return self.invalid.push(Invalid::Late { connection: client.connection, key: None });
        }
        self.tell_unheard(client.connection, unheard);
    }

    /// A read is carried to another node. Gives the keys that are to be told as changed behind its answer.
    pub(crate) fn note_forwarded(
        &mut self,
        client: &Client,
        spec: &CommandSpec,
        arguments: &[&[u8]],
    ) -> Vec<Vec<u8>> {
        if !client.wants_read() || !reads(spec) {
            return Vec::new();
        }
        let keys = keys_of(spec, arguments).map(|at| arguments[at].to_vec());
        let (heard, unheard): (Vec<_>, Vec<_>) = keys.partition(|key| self.hears_of(key));
        // Told changes stand behind what the client is owed, so behind the answer too: one is enough.
        self.track(client.connection, heard, Reading::Done);
        unheard
    }

    /// The answer to a read of keys of whose changes nobody here hears is in its client's output.
    pub(crate) fn tell_unheard(
        &mut self,
        connection: ConnectionId,
        keys: impl IntoIterator<Item = Vec<u8>>,
    ) {
        let told = keys.into_iter().map(|key| Invalid::Late { connection, key: Some(key) });
        self.invalid.extend(told);
    }

    /// Whether this node hears of the changes of a key, and its core hears in time that somebody reads it.
    fn hears_of(&self, key: &[u8]) -> bool {
        let map = self.engine.map();
        let partition = map.partition_of(slot_of(key));
        let core = map.owner(partition).0;
        let is_reached = core == self.index || !self.links[usize::from(core)].is_behind;
        is_reached && !self.is_unheard(partition)
    }

    fn is_unheard(&self, partition: PartitionId) -> bool {
        self.engine.is_elsewhere(partition) || self.engine.store().is_log_only()
    }

    /// Whether clients may hear of the changes of all keys with a prefix: those of this node, where they know the cluster; else those of the
    /// cluster, so this node must have a replica of each.
    pub(crate) fn may_broadcast(&self) -> bool {
        let is_transparent = self.config.is_transparent();
        if self.view.is_none() || !is_transparent {
            return true;
        }
        let mut partitions = (0..self.engine.map().partitions()).map(PartitionId);
        !partitions.any(|partition| self.is_unheard(partition))
    }

    /// Tells the cores that own keys that a client of this core reads them. The mail goes ahead of what this core sends for the read later.
    pub(super) fn track(&mut self, connection: ConnectionId, keys: Vec<Vec<u8>>, reading: Reading) {
        let mut by_core: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
        let map = self.engine.map();
        for key in keys {
            let owner = map.owner(map.partition_of(slot_of(&key)));
            by_core.entry(owner.0).or_default().push(key);
        }
        for (core, keys) in by_core {
            let track = Track { connection, keys, reading };
            if core == self.index {
                self.take_track(core, &track);
            } else {
                self.links[usize::from(core)].backlog.push_back(Mail::Track(Box::new(track)));
            }
        }
    }

    pub(crate) fn take_track(&mut self, from: u16, track: &Track) {
        for key in &track.keys {
            self.trackers.table.add(key, from, track.connection, track.reading);
        }
        self.forget_oldest();
        self.engine.tell_changes(true);
    }

    /// So many keys may all cores together remember by the config; what is too much goes.
    pub(crate) fn limit_tracked_keys(&mut self) {
        let set = self.config.settings().redis.get("tracking-table-max-keys");
        self.trackers.keys_max = set.and_then(|text| text.parse().ok()).unwrap_or_default();
        self.forget_oldest();
    }

    /// Keys beyond what may be remembered count as changed.
    pub(super) fn forget_oldest(&mut self) {
        let keys_max = self.tracked_keys_max();
        while let Some((key, readers)) = self.trackers.table.too_much(keys_max) {
            self.tell_readers(&key, readers, None);
        }
        if self.trackers.keys_max != 0 {
            let told = &self.shared.tracked_keys[usize::from(self.index)];
            told.store(self.trackers.table.keys_count(), Ordering::Relaxed);
        }
    }

    /// This core may remember what the others leave of the limit, and its equal part in any case.
    fn tracked_keys_max(&self) -> usize {
        let asked = self.trackers.keys_max;
        if asked == 0 {
            return TRACKED_KEYS_MAX;
        }
        let cores = self.shared.tracked_keys.iter().enumerate();
        let others = cores.filter(|(core, _)| *core != usize::from(self.index));
        let taken: usize = others.map(|(_, keys)| keys.load(Ordering::Relaxed)).sum();
        let part = asked.div_ceil(self.shared.tracked_keys.len().max(1));
        asked.saturating_sub(taken).max(part).min(TRACKED_KEYS_MAX)
    }
}
