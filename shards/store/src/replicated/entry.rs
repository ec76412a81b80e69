//! Owns the way of an entry into the log: its opening and its records in one batch, long values ahead of it.

use super::change::{Change, ChangeKind, decode_changes, encode_changes, read_chunks};
use super::format::{FIRST_PART, LAST_PART, RUN_KEY_BYTES, RUN_VALUE_BYTES, Run, flush_key};
use super::group::{Entry, Part};
use super::partition_of;
use crate::error::StoreError;
use crate::log::Location;
use crate::object::{Amendment, Head, ValueType, cut};
use crate::record::{Extras, Kind, RECORD_HEAD_BYTES_MAX};
use crate::store::Store;
use crate::transaction::Write;
use hyperion_model::{GroupId, slot_of};

/// Bytes that a record takes beside key and value, at most, and what its append asks for.
pub(super) const RECORD_BYTES: usize = 64;
const _: () = assert!(RECORD_HEAD_BYTES_MAX + 8 + 2 + 12 + 16 + 4 <= RECORD_BYTES, "a record fits");

impl Store {
    /// Writes an entry that another replica made, without letting it take effect. What is there from `index` on is cut first.
    ///
    /// # Errors
    /// When there is no room, or the payload is none; then nothing has changed but what was cut.
    ///
    /// # Panics
    /// When `index` is applied already, or leaves a hole behind the last one.
    pub fn append_entry(
        &mut self,
        group: GroupId,
        term: u64,
        index: u64,
        entry_type: u8,
        payload: &[u8],
    ) -> Result<(), StoreError> {
        let run = Run { group, term, index, entry_type, flags: FIRST_PART | LAST_PART };
        let (changes, opaque) = if run.is_opaque() {
            (Vec::new(), payload)
        } else {
            (decode_changes(payload)?, &[][..])
        };
        self.check_changes(group, &changes)?;
        let kept = self.replicated.group(group);
        let (applied, last) = (kept.applied.0, kept.last_index());
        assert!(index > applied, "entry {index} of {group:?} comes behind {applied}, applied");
        assert!(index <= last + 1, "entry {index} of {group:?} follows {last}");
        assert!(!kept.is_installing, "an entry of {group:?}, which is being installed");
        if index <= last || kept.must_cut {
            self.cut_from(group, index)?;
        }
        if self.has_watches() {
            self.touch_changes(group, &changes);
        }
        let mut parts = Vec::new();
        if changes.iter().any(|change| change.kind == ChangeKind::Amend) {
            if let Err(error) = self.write_mixed(&run, &changes, &mut parts) {
                self.drop_parts(&parts);
                self.replicated.group(group).must_cut |= !parts.is_empty();
                return Err(error);
            }
        } else {
            let heads = vec![None; changes.len()];
            parts.push(self.write_part(&run, &changes, heads, opaque)?);
        }
        let (&first, more) = parts.split_first().expect("an entry has a part");
        let entry = Entry { term, first, more: more.to_vec() };
        self.replicated.group(group).entries.push_back(entry);
        Ok(())
    }

