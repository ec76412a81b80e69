//! Owns a chunk that becomes two, as most do that one entry more makes too long.

use super::change::{Edit, Insert};
use super::create::base_bytes;
use super::splices::{Spliced, edits_of};
use super::{Object, Objects};
use crate::database::Found;
use crate::error::StoreError;
use crate::limits::OBJECT_CHUNKS_MAX;
use crate::log::Log;
use crate::store::Store;

/// A chunk, and the two that take its place.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    /// Index of the chunk.
    pub chunk: usize,
    /// What it holds from now on.
    pub first: &'a [u8],
    /// What the chunk behind it holds, which is new.
    pub second: &'a [u8],
}

impl Store {
    /// Makes two chunks of one and replaces bytes of others, each named once by its index before: all of it takes effect together. Notes are
    /// the caller's: [`Store::update_notes`]. `found` stays valid.
    ///
    /// # Errors
    /// When there is no room, it is more than one batch holds, or there are too many chunks; then nothing has changed.
    ///
    /// # Panics
    /// As [`Store::change`].
    pub fn split<'a>(
        &mut self,
        found: &Found,
        split: Split<'a>,
        others: impl Iterator<Item = Spliced<'a>> + Clone,
    ) -> Result<(), StoreError> {
        let head = self.changed_head(found);
        if self.is_amended(found) {
            let Split { chunk, first, second } = split;
            let removed = self.chunks_of(head.id).chunk(chunk).len();
            let mut edits = vec![Edit::Splice { chunk, at: 0, removed, inserted: first }];
            edits.extend(edits_of(others));
            let chunks = [vec![second]];
            return self.amend_in_entry(found, &edits, &[Insert { after: chunk, chunks: &chunks }]);
        }
        self.objects.split(&mut self.log, head.id, split, others)?;
        self.has_changed(found);
        Ok(())
    }
}

impl Objects {
    fn split<'a>(
        &mut self,
        log: &mut Log,
        id: u64,
        Split { chunk: index, first, second }: Split<'_>,
        others: impl Iterator<Item = Spliced<'a>> + Clone,
    ) -> Result<(), StoreError> {
        let object = self.objects.get_mut(&id).expect("a head is indexed only with its object");
        if object.order.len() >= OBJECT_CHUNKS_MAX {
            return Err(StoreError::TooManyChunks { chunks_max: OBJECT_CHUNKS_MAX });
        }
        let touched: usize = others.clone().map(|it| object.touch(&it).record_bytes()).sum();
        log.make_room(base_bytes(&[first]) + base_bytes(&[second]) + touched)?;
        let before = object.heap_bytes;
        object.write_halves(log, id, index, [first, second]);
        for other in others {
            // The new chunk stands in the order only behind all that names chunks as they were.
            let touch = object.touch(&other);
            object.emit(log, id, &touch, &mut self.warm);
        }
        let number = object.number_next - 1;
        let at = object.chunks.find(number).expect("it was written");
        object.order.insert(index + 1, at);
        object.changed_at = log.appended_position();
        self.heap_bytes = self.heap_bytes - before + object.heap_bytes;
        Ok(())
    }
}

impl Object {
    /// Writes both, for which there is room: the new one first, since the other one leads to it.
    fn write_halves(&mut self, log: &mut Log, id: u64, index: usize, halves: [&[u8]; 2]) {
        let [first, second] = halves;
        let at = self.order[index];
        let chunk = self.chunks.at_mut(at);
        let (next, before) = (chunk.next, (chunk.len(), chunk.heap_bytes()));
        let deltas = chunk.hot.take().map(|hot| hot.deltas).unwrap_or_default();
        let number = self.number_next;
        self.number_next += 1;
        let generation = self.next_generation();
        let written = self.write_base(log, id, number, (generation, next), &[second]);
        written.expect("room was made for it");
        self.rewrite(log, id, (at, number), first, before, &deltas);
    }
}
