//! Owns one slice of the cleaner's work.

use super::fill::member;
use super::filter::member_of_transaction;
use super::walk::Step;
use super::{Cleaner, CleanerFigures, Met};
use crate::limits::{
    COPY_BYTES_PER_COST, COST_A_COPY, COST_A_RECORD, REPLAY_AHEAD, SLICE_COST_MAX, STEP_COST_MAX,
};
use crate::log::Location;
use crate::object::read_chunk_key;
use crate::record::{self, Extras, Kind};
use crate::segment::State;
use crate::store::Store;
use crate::transaction::read_id;

/// What became of a record that the cleaner looked at.
enum Kept {
    /// Nothing needs it; or it was copied.
    Done,
    /// It must stay until this segment is gone.
    Blocked(u32),
    /// The log has no room for its copy.
    NoRoom,
    /// Its key has a change that did not take effect.
    Held,
    /// Its crc is wrong.
    Spoiled,
}

impl Store {
    /// Whether the cleaner has work: call [`Store::clean`] once a turn while it has.
    #[must_use]
    pub fn wants_cleaning(&self) -> bool {
        self.has_detached() || self.cleaner.is_due(&self.log)
    }

    /// Empties segments for one slice: bounded work, about 0.4 ms at most where memory is fast. `false`: nothing was done.
    pub fn clean(&mut self) -> bool {
        self.clean_until(|| false)
    }

    /// As [`Store::clean`], and ends early when `is_enough`, which is asked every few records.
    pub fn clean_until(&mut self, mut is_enough: impl FnMut() -> bool) -> bool {
        if self.count_detached() {
            return true;
        }
        if self.log.copies_wait_for_cut() || self.log.late.cleaner_waits {
            self.log.look_at_cleaning = false;
            self.cleaner.is_stuck = true;
            return false;
        }
        let mut cleaner = std::mem::take(&mut self.cleaner);
        cleaner.set_pace(&mut self.log);
        let mut cost_left = SLICE_COST_MAX;
        let mut has_worked = false;
        let appended_before = self.log.appended_position();
        cleaner.is_stuck = false;
        (self.log.may_use_reserve, self.log.is_cleaning) = (true, true);
        while cost_left > 0 && cleaner.owed > 0 {
            let goes_on = cleaner.pass.is_some()
                || cleaner.is_wanted(&self.log) && cleaner.begin(&mut self.log);
            if !goes_on {
                self.log.look_at_cleaning = false;
                break;
            }
            let before = cost_left;
            if !self.clean_some(&mut cleaner, &mut cost_left) {
                cleaner.is_stuck = true;
                self.log.look_at_cleaning = false;
                break;
            }
            has_worked |= cost_left < before;
            if is_enough() {
                break;
            }
        }
        (self.log.may_use_reserve, self.log.is_cleaning) = (false, false);
        self.log.close_copies();
        self.log.note_upkeep(appended_before);
        self.cleaner = cleaner;
        has_worked
    }

    /// Whether a segment that was emptied waits to be freed.
    #[must_use]
    pub fn has_emptied(&self) -> bool {
        self.log.emptied > 0
    }

    /// Has every segment emptied that holds something dead, however little: for simulations.
    pub fn clean_eagerly(&mut self) {
        self.cleaner.is_eager = true;
        self.log.look_at_cleaning = true;
    }

    /// What the cleaner did.
    #[must_use]
    pub fn cleaner_figures(&self) -> CleanerFigures {
        self.cleaner.figures
    }

    /// The slot of a segment that was found to have a record with a wrong crc: its memory went bad. Each is given once.
    pub fn take_spoiled(&mut self) -> Option<u32> {
        self.cleaner.spoiled.pop()
    }

