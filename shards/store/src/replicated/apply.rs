//! Owns the moment at which entries take effect: the same on every replica.

use super::group::Part;
use super::read_flush_key;
use crate::error::StoreError;
use crate::limits::APPLIED_PART_OF_BATCH;
use crate::log::Location;
use crate::record::Kind;
use crate::store::Store;
use hyperion_model::GroupId;

/// Bytes of the word, at most, with what its append asks for.
const WORD_BYTES: usize = 128;

impl Store {
    /// Lets the entries up to `index` take effect, in order. That they are applied is told in the log first: what follows from them,
    /// copies and freed segments, can then never be found without them.
    ///
    /// Where the store keeps a log alone ([`Store::keep_log_only`]), what the entries hold goes instead.
    ///
    /// # Errors
    /// When there is no room for the word of it, or for what amendments write; then those that were told are applied, and the rest is for
    /// another call.
    ///
    /// # Panics
    /// When there is no entry `index`.
    pub fn apply(&mut self, group: GroupId, index: u64) -> Result<(), StoreError> {
        let kept = self.replicated.group(group);
        let applied = kept.applied.0;
        if index <= applied {
            return Ok(());
        }
        let last = kept.last_index();
        assert!(index <= last, "entry {index} of {group:?} is to be applied, the last is {last}");
        let mut result = Ok(());
        while result.is_ok() && self.replicated.group(group).applied.0 < index {
            result = self.apply_some(group, index);
        }
        self.release_held();
        result
    }

    /// Applies as many entries as go with one word: what amendments write lies in its batch, so that neither is found without the other.
    fn apply_some(&mut self, group: GroupId, up_to: u64) -> Result<(), StoreError> {
        let local = self.group_local(group);
        let room_max = self.log.batch_bytes_max() / APPLIED_PART_OF_BATCH;
        let kept = self.replicated.group(group);
        let applied = kept.applied.0;
        let left = usize::try_from(up_to - applied).expect("that many entries are there");
        let (mut due, mut room) = (0_u64, 0);
        for entry in kept.entries.iter().take(left) {
            let bytes: usize = entry.parts().map(|part| part.room).sum();
            if due > 0 && bytes > 0 && room + bytes > room_max {
                break;
            }
            (due, room) = (due + 1, room + bytes);
        }
        let index = applied + due;
        let term = kept.entries[usize::try_from(due - 1).expect("few")].term;
        let before = std::mem::replace(&mut self.log.may_use_reserve, true);
        let made = if room > 0 { self.log.make_room(WORD_BYTES + room) } else { Ok(()) };
        let told = made.and_then(|()| self.tell_applied(group, (index, term)));
        if told.is_ok() {
            self.take_effect(group, local, applied + 1..=index);
        }
        self.log.may_use_reserve = before;
        self.objects.rebase_due(&mut self.log);
        told
    }

    fn take_effect(
        &mut self,
        group: GroupId,
        local: Option<u16>,
        indexes: std::ops::RangeInclusive<u64>,
    ) {
        self.watches.is_applying = true;
        for index in indexes {
            let entry = self.replicated.group(group).entries.pop_front().expect("counted above");
            if local.is_some() && self.replicated.log_only {
                let parts: Vec<Part> = entry.parts().collect();
                self.void_parts(&parts);
                continue;
            }
            for part in entry.parts() {
                if let Some(local) = local {
                    if part.room > 0 {
                        self.apply_amendments(group, index, part);
                    }
                    self.apply_part(local, part);
                }
                self.log.unpin(part.opening);
            }
        }
        self.watches.is_applying = false;
    }

    fn apply_part(&mut self, local: u16, part: Part) {
        let mut at = part.opening;
        for _ in 0..part.records {
            at += self.log.record(at).size as u64 / 4;
            self.apply_record(local, at);
        }
    }

    fn apply_record(&mut self, local: u16, location: Location) {
        let record = self.log.record(location);
        let (kind, size, expires) = (record.kind, record.size, record.expiry_ms.is_some());
        if kind == Kind::Flush {
            let is_all = read_flush_key(record.key).is_none_or(|(_, is_all)| is_all);
            let database = u8::try_from(record.namespace).ok().filter(|_| !is_all);
            self.replicated.overlay.remove_flush(location, size);
            self.log.add_anchor(location);
            self.drop_partition(local, database);
            return;
        }
        let Some(key) = self.replayed_key(&record) else { return };
        let place = key.place();
        if self.keeps_applied() {
            let bytes = key.bytes.to_vec();
            self.note_applied(place.database, &bytes);
        }
        self.replicated.overlay.remove(place, location, size);
        if kind == Kind::Tombstone {
            self.log.add_anchor(location);
            if let Some((spot, entry)) = self.locate_alike(place, location) {
                // Its deletion was observable from the moment it was appended.
                let observable = self.deleted_at[usize::from(local)];
                self.unpoint_place(place, spot, entry);
                self.deleted_at[usize::from(local)] = observable;
            }
            return;
        }
        if let Some(head) = self.object_head(location) {
            if !self.objects.link(head.id) {
                return;
            }
            self.objects.count_live(&mut self.log, head.id);
        }
        self.point(place, location, size, expires);
    }
}
