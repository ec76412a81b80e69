//! Owns lookups over what is not applied: the leader's commands see their own writes at once.

use super::build::OwnWrite;
use super::overlay::Seen;
use crate::database::{Found, Key};
use crate::index::Spot;
use crate::limits::EXPIRED_KEYS_MAX;
use crate::store::Store;
use hyperion_model::DatabaseId;

impl Store {
    /// Lookups find what is applied alone, or again what is not applied too: an entry that a replica holds may never take effect, and
    /// only its leader knows what becomes of the answers of those who saw it.
    pub fn read_applied(&mut self, alone: bool) {
        self.replicated.reads_applied = alone;
    }

    /// What entries that are not applied, and the one that is being built, say of a key; `None`: nothing, the index knows.
    #[cold]
    #[inline(never)]
    pub(crate) fn look_over(&mut self, key: &Key<'_>) -> Option<Option<Found>> {
        if self.own_write(key) == OwnWrite::Some {
            self.spill();
        }
        if self.replicated.reads_applied || self.replicated.overlay.is_empty() {
            return None;
        }
        let location = match self.replicated.overlay.see(&self.log, key.place(), key.bytes) {
            Seen::Nothing => {
                self.foresee(key, None);
                return None;
            }
            Seen::Gone(location) => {
                self.observe(self.log.position(location) + 1);
                self.lookups_missed();
                return Some(None);
            }
            Seen::Value(location) => location,
        };
        self.observe(self.log.position(location) + 1);
        if self.has_expired(location) {
            self.hide_expired(key);
            self.lookups_missed();
            return Some(None);
        }
        self.lookups_hit();
        let head = self.object_head(location);
        if let Some(head) = head {
            self.observe(self.objects.get(head.id).observable_at());
            self.foresee(key, Some(location));
        }
        let expires = self.log.record(location).expiry_ms.is_some();
        Some(Some(Found { location, spot: Spot::NOWHERE, expires, access: 0, head }))
    }

    /// Keeps the name of an expired key for [`Store::take_expired`], if its partition is replicated.
    pub(crate) fn leave_expired(&mut self, key: &Key<'_>) -> bool {
        let is_replicated = self.replicated.has_partition(key.local);
        let has_room = self.replicated.expired.len() < EXPIRED_KEYS_MAX;
        // Its deletion may be on the way.
        if is_replicated && has_room && !self.is_held(key.place()) {
            self.replicated.expired.push((key.database, key.bytes.to_vec()));
        }
        is_replicated
    }

    /// Keys of replicated partitions that the sweep met and that had expired: where this node leads, an entry deletes each. They
    /// may be there no more.
    pub fn take_expired(&mut self) -> Vec<(DatabaseId, Vec<u8>)> {
        std::mem::take(&mut self.replicated.expired)
    }

    /// An expired key of a replicated partition is deleted by an entry: the one that is being built, or else a later one.
    pub(crate) fn hide_expired(&mut self, key: &Key<'_>) {
        if !self.buries_expired(key) {
            return;
        }
        if self.delete_in_entry(key).is_ok() {
            self.count_expired(key);
        } else if !self.log.is_full {
            // Without it nobody may be told: the next leader's clock may be late.
            self.lose_entry();
        }
    }

    /// Whether who meets what has expired under a key takes it out by the entry that is being built: its answer waits for that, so that no
    /// later leader, by whose clock it is not time yet, shows it again.
    #[inline]
    #[must_use]
    pub fn buries_expired(&self, key: &Key<'_>) -> bool {
        self.replicated.is_used && self.is_building(key.local) && !self.replicated.only_hides
    }

    /// Whether no segment can be made.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.log.is_full
    }

    /// From now on what has expired is hidden alone; for simulations.
    #[doc(hidden)]
    pub fn only_hide_expired(&mut self) {
        self.replicated.only_hides = true;
    }
}
