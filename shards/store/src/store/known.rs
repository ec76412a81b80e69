//! Owns what is kept in mind of the key that was looked up last: commands that come together are often about one.
//!
//! What is known of it holds while no index has changed, which [`Indexes`] counts. A key made of the same bytes carries the number of what is
//! known, so that they are compared once, where its hash would be worked out.

use crate::database::Key;
use crate::index::{Entry, Index, Spot};
use crate::object::Head;
use hyperion_model::DatabaseId;
use std::ops::{Deref, DerefMut};

/// The longest key that is kept in mind.
const KNOWN_BYTES_MAX: usize = 32;

/// The indexes of all databases by partition, none where a database is empty, and how often they may have changed.
pub(crate) struct Indexes {
    of: Vec<Vec<Index>>,
    changes: u64,
}

impl Indexes {
    /// So many empty databases.
    pub(crate) fn new(databases: usize) -> Self {
        Self { of: (0..databases).map(|_| Vec::new()).collect(), changes: 0 }
    }
}

impl Deref for Indexes {
    type Target = Vec<Vec<Index>>;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.of
    }
}

impl DerefMut for Indexes {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.changes += 1;
        &mut self.of
    }
}

/// Where a key lies, as the last look-up found it.
#[derive(Clone, Copy)]
pub(crate) struct Located {
    pub(crate) spot: Spot,
    pub(crate) entry: Entry,
    /// Where the log ends that tells of it.
    pub(crate) observed: u64,
    pub(crate) head: Option<Head>,
}

/// What is known of one key.
#[derive(Default)]
pub(crate) struct Known {
    /// Its number; 0: nothing is known.
    number: u32,
    key: [u8; KNOWN_BYTES_MAX],
    key_bytes: usize,
    database: u8,
    hash: u64,
    local: u16,
    place: Option<Located>,
    changes: u64,
    /// The hash of the key that was looked up last: it is worth a place here when it comes again.
    hash_before: u64,
}

impl Known {
    /// The hash of a key, and the number of what is known of it.
    #[inline(always)]
    pub(crate) fn of(&self, database: DatabaseId, bytes: &[u8]) -> Option<(u64, u32)> {
        let is_it = bytes.len() == self.key_bytes
            && self.number > 0
            && database.0 == self.database
            && self.key.get(..bytes.len()).is_some_and(|key| is_same(key, bytes));
        is_it.then_some((self.hash, self.number))
    }

    /// Where a key lies, if that is known.
    #[inline(always)]
    pub(crate) fn place_of(&self, key: &Key<'_>, indexes: &Indexes) -> Option<&Located> {
        let holds = key.known == self.number && self.changes == indexes.changes && key.known > 0;
        if !holds || key.local != self.local || key.database.0 != self.database {
            return None;
        }
        debug_assert_eq!(&self.key[..self.key_bytes], key.bytes, "another key has its number");
        self.place.as_ref()
    }

    /// A key was found, which never expires.
    #[inline(always)]
    pub(crate) fn found(&mut self, key: &Key<'_>, indexes: &Indexes, place: Located) {
        if std::mem::replace(&mut self.hash_before, key.hash) == key.hash {
            self.keep(key, indexes, place);
        }
    }

    #[inline(never)]
    fn keep(&mut self, key: &Key<'_>, indexes: &Indexes, place: Located) {
        let Some(bytes) = self.key.get_mut(..key.bytes.len()) else { return };
        bytes.copy_from_slice(key.bytes);
        self.key_bytes = key.bytes.len();
        self.number = self.number.wrapping_add(1).max(1);
        (self.database, self.hash, self.local) = (key.database.0, key.hash, key.local);
        (self.place, self.changes) = (Some(place), indexes.changes);
    }

    /// Something has changed that indexes do not count.
    pub(crate) fn forget(&mut self) {
        self.place = None;
    }
}

/// Whether two keys of one length are the same; 8 to 16 bytes, as keys mostly have, are compared without a call.
#[inline(always)]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ends = |bytes: &[u8]| {
        let (first, last) = (bytes.first_chunk::<8>()?, bytes.last_chunk::<8>()?);
        Some((u64::from_le_bytes(*first), u64::from_le_bytes(*last)))
    };
    match (ends(one), ends(other)) {
        (Some(these), Some(those)) if one.len() <= 16 => these == those,
        _ => one == other,
    }
}
