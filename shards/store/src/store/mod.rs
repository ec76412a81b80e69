//! Owns one core's store: reads and changes by key, over the log and the indexes.

mod applied;
mod awaited;
mod detached;
mod evict;
mod expiry;
mod files;
mod gone;
mod keyspace;
mod known;
mod lookups;
mod memory;
mod moving;
mod policy;
mod prefetching;
mod read;
mod usage;
mod uses;
mod watch;

use crate::cleaner::{Cleaner, CleanerFigures};
use crate::database::{Key, Place};
use crate::error::StoreError;
use crate::index::{Access, Entry, Hand, Index, IndexPool, Spot};
use crate::limits::{CLOCK_MOMENT_MS, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
use crate::log::{Location, Log, Room};
use crate::object::{Copying, Objects, Splices, Staged, ValueType, cut};
use crate::prefetch::prefetch;
use crate::record::{self, Kind};
use crate::replicated::Replicated;
use crate::transaction::Transactions;
use applied::AppliedKeys;
use awaited::Awaited;
pub use awaited::KeyMark;
use detached::Detached;
pub use evict::Evicted;
use evict::Evictor;
use expiry::Sweep;
pub use expiry::Swept;
use gone::GoneKeys;
pub use gone::{Gone, GoneWhy};
use hyperion_model::limits::DATABASES_KEPT;
use hyperion_model::{CoreId, DatabaseId, PartitionId, PartitionMap, slot_of};
pub(crate) use keyspace::FLUSH_ALL_KEY;
pub use keyspace::ScanCursor;
use known::{Indexes, Known};
pub use lookups::Lookups;
pub use moving::Held;
pub use policy::Policy;
pub use uses::Uses;
use watch::Watches;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a store is made with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The core it belongs to.
    pub core: CoreId,
    /// Who owns which partition.
    pub map: PartitionMap,
    /// The node, written into every segment.
    pub instance: [u8; 16],
    /// The layout of partitions over cores, written into every segment.
    pub generation: u32,
    /// Bytes of every segment, a power of two.
    pub segment_bytes: usize,
    /// Whether appends are to be written to files; without, all is as good as durable at once.
    pub keeps_files: bool,
    /// Seed of the index's hash, secret, the same for the life of the data.
    pub hash_seed: u64,
    /// Random bits for the salts of segments.
    pub entropy: u64,
}

/// What the store holds, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Keys over all databases.
    pub keys: u64,
    /// Keys that expire.
    pub expiring: u64,
    /// Bytes of records in use, dead ones too.
    pub held_bytes: u64,
    /// Bytes of records that are live.
    pub live_bytes: u64,
    /// Bytes of the indexes.
    pub index_bytes: u64,
    /// Bytes that large values keep on the heap, beside their records.
    pub object_bytes: u64,
    /// Bytes of the cleaner's filters.
    pub filter_bytes: u64,
    /// Segments in use.
    pub segments_in_use: u64,
    /// Segments that wait, filled with memory.
    pub segments_ready: u64,
    /// Keys that were removed because they had expired.
    pub expired: u64,
    /// Segments that the memory budget allows.
    pub segments_max: u64,
    /// What the cleaner did.
    pub cleaner: CleanerFigures,
    /// Keys that were removed to make room.
    pub evicted: u64,
    /// What the data takes of the memory limit: indexes, objects on the heap, and live records with what the cleaner needs beside them.
    pub used_bytes: u64,
    /// What reads found and missed.
    pub lookups: Lookups,
    /// Bytes of records in entries that did not take effect.
    pub pending_bytes: u64,
    /// Values of many chunks that are gone and wait to be given back.
    pub values_dying: u64,
    /// Those that were given back since the start.
    pub values_freed: u64,
}

