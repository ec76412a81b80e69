//! Owns the driver of one core: it carries the engine's work out on the virtual disk, a piece at a time.

use crate::direct::{CommitWay, Direct};
use crate::disk::{DeviceError, Disk};
use crate::random::Random;
use hyperion_engine::{Durability, Engine, Settings, mark_repaired};
use hyperion_model::collections::Set;
use hyperion_model::{CoreId, PartitionMap, TransactionId};
use hyperion_store::{
    Append, Damage, HEADER_BYTES, HeaderState, Options, Recovered, SegmentHeader, Store,
    StoreError, SyncTicket,
};
use std::collections::VecDeque;

/// Bytes of every segment.
pub const SEGMENT_BYTES: usize = 64 << 10;
const PARTITIONS: u16 = 8;

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
    pub fn take_back(&mut self, store: Store) {
        self.0.extend(store.into_memory());
    }
}

/// How a device behaves in one step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Parts of 1000 of writes that fail half way.
    pub write_parts: u64,
    /// Parts of 1000 of syncs that fail.
    pub sync_parts: u64,
    /// A full disk is told at once.
    pub fills_up: bool,
}

/// Who owns what on a node of `cores`.
#[must_use]
pub fn map(cores: u16) -> PartitionMap {
    PartitionMap::spread(PARTITIONS, cores)
}

/// A core's files, and what is under way for them.
#[derive(Default)]
pub struct Files {
    pub(crate) number: u16,
    pub(crate) appends: VecDeque<Append>,
    pub(crate) direct: Direct,
    /// A sync that was begun, and what had been written by then.
    pub(crate) sync: Option<(SyncTicket, u64)>,
    /// Free headers that are written, and not synced.
    freeing: Vec<u32>,
    /// A fault on purpose: other cores are not asked.
    pub(crate) syncs_alone: bool,
}

/// A core between its files and its engine.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// Its files.
    pub files: Files,
    /// What recovery found.
    pub recovered: Recovered,
    free: Vec<u64>,
}

impl Opened {
    /// Reads a core's files, which are safe on the disk.
    ///
    /// # Errors
    /// When the store finds them damaged.
    pub fn read(
        number: u16,
        map: &PartitionMap,
        disk: &Disk,
        memory: &mut Memory,
        entropy: u64,
    ) -> Result<Self, Damage> {
        let mut store = Store::new(Options {
            core: CoreId(number),
            map: map.clone(),
            instance: *b"simulated node..",
            generation: 1,
            segment_bytes: SEGMENT_BYTES,
            keeps_files: true,
            hash_seed: 11,
            entropy,
        });
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
        let files = Files { number, ..Files::default() };
        Ok(Self { store, files, recovered, free })
    }

    /// Writes the headers of segments that do not count any more; they are not synced yet.
    pub fn write_dropped(&mut self, disk: &mut Disk) {
        for &slot in &self.recovered.dropped {
            self.files.write_header(slot, &self.store, disk);
        }
    }

    /// Lets the log go on behind every LSN of the node.
    pub fn resume(&mut self, lsn_next: u64, now_ms: u64, disk: &mut Disk, memory: &mut Memory) {
        self.files.finish_freeing(&mut self.store, disk);
        for id in std::mem::take(&mut self.free) {
            self.store.add_ready(id, memory.take(None));
        }
        self.store.set_now(now_ms);
        self.store.resume(lsn_next);
        if self.store.segments_wanted() > 0 {
            self.files.add_segment(&mut self.store, disk, memory);
        }
    }

    /// Settles what was prepared; a full disk is given room, as a person would.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn resolve(
        &mut self,
        decided: &Set<TransactionId>,
        disk: &mut Disk,
        memory: &mut Memory,
    ) -> Result<(), StoreError> {
        let is_decided = |id| decided.contains(&id);
        loop {
            match Engine::resolve(&mut self.store, &self.recovered.unresolved, is_decided) {
                Err(StoreError::NoRoom { .. }) => {
                    self.files.add_segment(&mut self.store, disk, memory);
                }
                result => return result,
            }
        }
    }

    /// Marks the groups as a repair does that has saved them out of damaged files.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn mark_repaired(
        &mut self,
        disk: &mut Disk,
        memory: &mut Memory,
    ) -> Result<(), StoreError> {
        for at in 0..self.recovered.groups.len() {
            let found = &mut self.recovered.groups[at];
            mark_repaired(&mut found.state).ok_or(StoreError::BadEntry { offset: at })?;
            let (group, state) = (found.group, found.state.clone());
            while let Err(error) = self.store.set_group_state(group, &state) {
                match error {
                    StoreError::NoRoom { .. } => {
                        self.files.add_segment(&mut self.store, disk, memory);
                    }
                    other => return Err(other),
                }
            }
        }
        Ok(())
    }

    /// Writes what the start has appended: all of it, or as far as `appends_max`.
    pub fn write_out(&mut self, disk: &mut Disk, appends_max: usize) {
        let mut appends = Vec::new();
        self.store.take_appends(&mut appends);
        for append in appends.into_iter().take(appends_max) {
            let file = (self.files.number, self.store.segment_id(append.slot));
            disk.write(file, append.start, self.store.append_bytes(&append));
            self.store.mark_written(&append);
        }
    }

    /// Syncs what was written out.
    pub fn sync(&mut self, disk: &mut Disk) {
        let Some(ticket) = self.store.begin_sync() else { return };
        for &slot in &ticket.slots {
            disk.sync((self.files.number, self.store.segment_id(slot)), disk.sequence());
        }
        self.store.finish_sync(&ticket);
    }

    /// The engine that serves what was opened, in the node's start number `start`.
    #[must_use]
    pub fn serve(
        mut self,
        map: &PartitionMap,
        settings: Settings,
        start: u16,
        random: u64,
        commits: CommitWay,
    ) -> (Engine, Files) {
        let core = CoreId(self.files.number);
        let mut engine = Engine::new(core, map.clone(), self.store, settings, start, random);
        // Every participant's commit is on the disk now.
        self.recovered.decided.iter().for_each(|&id| engine.store_mut().settled(id));
        self.files.direct = Direct::new(commits);
        (engine, self.files)
    }
}

