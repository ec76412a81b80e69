//! Owns the end of entries that never take effect: those that another leader's entries take the place of, and of leaders that lost.

use super::format;
use super::group::{Entry, Part};
use crate::error::StoreError;
use crate::log::Location;
use crate::record::Kind;
use crate::store::Store;
use hyperion_model::GroupId;

/// A cut in the log, and what it makes void.
#[derive(Debug)]
pub(super) struct CutNote {
    pub(super) location: Location,
    /// Its own segment, by slot and use.
    pub(super) own: (u32, u64),
    /// Segments with such entries, by slot and use; none: any older one may have some.
    pub(super) segments: Option<Vec<(u32, u64)>>,
}

impl Store {
    /// Makes the entries of a group from `from` on void. They must not be applied.
    ///
    /// # Errors
    /// When there is no room for the word of it; then nothing has changed.
    ///
    /// # Panics
    /// When `from` is applied.
    pub fn cut(&mut self, group: GroupId, from: u64) -> Result<(), StoreError> {
        let kept = self.replicated.group(group);
        let (applied, last) = (kept.applied.0, kept.last_index());
        assert!(from > applied, "{group:?} is cut at {from}, and {applied} is applied");
        if from > last && !kept.must_cut {
            return Ok(());
        }
        self.cut_from(group, from)
    }

    pub(super) fn cut_from(&mut self, group: GroupId, from: u64) -> Result<(), StoreError> {
        let location = self.append_kept(Kind::Cut, &format::cut_key(group, from), &[])?;
        let kept = self.replicated.group(group);
        let first = from.saturating_sub(kept.applied.0 + 1);
        let first = usize::try_from(first)
            .map_or(kept.entries.len(), |first| first.min(kept.entries.len()));
        let void: Vec<Entry> = kept.entries.split_off(first).into();
        // What a start found unfinished may lie anywhere.
        let is_known = !std::mem::take(&mut kept.must_cut) && from > 0;
        let segments = void.iter().flat_map(Entry::parts).map(|part| self.use_of(part.opening));
        let segments = is_known.then(|| segments.collect());
        self.keep_cut(location, segments);
        let parts: Vec<Part> = void.iter().flat_map(Entry::parts).collect();
        self.drop_parts(&parts);
        Ok(())
    }

    /// Keeps the word of a cut while what it makes void is there.
    pub(super) fn keep_cut(&mut self, location: Location, segments: Option<Vec<(u32, u64)>>) {
        self.log.add_anchor(location);
        let own = self.use_of(location);
        let segments = segments.map(|mut segments| {
            segments.sort_unstable();
            segments.dedup();
            segments.retain(|&other| other != own);
            segments
        });
        // Some may have gone with their segments.
        self.replicated.cuts.retain(|note| self.log.is_in_use(note.own.0, note.own.1));
        self.replicated.cuts.push(CutNote { location, own, segments });
    }

    /// Slot and use of the segment of a record.
    pub(super) fn use_of(&self, location: Location) -> (u32, u64) {
        let (slot, _) = self.log.place(location);
        let slot = u32::try_from(slot).expect("slots are counted in 32 bits");
        (slot, self.log.segments[slot as usize].use_number)
    }

    /// Takes the records of parts out of the overlay, with the chunks that were written for them.
    pub(super) fn drop_parts(&mut self, parts: &[Part]) {
        self.void_parts(parts);
        if !parts.is_empty() {
            self.log.note_cut();
        }
        self.release_held();
    }

    /// The same where nothing in the log has to make them void.
    pub(super) fn void_parts(&mut self, parts: &[Part]) {
        for &part in parts.iter().rev() {
            if part.room > 0 {
                self.void_amendments(part);
            }
            let records: Vec<Location> = self.records_of(part).collect();
            for location in records.into_iter().rev() {
                let record = self.log.record(location);
                if record.kind == Kind::Flush {
                    self.replicated.overlay.remove_flush(location, record.size);
                } else if let Some(key) = self.replayed_key(&record) {
                    self.replicated.overlay.remove(key.place(), location, record.size);
                }
                if let Some(head) = self.object_head(location) {
                    self.objects.remove(head.id);
                }
            }
            self.log.unpin(part.opening);
        }
    }
}
