//! Owns the driver: the stores of one node on the virtual disk. It carries their effects out, a piece at a time; an engine that
//! does the same can take its place.

use crate::disk::{DeviceError, Disk};
use crate::model::Contents;
use crate::random::Random;
use hyperion_model::{CoreId, DatabaseId, PartitionMap};
use hyperion_store::{
    Append, Damage, HeaderState, Options, Recovered, ScanCursor, SegmentHeader, Store, SyncTicket,
};

/// Bytes of every segment.
pub const SEGMENT_BYTES: usize = 64 << 10;
const PARTITIONS: u16 = 8;

/// One core: its store, and what is under way for it.
pub struct Core {
    /// The store.
    pub store: Store,
    /// What recovery found.
    pub recovered: Recovered,
    number: u16,
    map: PartitionMap,
    appends: Vec<Append>,
    /// A sync that was begun, and what had been written by then.
    sync: Option<(SyncTicket, u64)>,
    /// Free headers that are written, and not synced.
    freeing: Vec<u32>,
}

/// Memory of segments, used again from start to start.
#[derive(Default)]
pub struct Memory(Vec<&'static mut [u8]>);

impl Memory {
    fn take(&mut self, bytes: Option<&[u8]>) -> &'static mut [u8] {
        let memory =
            self.0.pop().unwrap_or_else(|| Box::leak(vec![0; SEGMENT_BYTES].into_boxed_slice()));
        match bytes {
            Some(bytes) => memory.copy_from_slice(bytes),
            None => memory.fill(0xee),
        }
        memory
    }

    /// Takes the memory of a store that has ended.
    pub fn take_back(&mut self, core: Core) {
        self.0.extend(core.store.into_memory());
    }
}

/// How a device behaves in one step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Parts of 1000 of writes that fail half way.
    pub write_parts: u64,
    /// Parts of 1000 of syncs that fail.
    pub sync_parts: u64,
}

/// Who owns what on a node of `cores`.
#[must_use]
pub fn map(cores: u16) -> PartitionMap {
    PartitionMap::spread(PARTITIONS, cores)
}

impl Core {
    /// Reads a core's files, which are safe on the disk.
    ///
    /// # Errors
    /// When the store finds them damaged.
    pub fn open(
        number: u16,
        cores: u16,
        disk: &mut Disk,
        memory: &mut Memory,
        entropy: u64,
        now_ms: u64,
    ) -> Result<Self, Damage> {
        let mut store = Store::new(Options {
            core: CoreId(number),
            map: map(cores),
            instance: *b"simulated node..",
            generation: 1,
            segment_bytes: SEGMENT_BYTES,
            keeps_files: true,
            hash_seed: 11,
            entropy,
        });
        store.set_now(now_ms);
        let (mut in_use, mut free) = (Vec::new(), Vec::new());
        for (id, bytes) in disk.files(number) {
            let header = SegmentHeader::read(bytes).map_err(|what| Damage {
                segment: id,
                offset: 0,
                records: 0,
                what,
            })?;
            match header.filter(|header| header.state == HeaderState::InUse) {
                Some(header) => in_use.push((header, memory.take(Some(bytes)))),
                None => free.push(id),
            }
        }
        let recovered = store.recover(in_use)?;
        let mut core = Self {
            store,
            recovered,
            number,
            map: map(cores),
            appends: Vec::new(),
            sync: None,
            freeing: Vec::new(),
        };
        for slot in core.recovered.dropped.clone() {
            core.write_header(slot, disk);
        }
        core.finish_freeing(disk);
        for id in free {
            core.store.add_ready(id, memory.take(None));
        }
        Ok(core)
    }

    fn write_header(&mut self, slot: u32, disk: &mut Disk) {
        let file = (self.number, self.store.segment_id(slot));
        disk.write(file, 0, self.store.header_bytes(slot));
        self.freeing.push(slot);
    }

    /// Syncs the free headers that were written.
    pub fn finish_freeing(&mut self, disk: &mut Disk) {
        for slot in std::mem::take(&mut self.freeing) {
            disk.sync((self.number, self.store.segment_id(slot)), disk.sequence());
            self.store.freed(slot);
        }
    }

