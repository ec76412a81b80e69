//! Owns what the cleaner must know of groups: which records wait, which move along, and which hold a segment.

use super::cut::CutNote;
use super::format::{Told, read_told};
use crate::database::Place;
use crate::error::StoreError;
use crate::log::Location;
use crate::store::Store;

impl Store {
    /// Whether a record at this place must not be copied now: an entry that is not applied would stand before the copy, and after a start
    /// the copy would win.
    #[inline]
    pub(crate) fn is_held(&self, place: Place) -> bool {
        self.replicated.is_used && self.replicated.overlay.may_change(place)
    }

    /// Segments that were held may be emptied again: something was applied or cut.
    pub(super) fn release_held(&mut self) {
        if self.log.held.release() {
            self.log.look_at_cleaning = true;
        }
    }

    /// Tells a group's state once more if the record at `location` is one that still counts. Gives the bytes that were written.
    pub(crate) fn carry_group(&mut self, location: Location) -> Result<u64, StoreError> {
        let Some((group, told)) = read_told(&self.log.record(location)) else { return Ok(0) };
        let Some(kept) = self.replicated.groups.get(&group) else { return Ok(0) };
        let at = match told {
            Told::Whole { .. } => kept.whole_at,
            Told::Applied(_) => kept.short_at,
        };
        if at != Some(location) {
            return Ok(0);
        }
        self.tell_whole(group)?;
        Ok(self.log.last_size as u64)
    }

    /// The segment that must go before the cut at `location` may.
    pub(crate) fn cut_waits_for(&mut self, location: Location, slot: u32) -> Option<u32> {
        let own = self.use_of(location);
        let is_it = |note: &CutNote| (note.location, note.own) == (location, own);
        let at = self.replicated.cuts.iter().position(is_it)?;
        let blocker = match &self.replicated.cuts[at].segments {
            None => self.log.order.front().copied().filter(|&oldest| oldest != slot),
            Some(segments) => segments
                .iter()
                .find(|&&(other, use_number)| self.log.is_in_use(other, use_number))
                .map(|&(other, _)| other),
        };
        if blocker.is_none() {
            self.replicated.cuts.swap_remove(at);
        }
        blocker
    }
}
