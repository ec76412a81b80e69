//! Owns the way back from segments to a store: checks every batch, indexes what is whole, cuts what was never finished.
//!
//! What follows the first batch that is not whole is ignored, if nothing tells that it had been durable. If a later batch tells so
//! (by its durable LSN), the data was damaged and the start is refused. LSNs that are missing between two segments are those
//! of freed segments if a later batch tells that they had been durable; otherwise the log ends before them.
//! What the cleaner copied beside the log is replayed where its batches say (see `copies`).
//! [`Store::salvage`] steps over damage instead of refusing, and names what it left out.

mod batches;
mod digest;
mod queue;
mod records;

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind, LSN_MAX};
use crate::copies::CopyReader;
use crate::error::Damage;
use crate::index::Index;
use crate::log::{Location, SEAL_BATCH_BYTES};
use crate::reach::{BatchPlace, Ending, Resting};
use crate::replicated::RecoveredGroup;
use crate::salvage::{Hole, Salvage};
use crate::segment::{HEADER_BYTES, Header, Segment, State};
use crate::store::Store;
pub(crate) use batches::is_whole;
pub use digest::{Digest, Digester, StepRoom};
pub(crate) use digest::{Followed, Step};
use hyperion_model::TransactionId;
use queue::Queue;
use std::collections::VecDeque;

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
    /// How far the log goes, and what of other cores' logs it rests on: see [`crate::cuts`].
    pub ending: Ending,
}

/// Segments that a store has taken and not read yet.
#[derive(Debug)]
pub struct Adopted {
    slots: Vec<u32>,
    /// By slot.
    digests: Digests,
    has_groups: bool,
}

type Digests = Vec<Option<Box<Digest>>>;

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
    /// Looks at batches that no digest has.
    digester: Digester,
    digests: Digests,
    /// Of one batch of the log, and of one of copies.
    log_steps: Vec<Step>,
    pub(crate) copied_steps: Vec<Step>,
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
    /// Keys of whole batches that are not in the indexes yet.
    pub(crate) queue: Queue,
    /// The batch that is being replayed.
    batch: BatchPlace,
    resting: VecDeque<Resting>,
}

impl Reader {
    fn new(queue: Queue, digester: Digester, digests: Digests) -> Self {
        Self {
            digester,
            digests,
            log_steps: Vec::new(),
            copied_steps: Vec::new(),
            copies: CopyReader::default(),
            previous_crc: 0,
            lsn: 1,
            claimed_lsn: 0,
            batches: 0,
            records: 0,
            foreign: None,
            queue,
            batch: BatchPlace { segment: 0, offset: 0, lsn: 0 },
            resting: VecDeque::new(),
        }
    }

    /// Words that had been durable rest on nothing any more.
    fn forget_durable(&mut self) {
        let claimed = self.claimed_lsn;
        while self.resting.pop_front_if(|it| it.batch.lsn < claimed).is_some() {}
    }

    pub(crate) fn take_digest(&mut self, slot: u32) -> Option<Box<Digest>> {
        self.digests.get_mut(slot as usize).and_then(Option::take)
    }

    pub(crate) fn put_back(&mut self, slot: u32, digest: Option<Box<Digest>>) {
        if let Some(place) = self.digests.get_mut(slot as usize) {
            *place = digest;
        }
    }

