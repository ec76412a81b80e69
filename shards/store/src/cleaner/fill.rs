//! Owns the question whether segments before another one may hold a key: their filters are filled when it is asked first.

use super::filter::{member_of_key, member_of_transaction};
use super::walk::{Step, Walk};
use super::{Cleaner, Filling, KeyFilter};
use crate::database::Place;
use crate::limits::COST_A_RECORD;
use crate::record::Kind;
use crate::segment::State;
use crate::store::Store;
use crate::transaction::read_id;

impl Store {
    /// The bytes of all filters, counted anew: for tests of the running sum.
    #[cfg(test)]
    pub(crate) fn count_filter_bytes(&self) -> u64 {
        let filters = self.log.segments.iter().filter_map(|segment| segment.filter.as_deref());
        let filling = self.cleaner.filling.as_ref().map(|filling| &filling.filter);
        filters.chain(filling).map(KeyFilter::bytes).sum()
    }

    /// Whether a segment before this one, from before `lsn`, may hold the member.
    pub(super) fn may_lie_before(&self, slot: u32, lsn: u64, member: u64) -> bool {
        self.log.before(slot, lsn).any(|other| self.log.may_hold(other, member))
    }

    /// Fills the filters of all segments before `slot`. `false`: not all of them within this slice.
    pub(super) fn fill_filters(
        &mut self,
        cleaner: &mut Cleaner,
        slot: u32,
        cost_left: &mut u64,
    ) -> bool {
        loop {
            if let Some(filling) = &cleaner.filling
                && self.log.find_segment(filling.slot, filling.use_number).is_none()
            {
                self.log.filter_bytes -= filling.filter.bytes();
                cleaner.filling = None;
            }
            if cleaner.filling.is_none() {
                let lacking = self
                    .log
                    .before(slot, u64::MAX)
                    .find(|&other| self.log.segments[other as usize].filter.is_none());
                let Some(other) = lacking else { return true };
                let segment = &self.log.segments[other as usize];
                let mut records = usize::try_from(segment.records).unwrap_or(segment.filled);
                if segment.state == State::Active {
                    // Copies are added to it until it is full.
                    records = records * self.log.segment_bytes / segment.filled + 1;
                }
                let (use_number, filter) = (segment.use_number, KeyFilter::new(records));
                // Counted until the segment is used again.
                self.log.filter_bytes += filter.bytes();
                cleaner.filling =
                    Some(Filling { slot: other, use_number, walk: Walk::start(), filter });
            }
            // That of an open segment of copies is filled up to its end, and told of all that comes from then on.
            self.log.close_copies();
            let Some(Filling { slot: other, walk, filter, .. }) = &mut cleaner.filling else {
                return true;
            };
            loop {
                if *cost_left == 0 {
                    return false;
                }
                *cost_left = cost_left.saturating_sub(COST_A_RECORD);
                match walk.next(&self.log.segments[*other as usize]) {
                    Step::Record(_, _, record) => match record.kind {
                        Kind::Put | Kind::Packed | Kind::Object => {
                            if let Some(key) = self.replayed_key(&record) {
                                filter.add(member(key.place()));
                            }
                        }
                        Kind::Prepare => {
                            if let Some(id) = read_id(record.key) {
                                filter.add(member_of_transaction(id.0));
                            }
                        }
                        _ => {}
                    },
                    Step::End => break,
                    Step::Spoiled => {
                        // What cannot be read may hold anything.
                        filter.add_all();
                        break;
                    }
                }
            }
            if let Some(filling) = cleaner.filling.take() {
                self.log.segments[filling.slot as usize].filter = Some(Box::new(filling.filter));
            }
        }
    }
}

pub(super) fn member(place: Place) -> u64 {
    member_of_key(place.hash, place.database.0)
}
