//! Owns amendments: changes of values in chunks that are told to replicas as changes, not as the whole value.
//!
//! An amendment names chunks by their index, so it means the same wherever the value is the same. In the log it lies in the opening of
//! its part; it sets no key there. When its entry is applied each replica carries it out on its own object, by the deltas that an
//! unreplicated store writes, in the batch of the word that the entry is applied: a start finds both or neither. Until then the leader's
//! commands see the object as it is foreseen.
//!
//! What an installation brings may have amendments of entries that are yet to come. So it brings, with each value in chunks, the entry
//! up to which it has them (the cas of its head), and passes over those until all such entries are applied (the group's horizon).

use super::change::{Change, ChangeKind, changes_at};
use super::format::{RUN_VALUE_BYTES, Run};
use super::group::Part;
use super::overlay::AmendedAt;
use crate::database::{Found, Key};
use crate::error::StoreError;
use crate::limits::{AMENDED_PART_OF_BATCH, OBJECT_CHUNKS_MAX, WHOLE_PART_OF_BATCH};
use crate::log::Location;
use crate::object::{Amendment, Edit, Insert, ValueType, amendment_room, encode_amendment};
use crate::store::Store;
use hyperion_model::{DatabaseId, GroupId};

impl Store {
    /// Values in chunks may be amended, or are written whole: to be told when all replicas of this store's groups know amendments, and
    /// when they do not. At first they are written whole.
    pub fn set_amending(&mut self, may_amend: bool) {
        self.replicated.may_amend = may_amend;
        self.replicated.has_amended |= may_amend;
    }

    /// Whether another amendment may go into the entry that is being built.
    pub(crate) fn may_amend(&self) -> bool {
        self.replicated.may_amend
            && self.amended_bytes() < self.log.batch_bytes_max() / WHOLE_PART_OF_BATCH
    }