    /// Writes an entry that has amendments: they and other changes in parts of their own, in order.
    fn write_mixed(
        &mut self,
        run: &Run,
        changes: &[Change<'_>],
        parts: &mut Vec<Part>,
    ) -> Result<(), StoreError> {
        let is_amendment = |change: &Change<'_>| change.kind == ChangeKind::Amend;
        let stretches: Vec<&[Change<'_>]> =
            changes.chunk_by(|one, next| is_amendment(one) == is_amendment(next)).collect();
        for (at, stretch) in stretches.iter().enumerate() {
            let first = if at == 0 { FIRST_PART } else { 0 };
            let last = if at + 1 == stretches.len() { LAST_PART } else { 0 };
            let run = Run { flags: first | last, ..*run };
            let part = if is_amendment(&stretch[0]) {
                let mut payload = Vec::new();
                encode_changes(stretch, &mut payload);
                // Another leader's: what was foreseen of these keys is not all any more.
                stretch.iter().for_each(|change| self.forget_foreseen_of(change));
                self.write_amendments(&run, &payload)?
            } else {
                self.write_part(&run, stretch, vec![None; stretch.len()], &[])?
            };
            parts.push(part);
        }
        Ok(())
    }

    /// Another leader changes keys: whoever watched them here hears of it.
    fn touch_changes(&mut self, group: GroupId, changes: &[Change<'_>]) {
        for change in changes {
            if change.kind.is_flush() {
                let database = (change.kind == ChangeKind::Flush).then_some(change.database.0);
                self.touch_flushed(database, self.group_local(group));
            } else {
                let place = self.key(change.database, change.key).place();
                self.touch(place);
            }
        }
    }

    /// Whether these changes, and a short one more, fit one entry.
    #[must_use]
    pub fn fits_entry(&self, writes: &[Write<'_>]) -> bool {
        let bytes_of = |write: &Write<'_>| write.key.len() + self.record_bytes_of(write.value);
        let bytes: usize = writes.iter().map(|write| bytes_of(write) + RECORD_BYTES).sum();
        self.part_bytes(&[], &[]) + bytes + 4 * RECORD_BYTES <= self.log.batch_bytes_max()
    }

    /// Whether all keys belong to the group's partition, and chunks are no longer than ours.
    pub(super) fn check_changes(
        &self,
        group: GroupId,
        changes: &[Change<'_>],
    ) -> Result<(), StoreError> {
        let local = self.group_local(group);
        let chunk_max = self.log.chunk_bytes_max();
        for (at, change) in changes.iter().enumerate() {
            let is_ours = change.kind.is_flush() || self.local_of(slot_of(change.key)) == local;
            let fits = change.kind != ChangeKind::Object
                || read_chunks(change.value).is_some_and(|(_, chunks)| {
                    chunks.iter().flatten().all(|chunk| chunk.len() <= chunk_max)
                });
            let fits = fits
                && (change.kind != ChangeKind::Amend
                    || Amendment::read(change.value)
                        .is_some_and(|it| it.inserted_max() <= chunk_max));
            if !is_ours || !fits {
                return Err(StoreError::BadEntry { offset: at });
            }
        }
        Ok(())
    }

    /// Bytes that the records of these changes take in a batch, at most.
    pub(super) fn part_bytes(&self, changes: &[Change<'_>], opaque: &[u8]) -> usize {
        let opening = RUN_KEY_BYTES + RUN_VALUE_BYTES + opaque.len() + RECORD_BYTES;
        opening + changes.iter().map(|change| self.change_bytes(change)).sum::<usize>()
    }

    pub(super) fn change_bytes(&self, change: &Change<'_>) -> usize {
        let inline_max = self.log.record_value_bytes_max();
        let value = match change.kind {
            ChangeKind::Put => change.value.len().min(inline_max),
            ChangeKind::Object => 0,
            _ => change.value.len(),
        };
        change.key.len() + value + RECORD_BYTES
    }

    /// Writes the chunks of a change's value, if it is long.
    pub(super) fn write_chunks(&mut self, change: &Change<'_>) -> Result<Option<Head>, StoreError> {
        let (value_type, chunks) = match change.kind {
            ChangeKind::Put if change.value.len() > self.log.record_value_bytes_max() => {
                let max = self.log.chunk_bytes_max();
                (ValueType::STRING, cut(&[change.value], max, max))
            }
            ChangeKind::Object => {
                let (value_type, chunks) = read_chunks(change.value).expect("it was read before");
                (ValueType(value_type), chunks)
            }
            _ => return Ok(None),
        };
        self.objects.create(&mut self.log, value_type, &chunks).map(Some)
    }

    /// Writes a part of an entry: what is long first, then opening and records. `heads` are those of values that were written before.
    /// When it fails, all of them are dropped.
    pub(super) fn write_part(
        &mut self,
        run: &Run,
        changes: &[Change<'_>],
        mut heads: Vec<Option<Head>>,
        opaque: &[u8],
    ) -> Result<Part, StoreError> {
        for (at, change) in changes.iter().enumerate() {
            if heads[at].is_none() {
                match self.write_chunks(change) {
                    Ok(head) => heads[at] = head,
                    Err(error) => return Err(self.drop_heads(&heads, error)),
                }
            }
        }
        // What lets records die, and what Raft says to itself, finds room longer than the rest.
        let frees = !changes.iter().any(|change| change.kind.sets_key());
        let before = self.log.may_use_reserve;
        self.log.may_use_reserve = before || frees;
        let result = self.log.make_room(self.part_bytes(changes, opaque));
        let result = result.map(|()| self.write_records(run, changes, &heads, opaque));
        self.log.may_use_reserve = before;
        result.map_err(|error| self.drop_heads(&heads, error))
    }

    pub(super) fn write_records(
        &mut self,
        run: &Run,
        changes: &[Change<'_>],
        heads: &[Option<Head>],
        opaque: &[u8],
    ) -> Part {
        let records = u32::try_from(changes.len()).expect("an entry is smaller than a segment");
        let value = [&records.to_le_bytes()[..], opaque];
        let opening = self
            .log
            .append(Kind::Run, &Extras::default(), &run.key(), &value)
            .expect("room was made for the whole entry");
        self.log.pin(opening);
        for (change, head) in changes.iter().zip(heads) {
            self.write_change(run.group, change, *head);
        }
        Part { opening, records, room: 0 }
    }

    fn write_change(&mut self, group: GroupId, change: &Change<'_>, head: Option<Head>) {
        let extras = Extras {
            expiry_ms: change.expiry_ms,
            namespace: u16::from(change.database.0),
            // Those of a value in chunks are an installation's.
            attributes: change.attributes.filter(|_| change.kind != ChangeKind::Object),
            moved_lsn: None,
        };
        let partition = partition_of(group).expect("only partitions have changes");
        let flush = flush_key(partition, change.kind == ChangeKind::FlushAll);
        let head = head.map(Head::bytes);
        let (kind, key, value) = match (change.kind, &head) {
            (ChangeKind::Put | ChangeKind::Object, Some(head)) => {
                (Kind::Object, change.key, &head[..])
            }
            (ChangeKind::Packed, _) => (Kind::Packed, change.key, change.value),
            (ChangeKind::Delete, _) => (Kind::Tombstone, change.key, &[][..]),
            (ChangeKind::Flush | ChangeKind::FlushAll, _) => (Kind::Flush, &flush[..], &[][..]),
            (ChangeKind::Put | ChangeKind::Object, None) => (Kind::Put, change.key, change.value),
            (ChangeKind::Amend, _) => unreachable!("amendments have parts of their own"),
        };
        let there = "room was made for the whole entry";
        let location = self.log.append(kind, &extras, key, &[value]).expect(there);
        let local = self.group_local(group).expect("only partitions have changes");
        self.wait_for(local, location, self.log.last_size);
    }

    /// Takes a record of an entry into the overlay.
    pub(super) fn wait_for(&mut self, local: u16, location: Location, size: usize) {
        let record = self.log.record(location);
        let removes = !record.kind.sets_key();
        if record.kind == Kind::Flush {
            let is_all = record.key.first() == Some(&b'P');
            let database = u8::try_from(record.namespace).ok().filter(|_| !is_all);
            self.replicated.overlay.push_flush(local, database, location, size);
        } else if let Some(key) = self.replayed_key(&record) {
            self.replicated.overlay.push(key.place(), location, size);
        }
        if removes {
            // Who finds nothing has observed this deletion, whether it is applied yet or not.
            self.deleted_at[usize::from(local)] = self.log.position(location) + 1;
        }
    }

    /// The places of the records of a part.
    pub(super) fn records_of(&self, part: Part) -> impl Iterator<Item = Location> + '_ {
        let mut at = part.opening;
        (0..part.records).map(move |_| {
            at += self.log.record(at).size as u64 / 4;
            at
        })
    }
}
