//! Owns lookups: where a key's record lies, whether it still counts, and what its value is.

use super::Store;
use super::known::Located;
use crate::database::{Found, Key, Pieces, Place, Value};
use crate::index::{Entry, Spot};
use crate::log::Location;
use crate::object::ValueType;
use crate::record::{self, Attributes, Kind};
use xxhash_rust::xxh3::Xxh3;

impl Store {
    #[inline(always)]
    pub(crate) fn locate(&self, key: &Key<'_>) -> Option<(Spot, Entry)> {
        let index = self.databases[usize::from(key.database.0)].get(usize::from(key.local))?;
        index.find(&self.pool, key.hash, |location| {
            record::key_at(self.log.bytes_at(location)) == key.bytes
        })
    }

    /// Finds the entry of the key that the record at `location` has.
    #[inline(always)]
    pub(crate) fn locate_alike(&self, key: Place, location: Location) -> Option<(Spot, Entry)> {
        let index = self.databases[usize::from(key.database.0)].get(usize::from(key.local))?;
        let key_at = |location| record::key_at(self.log.bytes_at(location));
        index.find(&self.pool, key.hash, |other| key_at(other) == key_at(location))
    }

    /// Finds a key that has not expired; one that has is removed. The key counts as used.
    #[inline]
    pub fn find(&mut self, key: &Key<'_>) -> Option<Found> {
        self.look_up::<true>(key)
    }

    /// As [`Store::find`], and the key does not count as used.
    #[inline]
    pub fn peek(&mut self, key: &Key<'_>) -> Option<Found> {
        self.look_up::<false>(key)
    }

    /// From now on lookups count as uses, or do not.
    pub fn set_quiet(&mut self, is_quiet: bool) {
        self.is_quiet = is_quiet;
    }

    #[inline]
    fn look_up<const USES: bool>(&mut self, key: &Key<'_>) -> Option<Found> {
        if self.replicated.is_used
            && let Some(seen) = self.look_over(key)
        {
            return seen;
        }
        if let Some(&place) = self.known.place_of(key, &self.databases) {
            return Some(self.found_at::<USES>(key, place));
        }
        self.look_for::<USES>(key)
    }

    fn look_for<const USES: bool>(&mut self, key: &Key<'_>) -> Option<Found> {
        let Some(place) = self.place_of(key) else {
            self.lookups.misses += 1;
            self.observe(self.deleted_at[usize::from(key.local)]);
            return None;
        };
        Some(self.found_at::<USES>(key, place))
    }

    /// Counts that a key was found, and used.
    #[inline(always)]
    fn found_at<const USES: bool>(&mut self, key: &Key<'_>, place: Located) -> Found {
        let Located { spot, mut entry, observed, head } = place;
        let before = entry.access();
        self.lookups.hits += 1;
        self.observe(observed);
        if let Some(head) = head {
            // What was changed in an object counts as seen too.
            self.observe(self.objects.get(head.id).observable_at());
        }
        let access = if USES && !self.is_quiet { self.access.used(before) } else { before };
        if access != before {
            entry = entry.with_access(access);
            self.databases[usize::from(key.database.0)][usize::from(key.local)].replace(
                &mut self.pool,
                spot,
                entry,
            );
        }
        Found { location: entry.location(), spot, expires: entry.expires(), access: before, head }
    }

    /// Where a key lies that has not expired; one that has is removed.
    #[inline(always)]
    fn place_of(&mut self, key: &Key<'_>) -> Option<Located> {
        let (spot, entry) = self.locate(key)?;
        if entry.expires() && self.has_expired(entry.location()) {
            self.remove_expired(key, spot, entry);
            return None;
        }
        let location = entry.location();
        let (observed, head) = (self.log.position(location) + 1, self.object_head(location));
        let place = Located { spot, entry, observed, head };
        if !entry.expires() {
            self.known.found(key, &self.databases, place);
        }
        Some(place)
    }

    /// The value of a key that was just found.
    #[inline]
    #[must_use]
    pub fn value(&self, found: &Found) -> Value<'_> {
        if let Some(head) = found.head {
            let chunks = self.chunks_of(head.id);
            return Value::Pieces(Pieces { value_type: head.value_type, chunks });
        }
        let record = self.log.record(found.location);
        match record.kind {
            Kind::Packed => Value::Whole(record.value.get(1..).unwrap_or_default()),
            _ => Value::Whole(record.value),
        }
    }

    /// Whether the value of a key that was just found is a string.
    #[inline]
    #[must_use]
    pub fn is_string(&self, found: &Found) -> bool {
        record::is_plain(self.log.bytes_at(found.location))
            || self.value_type(found) == ValueType::STRING
    }

    /// What the value of a key that was just found is.
    #[must_use]
    #[inline]
    pub fn value_type(&self, found: &Found) -> ValueType {
        if let Some(head) = found.head {
            return head.value_type;
        }
        let bytes = self.log.bytes_at(found.location);
        if record::is_plain(bytes) {
            return ValueType::STRING;
        }
        record::value_at(bytes).first().map_or(ValueType::STRING, |&tag| ValueType(tag))
    }

    /// What else was written with the value of a key.
    #[must_use]
    pub fn attributes(&self, found: &Found) -> Option<Attributes> {
        self.log.record(found.location).attributes
    }

    /// A hash of the bytes of a string and of where its last write lies: another after any write, also one of the same bytes, and the
    /// same after a start. Another too where the bytes were moved, by the cleaner or to another node; what changes a long string in
    /// its chunks counts from start to start.
    #[must_use]
    pub fn version_hash(&self, found: &Found, seed: u64) -> u64 {
        let mut hasher = Xxh3::with_seed(seed);
        let value = self.value(found);
        value.pieces().for_each(|piece| hasher.update(piece));
        let place = match value {
            Value::Whole(_) => self.log.place_mark(found.location),
            // Its head is written anew with another end, which is no other version.
            Value::Pieces(pieces) => {
                let head = found.head.map_or(0, |head| head.id);
                [head, pieces.chunks.object.changed_at()]
            }
        };
        place.into_iter().for_each(|word| hasher.update(&word.to_le_bytes()));
        hasher.digest()
    }

    /// When the key expires, Unix ms.
    #[must_use]
    pub fn expiry_ms(&self, found: &Found) -> Option<u64> {
        if found.expires { self.log.record(found.location).expiry_ms } else { None }
    }
}