    /// A part of the pass under way. `false`: it cannot go on now.
    fn clean_some(&mut self, cleaner: &mut Cleaner, cost_left: &mut u64) -> bool {
        let Some(pass) = &cleaner.pass else { return true };
        let (slot, use_number) = (pass.slot, pass.use_number);
        let is_there = self
            .log
            .find_segment(slot, use_number)
            .is_some_and(|segment| segment.state == State::Sealed && segment.pins == 0);
        if !is_there {
            cleaner.pass = None;
            return true;
        }
        if self.log.segments[slot as usize].anchors > 0 {
            let step = (*cost_left).min(STEP_COST_MAX);
            let mut step_left = step;
            let are_filled = self.fill_filters(cleaner, slot, &mut step_left);
            *cost_left -= step - step_left;
            if !are_filled {
                return true;
            }
        }
        let Some(pass) = &mut cleaner.pass else { return true };
        let mut group = std::mem::take(&mut cleaner.group);
        group.clear();
        let walk_before = pass.walk;
        let mut walk = pass.walk;
        let (mut is_through, mut is_spoiled) = (false, false);
        while group.len() < REPLAY_AHEAD {
            match walk.next(&self.log.segments[slot as usize]) {
                Step::Record(offset, lsn, record) => {
                    group.push(Met {
                        location: self.log.location(slot, offset),
                        lsn: record.moved_lsn.or(lsn),
                        kind: record.kind,
                        size: record.size,
                        expires: record.expiry_ms.is_some(),
                        place: self.replayed_key(&record).map(|key| key.place()),
                    });
                }
                Step::End => {
                    is_through = true;
                    break;
                }
                Step::Spoiled => {
                    is_spoiled = true;
                    break;
                }
            }
        }
        // In a loop of their own, so that many misses are under way at once.
        let placed = group.iter().filter_map(|met| Some((met.place?, met.location)));
        placed.clone().for_each(|(place, _)| self.prefetch_place(place));
        placed.for_each(|(place, location)| self.prefetch_rest(place, location));
        let mut result = Kept::Done;
        for met in &group {
            *cost_left = cost_left.saturating_sub(COST_A_RECORD);
            result = if met.kind.sets_key() {
                self.keep_key(met, &mut cleaner.figures, cost_left)
            } else {
                self.keep_word(met, slot, &mut cleaner.figures, cost_left)
            };
            if !matches!(result, Kept::Done) {
                break;
            }
        }
        cleaner.figures.records += group.len() as u64;
        cleaner.group = group;
        if is_spoiled {
            result = Kept::Spoiled;
        }
        match result {
            Kept::Done => {
                cleaner.owed = cleaner.owed.saturating_sub(walk.bytes_since(&pass.walk));
                pass.walk = walk;
            }
            // What was copied is dead here by now: the group is looked at once more later.
            Kept::NoRoom => {
                pass.walk = walk_before;
                // It wants more room than it was thought to: another one may want less.
                let is_last_room = self.log.is_full && self.log.ready.is_empty();
                if is_last_room {
                    self.log.pass_over(slot);
                    cleaner.pass = None;
                }
                return is_last_room;
            }
            Kept::Blocked(first) => {
                self.log.close_copies_in(first);
                let use_number = self.log.segments[first as usize].use_number;
                self.log.segments[slot as usize].waits_for = Some((first, use_number));
                cleaner.first = Some(first);
                cleaner.pass = None;
                return true;
            }
            Kept::Held => {
                self.log.held.hold(slot, use_number, walk_before);
                cleaner.pass = None;
                return true;
            }
            Kept::Spoiled => {
                self.log.segments[slot as usize].is_spoiled = true;
                cleaner.figures.spoiled += 1;
                cleaner.spoiled.push(slot);
                cleaner.pass = None;
                return true;
            }
        }
        if is_through {
            self.log.emptied(slot);
            cleaner.figures.segments += 1;
            cleaner.pass = None;
        }
        true
    }

    /// Copies the record of a key if it is the one that counts.
    fn keep_key(&mut self, met: &Met, figures: &mut CleanerFigures, cost_left: &mut u64) -> Kept {
        let (location, Some(place)) = (met.location, met.place) else { return Kept::Done };
        let (database, local) = (usize::from(place.database.0), usize::from(place.local));
        let found = self.databases[database]
            .get(local)
            .and_then(|index| index.find(&self.pool, place.hash, |other| other == location));
        let Some((spot, entry)) = found else { return Kept::Done };
        if self.is_held(place) {
            return Kept::Held;
        }
        let copy = match self.copy(met, None, figures, cost_left) {
            Ok(copy) => copy,
            Err(kept) => return kept,
        };
        self.log.note_copy(copy, || member(place));
        let entry = entry.with_location(copy);
        self.databases[database][local].replace(&mut self.pool, spot, entry);
        self.log.add_live(copy, self.log.last_size);
        self.log.remove_live_bytes(location, met.size);
        Kept::Done
    }

