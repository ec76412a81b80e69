//! Owns the virtual disk of the tests: carries a store's effects out on vectors of bytes, and opens a store from them again.

use crate::segment::{HEADER_BYTES, Header, HeaderState};
use crate::{Append, Damage, Options, Recovered, Room, Store, StoreError};
use hyperion_model::{CoreId, DatabaseId, PartitionMap};
use std::collections::BTreeMap;

pub(super) const SEGMENT_BYTES: usize = 64 << 10;
/// What a scan of all databases gives: database, key, value, expiry.
pub(super) type Contents = BTreeMap<(u8, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// Files by id, and every write in order.
#[derive(Clone, Default)]
pub(super) struct Disk {
    pub(super) files: BTreeMap<u64, Vec<u8>>,
    pub(super) writes: Vec<(u64, usize, Vec<u8>)>,
}

impl Disk {
    pub(super) fn put(&mut self, id: u64, start: usize, bytes: &[u8]) {
        let file = self.files.entry(id).or_insert_with(|| vec![0; SEGMENT_BYTES]);
        file[start..start + bytes.len()].copy_from_slice(bytes);
        self.writes.push((id, start, bytes.to_vec()));
    }

    /// The files as they were when the first `bytes` of all writes had been made.
    pub(super) fn cut(&self, bytes: usize) -> Self {
        let (mut cut, mut left) = (Self::default(), bytes);
        for (id, start, written) in &self.writes {
            let taken = written.len().min(left);
            left -= taken;
            // A header lies in the first sector of its file, and a disk writes a sector whole or not at all.
            let is_torn_header = *start == 0 && taken < written.len() && taken < SECTOR_BYTES;
            if !is_torn_header {
                cut.put(*id, *start, &written[..taken]);
            }
        }
        cut
    }

    /// As [`Disk::cut`], for a disk that writes whole sectors of 512 bytes.
    pub(super) fn cut_at_sector(&self, bytes: usize) -> Self {
        let mut before = 0;
        for (_, start, written) in &self.writes {
            if before + written.len() > bytes {
                let end = (start + bytes - before) / 512 * 512;
                return self.cut(before + end.saturating_sub(*start));
            }
            before += written.len();
        }
        self.clone()
    }

    /// How far the writes are made when `bytes` of them are: zeros on a new file are there before they are written.
    pub(super) fn reach(&self, bytes: usize) -> usize {
        let all: Vec<u8> =
            self.writes.iter().flat_map(|(_, _, written)| written.iter().copied()).collect();
        bytes + all[bytes..].iter().take_while(|&&byte| byte == 0).count()
    }

    pub(super) fn written_bytes(&self) -> usize {
        self.writes.iter().map(|(_, _, bytes)| bytes.len()).sum()
    }
}

/// A store and its disk.
pub(super) struct World {
    pub(super) store: Store,
    pub(super) disk: Disk,
    pub(super) recovered: Recovered,
    next_id: u64,
    segments_max: u64,
}

/// What a disk writes at once.
const SECTOR_BYTES: usize = 512;

pub(super) fn options(entropy: u64) -> Options {
    Options {
        core: CoreId(0),
        map: PartitionMap::spread(4, 1),
        instance: *b"instance of test",
        segment_bytes: SEGMENT_BYTES,
        keeps_files: true,
        hash_seed: 7,
        generation: 1,
        entropy,
    }
}

fn leak(bytes: Vec<u8>) -> &'static mut [u8] {
    Box::leak(bytes.into_boxed_slice())
}

impl World {
    pub(super) fn new() -> Self {
        Self::open(&Disk::default(), 1).expect("an empty disk is not damaged")
    }

    /// Opens what is on the disk, as after a crash of the process.
    pub(super) fn open(disk: &Disk, entropy: u64) -> Result<Self, Damage> {
        Self::open_with(disk, Store::new(options(entropy)))
    }

    /// The same with a store that was made for it.
    pub(super) fn open_with(disk: &Disk, mut store: Store) -> Result<Self, Damage> {
        store.set_now(1_000_000);
        let mut in_use = Vec::new();
        for (&id, bytes) in &disk.files {
            let header = Header::read(bytes).map_err(|what| Damage {
                segment: id,
                offset: 0,
                records: 0,
                what,
            })?;
            if let Some(header) = header.filter(|header| header.state == HeaderState::InUse) {
                in_use.push((header, leak(bytes.clone())));
            }
        }
        let used: Vec<u64> = in_use.iter().map(|(header, _)| header.id).collect();
        let recovered = store.recover(in_use)?;
        let next_id = disk.files.keys().max().map_or(1, |id| id + 1);
        let mut world =
            Self { store, disk: disk.clone(), recovered, next_id, segments_max: u64::MAX };
        for slot in world.recovered.dropped.clone() {
            world.write_header(slot);
        }
        world.store.resume(world.recovered.lsn_next);
        for (&id, bytes) in &disk.files {
            if !used.contains(&id) {
                world.store.add_ready(id, leak(bytes.clone()));
            }
        }
        Ok(world)
    }

