//! Owns commits by direct writes: whole blocks that may be torn until they complete, and are durable then.

use crate::disk::{DeviceError, Disk, FileId};
use crate::node::{Faults, Files};
use crate::random::Random;
use hyperion_engine::{Durability, Engine};
use hyperion_store::Append;

/// A direct write is of whole blocks of this size.
const BLOCK_BYTES: usize = 4096;
/// Where files are mixed, each so many-th segment cannot be opened for direct writes.
const WITHOUT_DIRECT: u64 = 3;

/// How a node with durability `always` commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommitWay {
    /// A write into the system's memory, and a sync.
    #[default]
    Synced,
    /// One direct write.
    Direct,
    /// One direct write where the segment's file takes it.
    Mixed,
}

/// A part of a file that is being written.
struct Part {
    append: Append,
    file: FileId,
    /// The blocks that the append touches, as an append of their own.
    blocks: Append,
    /// What the blocks held when the write began: behind the append they may change meanwhile.
    began_with: Vec<u8>,
}

/// The direct writes of one core.
#[derive(Default)]
pub struct Direct {
    way: CommitWay,
    parts: Vec<Part>,
}

impl Direct {
    /// Nothing under way yet.
    #[must_use]
    pub fn new(way: CommitWay) -> Self {
        Self { way, parts: Vec::new() }
    }

    /// Whether a write has begun and not completed.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        !self.parts.is_empty()
    }

    fn takes(&self, segment: u64) -> bool {
        match self.way {
            CommitWay::Synced => false,
            CommitWay::Direct => true,
            CommitWay::Mixed => !segment.is_multiple_of(WITHOUT_DIRECT),
        }
    }
}

impl Part {
    /// What the device found in memory: behind the append any mixture of the bytes at the begin and now.
    fn found(&self, engine: &Engine, random: &mut Random) -> Vec<u8> {
        let now = engine.store().append_bytes(&self.blocks);
        let mut found = self.began_with.clone();
        let mut at = self.append.end - self.blocks.start;
        let own = self.append.start - self.blocks.start..at;
        assert!(found[own.clone()] == now[own], "bytes changed that are being written");
        while at < found.len() {
            let end = (at + 1 + random.index(300)).min(found.len());
            if random.chance(500) {
                found[at..end].copy_from_slice(&now[at..end]);
            }
            at = end;
        }
        found
    }
}

impl Files {
    /// Begins a direct write of all that is to be written, if that may be: nothing may be written and not durable.
    pub(crate) fn begin_direct(&mut self, engine: &Engine) -> bool {
        let store = engine.store();
        let may = engine.settings().durability == Durability::Always
            && self.sync.is_none()
            && !engine.owes_epoch()
            && store.all_written_is_durable();
        let takes = |append: &Append| self.direct.takes(store.segment_id(append.slot));
        if !may || !self.appends.iter().all(takes) {
            return false;
        }
        let mut joined: Vec<Append> = Vec::new();
        for append in self.appends.drain(..) {
            match joined.last_mut() {
                Some(last) if last.slot == append.slot && last.end == append.start => {
                    *last = Append { start: last.start, ..append };
                }
                _ => joined.push(append),
            }
        }
        for append in joined {
            let start = append.start / BLOCK_BYTES * BLOCK_BYTES;
            let end = append.end.next_multiple_of(BLOCK_BYTES);
            let blocks = Append { start, end, ..append };
            let began_with = store.append_bytes(&blocks).to_vec();
            let file = (self.number, store.segment_id(append.slot));
            self.direct.parts.push(Part { append, file, blocks, began_with });
        }
        self.direct.is_under_way()
    }

    /// Ends the direct write that is under way: it is durable without a sync.
    pub(crate) fn finish_direct(
        &mut self,
        engine: &mut Engine,
        disk: &mut Disk,
        random: &mut Random,
        faults: Faults,
    ) -> Result<(), DeviceError> {
        if random.chance(faults.write_parts) {
            // What of it arrives is settled at the crash that follows.
            return Err(DeviceError);
        }
        let parts = std::mem::take(&mut self.direct.parts);
        for part in &parts {
            disk.write_through(part.file, part.blocks.start, &part.found(engine, random));
        }
        for part in parts {
            engine.written(&part.append);
        }
        engine.written_directly();
        Ok(())
    }

    /// The process ends while a direct write is under way: of each sector the old bytes are left or the new ones.
    pub(crate) fn tear_direct(&mut self, engine: &Engine, disk: &mut Disk, random: &mut Random) {
        let keep_parts = [0, 300, 500, 900, 1000][random.index(5)];
        for part in std::mem::take(&mut self.direct.parts) {
            let found = part.found(engine, random);
            disk.tear_through(part.file, part.blocks.start, &found, || random.chance(keep_parts));
        }
    }
}
