//! Owns the way back from segments to a store: checks every batch, indexes what is whole, cuts what was never finished.
//!
//! What follows the first batch that is not whole is ignored, if nothing tells that it had been durable. If a later batch tells so
//! (by its durable LSN), the data was damaged and the start is refused. LSNs that are missing between two segments are those
//! of freed segments if a later batch tells that they had been durable; otherwise the log ends before them.
//! What the cleaner copied beside the log is replayed where its batches say (see `copies`).
//! [`Store::salvage`] steps over damage instead of refusing, and names what it left out.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind, LSN_MAX, fold};
use crate::copies::CopyReader;
use crate::database::Place;
use crate::error::Damage;
use crate::limits::REPLAY_AHEAD;
use crate::log::{Location, SEAL_BATCH_BYTES};
use crate::object::read_chunk_key;
use crate::record::{Kind, Record};
use crate::replicated::{RecoveredGroup, read_flush_key};
use crate::salvage::{Hole, Salvage, next_place};
use crate::segment::{HEADER_BYTES, Header, State};
use crate::store::{FLUSH_ALL_KEY, Store};
use crate::transaction::{Prepared, read_id};
use hyperion_model::limits::DATABASES;
use hyperion_model::{DatabaseId, TransactionId, slot_of};

/// A prepared transaction without a word about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// The transaction; its coordinator is in the id.
    pub id: TransactionId,
}

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Batches that were read.
    pub batches: u64,
    /// Records that were read.
    pub records: u64,
    /// The LSN below which all had been durable, by the word of the batches that were read.
    pub durable_lsn: u64,
    /// Damage that [`Store::salvage`] stepped over, in the order of the log.
    pub holes: Vec<Hole>,
    /// Keys, with their database, that went because parts of their values are missing: told up to a limit.
    pub incomplete: Vec<(u16, Vec<u8>)>,
    /// Where the log was cut: segment id and offset, when bytes behind it were ignored.
    pub cut: Option<(u64, u64)>,
    /// Slots of segments that do not count: their headers must be written and synced, then [`Store::freed`] called, all
    /// before [`Store::resume`].
    pub dropped: Vec<u32>,
    /// Transactions that wait for their coordinator's word.
    pub unresolved: Vec<Unresolved>,
    /// Transactions that this core decided to commit. Their words are kept until [`Store::settled`] is called for each: when
    /// every participant's commit record is durable.
    pub decided: Vec<TransactionId>,
    /// Groups whose replicas lie here.
    pub groups: Vec<RecoveredGroup>,
    /// The LSN that follows the last record, dropped ones too.
    pub lsn_next: u64,
}

/// Where reading ended.
pub(crate) enum End {
    /// Behind the seal of this segment.
    Sealed(usize),
    /// At the first byte of a slot that is not part of a whole batch.
    Open(u32, usize),
    /// Before the first segment that is there.
    Missing,
}

pub(crate) struct Reader {
    pub(crate) offsets: Vec<u32>,
    /// What lies beside the log.
    pub(crate) copies: CopyReader,
    pub(crate) previous_crc: u32,
    pub(crate) lsn: u64,
    /// Highest LSN below which all had been durable, by the word of a batch.
    claimed_lsn: u64,
    pub(crate) batches: u64,
    pub(crate) records: u64,
    /// The first record whose key this core does not own.
    foreign: Option<Location>,
    /// Records of whole batches whose turn comes when their bucket is in the cache, and the key's place: worked out once.
    ahead: [Option<(Location, Option<Place>)>; REPLAY_AHEAD],
    ahead_next: usize,
}

impl Reader {
    fn new() -> Self {
        Self {
            offsets: Vec::new(),
            copies: CopyReader::default(),
            previous_crc: 0,
            lsn: 1,
            claimed_lsn: 0,
            batches: 0,
            records: 0,
            foreign: None,
            ahead: [None; REPLAY_AHEAD],
            ahead_next: 0,
        }
    }

