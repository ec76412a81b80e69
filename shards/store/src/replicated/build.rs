//! Owns the entry that a command's changes go into on the leader, until the command is through.
//!
//! Changes are gathered as the payload that other replicas get, and written from it as theirs is. A command that reads what it wrote
//! itself has that much written at once, as a first part of its entry: so a value that is found always lies in the log.

use super::change::{ChangeKind, changes_at, decode_changes, push_change};
use super::format::{FIRST_PART, LAST_PART, Run};
use super::group::{Entry, Part};
use crate::database::Key;
use crate::error::StoreError;
use crate::object::Head;
use crate::store::Store;
use hyperion_model::collections::Set;
use hyperion_model::{DatabaseId, GroupId};

/// An entry that is being built.
#[derive(Debug)]
pub(super) struct Building {
    run: Run,
    local: u16,
    payload: Vec<u8>,
    /// Bytes of the payload that were written, and how many changes lie behind them.
    written: usize,
    unwritten: usize,
    /// Those are amendments.
    amends: bool,
    /// Bytes that all amendments of the entry are carried out with, at most.
    room: usize,
    /// Heads of long values among the changes that were not written.
    heads: Vec<(usize, Head)>,
    /// Keys of those changes.
    keys: Set<(u64, u8)>,
    /// A flush is among them.
    has_flush: bool,
    sets_keys: bool,
    /// Bytes of their records.
    bytes: usize,
    parts: Vec<Part>,
    /// Room that was there is not there any more: all of it is dropped in the end.
    is_lost: bool,
    /// A change was let use what is kept back, which may be over when it is written.
    uses_reserve: bool,
}

/// Whether the entry that is being built has a change of a key that was not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnWrite {
    Some,
    None,
}

impl Store {
    /// Begins an entry: what is changed in the group's partition until [`Store::end_entry`] goes into it.
    ///
    /// # Panics
    /// When one is begun already, or `index` does not follow the last one.
    pub fn begin_entry(&mut self, group: GroupId, term: u64, index: u64) {
        let local = self.group_local(group).expect("the config's entries are not built");
        assert!(self.replicated.building.is_none(), "an entry is being built already");
        let kept = self.replicated.group(group);
        let last = kept.last_index();
        assert!(index == last + 1, "entry {index} of {group:?} follows {last}");
        assert!(!kept.is_installing, "an entry of {group:?}, which is being installed");
        self.replicated.building = Some(Building {
            run: Run { group, term, index, entry_type: 0, flags: FIRST_PART },
            local,
            payload: Vec::new(),
            written: 0,
            unwritten: 0,
            amends: false,
            room: 0,
            heads: Vec::new(),
            keys: Set::default(),
            has_flush: false,
            sets_keys: false,
            bytes: 0,
            parts: Vec::new(),
            is_lost: false,
            uses_reserve: false,
        });
    }

    /// Ends the entry: gives its payload, for the other replicas, and observes its end. `None`: nothing was changed, and no entry made.
    ///
    /// # Errors
    /// When there is no room; then none of the changes is made.
    ///
    /// # Panics
    /// When none was begun.
    pub fn end_entry(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let building = self.replicated.building.as_ref().expect("an entry was begun");
        if building.payload.is_empty() && !building.is_lost {
            self.replicated.building = None;
            return Ok(None);
        }
        let result = self.write_built(LAST_PART);
        let building = self.replicated.building.take().expect("looked at above");
        let group = building.run.group;
        if let Err(error) = result {
            self.drop_built(&building);
            return Err(error);
        }
        let (&first, more) = building.parts.split_first().expect("the last part was written");
        let entry = Entry { term: building.run.term, first, more: more.to_vec() };
        self.replicated.group(group).entries.push_back(entry);
        self.observe(self.log.appended_position());
        Ok(Some(building.payload))
    }

    /// Drops the entry that is being built, with all that was changed: its command is tried again later, or failed half way.
    ///
    /// # Panics
    /// When none was begun.
    pub fn drop_entry(&mut self) {
        let building = self.replicated.building.take().expect("an entry was begun");
        for &(_, head) in &building.heads {
            self.objects.remove(head.id);
        }
        self.drop_built(&building);
    }