/// One core's data.
pub struct Store {
    /// Lookups do not count as uses.
    pub(crate) is_quiet: bool,
    pub(crate) log: Log,
    pub(crate) pool: IndexPool,
    /// Per database; empty until its first key. `[owned partitions]` each.
    pub(crate) databases: Indexes,
    known: Known,
    pub(crate) objects: Objects,
    /// Long strings that are being written ahead of their command.
    pub(crate) staged: Vec<Staged>,
    /// A copy of a long string that is being made ahead of its command.
    pub(crate) copying: Option<Copying>,
    pub(crate) transactions: Transactions,
    pub(crate) replicated: Replicated,
    pub(crate) cleaner: Cleaner,
    /// Partition to index among the owned ones; `NOT_OWNED` for those of other cores.
    locals: Vec<u16>,
    /// The partitions of this core, in order.
    owned: Vec<u16>,
    map: PartitionMap,
    hash_seed: u64,
    /// Per owned partition: counts and walks leave it out. Empty while they leave none out.
    untold: Vec<bool>,
    /// Per owned partition: the log's position behind its last deletion.
    pub(crate) deleted_at: Vec<u64>,
    expiring: [u64; DATABASES_KEPT as usize],
    /// Milliseconds that keys that expire still have, by database: an average of what sweeps have met.
    lives_ms: [u64; DATABASES_KEPT as usize],
    expired: u64,
    /// What has expired is hidden, and stays for now.
    keeps_expired: bool,
    /// Nothing expires.
    pub(super) holds_expiry: bool,
    sweep: Sweep,
    lookups: Lookups,
    detached: Detached,
    observed: u64,
    pub(crate) access: Access,
    hand: Hand,
    evictor: Evictor,
    gone: GoneKeys,
    applied: AppliedKeys,
    /// As of the last count.
    tombstone_bytes: u64,
    pub(crate) scratch: Vec<u8>,
    /// Memory for splices, see `Store::take_spare_splices`.
    pub(crate) spare_splices: Vec<Splices>,
    pub(crate) watches: Watches,
    pub(crate) awaited: Awaited,
}

const NOT_OWNED: u16 = u16::MAX;