    /// Keeps what sets no key, in one way or another, if something needs it.
    fn keep_word(
        &mut self,
        met: &Met,
        slot: u32,
        figures: &mut CleanerFigures,
        cost_left: &mut u64,
    ) -> Kept {
        let (location, lsn) = (met.location, met.lsn);
        let record = self.log.record(location);
        match record.kind {
            Kind::Chunk | Kind::Delta => {
                let Some((id, number)) = read_chunk_key(record.key) else { return Kept::Done };
                if !self.objects.is_live(id, number, location) {
                    return Kept::Done;
                }
                let salt = self.log.segments[slot as usize].salt;
                if !record.is_intact(self.log.bytes_at(location), salt) {
                    return Kept::Spoiled;
                }
                let Ok(bytes) = self.objects.rebase(&mut self.log, id, number) else {
                    return Kept::NoRoom;
                };
                figures.copied_bytes += bytes as u64;
                *cost_left =
                    cost_left.saturating_sub(COST_A_COPY + bytes as u64 / COPY_BYTES_PER_COST);
            }
            Kind::Tombstone => {
                let Some(key) = self.replayed_key(&record) else { return Kept::Done };
                let place = key.place();
                // A key may have been copied between the preparation of its deletion and the end of the transaction: such a
                // tombstone moves once, and stands for the present then.
                let may_lie = lsn.is_none_or(|lsn| self.may_lie_before(slot, lsn, member(place)));
                if self.locate(&key).is_some() || !may_lie {
                    figures.tombstones_dropped += 1;
                    return Kept::Done;
                }
                if self.is_held(place) {
                    return Kept::Held;
                }
                let moved_lsn = Some(lsn.unwrap_or(self.log.lsn_next));
                let copy = match self.copy(met, moved_lsn, figures, cost_left) {
                    Ok(copy) => copy,
                    Err(kept) => return kept,
                };
                figures.tombstones_moved += 1;
                self.log.add_anchor(copy);
            }
            Kind::Flush => {
                let holder = self.log.before(slot, lsn.unwrap_or(u64::MAX)).next();
                if let Some(holder) = holder {
                    return Kept::Blocked(holder);
                }
            }
            Kind::Commit | Kind::Abort => {
                let Some(id) = read_id(record.key) else { return Kept::Done };
                let before = self.log.before_in_log(slot, lsn.unwrap_or(u64::MAX));
                let holder =
                    before.filter(|&other| self.log.may_hold(other, member_of_transaction(id.0)));
                if let Some(holder) =
                    holder.min_by_key(|&other| self.log.segments[other as usize].base_lsn)
                {
                    return Kept::Blocked(holder);
                }
            }
            Kind::Group => match self.carry_group(location) {
                Ok(bytes) => figures.copied_bytes += bytes,
                Err(_) => return Kept::NoRoom,
            },
            Kind::Cut => {
                if let Some(first) = self.cut_waits_for(location, slot) {
                    return Kept::Blocked(first);
                }
            }
            // A decision that is still needed pins its segment. The rest is said once, or not written yet.
            Kind::Decision | Kind::Prepare | Kind::Mark | Kind::Run => {}
            Kind::Put | Kind::Packed | Kind::Object => {}
        }
        Kept::Done
    }

    /// Appends the record once more.
    fn copy(
        &mut self,
        met: &Met,
        moved_lsn: Option<u64>,
        figures: &mut CleanerFigures,
        cost_left: &mut u64,
    ) -> Result<Location, Kept> {
        let location = met.location;
        let salt = self.log.segments[self.log.place(location).0].salt;
        if !record::is_intact(&self.log.bytes_at(location)[..met.size], salt) {
            return Err(Kept::Spoiled);
        }
        let beside = if met.kind.sets_key() {
            self.log.copy_beside(location, met.size, met.expires)
        } else {
            None
        };
        let copy = match beside {
            Some(copy) => copy,
            None => self.copy_to_log(location, moved_lsn)?,
        };
        let size = self.log.last_size as u64;
        figures.copied_bytes += size;
        *cost_left = cost_left.saturating_sub(COST_A_COPY + size / COPY_BYTES_PER_COST);
        Ok(copy)
    }

    fn copy_to_log(
        &mut self,
        location: Location,
        moved_lsn: Option<u64>,
    ) -> Result<Location, Kept> {
        let record = self.log.record(location);
        let (kind, key_bytes) = (record.kind, record.key.len());
        let extras = Extras { moved_lsn, ..record.extras() };
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        bytes.extend_from_slice(record.key);
        bytes.extend_from_slice(record.value);
        let (key, value) = bytes.split_at(key_bytes);
        let copy = self.log.append(kind, &extras, key, &[value]);
        self.scratch = bytes;
        copy.map_err(|_| Kept::NoRoom)
    }
}