    /// The steps of the batch at `offset`, from the digest or by a look at it into `own_steps`; none: it is not whole.
    #[inline]
    pub(crate) fn steps_of<'a>(
        &self,
        segment: &Segment,
        offset: usize,
        head: &BatchHead,
        digest: Option<(&'a Digest, &mut Followed)>,
        own_steps: &'a mut Vec<Step>,
    ) -> Option<&'a [Step]> {
        if let Some((digest, followed)) = digest
            && let Some(steps) = digest.batch(followed, offset, head)
        {
            return Some(steps);
        }
        own_steps.clear();
        let seeds = (segment.salt, segment.epoch_ms);
        if self.digester.steps_of(segment.memory, offset, head, seeds, own_steps) {
            Some(own_steps)
        } else {
            None
        }
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
        let adopted = self.adopt(segments);
        self.replay(adopted)
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
        let adopted = self.adopt(segments);
        self.replay_adopted(adopted, Some(Salvage::default()))
    }

    /// The first half of [`Store::recover`]: takes the segments, and makes the indexes as large as their keys will want them. The caller may
    /// have the memory backed that [`Store::take_unbacked`] gives, before the second half touches it.
    pub fn adopt(&mut self, segments: Vec<(Header, &'static mut [u8])>) -> Adopted {
        let mut digester = self.digester(1);
        let digested = segments.into_iter().map(|(header, memory)| {
            let digest = digester.digest(&header, memory, StepRoom::default());
            (header, memory, digest)
        });
        self.adopt_digested(digested.collect())
    }

    /// As [`Store::adopt`], for segments with their digests: of the same bytes, and of a digester of this store's.
    pub fn adopt_digested(
        &mut self,
        mut segments: Vec<(Header, &'static mut [u8], Digest)>,
    ) -> Adopted {
        segments.sort_by_key(|(header, ..)| header.base_lsn);
        let has_groups = segments.iter().any(|(_, _, digest)| digest.has_groups);
        let (mut slots, mut digests) = (Vec::new(), Digests::new());
        for (header, memory, digest) in segments {
            let slot = self.log.adopt(&header, memory);
            slots.push(slot);
            digests.resize_with(digests.len().max(slot as usize + 1), || None);
            digests[slot as usize] = Some(Box::new(digest));
        }
        let of = |&slot: &u32| digests[slot as usize].as_deref().map(|digest| (slot, digest));
        self.make_indexes(slots.iter().filter_map(of));
        Adopted { slots, digests, has_groups }
    }

    /// The second half of [`Store::recover`]: reads what was adopted.
    ///
    /// # Errors
    /// As [`Store::recover`].
    pub fn replay(&mut self, adopted: Adopted) -> Result<Recovered, Damage> {
        self.replay_adopted(adopted, None)
    }

    fn replay_adopted(
        &mut self,
        adopted: Adopted,
        salvage: Option<Salvage>,
    ) -> Result<Recovered, Damage> {
        let Adopted { slots, mut digests, has_groups } = adopted;
        let (copies, slots): (Vec<u32>, Vec<u32>) =
            slots.into_iter().partition(|&slot| self.log.segments[slot as usize].role.is_copies());
        if has_groups || salvage.is_some() {
            // What is applied and what is void is known only at the end: it is looked for ahead, as far as the log goes.
            self.begin_noting();
            let noted = salvage.as_ref().map(|_| Salvage::default());
            self.read_slots(&slots, &[], noted, &mut digests)?;
            self.end_noting();
        }
        self.read_slots(&slots, &copies, salvage, &mut digests)
    }

    fn read_slots(
        &mut self,
        slots: &[u32],
        copies: &[u32],
        mut salvage: Option<Salvage>,
        digests: &mut Digests,
    ) -> Result<Recovered, Damage> {
        let depth = self.databases.iter().flatten().map(Index::depth).max().unwrap_or(0);
        let queue = Queue::new(self.owned_count(), depth);
        let mut reader = Reader::new(queue, self.digester(1), std::mem::take(digests));
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
            let highest =
                self.look_behind(cut_slot, offset, behind, reader.lsn).map_err(|damage| {
                    self.of_first_hole(&damage, cut_slot, &slots[at..], reader.lsn)
                })?;
            let has_bytes = highest.is_some() || !behind.is_empty();
            let cut_id = cut_slot.map_or(id, |slot| self.log.segments[slot as usize].id);
            recovered.cut = has_bytes.then_some((cut_id, offset as u64));
            recovered.dropped.extend_from_slice(behind);
            recovered.lsn_next = highest.unwrap_or(0);
            break;
        }
        if self.is_noting() && reader.foreign.is_none() {
            *digests = reader.digests;
            return Ok(recovered);
        }
        self.replay_copies(u64::MAX, &mut reader);
        self.drain(&mut reader.queue);
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
        recovered.ending = Ending { lsn: reader.lsn, resting: reader.resting.into() };
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
        let digest = reader.take_digest(slot);
        let mut own_steps = std::mem::take(&mut reader.log_steps);
        let end = self.replay_batches(slot, from, digest.as_deref(), &mut own_steps, reader);
        reader.log_steps = own_steps;
        if self.is_noting() {
            reader.put_back(slot, digest);
        }
        end
    }

    fn replay_batches(
        &mut self,
        slot: u32,
        from: usize,
        digest: Option<&Digest>,
        own_steps: &mut Vec<Step>,
        reader: &mut Reader,
    ) -> End {
        let (mut offset, mut followed) = (from, Followed::default());
        loop {
            let Some(head) = self.head_that_follows(slot, offset, reader) else {
                return End::Open(slot, offset);
            };
            let known = digest.map(|digest| (digest, &mut followed));
            let segment = &self.log.segments[slot as usize];
            let Some(steps) = reader.steps_of(segment, offset, &head, known, own_steps) else {
                return End::Open(slot, offset);
            };
            if reader.copies.is_due(head.base_lsn) {
                self.replay_copies(head.base_lsn, reader);
            }
            reader.previous_crc = head.crc;
            reader.lsn = head.lsn_end();
            if head.durable_lsn() > reader.claimed_lsn {
                reader.claimed_lsn = head.durable_lsn();
                reader.forget_durable();
            }
            reader.batches += 1;
            reader.records += u64::from(head.records);
            let is_noting = self.is_noting();
            if !is_noting {
                self.log.segments[slot as usize].records += u64::from(head.records);
            }
            let segment = self.log.segments[slot as usize].id;
            reader.batch = BatchPlace { segment, offset: offset as u64, lsn: head.base_lsn };
            offset += BATCH_HEAD_BYTES + head.body_bytes as usize;
            self.log.segments[slot as usize].filled = offset;
            match head.kind {
                BatchKind::Data if is_noting => {
                    let foreign = self.note_batch(slot, steps);
                    reader.foreign = reader.foreign.or(foreign);
                }
                BatchKind::Prepare if is_noting => {}
                BatchKind::Data => self.replay_data(slot, steps, reader),
                BatchKind::Prepare => self.replay_prepare(slot, steps, reader),
                // Copies lie beside the log, and are replayed from there.
                BatchKind::Resume | BatchKind::Copies => {}
                BatchKind::Seal => return End::Sealed(offset),
            }
        }
    }
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