    /// The entry that is being built lacks something for which there was no room: it is dropped at its end.
    pub(super) fn lose_entry(&mut self) {
        if let Some(building) = &mut self.replicated.building {
            building.is_lost = true;
        }
    }

    /// Drops the parts that were written of an entry: they are void only when the log says so, before their index is used again.
    fn drop_built(&mut self, building: &Building) {
        self.drop_parts(&building.parts);
        if building.room > 0 {
            changes_at(&building.payload).for_each(|(_, change)| self.forget_foreseen_of(&change));
        }
        let has_parts = !building.parts.is_empty();
        self.replicated.group(building.run.group).must_cut |= has_parts;
    }

    /// Whether an entry of this partition is being built.
    pub(crate) fn is_building(&self, local: u16) -> bool {
        self.replicated.building.as_ref().is_some_and(|building| building.local == local)
    }

    pub(crate) fn is_building_any(&self) -> bool {
        self.replicated.building.is_some()
    }

    pub(super) fn own_write(&self, key: &Key<'_>) -> OwnWrite {
        let writes = self.replicated.building.as_ref().is_some_and(|building| {
            let is_ours = building.local == key.local && building.unwritten > 0;
            let has_key = || building.keys.contains(&(key.hash, key.database.0));
            is_ours && !building.is_lost && (building.has_flush || has_key())
        });
        if writes { OwnWrite::Some } else { OwnWrite::None }
    }

    /// Writes what was gathered so far as a part of the entry. Room for it was made with each change.
    pub(super) fn spill(&mut self) {
        if self.write_built(0).is_err()
            && let Some(building) = &mut self.replicated.building
        {
            building.is_lost = true;
        }
    }

    fn write_built(&mut self, last: u8) -> Result<(), StoreError> {
        let mut building = self.replicated.building.take().expect("an entry is being built");
        let mut run = building.run;
        run.flags = last | if building.parts.is_empty() { FIRST_PART } else { 0 };
        let mut heads = vec![None; building.unwritten];
        building.heads.drain(..).for_each(|(at, head)| heads[at] = Some(head));
        let result = if building.is_lost {
            Err(self.drop_heads(&heads, StoreError::NoRoom { bytes: building.bytes }))
        } else if building.parts.is_empty() && self.replicated.group(run.group).must_cut {
            self.cut_from(run.group, run.index).map_err(|error| self.drop_heads(&heads, error))
        } else {
            Ok(())
        };
        let before = self.log.may_use_reserve;
        self.log.may_use_reserve = before || building.uses_reserve;
        let result = result.and_then(|()| {
            let payload = &building.payload[building.written..];
            if building.amends {
                return self.write_amendments(&run, payload);
            }
            self.write_part(&run, &decode_changes(payload)?, heads, &[])
        });
        self.log.may_use_reserve = before;
        building.written = building.payload.len();
        (building.unwritten, building.bytes, building.amends) = (0, 0, false);
        building.keys.clear();
        (building.has_flush, building.sets_keys) = (false, false);
        let result = result.map(|part| building.parts.push(part));
        self.replicated.building = Some(building);
        result
    }

    /// Takes a change into the entry.
    pub(super) fn build(
        &mut self,
        at: (ChangeKind, DatabaseId),
        key: Option<&Key<'_>>,
        value: &[&[u8]],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let head = match (at.0, key) {
            (ChangeKind::Put, Some(_)) => self.take_staged(value),
            _ => None,
        };
        match key {
            Some(key) => self.touch(key.place()),
            None if self.has_watches() => {
                let local = self.replicated.building.as_ref().map(|building| building.local);
                self.touch_flushed((at.0 == ChangeKind::Flush).then_some(at.1.0), local);
            }
            None => {}
        }
        if self.replicated.building.as_ref().is_some_and(|building| building.amends) {
            self.spill();
        }
        let mut building = self.replicated.building.take().expect("an entry is being built");
        let begin = building.payload.len();
        let bytes = key.map_or(&[][..], |key| key.bytes);
        let attributes = key.and_then(|key| key.attributes).filter(|_| at.0.sets_key());
        push_change(&mut building.payload, at, bytes, value, (expiry_ms, attributes));
        let result = self.build_last(&mut building, begin, head);
        building.uses_reserve |= self.log.may_use_reserve;
        if result.is_err() {
            building.payload.truncate(begin);
        } else if let Some(key) = key {
            building.keys.insert((key.hash, key.database.0));
            self.touch_place(key.place());
        } else {
            self.awaited.touch_all((at.0 == ChangeKind::Flush).then_some(at.1));
        }
        self.replicated.building = Some(building);
        result
    }