    /// Puts what comes into the place of the one whose turn it is.
    #[inline(always)]
    fn turn(
        &mut self,
        next: Option<(Location, Option<Place>)>,
    ) -> Option<(Location, Option<Place>)> {
        let due = std::mem::replace(&mut self.ahead[self.ahead_next], next);
        self.ahead_next = (self.ahead_next + 1) % REPLAY_AHEAD;
        due
    }
}

impl Store {
    /// Reads segments that were in use, whose files the caller has synced. `segments` need no order.
    ///
    /// # Errors
    /// When data that had been durable does not read back.
    pub fn recover(
        &mut self,
        segments: Vec<(Header, &'static mut [u8])>,
    ) -> Result<Recovered, Damage> {
        self.read_log(segments, None)
    }

    /// As [`Store::recover`], but what is damaged is left out, batch by batch, and told in [`Recovered::holes`]. With holes the store
    /// is for reading alone: its files must not be written on.
    ///
    /// # Errors
    /// When a record belongs to another core.
    pub fn salvage(
        &mut self,
        segments: Vec<(Header, &'static mut [u8])>,
    ) -> Result<Recovered, Damage> {
        self.read_log(segments, Some(Salvage::default()))
    }

    fn read_log(
        &mut self,
        mut segments: Vec<(Header, &'static mut [u8])>,
        salvage: Option<Salvage>,
    ) -> Result<Recovered, Damage> {
        segments.sort_by_key(|(header, _)| header.base_lsn);
        let slots: Vec<u32> =
            segments.into_iter().map(|(header, memory)| self.log.adopt(&header, memory)).collect();
        let has_groups = self.make_indexes(&slots);
        let (copies, slots): (Vec<u32>, Vec<u32>) =
            slots.into_iter().partition(|&slot| self.log.segments[slot as usize].role.is_copies());
        if has_groups || salvage.is_some() {
            // What is applied and what is void is known only at the end: it is looked for ahead, as far as the log goes.
            self.begin_noting();
            self.read_slots(&slots, &[], salvage.as_ref().map(|_| Salvage::default()))?;
            self.end_noting();
        }
        self.read_slots(&slots, &copies, salvage)
    }

    fn read_slots(
        &mut self,
        slots: &[u32],
        copies: &[u32],
        mut salvage: Option<Salvage>,
    ) -> Result<Recovered, Damage> {
        let mut reader = Reader::new();
        reader.copies = self.read_copies(copies, salvage.is_some());
        let mut recovered = Recovered::default();
        let mut tail_is_open = false;
        // Where the last segment that counts ends.
        let mut last = None;
        for (at, &slot) in slots.iter().enumerate() {
            let segment = &self.log.segments[slot as usize];
            let (id, base_lsn, salt) = (segment.id, segment.base_lsn, segment.salt);
            if last.is_some() && base_lsn < reader.lsn {
                // Cut off at an earlier start, and its free header never reached the disk.
                recovered.dropped.push(slot);
                continue;
            }
            let end = if base_lsn > reader.lsn && !self.had_been_durable(&slots[at..], base_lsn) {
                last.map_or(End::Missing, |(slot, offset)| End::Open(slot, offset))
            } else {
                reader.previous_crc = salt;
                reader.lsn = reader.lsn.max(base_lsn);
                self.replay_segment(slot, HEADER_BYTES, &mut reader)
            };
            let end = match &mut salvage {
                Some(salvage) => self.step_over(end, &slots[at..], salvage, &mut reader),
                None => end,
            };
            let (cut_slot, offset, behind) = match end {
                End::Sealed(offset) => {
                    last = Some((slot, offset));
                    continue;
                }
                End::Open(cut_slot, offset) if cut_slot == slot => {
                    tail_is_open = true;
                    (Some(slot), offset, &slots[at + 1..])
                }
                End::Open(cut_slot, offset) => (Some(cut_slot), offset, &slots[at..]),
                End::Missing => (None, HEADER_BYTES, &slots[at..]),
            };
            let highest = self.look_behind(cut_slot, offset, behind, reader.lsn)?;
            let has_bytes = highest.is_some() || !behind.is_empty();
            let cut_id = cut_slot.map_or(id, |slot| self.log.segments[slot as usize].id);
            recovered.cut = has_bytes.then_some((cut_id, offset as u64));
            recovered.dropped.extend_from_slice(behind);
            recovered.lsn_next = highest.unwrap_or(0);
            break;
        }
        if self.is_noting() && reader.foreign.is_none() {
            return Ok(recovered);
        }
        self.replay_copies(u64::MAX, &mut reader);
        self.replay_ahead(&mut reader);
        if let Some(damage) = reader.copies.damage {
            return Err(damage);
        }
        recovered.holes = salvage.map(|salvage| salvage.holes).unwrap_or_default();
        recovered.holes.append(&mut reader.copies.holes);
        // Nothing is written behind a hole, so nothing is open either.
        let tail_is_open = tail_is_open && recovered.holes.is_empty();
        if let Some(location) = reader.foreign {
            let (slot, offset) = self.log.place(location);
            return Err(Damage {
                segment: self.log.segments[slot].id,
                offset: offset as u64,
                records: reader.records,
                what: "a key that another core owns",
            });
        }
        let tail = slots.iter().rfind(|slot| !recovered.dropped.contains(slot));
        if let (true, Some(&slot)) = (tail_is_open, tail) {
            let segment = &self.log.segments[slot as usize];
            if segment.filled + SEAL_BATCH_BYTES > segment.memory.len() {
                return Err(Damage {
                    segment: segment.id,
                    offset: segment.filled as u64,
                    records: 0,
                    what: "no place is left for the end of the segment",
                });
            }
        }
        for &slot in &recovered.dropped {
            self.log.order.retain(|&other| other != slot);
            let base_lsn = self.log.segments[slot as usize].base_lsn.min(LSN_MAX);
            recovered.lsn_next = recovered.lsn_next.max(base_lsn + 1);
        }
        recovered.lsn_next = recovered.lsn_next.max(reader.lsn).max(reader.copies.lsn_next);
        self.log.recovered(reader.previous_crc, reader.lsn, reader.claimed_lsn, tail_is_open);
        for &slot in &recovered.dropped {
            self.log.free_dropped(slot);
        }
        self.settle_groups();
        recovered.incomplete = self.settle_objects();
        recovered.groups = self.recovered_groups();
        recovered.batches = reader.batches;
        recovered.records = reader.records;
        recovered.durable_lsn = reader.claimed_lsn;
        recovered.decided = self.transactions.decided.keys().copied().collect();
        recovered.decided.sort_unstable();
        recovered.unresolved =
            self.transactions.prepared.keys().map(|&id| Unresolved { id }).collect();
        recovered.unresolved.sort_unstable_by_key(|unresolved| unresolved.id);
        Ok(recovered)
    }

    /// Ends recovery: `lsn_next` is above every LSN of the node. The log takes writes from now on.
    pub fn resume(&mut self, lsn_next: u64) {
        self.log.resume(lsn_next);
    }

    pub(crate) fn replay_segment(&mut self, slot: u32, from: usize, reader: &mut Reader) -> End {
        let mut offset = from;
        loop {
            let Some(head) = self.read_batch(slot, offset, reader) else {
                return End::Open(slot, offset);
            };
            if reader.copies.is_due(head.base_lsn) {
                let offsets = std::mem::take(&mut reader.offsets);
                self.replay_copies(head.base_lsn, reader);
                reader.offsets = offsets;
            }
            reader.previous_crc = head.crc;
            reader.lsn = head.lsn_end();
            reader.claimed_lsn = reader.claimed_lsn.max(head.durable_lsn());
            reader.batches += 1;
            reader.records += u64::from(head.records);
            let is_noting = self.is_noting();
            if !is_noting {
                self.log.segments[slot as usize].records += u64::from(head.records);
            }
            offset += BATCH_HEAD_BYTES + head.body_bytes as usize;
            self.log.segments[slot as usize].filled = offset;
            match head.kind {
                BatchKind::Data if is_noting => {
                    let foreign = self.note_batch(slot, &reader.offsets);
                    reader.foreign = reader.foreign.or(foreign);
                }
                BatchKind::Prepare if is_noting => {}
                BatchKind::Data => self.replay_data(slot, reader),
                BatchKind::Prepare => self.replay_prepare(slot, reader),
                // Copies lie beside the log, and are replayed from there.
                BatchKind::Resume | BatchKind::Copies => {}
                BatchKind::Seal => return End::Sealed(offset),
            }
        }
    }

    /// Checks the batch at `offset` whole; leaves the offsets of its records in the reader.
    fn read_batch(&self, slot: u32, offset: usize, reader: &mut Reader) -> Option<BatchHead> {
        let segment = &self.log.segments[slot as usize];
        let head = BatchHead::read(segment.memory.get(offset..)?, segment.salt)?;
        let follows = match head.kind {
            BatchKind::Resume => head.base_lsn >= reader.lsn,
            _ => head.base_lsn == reader.lsn,
        };
        if head.previous_crc != reader.previous_crc || !follows {
            return None;
        }
        is_whole(segment.memory, offset, &head, segment.salt, segment.epoch_ms, &mut reader.offsets)
            .then_some(head)
    }

    pub(crate) fn replay_data(&mut self, slot: u32, reader: &mut Reader) {
        let offsets = std::mem::take(&mut reader.offsets);
        let mut void = 0;
        for &offset in &offsets {
            if void > 0 {
                void -= 1;
                continue;
            }
            let location = self.log.location(slot, offset as usize);
            let record = self.log.record(location);
            if record.kind == Kind::Run {
                void = self.void_records(location, &record);
                continue;
            }
            let place = self.replayed_key(&record).map(|key| key.place());
            if let Some(place) = place {
                self.prefetch_place(place);
            }
            if let Some((due, place)) = reader.turn(Some((location, place))) {
                self.replay_record(due, place, reader);
            }
        }
        reader.offsets = offsets;
    }

    /// Replays what was read and waits for its turn.
    fn replay_ahead(&mut self, reader: &mut Reader) {
        for _ in 0..REPLAY_AHEAD {
            if let Some((due, place)) = reader.turn(None) {
                self.replay_record(due, place, reader);
            }
        }
    }

    /// The key of a record that sets or removes one; `None` for others and for keys that this core cannot hold.
    pub(crate) fn replayed_key<'a>(&self, record: &Record<'a>) -> Option<crate::Key<'a>> {
        let is_key = record.kind.sets_key() || record.kind == Kind::Tombstone;
        let database =
            u8::try_from(record.namespace).ok().filter(|&database| database < DATABASES)?;
        let slot = slot_of(record.key);
        (is_key && self.owns(slot))
            .then(|| self.key_in_slot(DatabaseId(database), record.key, slot))
    }

    fn replay_record(&mut self, location: Location, place: Option<Place>, reader: &mut Reader) {
        // The arena lives as long as the store, but the compiler cannot tell: the key is copied only where it must be.
        let record = self.log.record(location);
        let (kind, size, expires) = (record.kind, record.size, record.expiry_ms.is_some());
        let is_key = kind.sets_key() || kind == Kind::Tombstone;
        if is_key && place.is_none() {
            reader.foreign.get_or_insert(location);
            return;
        }
        match kind {
            Kind::Put | Kind::Packed | Kind::Object => {
                let Some(place) = place else { return };
                if kind == Kind::Object {
                    self.objects.replay_head();
                }
                // Chunks may have moved behind their head: whether they are all there is looked at in the end.
                self.point(place, location, size, expires);
            }
            Kind::Tombstone => {
                let found = self.replayed_key(&record).and_then(|key| {
                    let (spot, entry) = self.locate(&key)?;
                    Some((spot, entry, key.bytes.to_vec(), key.database))
                });
                self.log.add_anchor(location);
                if let Some((spot, entry, bytes, database)) = found {
                    let key = self.key(database, &bytes);
                    self.unpoint(&key, spot, entry);
                }
            }
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
                self.log.add_anchor(location);
                match kind {
                    Kind::Decision => self.keep_decision(id, location),
                    Kind::Commit => self.apply_prepared(id, true),
                    _ => self.drop_prepared(id, true),
                }
            }
            // Of groups the first walk took what counts.
            Kind::Prepare | Kind::Run | Kind::Group | Kind::Cut | Kind::Mark => {}
        }
    }

