//! Owns what the one who writes the files asks of the store: appends, syncs, segments, and how much there is of everything.

use super::{Store, StoreFigures};
use crate::index::{Index, Unbacked};
use crate::limits::{SEGMENTS_MAX, SEGMENTS_MIN};
use crate::log::{Append, SyncTicket};
use hyperion_model::PartitionId;

impl Store {
    /// Says whether what follows may use what is kept back: commands that take no memory. Gives whether what came before might.
    pub fn may_use_reserve(&mut self, may: bool) -> bool {
        std::mem::replace(&mut self.log.may_use_reserve, may)
    }

    /// Whether another segment could be begun at once.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.log.ready.is_empty()
    }

    /// Says whether no more segments can be made.
    pub fn set_full(&mut self, is_full: bool) {
        self.log.is_full = is_full;
        self.log.segments_changed();
    }

    /// Sets how much memory segments and indexes may take: the cleaner keeps within it, and no more segments are asked for.
    pub fn set_memory(&mut self, bytes: u64) {
        let left = bytes.saturating_sub(self.bytes_beside()) / self.log.segment_bytes as u64;
        let segments =
            usize::try_from(left).unwrap_or(SEGMENTS_MAX).clamp(SEGMENTS_MIN, SEGMENTS_MAX);
        if segments != self.log.segments_max {
            self.log.segments_max = segments;
            self.log.segments_changed();
        }
    }

    /// Closes the batch of this turn and gives what is to be written, in order.
    pub fn take_appends(&mut self, appends: &mut Vec<Append>) {
        self.log.close_copies();
        self.log.close_batch();
        self.log.take_appends(appends);
        // Without files all is durable at once.
        self.unpin_durable();
    }

    /// Whether records were appended that no batch has closed yet.
    #[must_use]
    pub fn has_open_batch(&self) -> bool {
        self.log.has_open_batch()
    }

    /// The bytes of an append.
    #[must_use]
    pub fn append_bytes(&self, append: &Append) -> &[u8] {
        &self.log.segments[append.slot as usize].memory[append.start..append.end]
    }

    /// The first bytes of a segment, for a header that is to be written alone.
    #[must_use]
    pub fn header_bytes(&self, slot: u32) -> &[u8] {
        &self.log.segments[slot as usize].memory[..crate::segment::HEADER_BYTES]
    }

    /// The slot of the segment with this file id.
    #[must_use]
    pub fn slot_of(&self, id: u64) -> Option<u32> {
        let is_it =
            |segment: &crate::segment::Segment| segment.id == id && !segment.memory.is_empty();
        self.log.segments.iter().position(is_it).and_then(|slot| u32::try_from(slot).ok())
    }

    /// The file id of a segment.
    #[must_use]
    pub fn segment_id(&self, slot: u32) -> u64 {
        self.log.segments[slot as usize].id
    }

    /// The memory of a segment, `[segment_bytes]`.
    #[must_use]
    pub fn memory(&self, slot: u32) -> &[u8] {
        self.log.segments[slot as usize].memory
    }

    /// The bytes of `append` are in the file (in the system's memory, not on the disk).
    pub fn mark_written(&mut self, append: &Append) {
        self.log.mark_written(append);
    }

    /// Begins a sync, unless there is nothing to sync or one is under way.
    pub fn begin_sync(&mut self) -> Option<SyncTicket> {
        self.log.begin_sync()
    }

    /// Every file of the ticket was synced.
    pub fn finish_sync(&mut self, ticket: &SyncTicket) {
        self.log.finish_sync(ticket);
        self.unpin_durable();
    }

    /// Ends a sync whose end is not to count: what it was about is begun again by the next one.
    pub fn abandon_sync(&mut self) {
        self.log.abandon_sync();
    }

    /// Writes a batch that only tells how far the log is durable: the last word before a stop, without which damage in what the
    /// last sync covered would look like a torn end.
    pub fn tell_durable(&mut self) {
        self.log.close_all_copies();
        self.log.tell_durable();
    }

    /// Whether all that is written is durable, what lies beside the log too.
    #[must_use]
    pub fn all_written_is_durable(&self) -> bool {
        self.log.all_written_is_durable()
    }

    /// Whether a sync is needed for other reasons than answers: a segment waits to be used again.
    #[must_use]
    pub fn wants_sync(&mut self) -> bool {
        self.log.wants_sync()
    }

    /// End of all that is in the log.
    #[must_use]
    #[inline]
    pub fn appended_position(&self) -> u64 {
        self.log.appended_position()
    }

    /// How many records were ever appended, with those of earlier starts, and numbers that were left out.
    #[must_use]
    #[inline]
    pub fn records_appended(&self) -> u64 {
        self.log.lsn_next - 1
    }

    /// End of what survives the end of the process.
    #[must_use]
    #[inline]
    pub fn written_position(&self) -> u64 {
        self.log.written_position()
    }

    /// End of what survives a power cut.
    #[must_use]
    #[inline]
    pub fn durable_position(&self) -> u64 {
        self.log.durable_position()
    }

    /// Number of segments that should be made ready now.
    #[must_use]
    pub fn segments_wanted(&self) -> usize {
        self.log.segments_wanted()
    }

    /// Takes a segment's memory (`[segment_bytes]`) for later use; its file, if any, is as long. Gives its slot.
    pub fn add_ready(&mut self, id: u64, memory: &'static mut [u8]) -> u32 {
        self.log.add_ready(id, memory)
    }

    /// Frees dead segments. The slots whose header must be written and synced before [`Store::freed`] go to `headers`.
    pub fn free_dead(&mut self, headers: &mut Vec<u32>) {
        self.log.free_dead(headers);
    }

    /// Instead of [`Store::free_dead`] where no segment may be freed for a while: says in the log what dead ones wait for besides that, so that
    /// nobody waits for it.
    pub fn tell_of_dead(&mut self) {
        self.log.tell_of_dead();
    }

    /// The header of a freed segment is on the disk.
    pub fn freed(&mut self, slot: u32) {
        self.log.freed(slot);
    }

    /// Gives back a segment that is more than is needed: its slot, id and memory.
    pub fn take_surplus(&mut self) -> Option<(u32, u64, &'static mut [u8])> {
        self.log.take_surplus()
    }

    /// The partitions of this core, in order.
    pub fn owned_partitions(&self) -> impl Iterator<Item = PartitionId> + '_ {
        self.owned.iter().map(|&partition| PartitionId(partition))
    }

    /// Gives memory in which nothing lies to `give`, which may make zeros of it. Nothing happens unless writers rest; [`Store::take_unbacked`] tells
    /// what of it is wanted when they go on.
    pub fn give_idle(&mut self, give: impl FnMut(&mut [u8])) {
        self.log.give_idle(give);
    }

    /// Memory that will be used soon and that nobody has touched: the caller may have the system back it meanwhile. Each
    /// piece is given once.
    #[inline]
    pub fn take_unbacked(&mut self) -> Option<Unbacked> {
        self.pool.take_unbacked().or_else(|| self.log.take_bare())
    }

    /// Bytes of every segment.
    #[must_use]
    pub fn segment_bytes(&self) -> usize {
        self.log.segment_bytes
    }

    /// Ends the store and gives the memory of all its segments back.
    pub fn into_memory(self) -> impl Iterator<Item = &'static mut [u8]> {
        self.log
            .segments
            .into_iter()
            .map(|segment| segment.memory)
            .filter(|memory| !memory.is_empty())
    }

    /// What the store holds.
    #[must_use]
    pub fn figures(&self) -> StoreFigures {
        let (values_dying, values_freed) = self.objects.lazy();
        StoreFigures {
            keys: self.databases.iter().flatten().map(Index::count).sum(),
            expiring: self.expiring.iter().sum(),
            held_bytes: self.log.held_bytes(),
            live_bytes: self.log.live_bytes() - self.objects.dying_bytes(),
            index_bytes: self.pool.bytes(),
            object_bytes: self.objects.heap_bytes(),
            filter_bytes: self.log.filter_bytes,
            segments_in_use: self.log.order.len() as u64,
            segments_ready: self.log.ready.len() as u64,
            expired: self.expired,
            segments_max: self.log.segments_max as u64,
            cleaner: self.cleaner.figures,
            evicted: self.evicted(),
            used_bytes: self.used_bytes(),
            lookups: self.lookups(),
            pending_bytes: self.replicated.pending_bytes(),
            values_dying,
            values_freed,
        }
    }
}
