//! Owns the way of a replica that takes over another one's keys: begun, chunk by chunk, and ended by the state that they belong to.
//!
//! From its begin to its end the log says that the group is being installed: a start in between finds a part of the keys, and the
//! group neither votes nor serves until it was begun anew and ended.

use super::change::{ChangeKind, decode_changes};
use super::format::{self, flush_key};
use super::group::Part;
use super::partition_of;
use crate::error::StoreError;
use crate::record::{Attributes, Extras, Kind};
use crate::store::Store;
use hyperion_model::GroupId;

/// Bytes of the records that begin it, at most, but the voters.
const BEGIN_BYTES: usize = 512;

impl Store {
    /// Drops all keys and entries of a group, whose keys then come by [`Store::install_chunk`].
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    ///
    /// # Panics
    /// When the group was not set.
    pub fn install_begin(&mut self, group: GroupId) -> Result<(), StoreError> {
        self.empty_group(group, true)
    }

    /// Gives the replica up: its keys and entries go, and the partition is no group's any more.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    ///
    /// # Panics
    /// When the group was not set.
    pub fn remove_group(&mut self, group: GroupId) -> Result<(), StoreError> {
        self.empty_group(group, false)?;
        if let Some(local) = self.group_local(group) {
            self.replicated.partitions[usize::from(local)] = false;
        }
        Ok(())
    }

    /// Whether the replica has a part of its keys, because an installation was begun and has not ended.
    #[must_use]
    pub fn is_installing(&self, group: GroupId) -> bool {
        self.replicated.groups.get(&group).is_some_and(|group| group.is_installing)
    }

    fn empty_group(&mut self, group: GroupId, is_installing: bool) -> Result<(), StoreError> {
        let local = self.group_local(group);
        let voters = self.replicated.group(group).state.voters.len();
        // All of it in one batch: none of it may be seen without the rest.
        self.log.make_room_for_words(BEGIN_BYTES + voters)?;
        let there = "room was made for all of it";
        let kept = self.replicated.group(group);
        (kept.is_installing, kept.is_gone) = (is_installing, !is_installing);
        let parts: Vec<Part> =
            kept.entries.drain(..).flat_map(|entry| entry.parts().collect::<Vec<Part>>()).collect();
        (kept.applied, kept.must_cut, kept.horizon) = ((0, 0), false, 0);
        (kept.state.truncated_index, kept.state.truncated_term) = (0, 0);
        self.tell_whole(group).expect(there);
        // What was applied is void too: all that it did is flushed.
        let location = self.append_kept(Kind::Cut, &format::cut_key(group, 0), &[]).expect(there);
        self.keep_cut(location, None);
        if let (Some(local), Some(partition)) = (local, partition_of(group)) {
            let key = flush_key(partition, true);
            let location = self.log.append_word(Kind::Flush, &Extras::default(), &key, &[]);
            self.log.add_anchor(location.expect(there));
            self.drop_partition(local, None);
            self.deleted_at[usize::from(local)] = self.log.appended_position();
        }
        self.drop_parts(&parts);
        Ok(())
    }

    /// Takes a part of the keys over, as [`Store::partition_scan`] gave it. The same part may come again.
    ///
    /// # Errors
    /// When there is no room, or the bytes are no changes; then some of them may be made, which does no harm.
    ///
    /// # Panics
    /// When the installation was not begun.
    pub fn install_chunk(&mut self, group: GroupId, changes: &[u8]) -> Result<(), StoreError> {
        assert!(self.replicated.group(group).is_installing, "{group:?} is not being installed");
        let changes = decode_changes(changes)?;
        self.check_changes(group, &changes)?;
        if self.replicated.log_only {
            return Ok(());
        }
        for (at, change) in changes.iter().enumerate() {
            let key = self.key(change.database, change.key).with_attributes(change.attributes);
            if let (ChangeKind::Object, Some(Attributes { cas, .. })) =
                (change.kind, change.attributes)
            {
                let kept = self.replicated.group(group);
                kept.horizon = kept.horizon.max(cas);
            }
            let extras = key.extras(change.expiry_ms);
            let head = self.write_chunks(change)?;
            let location = match (change.kind, head) {
                (_, Some(head)) => self.append_head(&key, head, change.expiry_ms)?,
                (ChangeKind::Put, None) => {
                    self.log.append(Kind::Put, &extras, change.key, &[change.value])?
                }
                (ChangeKind::Packed, None) => {
                    self.log.append(Kind::Packed, &extras, change.key, &[change.value])?
                }
                _ => return Err(StoreError::BadEntry { offset: at }),
            };
            self.point(key.place(), location, self.log.last_size, change.expiry_ms.is_some());
        }
        Ok(())
    }

    /// The newest entry that values of the last installation may have amendments of.
    #[cfg(test)]
    pub(crate) fn replicated_horizon(&mut self, group: GroupId) -> u64 {
        self.replicated.group(group).horizon
    }

    /// All keys are there: they are those of the entry `index`, or younger.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    ///
    /// # Panics
    /// When the installation was not begun.
    pub fn install_end(
        &mut self,
        group: GroupId,
        (index, term): (u64, u64),
        voters: &[u8],
    ) -> Result<(), StoreError> {
        let kept = self.replicated.group(group);
        assert!(kept.is_installing, "{group:?} is not being installed");
        let mut state = kept.state.clone();
        (state.truncated_index, state.truncated_term) = (index, term);
        state.commit = state.commit.max(index);
        state.voters = voters.to_vec();
        let horizon = kept.horizon;
        let value = format::whole_value(&state, (index, term), (false, false), horizon);
        let location = self.append_kept(Kind::Group, &group.0.to_le_bytes(), &value)?;
        let kept = self.replicated.group(group);
        (kept.state, kept.applied, kept.is_installing) = (state, (index, term), false);
        self.take_whole(group, location);
        Ok(())
    }
}