    pub(super) fn reopen(&self) -> Result<Self, Damage> {
        Self::open(&self.disk, 99)
    }

    pub(super) fn with_segments_max(mut self, segments_max: u64) -> Self {
        self.segments_max = segments_max;
        self
    }

    fn write_header(&mut self, slot: u32) {
        let header = self.store.header_bytes(slot).to_vec();
        assert_eq!(header.len(), HEADER_BYTES);
        self.disk.put(self.store.segment_id(slot), 0, &header);
        self.store.freed(slot);
    }

    /// Makes segments ready as far as they are allowed.
    pub(super) fn supply(&mut self) {
        while self.store.segments_wanted() > 0 && self.next_id <= self.segments_max {
            self.disk.files.insert(self.next_id, vec![0; SEGMENT_BYTES]);
            self.store.add_ready(self.next_id, leak(vec![0xee; SEGMENT_BYTES]));
            self.next_id += 1;
        }
    }

    /// Writes what is to be written.
    pub(super) fn write(&mut self) {
        let mut appends: Vec<Append> = Vec::new();
        self.store.take_appends(&mut appends);
        for append in appends {
            let bytes = self.store.append_bytes(&append).to_vec();
            self.disk.put(self.store.segment_id(append.slot), append.start, &bytes);
            self.store.mark_written(&append);
        }
    }

    pub(super) fn sync(&mut self) {
        self.write();
        if let Some(ticket) = self.store.begin_sync() {
            self.store.finish_sync(&ticket);
        }
    }

    /// Writes, syncs and frees what is dead.
    pub(super) fn turn(&mut self) {
        self.sync();
        self.free();
    }

    /// Frees what is dead.
    pub(super) fn free(&mut self) {
        let mut headers = Vec::new();
        self.store.free_dead(&mut headers);
        headers.into_iter().for_each(|slot| self.write_header(slot));
    }

    /// Runs a change, with more segments when there is no room.
    pub(super) fn retry<T>(
        &mut self,
        mut change: impl FnMut(&mut Store) -> Result<T, StoreError>,
    ) -> T {
        for _ in 0..8 {
            self.supply();
            match change(&mut self.store) {
                Ok(done) => return done,
                Err(StoreError::NoRoom { .. }) => self.turn(),
                Err(error) => panic!("{error}"),
            }
        }
        panic!("no room after eight turns: {:?}", self.store.figures());
    }

    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.put_in(0, key, value, None);
    }

    pub(super) fn put_in(&mut self, database: u8, key: &[u8], value: &[u8], expiry: Option<u64>) {
        let bytes = key.len() + value.len() + value.len() / 100 + 64;
        self.retry(|store| {
            if store.room(bytes) == Room::Later {
                return Err(StoreError::NoRoom { bytes });
            }
            let key = store.key(DatabaseId(database), key);
            store.put(&key, &[value], expiry)
        });
    }

    pub(super) fn delete(&mut self, key: &[u8]) -> bool {
        self.retry(|store| {
            let key = store.key(DatabaseId(0), key);
            store.delete(&key)
        })
    }

    pub(super) fn get(&mut self, key: &[u8]) -> Option<Vec<u8>> {
        let key = self.store.key(DatabaseId(0), key);
        let found = self.store.find(&key)?;
        let mut value = Vec::new();
        let held = self.store.value(&found);
        held.copy_range(0, held.len(), &mut value);
        Some(value)
    }

    /// Everything in the store, read back key by key.
    pub(super) fn contents(&mut self) -> Contents {
        contents_of(&mut self.store)
    }
}

/// Everything in a store, read back key by key.
pub(super) fn contents_of(store: &mut Store) -> Contents {
    let mut contents = Contents::new();
    for database in 0..16 {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        let mut cursor = crate::ScanCursor::default();
        loop {
            cursor = store.scan(DatabaseId(database), cursor, 100, |key| keys.push(key.to_vec()));
            if cursor.0 == 0 {
                break;
            }
        }
        for bytes in keys {
            let key = store.key(DatabaseId(database), &bytes);
            let found = store.find(&key).expect("a scanned key is there");
            let (mut value, held) = (Vec::new(), store.value(&found));
            held.copy_range(0, held.len(), &mut value);
            let expiry = store.expiry_ms(&found);
            contents.insert((database, bytes), (value, expiry));
        }
    }
    contents
}

/// Deterministic bytes that tell their seed.
pub(super) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}
