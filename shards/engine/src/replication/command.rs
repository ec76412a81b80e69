//! Owns the entry around a command: what the command changes on the leader becomes an entry of its partition's group.

use super::Replication;
use crate::command::{CommandError, Flags};
use crate::engine::Engine;
use crate::request::{Outcome, Request};
use hyperion_cluster::group::{Lease, Refusal};
use hyperion_model::limits::DATABASES;
use hyperion_model::{DatabaseId, GroupId, PartitionId, slot_of};
use hyperion_store::StoreError;

/// How a command is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// Without an entry.
    Nothing,
    /// With an entry of this group.
    Entry(GroupId),
    /// Not at all.
    Refused(Outcome),
}

impl Replication {
    /// Whether an entry may begin now, and nobody else leads.
    pub(crate) fn may_begin(&self, group: GroupId) -> bool {
        self.begin(group, true).is_ok()
    }

    fn begin(&self, group: GroupId, reads_only: bool) -> Result<(u64, u64), Refusal> {
        let position = self.groups.next_position(group)?;
        if let Some(to) = self.handing_over_to(group) {
            // What comes now would be taken from the one that leads next.
            return Err(Refusal::Transferring { to });
        }
        if reads_only && !self.asks && self.groups.lease(group, self.now_ns) == Lease::Expired {
            // The next heartbeats that a majority answers renew it.
            return Err(Refusal::NotServing);
        }
        Ok((position.term, position.index))
    }
}

impl Engine {
    /// Begins the entry of a command, if its partition is replicated.
    pub(crate) fn begin_around(&mut self, request: &Request<'_>, slot: Option<u16>) -> Around {
        let Some(replication) = &self.replication else { return Around::Nothing };
        let Some(slot) = slot else { return Around::Nothing };
        let partition = self.map.partition_of(slot);
        let serves = self.serving.as_ref().is_some_and(|serving| serving.serves(partition, false));
        if !serves && request.from_replica {
            if !self.serving.as_ref().is_some_and(|serving| serving.has_copy(partition)) {
                return Around::Refused(Outcome::NoRoom);
            }
            // Its answer waits for nothing, so it must not tell what may never take effect.
            self.store.read_applied(true);
            return Around::Nothing;
        }
        if self.serving.as_ref().is_some_and(|serving| serving.awaits(partition)) {
            return Around::Refused(Outcome::NoRoom);
        }
        let group = GroupId::of(partition);
        let reads_only = request.spec.flags.has(Flags::READONLY);
        match replication.begin(group, reads_only) {
            Ok((term, index)) => {
                self.store.begin_entry(group, term, index);
                Around::Entry(group)
            }
            // It passes with the next heartbeats, or the leader is another soon: the engine hears of that before the next turn.
            Err(_) => Around::Refused(Outcome::NoRoom),
        }
    }

    /// Begins an entry that is no client's command. `false`: not now.
    pub(crate) fn begin_entry_of(&mut self, group: GroupId) -> bool {
        let begun = self.replication.as_ref().map(|replication| replication.begin(group, true));
        let Some(Ok((term, index))) = begun else { return false };
        self.store.begin_entry(group, term, index);
        true
    }

    /// Ends a command's entry and proposes it. `false`: it has changed nothing, and there is no entry.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub(crate) fn end_around(&mut self, group: GroupId) -> Result<bool, StoreError> {
        let Some(payload) = self.store.end_entry()? else { return Ok(false) };
        let replication = self.replication.as_mut().expect("an entry was begun");
        replication
            .groups
            .propose(group, payload)
            .expect("the place was given in this turn, and nothing came between");
        replication.pending.insert(group);
        if replication.held.is_none() {
            replication.held = self.store.oldest_unapplied([group]);
        }
        Ok(true)
    }

    /// Removes all keys of a database, or of all, in the partitions that this core leads; those of its own among `expected` are to be among them.
    pub(crate) fn flush_groups(
        &mut self,
        database: Option<DatabaseId>,
        expected: &[PartitionId],
    ) -> Result<(), CommandError> {
        let led: Vec<PartitionId> = self.led();
        let replication = self.replication.as_ref().expect("looked at by the caller");
        // All or none: who cannot be asked now is asked again by the client.
        let busy =
            led.iter().any(|&partition| replication.begin(GroupId::of(partition), false).is_err());
        let partitions = self.map.partitions();
        let lacks = expected.iter().any(|partition| {
            // What there is not nobody leads.
            let is_own = partition.0 >= partitions || self.map.owner(*partition) == self.core;
            is_own && !led.contains(partition)
        });
        if busy || lacks {
            return Err(CommandError::TryAgain);
        }
        for partition in led {
            let group = GroupId::of(partition);
            let replication = self.replication.as_ref().expect("looked at by the caller");
            let Ok((term, index)) = replication.begin(group, false) else {
                return Err(CommandError::TryAgain);
            };
            self.store.begin_entry(group, term, index);
            // One by one: what is hidden stays.
            let databases = (0..DATABASES).map(DatabaseId);
            let mut meant = databases.filter(|other| database.is_none_or(|one| one == *other));
            if let Err(error) = meant.try_for_each(|one| self.store.flush(Some(one))) {
                self.store.drop_entry();
                return Err(error.into());
            }
            self.end_around(group)?;
        }
        Ok(())
    }

    fn led(&self) -> Vec<PartitionId> {
        let serving = self.serving.as_ref();
        let leads = |partition: &PartitionId| {
            serving.is_some_and(|serving| serving.serves(*partition, false))
        };
        self.map.owned_by(self.core).filter(leads).collect()
    }

    /// Deletes what the sweep found expired, by entries of the partitions that this core leads.
    pub fn bury_expired(&mut self) {
        let expired = self.store.take_expired();
        for (database, bytes) in expired {
            let partition = self.map.partition_of(slot_of(&bytes));
            let group = GroupId::of(partition);
            let Some(replication) = &self.replication else { return };
            let Ok((term, index)) = replication.begin(group, false) else { continue };
            self.store.begin_entry(group, term, index);
            let key = self.store.key(database, &bytes);
            let lookups = self.store.lookups();
            // Whoever looks an expired key up deletes it.
            let _ = self.store.find(&key);
            self.store.set_lookups(lookups);
            if self.end_around(group).is_err() {
                return;
            }
        }
    }
}
