//! Owns what the records of whole batches do to the store, in their order.

use super::{Reader, Step};
use crate::log::Location;
use crate::object::read_chunk_key;
use crate::reach::{Reach, Resting};
use crate::record::{Kind, Record};
use crate::replicated::read_flush_key;
use crate::store::{FLUSH_ALL_KEY, Store};
use crate::transaction::{Prepared, read_id};
use hyperion_model::limits::DATABASES_KEPT;
use hyperion_model::{DatabaseId, slot_of};

impl Store {
    pub(crate) fn replay_data(&mut self, slot: u32, steps: &[Step], reader: &mut Reader) {
        let mut void = 0;
        for &step in steps {
            if void > 0 {
                void -= 1;
                continue;
            }
            let location = self.log.location(slot, step.offset());
            if !step.is_word() {
                reader.queue.push(location, step);
                continue;
            }
            let record = self.log.record(location);
            if record.kind == Kind::Run {
                void = self.void_records(location, &record);
                continue;
            }
            if record.kind.sets_key() || record.kind == Kind::Tombstone {
                // It would be no word if this core owned its key.
                reader.foreign.get_or_insert(location);
            } else {
                self.replay_word(location, reader);
            }
        }
        self.drain_full(reader);
    }

    /// The key of a record that sets or removes one; `None` for others and for keys that this core cannot hold.
    pub(crate) fn replayed_key<'a>(&self, record: &Record<'a>) -> Option<crate::Key<'a>> {
        let is_key = record.kind.sets_key() || record.kind == Kind::Tombstone;
        let database =
            u8::try_from(record.namespace).ok().filter(|&database| database < DATABASES_KEPT)?;
        let slot = slot_of(record.key);
        (is_key && self.owns(slot))
            .then(|| self.key_in_slot(DatabaseId(database), record.key, slot))
    }

    /// Replays a record that is not about one key.
    fn replay_word(&mut self, location: Location, reader: &mut Reader) {
        let kind = self.log.record(location).kind;
        // Chunks are found by their objects' heads in the end; all else changes what the keys before it came to.
        if !matches!(kind, Kind::Chunk | Kind::Delta) {
            self.drain(&mut reader.queue);
        }
        let record = self.log.record(location);
        match kind {
            Kind::Flush if read_flush_key(record.key).is_some() => {
                let Some((local, database)) = self.flushed_partition(&record) else {
                    reader.foreign.get_or_insert(location);
                    return;
                };
                self.log.add_anchor(location);
                self.drop_partition(local, database);
                while self.count_detached() {}
            }
            Kind::Flush => {
                let all = record.key == FLUSH_ALL_KEY;
                let database = u8::try_from(record.namespace).ok().map(DatabaseId);
                self.log.add_anchor(location);
                self.drop_keys(if all { None } else { database }, true);
                while self.count_detached() {}
            }
            Kind::Chunk | Kind::Delta => {
                let Some((id, number)) = read_chunk_key(record.key) else { return };
                if kind == Kind::Chunk {
                    self.objects.replay_chunk(&self.log, id, number, location);
                } else {
                    self.objects.replay_delta(&self.log, id, number, location);
                }
            }
            Kind::Commit | Kind::Abort | Kind::Decision => {
                let Some(id) = read_id(record.key) else { return };
                for on in Reach::read_all(record.value) {
                    reader.resting.push_back(Resting { batch: reader.batch, on });
                }
                self.log.add_anchor(location);
                match kind {
                    Kind::Decision => self.keep_decision(id, location),
                    Kind::Commit => self.apply_prepared(id, true),
                    _ => self.drop_prepared(id, true),
                }
            }
            // Of groups the first walk took what counts; keys are replayed by themselves.
            Kind::Put | Kind::Packed | Kind::Object | Kind::Tombstone => {}
            Kind::Prepare | Kind::Run | Kind::Group | Kind::Cut | Kind::Mark => {}
        }
    }

    pub(super) fn replay_prepare(&mut self, slot: u32, steps: &[Step], reader: &mut Reader) {
        self.drain(&mut reader.queue);
        let mut locations = steps.iter().map(|step| self.log.location(slot, step.offset()));
        let Some(opening) = locations.next() else { return };
        let head = self.log.record(opening);
        let Some(id) = read_id(head.key).filter(|_| head.kind == Kind::Prepare) else { return };
        let records: Vec<Location> = locations.collect();
        let is_foreign =
            |&&location: &&Location| self.replayed_key(&self.log.record(location)).is_none();
        if let Some(&location) = records.iter().find(is_foreign) {
            reader.foreign.get_or_insert(location);
            return;
        }
        // The same command may have been tried before, without room for its end.
        self.drop_prepared(id, true);
        self.log.pin(opening);
        self.transactions.prepared.insert(id, Prepared { opening, records });
    }
}