    /// Takes an amendment into the entry, that is carried out with so many bytes.
    pub(super) fn build_amendment(
        &mut self,
        key: &Key<'_>,
        value: &[u8],
        room: usize,
    ) -> Result<(), StoreError> {
        let bytes_max = self.amended_bytes_max();
        let is_other =
            |building: &Building| building.unwritten > 0 && !building.amends && !building.is_lost;
        if self.replicated.building.as_ref().is_some_and(is_other) {
            self.spill();
        }
        let mut building = self.replicated.building.take().expect("an entry is being built");
        let begin = building.payload.len();
        let at = (ChangeKind::Amend, key.database);
        push_change(&mut building.payload, at, key.bytes, &[value], (None, None));
        let bytes = self.part_bytes(&[], &building.payload[building.written..]);
        let result = if building.is_lost {
            Err(StoreError::NoRoom { bytes })
        } else if building.room + room > bytes_max {
            Err(StoreError::TooLarge { bytes: building.room + room, bytes_max })
        } else {
            self.log.make_room(bytes)
        };
        building.uses_reserve |= self.log.may_use_reserve;
        if result.is_ok() {
            building.unwritten += 1;
            (building.amends, building.sets_keys) = (true, true);
            (building.room, building.bytes) = (building.room + room, bytes);
            self.touch(key.place());
            self.touch_place(key.place());
        } else {
            building.payload.truncate(begin);
        }
        self.replicated.building = Some(building);
        result
    }

    /// Bytes that the amendments so far are carried out with, at most.
    pub(super) fn amended_bytes(&self) -> usize {
        self.replicated.building.as_ref().map_or(0, |building| building.room)
    }

    /// Writes the chunks of the change at `begin`, and makes room for all that the entry has.
    fn build_last(
        &mut self,
        building: &mut Building,
        begin: usize,
        staged: Option<Head>,
    ) -> Result<(), StoreError> {
        let changes = decode_changes(&building.payload[begin..]).expect("it was just written");
        let [change] = &changes[..] else { unreachable!("one change was written") };
        let opening = if building.bytes == 0 { self.part_bytes(&[], &[]) } else { 0 };
        let bytes = building.bytes + opening + self.change_bytes(change);
        let head = match staged {
            Some(head) => Ok(Some(head)),
            None => self.write_chunks(change),
        };
        let sets_keys = building.sets_keys || change.kind.sets_key();
        let made = head.and_then(|head| {
            self.make_room_for(bytes, sets_keys)
                .map_err(|error| self.drop_heads(&[head], error))?;
            Ok(head)
        });
        match made {
            Ok(head) => {
                building.heads.extend(head.map(|head| (building.unwritten, head)));
                building.unwritten += 1;
                building.bytes = bytes;
                building.sets_keys = sets_keys;
                building.has_flush |= change.kind.is_flush();
                Ok(())
            }
            Err(error) => {
                // Chunks may have taken the room that the changes before had.
                let again = building.unwritten > 0
                    && self.make_room_for(building.bytes, building.sets_keys).is_err();
                building.is_lost |= again;
                Err(error)
            }
        }
    }

    fn make_room_for(&mut self, bytes: usize, sets_keys: bool) -> Result<(), StoreError> {
        if sets_keys { self.log.make_room(bytes) } else { self.log.make_room_for_words(bytes) }
    }
}
