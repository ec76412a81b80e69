//! Owns the keys of entries that did not take effect: where the records of each lie, the newest last.

use crate::database::Place;
use crate::log::{Location, Log};
use crate::record;
use hyperion_model::collections::Map;
use std::collections::VecDeque;

/// Bytes that an unapplied change takes beside the log, about.
const HEAP_BYTES_A_CHANGE: u64 = 64;

/// The records of keys whose hashes are alike, the oldest first: of one key, unless chance had it otherwise.
#[derive(Debug)]
enum Stack {
    One(Location),
    Many(VecDeque<Location>),
}

/// A flush that did not take effect.
#[derive(Debug)]
struct PendingFlush {
    local: u16,
    /// None: all of them.
    database: Option<u8>,
    location: Location,
}

/// Where an amendment lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AmendedAt {
    /// The opening of its part.
    pub(super) opening: Location,
    /// Where it begins among the part's changes.
    pub(super) at: usize,
}

/// What unapplied entries say of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing.
    Nothing,
    /// It is gone, by the record here.
    Gone(Location),
    /// It has a value, by the record here.
    Value(Location),
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    keys: Map<(u64, u8), Stack>,
    flushes: Vec<PendingFlush>,
    /// Amendments of keys whose hashes are alike, the oldest first: they set no key, and hide nothing.
    amendments: Map<(u64, u8), VecDeque<AmendedAt>>,
    changes: u64,
    bytes: u64,
}

impl Overlay {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn heap_bytes(&self) -> u64 {
        self.changes * HEAP_BYTES_A_CHANGE
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes == 0
    }

    pub(super) fn push(&mut self, place: Place, location: Location, size: usize) {
        self.changes += 1;
        self.bytes += size as u64;
        let at = (place.hash, place.database.0);
        match self.keys.entry(at) {
            std::collections::hash_map::Entry::Vacant(vacant) => {
                vacant.insert(Stack::One(location));
            }
            std::collections::hash_map::Entry::Occupied(mut occupied) => match occupied.get_mut() {
                Stack::One(first) => {
                    let both = VecDeque::from([*first, location]);
                    occupied.insert(Stack::Many(both));
                }
                Stack::Many(locations) => locations.push_back(location),
            },
        }
    }

    /// Takes a record out: it took effect, or it is void. Nearly always it is the first or the last of its key.
    pub(super) fn remove(&mut self, place: Place, location: Location, size: usize) {
        let at = (place.hash, place.database.0);
        let is_empty = match self.keys.get_mut(&at) {
            Some(Stack::One(only)) if *only == location => true,
            Some(Stack::Many(locations)) => {
                if locations.front() == Some(&location) {
                    locations.pop_front();
                } else if let Some(at) = locations.iter().rposition(|&other| other == location) {
                    locations.remove(at);
                } else {
                    return;
                }
                locations.is_empty()
            }
            _ => return,
        };
        if is_empty {
            self.keys.remove(&at);
        }
        self.changes -= 1;
        self.bytes -= size as u64;
    }

    pub(super) fn push_flush(
        &mut self,
        local: u16,
        database: Option<u8>,
        location: Location,
        size: usize,
    ) {
        self.changes += 1;
        self.bytes += size as u64;
        self.flushes.push(PendingFlush { local, database, location });
    }

    pub(super) fn remove_flush(&mut self, location: Location, size: usize) {
        let Some(at) = self.flushes.iter().position(|flush| flush.location == location) else {
            return;
        };
        self.flushes.remove(at);
        self.changes -= 1;
        self.bytes -= size as u64;
    }

    pub(super) fn push_amendment(&mut self, place: Place, at: AmendedAt, size: usize) {
        self.changes += 1;
        self.bytes += size as u64;
        self.amendments.entry((place.hash, place.database.0)).or_default().push_back(at);
    }

    pub(super) fn remove_amendment(&mut self, place: Place, at: AmendedAt, size: usize) {
        let key = (place.hash, place.database.0);
        let Some(waiting) = self.amendments.get_mut(&key) else { return };
        if waiting.front() == Some(&at) {
            waiting.pop_front();
        } else if let Some(index) = waiting.iter().rposition(|other| *other == at) {
            waiting.remove(index);
        } else {
            return;
        }
        if waiting.is_empty() {
            self.amendments.remove(&key);
        }
        self.changes -= 1;
        self.bytes -= size as u64;
    }

    /// The amendments of keys with this hash.
    pub(super) fn amendments_of(&self, place: Place) -> Option<&VecDeque<AmendedAt>> {
        if self.amendments.is_empty() {
            return None;
        }
        self.amendments.get(&(place.hash, place.database.0))
    }

    /// Records of keys with this hash.
    pub(super) fn records_of(&self, place: Place) -> Vec<Location> {
        match self.keys.get(&(place.hash, place.database.0)) {
            None => Vec::new(),
            Some(Stack::One(only)) => vec![*only],
            Some(Stack::Many(locations)) => locations.iter().copied().collect(),
        }
    }

    /// The last flush that concerns the place.
    fn flush_of(&self, place: Place) -> Option<Location> {
        let concerns = |flush: &&PendingFlush| {
            let database = flush.database.is_none_or(|database| database == place.database.0);
            flush.local == place.local && database
        };
        self.flushes.iter().rfind(concerns).map(|flush| flush.location)
    }

    pub(super) fn see(&self, log: &Log, place: Place, key: &[u8]) -> Seen {
        let flush = self.flush_of(place);
        let is_key = |&&at: &&Location| record::key_at(log.bytes_at(at)) == key;
        let newest = match self.keys.get(&(place.hash, place.database.0)) {
            None => None,
            Some(Stack::One(only)) => Some(only).filter(is_key),
            Some(Stack::Many(locations)) => locations.iter().rfind(is_key),
        };
        match (newest, flush) {
            (None, None) => Seen::Nothing,
            (Some(&at), Some(flush)) if log.position(flush) > log.position(at) => Seen::Gone(flush),
            (None, Some(flush)) => Seen::Gone(flush),
            (Some(&at), _) if log.record(at).kind.sets_key() => Seen::Value(at),
            (Some(&at), _) => Seen::Gone(at),
        }
    }

    /// Whether an unapplied change may concern the place.
    pub(super) fn may_change(&self, place: Place) -> bool {
        self.keys.contains_key(&(place.hash, place.database.0)) || self.flush_of(place).is_some()
    }
}