impl Store {
    /// An empty store, without a segment yet.
    ///
    /// # Panics
    /// When the segment size is not a power of two between 64 KiB and 64 MiB.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let bytes = options.segment_bytes;
        assert!(
            bytes.is_power_of_two() && (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes),
            "segments of {bytes} bytes"
        );
        let owned: Vec<u16> =
            options.map.owned_by(options.core).map(|partition| partition.0).collect();
        let mut locals = vec![NOT_OWNED; usize::from(options.map.partitions())];
        for (local, &partition) in (0..).zip(&owned) {
            locals[usize::from(partition)] = local;
        }
        Self {
            is_quiet: false,
            log: Log::new(
                options.core.0,
                options.instance,
                options.generation,
                bytes,
                options.keeps_files,
                options.entropy,
            ),
            pool: IndexPool::default(),
            databases: Indexes::new(usize::from(DATABASES_KEPT)),
            known: Known::default(),
            objects: Objects::default(),
            staged: Vec::new(),
            copying: None,
            transactions: Transactions::default(),
            replicated: Replicated::default(),
            cleaner: Cleaner::default(),
            untold: Vec::new(),
            deleted_at: vec![0; owned.len()],
            locals,
            owned,
            map: options.map,
            hash_seed: options.hash_seed,
            expiring: [0; DATABASES_KEPT as usize],
            lives_ms: [0; DATABASES_KEPT as usize],
            expired: 0,
            keeps_expired: false,
            holds_expiry: false,
            sweep: Sweep::default(),
            lookups: Lookups::default(),
            detached: Detached::default(),
            observed: 0,
            access: Access::new(options.entropy),
            hand: Hand::default(),
            evictor: Evictor::default(),
            gone: GoneKeys::default(),
            applied: AppliedKeys::default(),
            tombstone_bytes: 0,
            scratch: Vec::new(),
            spare_splices: Vec::new(),
            watches: Watches::new(options.entropy),
            awaited: Awaited::default(),
        }
    }

    /// Sets the time of this turn, Unix ms. It goes back only where the clock was set right by more than a moment: what was told to be gone
    /// was deleted, and waiting would let no time pass until the clock has caught up.
    pub fn set_now(&mut self, now_ms: u64) {
        if now_ms > self.log.now_ms || now_ms + CLOCK_MOMENT_MS < self.log.now_ms {
            self.log.now_ms = now_ms;
        }
        self.log.passed_ms = if self.holds_expiry { 0 } else { self.log.now_ms };
        self.log.follow_rest();
        self.log.follow_disk();
        let keys = || self.databases.iter().flatten().map(Index::count).sum();
        let parts = self.access.set_now(self.log.now_ms, keys);
        if self.pool.move_hand(&mut self.hand, parts, |bits| self.access.held_back(bits)) {
            self.known.forget();
        }
    }

    /// The time of this turn, Unix ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.log.now_ms
    }

    /// Works out where `bytes` lies.
    ///
    /// # Panics
    /// When another core owns the key.
    #[inline(always)]
    #[must_use]
    pub fn key<'a>(&self, database: DatabaseId, bytes: &'a [u8]) -> Key<'a> {
        self.key_in_slot(database, bytes, slot_of(bytes))
    }

    /// As [`Store::key`], for a key whose slot is known.
    ///
    /// # Panics
    /// When another core owns the key.
    #[inline(always)]
    #[must_use]
    pub fn key_in_slot<'a>(&self, database: DatabaseId, bytes: &'a [u8], slot: u16) -> Key<'a> {
        let local = self.locals[usize::from(self.map.partition_of(slot).0)];
        assert!(local != NOT_OWNED, "slot {slot} belongs to another core");
        let (hash, known) =
            self.known.of(database, bytes).unwrap_or_else(|| (self.hash_of(bytes), 0));
        Key { bytes, database, local, known, hash, attributes: None }
    }

    /// Apart from who makes a key of it: that one is put together where it is used, and not moved there right behind its last word.
    #[inline(never)]
    fn hash_of(&self, bytes: &[u8]) -> u64 {
        xxh3_64_with_seed(bytes, self.hash_seed)
    }

    pub(crate) fn owns(&self, slot: u16) -> bool {
        self.local_of(slot).is_some()
    }

    /// Index of the slot's partition among the owned ones.
    #[inline(always)]
    pub(crate) fn local_of(&self, slot: u16) -> Option<u16> {
        let local = self.locals[usize::from(self.map.partition_of(slot).0)];
        (local != NOT_OWNED).then_some(local)
    }

    /// Index of a partition among the owned ones.
    pub(crate) fn local_of_partition(&self, partition: PartitionId) -> Option<u16> {
        let local = self.locals.get(usize::from(partition.0)).copied();
        local.filter(|&local| local != NOT_OWNED)
    }

    pub(crate) fn map(&self) -> &PartitionMap {
        &self.map
    }

    pub(crate) fn owned_count(&self) -> usize {
        self.owned.len()
    }

    pub(crate) fn hash_seed(&self) -> u64 {
        self.hash_seed
    }

    // ---- what a command observed

    /// Begins to note what is observed.
    #[inline]
    pub fn begin_observing(&mut self) {
        self.observed = 0;
    }

    /// The position that must be released before an answer that was worked out since [`Store::begin_observing`] may leave.
    #[inline]
    #[must_use]
    pub fn observed_position(&self) -> u64 {
        self.observed
    }

    /// All that was written until now counts as observed.
    pub fn observe_all(&mut self) {
        self.observe(self.log.appended_position());
    }

    /// What was written up to a position counts as observed.
    #[inline(always)]
    pub fn observe(&mut self, position: u64) {
        self.observed = self.observed.max(position);
    }

    // ---- changing

    /// The most bytes of keys and values that one batch takes; what is longer than a record goes beside it.
    #[must_use]
    pub fn batch_bytes_max(&self) -> usize {
        self.log.batch_bytes_max()
    }

    /// Whether a command that writes about `bytes` can run now.
    #[inline]
    pub fn room(&mut self, bytes: usize) -> Room {
        self.log.room(bytes)
    }

    /// Sets a key, whatever it was before. `value` is the parts of the value in order.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn put(
        &mut self,
        key: &Key<'_>,
        value: &[&[u8]],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        if self.replicated.is_used && self.goes_into_entry(key.local) {
            return self.put_in_entry(key, value, expiry_ms);
        }
        let (location, size) = self.write_value(key, value, expiry_ms)?;
        self.point(key.place(), location, size, expiry_ms.is_some());
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// Appends the record of a string, its chunks first when it is long. Gives place and size of what is to be indexed.
    pub(crate) fn write_value(
        &mut self,
        key: &Key<'_>,
        value: &[&[u8]],
        expiry_ms: Option<u64>,
    ) -> Result<(Location, usize), StoreError> {
        if let Some(head) = self.take_staged(value) {
            let location = self.append_head(key, head, expiry_ms)?;
            return Ok((location, self.log.last_size));
        }
        let bytes: usize = value.iter().map(|part| part.len()).sum();
        if bytes <= self.log.record_value_bytes_max() {
            let extras = key.extras(expiry_ms);
            let location = self.log.append(Kind::Put, &extras, key.bytes, value)?;
            return Ok((location, self.log.last_size));
        }
        let max = self.log.chunk_bytes_max();
        let chunks = cut(value, max, max);
        let location = self.append_object(key, ValueType::STRING, &chunks, expiry_ms)?;
        Ok((location, self.log.last_size))
    }

    /// Lets the index point at a record that was written for `key`; what it pointed at before dies.
    #[inline]
    pub(crate) fn point(&mut self, key: Place, location: Location, size: usize, expires: bool) {
        self.touch(key);
        self.touch_place(key);
        self.log.add_live(location, size);
        let entry = Entry::new(location, expires, 0);
        let database = usize::from(key.database.0);
        if expires {
            self.expiring[database] += 1;
        }
        if let Some((spot, old)) = self.locate_alike(key, location) {
            let entry = entry.with_access(self.access.used(old.access()));
            self.databases[database][usize::from(key.local)].replace(&mut self.pool, spot, entry);
            self.retire(database, old, Some(location));
            return;
        }
        if self.databases[database].is_empty() {
            self.databases[database] =
                self.owned.iter().map(|_| Index::new(&mut self.pool)).collect();
        }
        let entry = entry.with_access(self.access.fresh());
        let (log, hash_seed) = (&self.log, self.hash_seed);
        self.databases[database][usize::from(key.local)].insert(
            &mut self.pool,
            key.hash,
            entry,
            |location| xxh3_64_with_seed(record::key_at(log.bytes_at(location)), hash_seed),
            |location| prefetch(&log.bytes_at(location)[0]),
        );
    }

    /// Counts an entry as dead, with its object unless the record at `heir` took it over.
    fn retire(&mut self, database: usize, old: Entry, heir: Option<Location>) {
        if old.expires() {
            self.expiring[database] -= 1;
        }
        self.count_dead(old, heir);
    }

    fn count_dead(&mut self, old: Entry, heir: Option<Location>) {
        let id_at = |location| self.object_head(location).map(|head| head.id);
        if let Some(id) = id_at(old.location())
            && heir.and_then(id_at) != Some(id)
        {
            self.objects.remove(id);
            // The rest of a large one follows slice by slice.
            self.objects.count_dying(&mut self.log);
        }
        self.log.remove_live(old.location());
    }

    /// Removes a key. `Ok(false)` when it was not there.
    ///
    /// # Errors
    /// When there is no room for the tombstone; then nothing has changed.
    pub fn delete(&mut self, key: &Key<'_>) -> Result<bool, StoreError> {
        let Some(found) = self.find(key) else { return Ok(false) };
        if self.replicated.is_used && self.goes_into_entry(key.local) {
            self.delete_in_entry(key)?;
            return Ok(true);
        }
        let entry = Entry::new(found.location, found.expires, 0);
        self.bury(key, found.spot, entry)?;
        self.observe(self.log.appended_position());
        Ok(true)
    }

    /// Writes a tombstone and takes the entry out.
    fn bury(&mut self, key: &Key<'_>, spot: Spot, entry: Entry) -> Result<(), StoreError> {
        let location = self.log.append_word(Kind::Tombstone, &key.extras(None), key.bytes, &[])?;
        self.log.add_anchor(location);
        self.unpoint(key, spot, entry);
        Ok(())
    }

    /// Takes an entry out of the index.
    pub(crate) fn unpoint(&mut self, key: &Key<'_>, spot: Spot, entry: Entry) {
        self.unpoint_place(key.place(), spot, entry);
    }

    pub(crate) fn unpoint_place(&mut self, key: Place, spot: Spot, entry: Entry) {
        self.touch(key);
        self.touch_place(key);
        let database = usize::from(key.database.0);
        self.databases[database][usize::from(key.local)].remove(&mut self.pool, spot);
        self.retire(database, entry, None);
        self.deleted_at[usize::from(key.local)] = self.log.appended_position();
    }
}