    /// Makes segments ready, up to `segments_max` files.
    pub fn supply(&mut self, segments_max: usize, disk: &mut Disk, memory: &mut Memory) {
        while self.store.segments_wanted() > 0 {
            let (count, last) =
                disk.files(self.number).fold((0, 0), |(count, _), (id, _)| (count + 1, id));
            if count >= segments_max {
                return;
            }
            disk.create((self.number, last + 1), SEGMENT_BYTES);
            self.store.add_ready(last + 1, memory.take(None));
        }
    }

    /// Carries out some of what the store has asked for.
    ///
    /// # Errors
    /// When the device failed; the node must stop.
    pub fn step(
        &mut self,
        disk: &mut Disk,
        random: &mut Random,
        faults: Faults,
        may_sync: bool,
    ) -> Result<(), DeviceError> {
        match random.below(8) {
            0..=3 => self.write(disk, random, faults),
            4 => {
                if may_sync {
                    self.begin_sync(disk);
                }
                Ok(())
            }
            5 | 6 => self.finish_sync(disk, random, faults),
            _ => {
                if self.freeing.is_empty() {
                    let mut headers = Vec::new();
                    self.store.free_dead(&mut headers);
                    headers.into_iter().for_each(|slot| self.write_header(slot, disk));
                } else {
                    self.finish_freeing(disk);
                }
                Ok(())
            }
        }
    }

    /// Writes what is to be written, in order.
    ///
    /// # Errors
    /// When the device failed.
    pub fn write(
        &mut self,
        disk: &mut Disk,
        random: &mut Random,
        faults: Faults,
    ) -> Result<(), DeviceError> {
        self.store.take_appends(&mut self.appends);
        for append in std::mem::take(&mut self.appends) {
            let file = (self.number, self.store.segment_id(append.slot));
            let bytes = self.store.append_bytes(&append);
            if random.chance(faults.write_parts) {
                let arrived = random.index(bytes.len()) / 4 * 4 + 1;
                disk.write(file, append.start, &bytes[..arrived]);
                return Err(DeviceError);
            }
            disk.write(file, append.start, bytes);
            self.store.mark_written(&append);
        }
        Ok(())
    }

    fn begin_sync(&mut self, disk: &Disk) {
        if self.sync.is_none() {
            self.sync = self.store.begin_sync().map(|ticket| (ticket, disk.sequence()));
        }
    }

    /// Ends the sync that is under way.
    ///
    /// # Errors
    /// When it failed.
    pub fn finish_sync(
        &mut self,
        disk: &mut Disk,
        random: &mut Random,
        faults: Faults,
    ) -> Result<(), DeviceError> {
        let Some((ticket, sequence)) = self.sync.take() else { return Ok(()) };
        for &slot in &ticket.slots {
            if random.chance(faults.sync_parts) {
                return Err(DeviceError);
            }
            disk.sync((self.number, self.store.segment_id(slot)), sequence);
        }
        self.store.finish_sync(&ticket);
        Ok(())
    }

    /// All keys with their values, read one by one.
    #[must_use]
    pub fn contents(&mut self) -> Contents {
        let mut keys = Vec::new();
        let own: Vec<_> = self.map.owned_by(CoreId(self.number)).collect();
        let mut cursor = ScanCursor::at_partition(own[0]);
        loop {
            cursor = self.store.scan(DatabaseId(0), cursor, 64, |key| keys.push(key.to_vec()));
            if cursor.0 == 0 || !own.contains(&cursor.partition()) {
                break;
            }
        }
        let mut contents = Contents::new();
        for bytes in keys {
            let held = self.get(&bytes).expect("a scanned key is there");
            contents.insert(bytes, held);
        }
        contents
    }

    /// The value of a key, and its expiry.
    pub fn get(&mut self, bytes: &[u8]) -> Option<(Vec<u8>, Option<u64>)> {
        let key = self.store.key(DatabaseId(0), bytes);
        let found = self.store.find(&key)?;
        let (mut value, held) = (Vec::new(), self.store.value(&found));
        held.copy_range(0, held.len(), &mut value);
        Some((value, self.store.expiry_ms(&found)))
    }
}
