//! Owns the change of a packed value, which is written anew whole: from what it was, at the place of the index where it was just found.

use super::ValueType;
use crate::database::{Found, Key};
use crate::error::StoreError;
use crate::index::Entry;
use crate::record::{Kind, Record};
use crate::store::Store;

impl Store {
    /// Whether the value of a key that was just found lies in chunks.
    #[inline]
    #[must_use]
    pub fn is_in_chunks(&self, found: &Found) -> bool {
        found.head.is_some()
    }

    /// The value of a key that was just found was set to what it is: who watches it is told as of a change.
    #[inline]
    pub fn set_again(&mut self, found: &Found) {
        self.touch_at(found.location);
    }

    /// Writes the packed value of a key that was just looked up anew, or the first one of a key that was not found. `rewrite` gets its bytes, none
    /// where there is none, and appends what they become: nothing, where they stay. Gives what `rewrite` gives, and `None` for a value
    /// that is not packed or of another type. The key expires when it did.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn rewrite_packed<T>(
        &mut self,
        key: &Key<'_>,
        found: Option<&Found>,
        value_type: ValueType,
        rewrite: impl FnOnce(&[u8], &mut Vec<u8>) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let before = match found {
            None => &[],
            Some(found) => match self.log.record(found.location) {
                Record { kind: Kind::Packed, value: [tag, bytes @ ..], .. }
                    if *tag == value_type.0 =>
                {
                    bytes
                }
                _ => return Ok(None),
            },
        };
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        value.push(value_type.0);
        // What is there lies in the log, and what it becomes does not.
        let given = rewrite(before, &mut value);
        let result = match found {
            _ if value.len() == 1 => Ok(()),
            None => self.put_packed(key, value_type, &[&value[1..]], None),
            Some(found) => self.replace_packed(key, found, &value),
        };
        self.scratch = value;
        result.map(|()| given)
    }

    /// Replaces the value of a packed record by one of the same type; `value` begins with the type.
    fn replace_packed(
        &mut self,
        key: &Key<'_>,
        found: &Found,
        value: &[u8],
    ) -> Result<(), StoreError> {
        let Record { expiry_ms, size, .. } = self.log.record(found.location);
        if self.replicated.is_used && self.goes_into_entry(key.local) {
            return self.put_packed_in_entry(key, &[value], expiry_ms);
        }
        let extras = key.extras(expiry_ms);
        let location = self.log.append(Kind::Packed, &extras, key.bytes, &[value])?;
        if self.replicated.is_used {
            // What was found may lie beside the index.
            self.point(key.place(), location, self.log.last_size, expiry_ms.is_some());
        } else {
            self.point_again(key, found, location);
            self.log.remove_live_bytes(found.location, size);
        }
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// As [`Store::point`], for a key that was just found, and what it had before is not counted as dead.
    fn point_again(&mut self, key: &Key<'_>, found: &Found, location: u64) {
        self.touch(key.place());
        self.touch_place(key.place());
        self.log.add_live(location, self.log.last_size);
        let index = &mut self.databases[usize::from(key.database.0)][usize::from(key.local)];
        let before = index.entry_at(&self.pool, found.spot);
        debug_assert_eq!(before.location(), found.location, "nothing has changed since");
        let access = self.access.used(before.access());
        let entry = Entry::new(location, found.expires, access);
        index.replace(&mut self.pool, found.spot, entry);
    }
}