    /// A change of an object, as one of the entry that is being built.
    pub(crate) fn amend_in_entry(
        &mut self,
        found: &Found,
        edits: &[Edit<'_>],
        inserts: &[Insert<'_>],
    ) -> Result<(), StoreError> {
        let record = self.log.record(found.location);
        let database = DatabaseId(u8::try_from(record.namespace).expect("databases are few"));
        let bytes = record.key.to_vec();
        let key = self.key(database, &bytes);
        assert!(self.goes_into_entry(key.local), "a replicated partition is changed by entries");
        let head = found.head.expect("only objects are changed in parts");
        let count = self.chunks_of(head.id).count();
        let more: usize = inserts.iter().map(|insert| insert.chunks.len()).sum();
        if count + more > OBJECT_CHUNKS_MAX {
            return Err(StoreError::TooManyChunks { chunks_max: OBJECT_CHUNKS_MAX });
        }
        if edits.is_empty() && more == 0 {
            return Ok(());
        }
        let value = encode_amendment(head.value_type, count, edits, inserts);
        self.build_amendment(&key, &value, amendment_room(edits, inserts))?;
        self.objects.foresee(&self.log, head.id, edits, inserts);
        Ok(())
    }

    /// The most that the amendments of one entry may write.
    pub(super) fn amended_bytes_max(&self) -> usize {
        self.log.batch_bytes_max() / AMENDED_PART_OF_BATCH
    }

    /// Writes amendments as a part of an entry.
    pub(super) fn write_amendments(
        &mut self,
        run: &Run,
        payload: &[u8],
    ) -> Result<Part, StoreError> {
        let room = self.amendments_room(payload);
        let bytes_max = self.amended_bytes_max();
        if room > bytes_max {
            return Err(StoreError::TooLarge { bytes: room, bytes_max });
        }
        self.log.make_room(self.part_bytes(&[], payload))?;
        let run = Run { flags: run.flags | super::format::AMENDS, ..*run };
        let part = Part { room, ..self.write_records(&run, &[], &[], payload) };
        self.wait_for_amendments(part);
        Ok(part)
    }

    /// Bytes that amendments are carried out with, at most.
    pub(super) fn amendments_room(&self, payload: &[u8]) -> usize {
        if self.replicated.log_only {
            // They are not; and the part has some.
            return 1;
        }
        let amendments = changes_at(payload).filter_map(|(_, it)| Amendment::read(it.value));
        amendments.map(|amendment| amendment.room()).sum::<usize>().max(1)
    }

    /// The changes of a part of amendments.
    fn amendments_at(&self, opening: Location) -> Vec<u8> {
        self.log.record(opening).value[RUN_VALUE_BYTES..].to_vec()
    }

    /// Takes a part's amendments into the overlay.
    pub(super) fn wait_for_amendments(&mut self, part: Part) {
        self.replicated.has_amended = true;
        self.each_amendment(part, |store, at, change, size| {
            let place = store.key(change.database, change.key).place();
            store.replicated.overlay.push_amendment(place, at, size);
        });
    }

    /// Takes a part's amendments out of the overlay: they never take effect.
    pub(super) fn void_amendments(&mut self, part: Part) {
        self.each_amendment(part, |store, at, change, size| {
            let place = store.key(change.database, change.key).place();
            store.replicated.overlay.remove_amendment(place, at, size);
            store.forget_foreseen_of(change);
        });
    }

    fn each_amendment(
        &mut self,
        part: Part,
        mut take: impl FnMut(&mut Self, AmendedAt, &Change<'_>, usize),
    ) {
        let payload = self.amendments_at(part.opening);
        for (at, change) in changes_at(&payload) {
            let size = change.key.len() + change.value.len();
            take(self, AmendedAt { opening: part.opening, at }, &change, size);
        }
    }

    /// Carries a part's amendments out.
    pub(super) fn apply_amendments(&mut self, group: GroupId, index: u64, part: Part) {
        let amended_at = self.log.position(part.opening) + 1;
        self.each_amendment(part, |store, at, change, size| {
            let key = store.key(change.database, change.key);
            store.replicated.overlay.remove_amendment(key.place(), at, size);
            let Some(location) = store.locate(&key).map(|(_, entry)| entry.location()) else {
                return;
            };
            let Some(head) = store.object_head(location) else { return };
            if store.has_amendment(group, index, location) {
                return;
            }
            let amendment = Amendment::read(change.value).expect("it was read before");
            let count = store.objects.get(head.id).chunk_count();
            assert!(
                (head.value_type, count) == (amendment.value_type, amendment.chunks),
                "entry {index} of {group:?} amends a value of type {} in {} chunks, and here it is of type {} in {count}; this replica \
                 differs from its leader, remove its data folder to get the partition anew",
                amendment.value_type.0,
                amendment.chunks,
                head.value_type.0,
            );
            let chunk_bytes_max = store.log.chunk_bytes_max();
            assert!(
                store.objects.fits(head.id, &amendment, chunk_bytes_max),
                "entry {index} of {group:?} amends bytes that a value does not have; this replica differs from its leader, remove its \
                 data folder to get the partition anew"
            );
            store.objects.amend(&mut store.log, head.id, &amendment, amended_at);
            store.touch_place(key.place());
            store.note_applied(change.database, change.key);
        });
    }

    /// Whether the value with this head came with an installation and has the amendments of the entry already.
    fn has_amendment(&mut self, group: GroupId, index: u64, head: Location) -> bool {
        index <= self.replicated.group(group).horizon
            && self.log.record(head).attributes.is_some_and(|it| index <= it.cas)
    }

    /// Sees to it that the object of a key is foreseen as all amendments that wait make it. `pending`: its head, where that waits too.
    pub(super) fn foresee(&mut self, key: &Key<'_>, pending: Option<Location>) {
        let Some(waiting) = self.replicated.overlay.amendments_of(key.place()) else { return };
        let last = waiting.back().expect("none is empty").opening;
        let observed = self.log.position(last) + 1;
        let location = match pending {
            Some(location) => location,
            None => match self.locate(key) {
                Some((_, entry)) => entry.location(),
                None => return,
            },
        };
        self.observe(observed);
        let Some(head) = self.object_head(location) else { return };
        if head.value_type == ValueType::STRING || self.objects.foreseen(head.id).is_some() {
            return;
        }
        let waiting = self.replicated.overlay.amendments_of(key.place()).expect("looked at above");
        // Those before a head that waits are about the value before.
        let after = pending.map_or(0, |location| self.log.position(location));
        let openings: Vec<AmendedAt> = waiting
            .iter()
            .filter(|it| pending.is_none() || self.log.position(it.opening) > after)
            .copied()
            .collect();
        for AmendedAt { opening, at } in openings {
            let run = Run::read(&self.log.record(opening)).expect("an opening is whole").0;
            let payload = self.amendments_at(opening);
            let (_, change) = changes_at(&payload[at..]).next().expect("it was read before");
            if change.key != key.bytes || self.has_amendment(run.group, run.index, location) {
                continue;
            }
            let amendment = Amendment::read(change.value).expect("it was read before");
            self.objects.foresee(&self.log, head.id, &amendment.edits, &amendment.inserts());
        }
    }

    /// What amendments make of a key's value is told anew when it is asked for.
    pub(super) fn forget_foreseen_of(&mut self, change: &Change<'_>) {
        if change.kind != ChangeKind::Amend {
            return;
        }
        let key = self.key(change.database, change.key);
        let indexed = self.locate(&key).map(|(_, entry)| entry.location());
        let waiting = self.replicated.overlay.records_of(key.place());
        for location in indexed.into_iter().chain(waiting) {
            if let Some(head) = self.object_head(location) {
                self.objects.forget_foreseen(head.id);
            }
        }
    }
}
