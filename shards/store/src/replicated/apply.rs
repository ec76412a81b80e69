//! Owns the moment at which entries take effect: the same on every replica.

use super::group::Part;
use super::read_flush_key;
use crate::error::StoreError;
use crate::log::Location;
use crate::record::Kind;
use crate::store::Store;
use hyperion_model::GroupId;

impl Store {
    /// Lets the entries up to `index` take effect, in order. That they are applied is told in the log first: what follows from them,
    /// copies and freed segments, can then never be found without them.
    ///
    /// Where the store keeps a log alone ([`Store::keep_log_only`]), what the entries hold goes instead.
    ///
    /// # Errors
    /// When there is no room for the word of it; then nothing has changed.
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
        let due = usize::try_from(index - applied).expect("that many entries are there");
        let term = kept.entries[due - 1].term;
        self.tell_applied(group, (index, term))?;
        let local = self.group_local(group);
        self.watches.is_applying = true;
        for _ in 0..due {
            let entry = self.replicated.group(group).entries.pop_front().expect("counted above");
            if local.is_some() && self.replicated.log_only {
                let parts: Vec<Part> = entry.parts().collect();
                self.void_parts(&parts);
                continue;
            }
            for part in entry.parts() {
                if let Some(local) = local {
                    self.apply_part(local, part);
                }
                self.log.unpin(part.opening);
            }
        }
        self.watches.is_applying = false;
        self.release_held();
        Ok(())
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