impl Files {
    fn write_header(&mut self, slot: u32, store: &Store, disk: &mut Disk) {
        disk.write((self.number, store.segment_id(slot)), 0, store.header_bytes(slot));
        self.freeing.push(slot);
    }

    fn finish_freeing(&mut self, store: &mut Store, disk: &mut Disk) {
        for slot in std::mem::take(&mut self.freeing) {
            disk.sync((self.number, store.segment_id(slot)), disk.sequence());
            store.freed(slot);
        }
    }

    fn add_segment(&self, store: &mut Store, disk: &mut Disk, memory: &mut Memory) {
        let last = disk.files(self.number).last().map_or(0, |(id, _)| id);
        disk.create((self.number, last + 1), SEGMENT_BYTES);
        store.add_ready(last + 1, memory.take(None));
    }

    /// Makes the segments ready that are wanted, up to `segments_max` files. `false`: one is wanted and cannot be made.
    pub fn supply(
        &self,
        engine: &mut Engine,
        segments_max: usize,
        disk: &mut Disk,
        memory: &mut Memory,
    ) -> bool {
        while engine.store().segments_wanted() > 0 {
            if disk.files(self.number).count() >= segments_max {
                return false;
            }
            self.add_segment(engine.store_mut(), disk, memory);
        }
        true
    }

    /// Takes what the engine's turn has left to be written.
    pub fn end_turn(&mut self, engine: &mut Engine) {
        if self.direct.is_under_way() {
            return;
        }
        let mut appends = Vec::new();
        engine.end_turn(&mut appends);
        self.appends.extend(appends);
    }

    /// Writes the next append; where commits are direct, a write of all of them begins.
    ///
    /// # Errors
    /// When the device failed.
    pub fn write(
        &mut self,
        engine: &mut Engine,
        disk: &mut Disk,
        random: &mut Random,
        faults: Faults,
    ) -> Result<(), DeviceError> {
        if self.direct.is_under_way() || self.begin_direct(engine) {
            return Ok(());
        }
        let Some(append) = self.appends.pop_front() else { return Ok(()) };
        let file = (self.number, engine.store().segment_id(append.slot));
        let bytes = engine.store().append_bytes(&append);
        if random.chance(faults.write_parts) {
            let arrived = random.index(bytes.len()) / 4 * 4 + 1;
            // A page of the system's memory takes all of a header or nothing, as a sector of the disk does.
            if append.start > 0 || arrived >= HEADER_BYTES {
                disk.write(file, append.start, &bytes[..arrived]);
            }
            return Err(DeviceError);
        }
        disk.write(file, append.start, bytes);
        engine.written(&append);
        Ok(())
    }

    /// Begins a sync if somebody waits for one, or if `is_time`.
    pub fn begin_sync(&mut self, engine: &mut Engine, disk: &Disk, is_time: bool) {
        let wanted = match engine.settings().durability {
            Durability::Always => true,
            Durability::Interval => is_time || engine.wants_sync(),
            Durability::Never => engine.wants_sync() || is_time && engine.awaits_sync(),
        };
        if wanted && self.sync.is_none() && !self.direct.is_under_way() {
            let ticket = match self.syncs_alone {
                true => engine.store_mut().begin_sync(),
                false => engine.begin_sync(),
            };
            self.sync = ticket.map(|ticket| (ticket, disk.sequence()));
        }
    }

    /// Ends the sync or the direct write that is under way.
    ///
    /// # Errors
    /// When it failed.
    pub fn finish_sync(
        &mut self,
        engine: &mut Engine,
        disk: &mut Disk,
        random: &mut Random,
        faults: Faults,
    ) -> Result<(), DeviceError> {
        if self.direct.is_under_way() {
            return self.finish_direct(engine, disk, random, faults);
        }
        let Some((ticket, sequence)) = self.sync.take() else { return Ok(()) };
        for &slot in &ticket.slots {
            if random.chance(faults.sync_parts) {
                return Err(DeviceError);
            }
            disk.sync((self.number, engine.store().segment_id(slot)), sequence);
        }
        match self.syncs_alone {
            true => engine.store_mut().finish_sync(&ticket),
            false => engine.synced(&ticket),
        }
        Ok(())
    }

    /// Writes the headers of dead segments, or syncs those that were written.
    pub fn free(&mut self, engine: &mut Engine, disk: &mut Disk) {
        if !self.freeing.is_empty() {
            return self.finish_freeing(engine.store_mut(), disk);
        }
        let mut headers = Vec::new();
        engine.store_mut().free_dead(&mut headers);
        headers.into_iter().for_each(|slot| self.write_header(slot, engine.store(), disk));
    }
}
