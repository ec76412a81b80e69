//! Owns the end of keys that expire: on the way of a lookup, and by a sweep that takes a bounded part of the index a step.

use super::Store;
use super::gone::GoneWhy;
use crate::database::{Found, Key};
use crate::error::StoreError;
use crate::index::{Cursor, Entry, Spot};
use crate::log::Location;
use crate::record;
use hyperion_model::DatabaseId;
use hyperion_model::limits::{DATABASES, SWEEP_LOOKS_A_TURN};

/// The keys of a bucket count for one part in so many of the average of how long keys have.
const LIFE_PART: u64 = 50;

/// Where the sweep stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sweep {
    database: u8,
    local: u16,
    cursor: Cursor,
}

/// What one step of the sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys that expire among those it looked at.
    pub looked_at: u64,
    /// Keys that had expired and were removed.
    pub removed: u64,
}

impl Store {
    #[inline]
    pub(crate) fn has_expired(&self, location: Location) -> bool {
        self.log.record(location).expiry_ms.is_some_and(|at_ms| at_ms <= self.log.passed_ms)
    }

    /// Logs the end of an expired key. Without room it stays, hidden, for the next one who looks.
    pub(super) fn remove_expired(&mut self, key: &Key<'_>, spot: Spot, entry: Entry) {
        if self.keeps_expired {
            return;
        }
        if self.replicated.is_used && self.replicated.has_partition(key.local) {
            self.hide_expired(key);
        } else if self.bury(key, spot, entry).is_ok() {
            self.count_expired(key);
        }
    }

    pub(crate) fn count_expired(&mut self, key: &Key<'_>) {
        self.expired += 1;
        self.note_gone(GoneWhy::Expired, key.database, key.bytes);
    }

    /// Gives a key another expiry time, or none. The value stays.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn set_expiry(
        &mut self,
        key: &Key<'_>,
        found: &Found,
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        if self.replicated.is_used && self.goes_into_entry(key.local) {
            return self.set_expiry_in_entry(key, found, expiry_ms);
        }
        let record = self.log.record(found.location);
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        value.extend_from_slice(record.value);
        let extras = record::Extras {
            expiry_ms,
            namespace: record.namespace,
            attributes: record.attributes,
            moved_lsn: None,
        };
        let result = self.log.append(record.kind, &extras, key.bytes, &[&value]);
        self.scratch = value;
        let location = result?;
        self.point(key.place(), location, self.log.last_size, expiry_ms.is_some());
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// From now on nothing expires: the store holds copies of what others have found to be there, by their own clocks.
    pub fn hold_expiry(&mut self) {
        (self.holds_expiry, self.log.passed_ms) = (true, 0);
    }

    /// What expires by then, Unix ms, has expired.
    #[inline]
    #[must_use]
    pub fn passed_ms(&self) -> u64 {
        self.log.passed_ms
    }

    /// Keys that have expired stay, hidden, until they are told to go again.
    pub fn keep_expired(&mut self, keeps: bool) {
        self.keeps_expired = keeps;
    }

    /// Number of keys of a database that expire.
    #[must_use]
    pub fn expiring(&self, database: DatabaseId) -> u64 {
        self.expiring[usize::from(database.0)]
    }

    /// How long keys of a database that expire still have on average, in ms, by what sweeps have met of them.
    #[must_use]
    pub fn life_ms(&self, database: DatabaseId) -> u64 {
        if self.expiring(database) == 0 { 0 } else { self.lives_ms[usize::from(database.0)] }
    }

    fn note_lives(&mut self, database: u8, count: u64, sum_ms: u64) {
        let Some(met) = sum_ms.checked_div(count) else { return };
        let life = &mut self.lives_ms[usize::from(database)];
        *life = if *life == 0 { met } else { *life - *life / LIFE_PART + met / LIFE_PART };
    }

    /// Looks at the next `buckets` buckets, or as many of them as have `SWEEP_LOOKS_A_TURN` keys that expire, and removes what has expired in
    /// them, about `removals_max` keys at most.
    pub fn sweep(&mut self, buckets: usize, removals_max: u64) -> Swept {
        let mut swept = Swept::default();
        if self.keeps_expired || self.expiring.iter().all(|&expiring| expiring == 0) {
            return swept;
        }
        let mut dead: Vec<Vec<u8>> = Vec::new();
        for _ in 0..buckets {
            if swept.removed >= removals_max || swept.looked_at >= SWEEP_LOOKS_A_TURN {
                break;
            }
            if self.expiring[usize::from(self.sweep.database)] == 0 {
                self.sweep =
                    Sweep { database: (self.sweep.database + 1) % DATABASES, ..Sweep::default() };
                continue;
            }
            let Sweep { database, local, cursor } = self.sweep;
            let log = &self.log;
            let index = &self.databases[usize::from(database)][usize::from(local)];
            let (mut living, mut lives_ms) = (0, 0);
            let next = index.walk_expiring(&self.pool, cursor, |entry| {
                swept.looked_at += 1;
                let record = log.record(entry.location());
                match record.expiry_ms {
                    Some(at_ms) if at_ms <= log.passed_ms => dead.push(record.key.to_vec()),
                    Some(at_ms) => {
                        living += 1;
                        lives_ms = at_ms.saturating_sub(log.now_ms).saturating_add(lives_ms);
                    }
                    None => {}
                }
            });
            self.note_lives(database, living, lives_ms);
            for bytes in dead.drain(..) {
                let key = self.key(DatabaseId(database), &bytes);
                if self.replicated.is_used && self.leave_expired(&key) {
                    continue;
                }
                // A lookup removes it.
                let (before, lookups) = (self.expired, self.lookups());
                let _ = self.find(&key);
                self.set_lookups(lookups);
                swept.removed += self.expired - before;
            }
            self.sweep = match next {
                Some(cursor) => Sweep { cursor, ..self.sweep },
                None if usize::from(local) + 1 < self.owned.len() => {
                    Sweep { database, local: local + 1, ..Sweep::default() }
                }
                None => Sweep { database: (database + 1) % DATABASES, ..Sweep::default() },
            };
        }
        swept
    }
}