    fn replay_prepare(&mut self, slot: u32, reader: &mut Reader) {
        self.replay_ahead(reader);
        let mut locations =
            reader.offsets.iter().map(|&offset| self.log.location(slot, offset as usize));
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

    /// Whether a whole batch in these segments tells that everything below `lsn` had been durable.
    fn had_been_durable(&self, slots: &[u32], lsn: u64) -> bool {
        let mut offsets = Vec::new();
        slots.iter().any(|&slot| {
            let segment = &self.log.segments[slot as usize];
            let mut offset = HEADER_BYTES;
            let mut whole = std::iter::from_fn(|| {
                let head = BatchHead::read(segment.memory.get(offset..)?, segment.salt)?;
                let at = offset;
                offset += BATCH_HEAD_BYTES + head.body_bytes as usize;
                let (salt, epoch_ms) = (segment.salt, segment.epoch_ms);
                is_whole(segment.memory, at, &head, salt, epoch_ms, &mut offsets).then_some(head)
            });
            whole.any(|head| head.durable_lsn() >= lsn)
        })
    }

    /// Looks for batches behind a place where none is whole. Gives the highest LSN that they reach.
    pub(crate) fn look_behind(
        &self,
        slot: Option<u32>,
        offset: usize,
        behind: &[u32],
        lsn: u64,
    ) -> Result<Option<u64>, Damage> {
        let (mut highest, mut offsets) = (None, Vec::new());
        let mut proof: Option<u64> = None;
        let places = slot
            .map(|slot| (slot, offset + 4))
            .into_iter()
            .chain(behind.iter().map(|&slot| (slot, HEADER_BYTES)));
        for (slot, start) in places {
            let segment = &self.log.segments[slot as usize];
            let mut at = start;
            while at + BATCH_HEAD_BYTES < segment.memory.len() {
                let head = BatchHead::read(&segment.memory[at..], segment.salt)
                    .filter(|head| head.base_lsn >= lsn);
                match head {
                    Some(head)
                        if is_whole(
                            segment.memory,
                            at,
                            &head,
                            segment.salt,
                            segment.epoch_ms,
                            &mut offsets,
                        ) =>
                    {
                        highest = highest.max(Some(head.lsn_end()));
                        if head.durable_lsn() > lsn {
                            proof = proof.max(Some(head.durable_lsn()));
                        }
                        at += BATCH_HEAD_BYTES + head.body_bytes as usize;
                    }
                    _ => at = next_place(segment.memory, at),
                }
            }
        }
        let Some(durable_lsn) = proof else { return Ok(highest) };
        let slot = slot.or(behind.first().copied()).expect("the proof lies somewhere");
        Err(Damage {
            segment: self.log.segments[slot as usize].id,
            offset: offset as u64,
            records: durable_lsn - lsn,
            what: "a batch that had been durable is not whole",
        })
    }
}

/// Whether the batch at `at` is whole: every record intact, the lengths and counts right. Fills `offsets` with its records' places.
pub(crate) fn is_whole(
    memory: &[u8],
    at: usize,
    head: &BatchHead,
    salt: u32,
    epoch_ms: u64,
    offsets: &mut Vec<u32>,
) -> bool {
    offsets.clear();
    let end = at + BATCH_HEAD_BYTES + head.body_bytes as usize;
    let mut place = at + BATCH_HEAD_BYTES;
    let mut folded = 0;
    while place < end {
        let bytes = &memory[place..end];
        let Some(record) = Record::read(bytes, epoch_ms) else { return false };
        if offsets.len() == head.records as usize || !record.is_intact(bytes, salt) {
            return false;
        }
        folded = fold(folded, record.crc);
        offsets.push(u32::try_from(place).expect("segments are below 4 GiB"));
        place += record.size;
    }
    offsets.len() == head.records as usize && head.is_intact(&memory[at..], folded, salt)
}

impl crate::log::Log {
    /// A segment behind the cut goes back to the free ones; its header says so from the next sync on.
    fn free_dropped(&mut self, slot: u32) {
        let segment = &mut self.segments[slot as usize];
        segment.live_bytes = 0;
        segment.state = State::Sealed;
        self.free_one(slot);
    }
}
